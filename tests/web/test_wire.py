"""What a client sees on the wire: forms, statuses, headers."""

import asyncio
import io
import re
from typing import Any

import pytest
from stack import Stack, StartStack, simulated

from verus_gateway.config import ServerConfig
from verus_gateway.errors import RateLimited, RpcError, ScopeMissing
from verus_gateway.plugin import PUBLIC, Constant, Daemon, Json, Raw, method

CALL = {"jsonrpc": "2.0", "id": 1, "method": "getblockcount"}


async def raw(stack: Stack, data: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Post *data* with these headers and no others but the ones HTTP needs."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    skip = [] if "Content-Type" in names else ["Content-Type"]
    async with stack.client.post(
        stack.url, data=data, headers=names, skip_auto_headers=skip
    ) as response:
        return response.status, dict(response.headers), await response.read()


@pytest.mark.parametrize(
    ("id", "said"),
    [
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b"1.50e1", b"1.50e1"),
        (b'"\\u00e9"', b'"\\u00e9"'),
        (b"null", b"null"),
        (b"-0", b"-0"),
    ],
)
async def test_an_id_comes_back_byte_for_byte(start: StartStack, id: bytes, said: bytes) -> None:
    stack = await start()

    _, _, body = await raw(
        stack, b'{"id":%b,"method":"getblockcount"}' % id, Content_Type="application/json"
    )

    assert body == b'{"result":20,"error":null,"id":%b}' % said


async def test_a_notification_gets_no_answer_in_2_0_and_one_in_1_0(start: StartStack) -> None:
    stack = await start()

    new = await stack.post({"jsonrpc": "2.0", "method": "getblockcount"})
    old = await stack.post({"method": "getblockcount"})

    assert (new.status, new.body) == (204, None)
    assert (old.status, old.body) == (200, {"result": 20, "error": None, "id": None})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"", 400, -32700),
        (b"\xff", 400, -32700),
        (b"[" * 10_000 + b"]" * 10_000, 400, -32700),
        (b'{"method":"stop","method":"getinfo"}', 400, -32700),
        (b'{"id":1,"params":[NaN],"method":"getinfo"}', 400, -32700),
        (b"[]", 400, -32600),
        (b"7", 400, -32600),
        (b'{"id":1}', 400, -32600),
        (b'{"id":{},"method":"getinfo"}', 400, -32600),
        (b'{"id":1,"method":7}', 400, -32600),
        (b'{"id":1,"method":"nope"}', 200, -32601),
        (b'{"id":1,"method":"__class__"}', 200, -32601),
        (b'{"id":1,"method":"GETINFO"}', 200, -32601),
        (b'{"id":1,"method":"stop"}', 200, -32601),
        (b'{"id":1,"method":"getblockhash"}', 200, -32602),
        (b'{"id":1,"method":"getblockhash","params":[1,2]}', 200, -32602),
        (b'{"id":1,"method":"getblockhash","params":[true]}', 200, -32602),
        (b'{"id":1,"method":"getblockhash","params":{"hight":1}}', 200, -32602),
        (b'{"id":1,"method":"getblockhash","params":[99]}', 200, -8),
    ],
)
async def test_a_bad_call_gets_its_code_and_status(
    start: StartStack, body: bytes, status: int, code: int
) -> None:
    stack = await start()

    reply = await stack.post(body)

    assert (reply.status, reply.body["error"]["code"]) == (status, code)
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
        ({"Content_Type": "text/plain"}, 200),
        ({}, 200),
        ({"Content_Type": "text/plain", "Origin": "https://evil.example"}, 415),
        ({"Origin": "https://evil.example"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "application/json", "Content_Encoding": "gzip"}, 415),
    ],
)
async def test_a_page_cannot_call_without_asking_first(
    start: StartStack, headers: dict[str, str], status: int
) -> None:
    stack = await start()

    got, _, body = await raw(stack, b'{"id":1,"method":"getblockcount"}', **headers)

    assert got == status
    assert (b"-32600" in body) == (status == 415)


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(start: StartStack) -> None:
    stack = await start(server=ServerConfig(max_request_size=1000))

    async def chunks() -> Any:
        for _ in range(10):
            yield b" " * 1000

    large = io.BytesIO(b" " * 10_000_000)
    announced, _, first = await raw(stack, large, Content_Type="application/json")
    streamed, _, second = await raw(stack, chunks(), Content_Type="application/json")

    assert (announced, streamed) == (413, 413)
    assert b"-32600" in first
    assert b"-32600" in second


async def test_a_body_that_never_ends_is_given_up(start: StartStack) -> None:
    stack = await start(server=ServerConfig(body_timeout=0.05))

    async def never() -> Any:
        yield b"{"
        await asyncio.sleep(60)

    status, _, body = await raw(stack, never(), Content_Type="application/json")

    assert status == 408
    assert b"-32600" in body


async def test_a_body_that_comes_in_pieces_is_read_whole(start: StartStack) -> None:
    stack = await start()

    async def pieces() -> Any:
        yield b'{"id":1,'
        await asyncio.sleep(0.02)
        yield b'"method":"getblockcount"}'

    status, _, body = await raw(stack, pieces(), Content_Type="application/json")

    assert (status, body) == (200, b'{"result":20,"error":null,"id":1}')


async def test_other_paths_and_methods_are_refused_as_json(start: StartStack) -> None:
    stack = await start()

    missing = await stack.get("/nope")
    wrong = await stack.get("/")

    assert (missing.status, missing.body["error"]["code"]) == (404, -32600)
    assert (wrong.status, wrong.body["error"]["code"]) == (405, -32600)
    assert wrong.headers["Allow"] == "OPTIONS,POST"


async def test_a_method_beyond_the_callers_scopes_asks_for_a_token(start: StartStack) -> None:
    stack = await start(scopes=("public",))
    call = {"id": 7, "method": "getblockhash", "params": [1]}

    single = await stack.post(call)
    batch = await stack.post([call])

    assert single.status == 401
    assert single.headers["WWW-Authenticate"] == 'Bearer realm="verus-gateway"'
    assert single.body["error"]["code"] == -32002
    assert single.body["id"] == 7
    assert (batch.status, batch.body[0]["error"]["code"]) == (200, -32002)


async def test_every_response_has_its_id_and_the_security_headers(start: StartStack) -> None:
    stack = await start()

    replies = [await stack.post(CALL), await stack.post(b"{"), await stack.get("/nope")]

    for reply in replies:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", reply.headers["X-Request-ID"])
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Server"] == "verus-gateway"
    assert len({reply.headers["X-Request-ID"] for reply in replies}) == 3


@pytest.mark.parametrize(
    ("given", "kept"), [("trace-7.a_b", True), ("a b", False), ("x" * 65, False), ("<i>", False)]
)
async def test_a_callers_request_id_is_kept_where_it_is_sane(
    start: StartStack, given: str, kept: bool
) -> None:
    stack = await start()

    reply = await stack.post(CALL, **{"X-Request-ID": given})

    assert (reply.headers["X-Request-ID"] == given) == kept


async def test_the_cache_status_tells_where_an_answer_came_from(start: StartStack) -> None:
    row = method(
        "acme.rate", summary="x", scope=PUBLIC, ttl=0, fallback=Constant(0), handler=_nothing
    )
    stack = await start(offered=(row,))

    first, second = await stack.post(CALL), await stack.post(CALL)
    stack.simulator.fault("refuse")
    default = await stack.post({"jsonrpc": "2.0", "id": 1, "method": "acme.rate"})

    assert first.headers["Cache-Status"] == "verus-gateway; fwd=miss"
    assert second.headers["Cache-Status"] == "verus-gateway; hit"
    assert default.headers["Cache-Status"] == "verus-gateway; fwd=miss; detail=default"
    assert default.headers["X-Verus-Degraded"] == "default"
    assert default.body["degraded"] == {"source": "default"}


async def _nothing(daemon: Daemon) -> Json:
    return await daemon.call("getdifficulty")


async def test_a_large_result_arrives_whole(start: StartStack) -> None:
    text = b'"' + b"x" * 1_000_000 + b'"'

    async def large(_: Daemon) -> Json:
        return Raw(text)

    row = method("acme.large", summary="x", scope=PUBLIC, retry=True, handler=large)
    stack = await start(offered=(row,))

    _, headers, body = await raw(
        stack, b'{"id":1,"method":"acme.large"}', Content_Type="application/json"
    )

    assert body == b'{"result":' + text + b',"error":null,"id":1}'
    assert headers["Content-Length"] == str(len(body))


async def test_a_client_that_leaves_cancels_its_read_but_not_its_write(start: StartStack) -> None:
    ended: list[str] = []

    def waiting(name: str) -> Any:
        async def handler(_: Daemon) -> Json:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                ended.append(f"{name} cancelled")
                raise
            ended.append(f"{name} done")

        return handler

    stack = await start(
        simulator=simulated(),
        offered=(
            method("acme.see", summary="x", scope=PUBLIC, retry=True, handler=waiting("read")),
            method("acme.pay", summary="x", scope=PUBLIC, handler=waiting("write")),
        ),
    )

    for name in ("acme.see", "acme.pay"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stack.call(name), 0.05)
    await asyncio.sleep(0.3)

    assert ended == ["read cancelled", "write done"]


@pytest.mark.parametrize(
    ("error", "status", "header", "value"),
    [
        (RateLimited("slow down"), 429, "Retry-After", "1"),
        (
            ScopeMissing("not yours"),
            403,
            "WWW-Authenticate",
            'Bearer realm="verus-gateway", error="insufficient_scope"',
        ),
    ],
)
async def test_an_error_with_a_status_of_its_own_says_what_to_do(
    start: StartStack, error: RpcError, status: int, header: str, value: str
) -> None:
    async def refusing(_: Daemon) -> Json:
        raise error

    row = method("acme.no", summary="x", scope=PUBLIC, retry=True, handler=refusing)
    stack = await start(offered=(row,))

    reply = await stack.post({"id": 1, "method": "acme.no"})

    assert (reply.status, reply.headers[header]) == (status, value)
