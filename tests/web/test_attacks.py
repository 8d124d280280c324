"""What strangers try, byte for byte, against the real server: each has its answer."""

import asyncio
import io
import re
from typing import Any

import msgspec
import pytest
from stack import Stack, StartStack

from verus_gateway import logs
from verus_gateway.config import (
    AdminConfig,
    AnonymousClass,
    AppConfig,
    AuthConfig,
    RateLimitConfig,
    Secret,
    SecurityConfig,
    ServerConfig,
)
from verus_gateway.passwords import hashed
from verus_gateway.plugin import PUBLIC, Daemon, Json, method

BODY = b'{"id":1,"method":"getblockcount"}'
GOOD = b'{"result":20,"error":null,"id":1}'
SECURE = {
    "Server": "verus-gateway",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Raw(msgspec.Struct):
    """What came back on a connection.

    Attributes:
        statuses: Of all responses, in order.
        headers: Of the last one.
        body: Of the last one.
        ended: Whether the server closed the connection.
        text: Everything.
    """

    statuses: list[int]
    headers: dict[str, str]
    body: bytes
    ended: bool
    text: bytes

    @property
    def code(self) -> int:
        """The code of the JSON-RPC error, 0 where there is none."""
        error = msgspec.json.decode(self.body)["error"]
        return error["code"] if error else 0


def http(
    first: str = "POST / HTTP/1.1", *headers: bytes, body: bytes = BODY, length: bool = True
) -> bytes:
    """Return a request as bytes, well formed but for what is given."""
    lines = [first.encode("latin-1"), b"Host: x", b"Content-Type: application/json", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def sent(stack: Stack, data: bytes, quiet: float = 0.1) -> Raw:
    """Send *data* on a new connection; read until its end, or until nothing comes any more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(stack.url.rpartition(":")[2]))
    writer.write(data)
    text, ended = b"", False
    while not ended:
        try:
            piece = await asyncio.wait_for(reader.read(65_536), 5.0 if not text else quiet)
        except TimeoutError:
            break
        except ConnectionResetError:
            piece = b""
        text, ended = text + piece, not piece
    writer.close()
    starts = list(re.finditer(rb"HTTP/\d\.\d (\d{3}) ", text))
    statuses = [int(each[1]) for each in starts]
    head, _, body = text[starts[-1].start() :].partition(b"\r\n\r\n")
    pairs = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
    headers = {name.decode(): value.decode() for name, _, value in pairs}
    return Raw(statuses, headers, body, ended, text)


def assert_secure(raw: Raw) -> None:
    assert SECURE.items() <= raw.headers.items()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", raw.headers["X-Request-ID"])
    assert b"aiohttp" not in raw.text
    assert b"Python" not in raw.text


# ---------------------------------------------------------------- requests in requests

CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n"
MALFORMED = {
    "two lengths of body": http("POST / HTTP/1.1", b"Content-Length: 5"),
    "length and chunks": http("POST / HTTP/1.1", CHUNKED, body=SMUGGLED),
    "two codings": http(
        "POST / HTTP/1.1", CHUNKED, b"Transfer-Encoding: identity", body=SMUGGLED, length=False
    ),
    "a coding that is nearly one": http(
        "POST / HTTP/1.1", b"Transfer-Encoding: xchunked", body=SMUGGLED, length=False
    ),
    "a signed length": http("POST / HTTP/1.1", b"Content-Length: +33", length=False),
    "a length beyond numbers": http("POST / HTTP/1.1", b"Content-Length: 9" * 30, length=False),
    "a chunk that has no size": http(
        "POST / HTTP/1.1", CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n", length=False
    ),
    "a folded header": http("POST / HTTP/1.1", b"X-A: b\r\n c"),
    "bare line feeds": http().replace(b"\r\n", b"\n"),
    "a space before the colon": http("POST / HTTP/1.1", b"Content-Length : 33", length=False),
    "NUL in a header": http("POST / HTTP/1.1", b"X-A: a\0b"),
    "a bare carriage return": http("POST / HTTP/1.1", b"X-A: a\rSet-Cookie: b"),
    "an escape in a header": http("POST / HTTP/1.1", b"X-Request-ID: \x1b[31m"),
    "two hosts": http("POST / HTTP/1.1", b"Host: y"),
    "no host": http().replace(b"Host: x\r\n", b""),
    "two content types": http("POST / HTTP/1.1", b"Content-Type: text/html"),
    "NUL in the method": http("PO\0ST / HTTP/1.1"),
    "a method nobody knows": http("FOO / HTTP/1.1"),
    "bytes in the path": http("POST /\xff HTTP/1.1"),
    "a header too long": http("POST / HTTP/1.1", b"X-A: " + b"a" * 20_000),
    "too many headers": http("POST / HTTP/1.1", *(b"X-%d: a" % n for n in range(2_000))),
    "a path too long": http(f"GET /{'a' * 20_000} HTTP/1.1"),
    "no version": http("POST /"),
    "a version of long ago": http("POST / HTTP/0.9"),
    "a version of another form": http("POST / HTTP/2.0"),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100a5010000a10303") + b"\0" * 100,
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_clean_http_is_refused_once_and_the_connection_ends(
    start: StartStack, name: str
) -> None:
    stack = await start()

    raw = await sent(stack, MALFORMED[name])

    assert (raw.statuses, raw.ended, raw.code) == ([400], True, -32600)
    assert_secure(raw)
    assert (await stack.post(BODY)).status == 200


async def test_an_expectation_is_not_quoted(start: StartStack) -> None:
    stack = await start()

    strange = await sent(stack, http("POST / HTTP/1.1", b"Expect: <script>alert(1)</script>"))
    known = await sent(stack, http("POST / HTTP/1.1", b"Expect: 100-continue"))

    assert (strange.statuses, strange.code, strange.ended) == ([417], -32600, True)
    assert b"script" not in strange.text
    assert_secure(strange)
    assert (known.statuses, known.body) == ([100, 200], GOOD)


HOSTILE = {
    "no UTF-8": b"\xff\xfe\x80",
    "a bearer that is no UTF-8": b"Bearer \xff",
    "Basic that is no base64": b"Basic \xff/=",
    "Basic that is no UTF-8": b"Basic //79OnLpAA==",
    "an open bracket": b"http://[",
    "a port too high": b"http://x:99999",
    "an address half written": b'for="[::1',
    "a charset that does not exist": b"application/x-www-form-urlencoded; charset=nope",
    "cookies that are none": b'verus-admin=\xff; verus-admin-form="\\377',
}
NAMES = [
    "Authorization",
    "Content-Type",
    "Cookie",
    "Expect",
    "Host",
    "Origin",
    "Sec-Fetch-Site",
    "X-App-ID",
    "X-Auth-Token",
    "X-Forwarded-For",
    "X-Request-ID",
    "X-Salt",
    "X-Timestamp",
]
DOORS = (
    "POST /",
    "POST /internal/blocknotify",
    "GET /openrpc.json",
    "GET /admin/circuit-breaker/status",
    "POST /admin/login",
)


@pytest.mark.parametrize("door", DOORS)
async def test_no_header_makes_the_gateway_stumble(start: StartStack, door: str) -> None:
    written = io.StringIO()
    with logs.writing("debug", "json", written):
        stack = await start(
            server=ServerConfig(port=0, trusted_proxies=("127.0.0.1",)),
            security=SecurityConfig(
                mode="development", blocknotify_secret=Secret("a secret made up for tests")
            ),
            admin=AdminConfig(
                password_hash=Secret(str(hashed("made up for tests", b"salt" * 4, ln=4)))
            ),
            auth=AuthConfig(apps={"wallet": AppConfig(app_key=Secret("a key made up for tests"))}),
            rates=RateLimitConfig(enabled=False),
        )
        for name in NAMES:
            for value in HOSTILE.values():
                hostile = b"%b: %b" % (name.encode(), value)
                raw = await sent(stack, http(f"{door} HTTP/1.1", hostile, b"Connection: close"))
                assert raw.statuses[-1] < 500, hostile

    assert "Traceback" not in written.getvalue()


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("TRACE / HTTP/1.1", 405),
        ("PUT / HTTP/1.1", 405),
        ("DELETE /health HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 404),
        ("POST // HTTP/1.1", 404),
        ("POST /%2e HTTP/1.1", 404),
        ("POST /./ HTTP/1.1", 404),
        ("POST /;x HTTP/1.1", 404),
        ("POST /%2F HTTP/1.1", 404),
        ("POST /chain/../ HTTP/1.1", 404),
        ("POST /chain/VRSC%2f HTTP/1.1", 404),
        ("POST /chain/%ff%0d%0aSet-Cookie:%20x HTTP/1.1", 404),
        ("GET /..%2f..%2fetc/passwd HTTP/1.1", 404),
        ("GET /metrics/ HTTP/1.1", 404),
        ("GET /admin%2fcircuit-breaker/status HTTP/1.1", 404),
    ],
)
async def test_paths_and_methods_have_one_reading(
    start: StartStack, first: str, status: int
) -> None:
    stack = await start()

    raw = await sent(stack, http(first))

    assert (raw.statuses, raw.code) == ([status], -32600)
    assert "Set-Cookie" not in raw.headers
    assert_secure(raw)


@pytest.mark.parametrize(
    "headers",
    [
        (b"X-HTTP-Method-Override: POST",),
        (b"X-HTTP-Method: POST", b"X-Method-Override: POST"),
    ],
)
async def test_no_header_makes_a_get_a_call(start: StartStack, headers: tuple[bytes, ...]) -> None:
    stack = await start()

    raw = await sent(stack, http("GET / HTTP/1.1", *headers))

    assert (raw.statuses, raw.code) == ([405], -32600)


@pytest.mark.parametrize(
    "data",
    [
        http("POST http://evil.example/ HTTP/1.1"),
        http("POST / HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade"),
        http("POST / HTTP/1.1", b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings"),
        http("POST /?method=stop HTTP/1.1"),
        http("POST / HTTP/1.1", b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin"),
        http().replace(b"Host: x", b"Host: evil.example:99999"),
        http(
            "POST / HTTP/1.1",
            CHUNKED,
            body=b"21;a=b\r\n%b\r\n0\r\nX-T: y\r\n\r\n" % BODY,
            length=False,
        ),
    ],
)
async def test_what_does_not_matter_changes_nothing(start: StartStack, data: bytes) -> None:
    stack = await start()

    raw = await sent(stack, data)

    assert (raw.statuses, raw.body) == ([200], GOOD)


async def test_requests_in_a_row_get_their_own_answers_in_order(start: StartStack) -> None:
    stack = await start()
    calls = [http(body=BODY.replace(b'"id":1', b'"id":%d' % n)) for n in range(5)]

    raw = await sent(stack, b"".join(calls))

    assert raw.statuses == [200] * 5
    assert re.findall(rb'"id":(\d)', raw.text) == [b"0", b"1", b"2", b"3", b"4"]


# ---------------------------------------------------------------- headers that come back


@pytest.mark.parametrize(
    "id",
    [
        b"a%0d%0aSet-Cookie: x=y",
        b"a,b",
        b"'\"><script>",
        "größe".encode(),
        b"\xff\xfe",
        b"x" * 65,
        b"",
    ],
)
async def test_no_strange_request_id_comes_back(start: StartStack, id: bytes) -> None:
    stack = await start()

    raw = await sent(stack, http("POST / HTTP/1.1", b"X-Request-ID: " + id))

    assert raw.statuses == [200]
    assert "Set-Cookie" not in raw.headers
    assert_secure(raw)


async def test_ids_and_methods_stay_in_the_body_and_in_json(start: StartStack) -> None:
    stack = await start()
    body = rb'{"id":"a\r\nSet-Cookie: x\u001b[31m","method":"nope\r\nX: y\u001b]0;z\u0007<b>"}'

    raw = await sent(stack, http(body=body))

    assert (raw.statuses, raw.code) == ([200], -32601)
    assert rb'"id":"a\r\nSet-Cookie: x\u001b[31m"' in raw.body
    assert "Set-Cookie" not in raw.headers
    assert not re.search(rb"[\x00-\x1f\x7f]", raw.body)


async def test_nothing_that_strangers_send_stands_in_the_log(start: StartStack) -> None:
    written = io.StringIO()
    marked = b"marker-7f3a"
    attacks = [
        http(f"GET /{marked.decode()}%0a%1b[31m HTTP/1.1"),
        http("POST / HTTP/1.1", b"X-Request-ID: " + marked + b"\t\x1b[31m"),
        http("POST / HTTP/1.1", b"X-App-ID: " + marked, b"X-Auth-Token: " + marked),
        http("POST / HTTP/1.1", b"Authorization: Bearer " + marked),
        http("POST / HTTP/1.1", b"X-Forwarded-For: " + marked),
        http("POST / HTTP/1.1", b"Expect: " + marked),
        http("POST / HTTP/1.1", b"X-A: \0" + marked),
        http(body=b'{"id":"%b","method":"%b\\n"}' % (marked, marked)),
        http(body=b'{"id":1,"method":"getblockhash","params":["%b"]}' % marked),
        http(body=marked),
        marked + b"\r\n\r\n",
    ]

    with logs.writing("debug", "json", written):
        stack = await start()
        for attack in attacks:
            await sent(stack, attack, 0.05)

    assert marked.decode() not in written.getvalue()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", written.getvalue())


# ---------------------------------------------------------------- bodies

DEEP = b'{"id":1,"method":"getblockhash","params":%b%b}' % (b"[" * 500, b"]" * 500)
BODIES = {
    "a batch in a batch in a batch": (b"[[[[%b]]]]" % BODY, 200, -32600),
    "depth": (DEEP, 400, -32700),
    "depth in a batch": (b"[%b]" % DEEP, 400, -32700),
    "a byte order mark": (b"\xef\xbb\xbf" + BODY, 400, -32700),
    "UTF-16": (BODY.decode().encode("utf-16"), 400, -32700),
    "Latin-1": ('{"id":"é","method":"getinfo"}'.encode("latin-1"), 400, -32700),
    "an overlong encoding": (b'{"id":"\xc0\xaf","method":"getinfo"}', 400, -32700),
    "half a surrogate pair": (rb'{"id":"\ud800","method":"getinfo"}', 400, -32700),
    "a surrogate in UTF-8": (b'{"id":"\xed\xa0\x80","method":"getinfo"}', 400, -32700),
    "NaN": (b'{"id":1,"method":"getinfo","params":[NaN]}', 400, -32700),
    "Infinity as an id": (b'{"id":-Infinity,"method":"getinfo"}', 400, -32700),
    "an exponent beyond decimals": (b'{"id":1,"method":"getinfo","params":[1e99999999999999999999]}', 400, -32700),
    "fifty thousand digits": (b'{"id":1,"method":"getblockhash","params":[%b]}' % (b"9" * 50_000), 400, -32700),
    "a large exponent": (b'{"id":1,"method":"getblockhash","params":[1e999999999]}', 200, -32602),
    "a small exponent": (b'{"id":1,"method":"getblockhash","params":[1e-999999999]}', 200, -32602),
    "four thousand digits": (b'{"id":1,"method":"getblockhash","params":[%b]}' % (b"9" * 4_000), 200, -32602),
    "a key twice": (b'{"id":1,"method":"getinfo","method":"stop"}', 400, -32700),
    "a key twice, once escaped": (rb'{"id":1,"method":"getinfo","m\u0065thod":"stop"}', 400, -32700),
    "a key twice, deep": (b'{"id":1,"method":"getinfo","params":[{"a":{"b":1,"b":2}}]}', 400, -32700),
    "a key twice, in a batch": (b'[%b,{"id":1,"id":2,"method":"getinfo"}]' % BODY, 400, -32700),
    "two bodies": (BODY + BODY, 400, -32700),
    "NUL at the end": (BODY + b"\0", 400, -32700),
    "a comment": (b'{"id":1,/*x*/"method":"getinfo"}', 400, -32700),
    "a trailing comma": (b'{"id":1,"method":"getinfo",}', 400, -32700),
    "a form": (b'{"id":1,"method":"getinfo","x":"="', 400, -32700),
    "an array as id": (b'{"id":[1],"method":"getinfo"}', 400, -32600),
    "a truth value as id": (b'{"id":true,"method":"getinfo"}', 400, -32600),
    "a long id": (b'{"id":"%b","method":"getinfo"}' % (b"x" * 300), 400, -32600),
    "an id of many digits": (b'{"id":%b,"method":"getinfo"}' % (b"9" * 300), 400, -32600),
    "text as params": (b'{"id":1,"method":"getinfo","params":"x"}', 400, -32600),
    "another version": (b'{"jsonrpc":"3.0","id":1,"method":"getinfo"}', 400, -32600),
    "a class as params": (b'{"id":1,"method":"getblockhash","params":{"__class__":1}}', 200, -32602),
    "a method with a space": (b'{"id":1,"method":" getinfo"}', 200, -32601),
    "a method with NUL": (rb'{"id":1,"method":"getinfo\u0000"}', 200, -32601),
    "a method in capitals": (b'{"id":1,"method":"GetInfo"}', 200, -32601),
    "a method in Cyrillic": ('{"id":1,"method":"getinf\N{CYRILLIC SMALL LETTER O}"}'.encode(), 200, -32601),
    "a method in full width": ('{"id":1,"method":"\N{FULLWIDTH LATIN SMALL LETTER G}etinfo"}'.encode(), 200, -32601),
    "a method of Python": (b'{"id":1,"method":"__class__.__mro__"}', 200, -32601),
    "a method of the rpc prefix": (b'{"id":1,"method":"rpc.internal"}', 200, -32601),
    "a long method": (b'{"id":1,"method":"%b"}' % (b"a" * 500_000), 200, -32601),
    "a method that is never offered": (b'{"id":1,"method":"dumpprivkey","params":["x"]}', 200, -32601),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_not_as_it_should_be_gets_its_answer(
    start: StartStack, name: str
) -> None:
    stack = await start()
    body, status, code = BODIES[name]
    before = stack.simulator.counts.copy()

    reply = await stack.post(body)

    answer = reply.body[0] if isinstance(reply.body, list) else reply.body
    assert (reply.status, answer["error"]["code"]) == (status, code)
    assert len(answer["error"]["message"]) < 300
    assert not re.search(r"Traceback|<class|0x[0-9a-f]{6}", answer["error"]["message"])
    assert stack.simulator.counts["stop"] == before["stop"]
    assert stack.simulator.counts["dumpprivkey"] == 0


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/html",
        "application/json-patch+json",
        "application/jsonp",
        "text/plain,application/json",
        "application/json/x",
    ],
)
async def test_only_json_is_taken_for_json(start: StartStack, kind: str) -> None:
    stack = await start()

    reply = await stack.post(BODY, **{"Content-Type": kind})

    assert (reply.status, reply.body["error"]["code"]) == (415, -32600)


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1"])
async def test_a_form_of_a_foreign_page_is_no_call(start: StartStack, origin: str) -> None:
    stack = await start()

    form = await stack.post(BODY, **{"Content-Type": "text/plain", "Origin": origin})
    json = await stack.post(BODY, Origin=origin)

    assert form.status == 415
    assert "Access-Control-Allow-Origin" not in json.headers


# ---------------------------------------------------------------- amplification


async def test_a_batch_costs_what_its_members_cost_and_no_more_is_done(start: StartStack) -> None:
    asked = 0

    async def dear(_: Daemon) -> Json:
        nonlocal asked
        asked += 1
        return asked

    row = method("acme.dear", summary="x", scope=PUBLIC, retry=True, handler=dear, cost=20)
    rates = RateLimitConfig(anonymous=AnonymousClass(rate=0.001, burst=100))
    stack = await start(offered=(row,), rates=rates)
    call = {"jsonrpc": "2.0", "method": "acme.dear"}

    answered = await stack.post([{**call, "id": number} for number in range(100)])
    silent = await stack.post([call] * 100)

    codes = [each.get("error", {}).get("code", 0) for each in answered.body]
    assert codes == [*[0] * 5, *[-32003] * 95]
    assert (silent.status, silent.body) == (204, None)
    assert asked == 5


async def test_a_small_request_cannot_ask_for_more_than_a_batch_may_hold(
    start: StartStack,
) -> None:
    async def large(_: Daemon) -> Json:
        return "x" * 10_000

    row = method("acme.large", summary="x", scope=PUBLIC, retry=True, handler=large)
    stack = await start(offered=(row,), server=ServerConfig(max_batch_response=50_000))

    reply = await stack.post([{"id": number, "method": "acme.large"} for number in range(100)])

    refused = [each for each in reply.body if each["error"]]
    assert len(refused) == 96
    assert {each["error"]["code"] for each in refused} == {-32603}


# ---------------------------------------------------------------- every response


async def test_no_route_can_be_put_into_a_foreign_page(start: StartStack) -> None:
    stack = await start(
        admin=AdminConfig(
            password_hash=Secret(str(hashed("made up for tests", b"salt" * 4, ln=4)))
        ),
        security=SecurityConfig(
            mode="development", blocknotify_secret=Secret("a secret made up for tests")
        ),
        rates=RateLimitConfig(enabled=False),
    )
    paths = {
        route.resource.canonical.replace("{", "").replace("}", "")
        for route in stack.runner.app.router.routes()
        if route.resource is not None
    }

    for path in paths:
        for verb in ("GET", "POST", "HEAD", "OPTIONS", "PUT"):
            raw = await sent(stack, http(f"{verb} {path} HTTP/1.1", b"Connection: close", body=b""))
            assert raw.headers["X-Frame-Options"] == "DENY", (verb, path)
            assert "frame-ancestors 'none'" in raw.headers["Content-Security-Policy"], (verb, path)
            assert raw.headers["X-Content-Type-Options"] == "nosniff", (verb, path)
            assert raw.headers["Cache-Control"] == "no-store", (verb, path)
    assert len(paths) >= 12


async def test_every_kind_of_response_has_the_security_headers(start: StartStack) -> None:
    async def broken(_: Daemon) -> Json:
        raise ZeroDivisionError

    row = method("acme.broken", summary="x", scope=PUBLIC, retry=True, handler=broken)
    rates = RateLimitConfig(anonymous=AnonymousClass(rate=0.001, burst=8))
    stack = await start(offered=(row,), rates=rates, scopes=("public",))
    requests: dict[int, Any] = {
        200: http(),
        204: http(body=b'{"jsonrpc":"2.0","method":"getblockcount"}'),
        400: http(body=b"{"),
        401: http(body=b'{"id":1,"method":"getblockhash","params":[1]}'),
        404: http("GET /nope HTTP/1.1"),
        405: http("PUT / HTTP/1.1"),
        413: http("POST / HTTP/1.1", b"Content-Length: 9999999", length=False),
        415: http().replace(b"application/json", b"text/html"),
        417: http("POST / HTTP/1.1", b"Expect: x"),
    }

    for status, data in requests.items():
        raw = await sent(stack, data, 0.05)
        assert raw.statuses == [status]
        assert_secure(raw)
    fault = await sent(stack, http(body=b'{"id":1,"method":"acme.broken"}'))
    preflight = await sent(stack, http("OPTIONS / HTTP/1.1", b"Origin: https://a.example"))
    limited = [await sent(stack, http(), 0.05) for _ in range(9)][-1]
    stack.gateway.drain.draining = True
    draining = await sent(stack, http("GET /health/ready HTTP/1.1"))

    assert fault.code == -32603
    assert preflight.statuses == [204]
    assert limited.statuses == [429]
    assert draining.statuses == [503]
    for raw in (fault, preflight, limited, draining):
        assert_secure(raw)
