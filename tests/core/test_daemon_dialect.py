from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from verus_gateway.daemon import Credentials
from verus_gateway.dialect import interpret
from verus_gateway.errors import (
    BadAnswer,
    DaemonError,
    Overloaded,
    Refused,
    RpcError,
    Unauthorized,
    WarmingUp,
)

# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b'{"result":5,"error":null,"id":7}\n', b"5"),
        (b'{"result":null,"error":null,"id":7}', b"null"),
        (b'{"result": {"a": 1.50} ,"error":null,"id":7}', b'{"a": 1.50}'),
        (b'{"id":7,"result":[1180591620717411303424]}', b"[1180591620717411303424]"),
        (b'{"result":"x","error":null,"id":7,"more":{"x":1}}', b'"x"'),
    ],
)
def test_a_result_is_passed_on_as_verusd_wrote_it(body: bytes, result: bytes) -> None:
    assert bytes(interpret(200, body, 7)) == result


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_an_error_keeps_verusds_code_and_words_whatever_the_status(status: int) -> None:
    body = b'{"result":null,"error":{"code":-5,"message":"Block not found","data":[1]},"id":7}'

    with pytest.raises(DaemonError) as caught:
        interpret(status, body, 7)

    error = caught.value
    assert (error.code, error.message, error.data) == (-5, "Block not found", [1])


def test_amounts_in_the_data_of_an_error_keep_their_digits() -> None:
    body = b'{"error":{"code":-6,"message":"x","data":{"missing":10000000000.12345678}},"id":7}'

    with pytest.raises(DaemonError) as caught:
        interpret(500, body, 7)

    assert caught.value.data == {"missing": Decimal("10000000000.12345678")}


def test_an_error_of_the_http_layer_comes_without_an_id() -> None:
    with pytest.raises(DaemonError, match="Parse error"):
        interpret(500, b'{"result":null,"error":{"code":-32700,"message":"Parse error"}}', 7)


def test_warm_up_is_a_state_of_its_own() -> None:
    body = b'{"result":null,"error":{"code":-28,"message":"Loading block index..."},"id":7}'

    with pytest.raises(WarmingUp, match="Loading block index") as caught:
        interpret(500, body, 7)

    assert caught.value.data == {"reason": "warming_up", "retry_after": 5.0}


NO_ANSWERS: dict[str, tuple[int, bytes, type[RpcError], str]] = {
    "wrong password": (401, b"", Unauthorized, "user name or password"),
    "wrong address": (403, b"", Unauthorized, "rpcallowip"),
    "wrong path": (404, b"", BadAnswer, "no verusd at this path"),
    "wrong path, in HTML": (404, b"<html>", BadAnswer, "no verusd at this path"),
    "shutting down": (503, b"<html>503</html>", Refused, "shutting down"),
    "queue full": (500, b"Work queue depth exceeded", Overloaded, "work queue is full"),
    "queue full, with a line end": (500, b"Work queue depth exceeded\r\n", Overloaded, "full"),
    "plain 500": (500, b"oops", BadAnswer, r"HTTP 500, 4 bytes"),
    "empty 200": (200, b"", BadAnswer, r"HTTP 200, 0 bytes"),
    "HTML": (200, b"<html>hi</html>", BadAnswer, "not JSON-RPC"),
    "half": (200, b'{"result":5,"err', BadAnswer, "not JSON-RPC"),
    "array": (200, b"[]", BadAnswer, "not JSON-RPC"),
    "queue full, at 200": (200, b"Work queue depth exceeded", BadAnswer, "not JSON-RPC"),
    "tower": (200, b'{"error":' + b"[" * 100_000, BadAnswer, "not JSON-RPC"),
    "number without end": (500, b'{"error":{"data":1e99999999999999999999}}', BadAnswer, "not"),
    "no text": (200, b'{"error":"\xff"}', BadAnswer, "not JSON-RPC"),
    "other id": (200, b'{"result":5,"error":null,"id":8}', BadAnswer, "another request"),
    "no id": (200, b'{"result":5,"error":null}', BadAnswer, "another request"),
    "id as text": (200, b'{"result":5,"error":null,"id":"7"}', BadAnswer, "another request"),
    "error for another": (
        500,
        b'{"error":{"code":-5,"message":"x"},"id":8}',
        BadAnswer,
        "another request",
    ),
    "neither": (200, b'{"error":null,"id":7}', BadAnswer, "neither a result nor an error"),
    "error as text": (500, b'{"error":"x","id":7}', BadAnswer, "error is none"),
    "error without code": (500, b'{"error":{"message":"x"},"id":7}', BadAnswer, "error is none"),
    "error without words": (500, b'{"error":{"code":1},"id":7}', BadAnswer, "error is none"),
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"), NO_ANSWERS.values(), ids=NO_ANSWERS.keys()
)
def test_what_is_no_answer_is_named(
    status: int, body: bytes, kind: type[RpcError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        interpret(status, body, 7)

    assert type(caught.value) is kind


# ---------------------------------------------------------------- credentials


def shown(credentials: Credentials) -> str:
    """Return what the header says, decoded."""
    scheme, _, token = credentials.header.partition(" ")
    assert scheme == "Basic"
    return b64decode(token).decode()


def test_a_password_is_sent_as_it_is() -> None:
    credentials = Credentials("us", "pass:wörd")

    assert shown(credentials) == "us:pass:wörd"
    assert repr(credentials) == "<Credentials>"


def test_a_password_file_is_read_when_it_is_needed_and_again_when_told(tmp_path: Path) -> None:
    file = tmp_path / "password"
    credentials = Credentials("us", password_file=file)
    file.write_text("one\n", encoding="utf-8")
    said = [shown(credentials)]

    file.write_text("two\n", encoding="utf-8")
    said.append(shown(credentials))
    credentials.reload()
    said.append(shown(credentials))

    assert said == ["us:one", "us:one", "us:two"]


def test_a_cookie_brings_its_own_user(tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:ab:cd\n", encoding="utf-8")

    assert shown(Credentials("unused", cookie_file=cookie)) == "__cookie__:ab:cd"


@pytest.mark.parametrize("source", ["password_file", "cookie_file"])
def test_a_file_that_is_not_there_is_no_password(tmp_path: Path, source: str) -> None:
    files: dict[str, Any] = {source: tmp_path / "none"}

    with pytest.raises(Unauthorized, match="no password for verusd: No such file"):
        _ = Credentials("us", **files).header


def test_a_file_that_goes_leaves_the_old_password_in_force(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("one", encoding="utf-8")
    credentials = Credentials("us", password_file=file)
    before = shown(credentials)
    file.unlink()

    credentials.reload()

    assert (before, shown(credentials)) == ("us:one", "us:one")
