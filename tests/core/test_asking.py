"""What a client of the token service sends, and what is not taken."""

import base64

import pytest

from verus_gateway.issuer.asking import FORM, Fault, ask


def basic(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return f"Basic {base64.b64encode(raw).decode()}"


def fault(body: bytes, authorization: str = "", content_type: str = FORM) -> tuple[str, int]:
    with pytest.raises(Fault) as caught:
        ask(content_type, body, authorization)
    return caught.value.error, caught.value.status


def test_credentials_come_by_basic_or_in_the_body() -> None:
    by_basic = ask(FORM, b"grant_type=x&client_id=a", basic("a:s%3Aecret+x"))
    in_body = ask(f"{FORM}; charset=utf-8", b"client_id=a&client_secret=s%C3%A9", "")

    assert (by_basic.client, by_basic.secret, by_basic.basic) == ("a", "s:ecret x", True)
    assert (in_body.client, in_body.secret, in_body.basic) == ("a", "s\u00e9", False)


def test_nothing_at_all_is_nobody() -> None:
    assert ask(FORM, b"", "").client == ""


@pytest.mark.parametrize(
    "body",
    [
        b"client_secret=s&client_id=a",
        b"client_secret=&client_id=a",
        b"client_id=b",
    ],
)
def test_credentials_in_two_ways_are_none(body: bytes) -> None:
    assert fault(body, basic("a:s")) == ("invalid_request", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"scope=a&scope=b",
        b"client_id=a&client_id=a",
        b"\xff=1",
        b"a=%FF",
        b"no-equals-sign",
        b"&".join(b"a%d=1" % number for number in range(17)),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    assert fault(body) == ("invalid_request", 400)


@pytest.mark.parametrize("content_type", ["application/json", "", "multipart/form-data"])
def test_only_a_form_is_taken(content_type: str) -> None:
    assert fault(b"a=1", content_type=content_type) == ("invalid_request", 400)


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ???", basic("no-colon"), basic(b"\xff:\xff"), basic("a:%FF"), "Bearer a.b.c"],
)
def test_credentials_that_cannot_be_read_are_not_good(authorization: str) -> None:
    assert fault(b"", authorization) == ("invalid_client", 401)
