"""Callers who sign their requests, on the wire."""

import asyncio
import io
from pathlib import Path

import msgspec
from signing import APP, KEY, signed
from stack import Stack, StartStack, until

from verus_gateway import logs
from verus_gateway.config import (
    AnonymousClass,
    AppConfig,
    AuthConfig,
    RateClass,
    RateLimitConfig,
    SecurityConfig,
)

CALL = {"jsonrpc": "2.0", "id": 7, "method": "getblockhash", "params": [3]}
BODY = msgspec.json.encode(CALL)
INVALID = 'Bearer realm="verus-gateway", error="invalid_token"'


async def started(start: StartStack, **more: object) -> Stack:
    auth = AuthConfig(anonymous_scopes=("public",), apps={"wallet": APP})
    return await start(auth=auth, **more)


async def test_a_signed_call_is_the_apps_and_an_unsigned_one_a_strangers(start: StartStack) -> None:
    stack = await started(start)

    stranger = await stack.post(BODY)
    app = await stack.post(BODY, **signed(BODY))

    assert (stranger.status, stranger.body["error"]["code"]) == (401, -32002)
    assert (app.status, app.body["result"]) == (200, stack.simulator.chain.at(3).hash)
    assert app.headers["RateLimit-Policy"].startswith('"default";')


async def test_the_key_may_stand_in_a_file(start: StartStack, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    stack = await start(auth=AuthConfig(apps={"wallet": AppConfig(app_key_file=str(file))}))

    assert (await stack.post(BODY, **signed(BODY))).status == 200


async def test_a_signature_serves_once_also_side_by_side(start: StartStack) -> None:
    stack = await started(start)
    headers = signed(BODY)

    replies = await asyncio.gather(*(stack.post(BODY, **headers) for _ in range(10)))
    again = await stack.post(BODY, **headers)

    assert sorted(reply.status for reply in replies) == [200, *[401] * 9]
    assert (again.status, again.headers["WWW-Authenticate"]) == (401, INVALID)
    error = {"code": -32002, "message": "invalid_token"}
    assert again.body == {"jsonrpc": "2.0", "error": error, "id": 7}


async def test_a_signature_is_for_its_body_only(start: StartStack) -> None:
    stack = await started(start)

    other = await stack.post(BODY.replace(b"[3]", b"[4]"), **signed(BODY))
    batch = await stack.post(b"[" + BODY + b"]", **signed(b"[" + BODY + b"]"))

    assert other.status == 401
    assert (batch.status, batch.body[0]["id"]) == (200, 7)


async def test_an_app_has_no_scope_that_it_was_not_given(start: StartStack) -> None:
    stack = await started(start)
    body = msgspec.json.encode({"id": 1, "method": "sendrawtransaction", "params": ["00"]})

    reply = await stack.post(body, **signed(body))

    assert (reply.status, reply.body["error"]["code"]) == (403, -32004)


async def test_two_kinds_of_credentials_are_refused(start: StartStack) -> None:
    stack = await started(start)

    reply = await stack.post(BODY, **signed(BODY), Authorization="Bearer nonsense")

    assert (reply.status, reply.body["error"]["code"]) == (400, -32600)


async def test_the_document_is_the_apps_too(start: StartStack) -> None:
    stack = await started(start)

    async with stack.client.get(stack.url + "/openrpc.json", headers=signed(b"")) as response:
        document = await response.json()

    assert "getblockhash" in {each["name"] for each in document["methods"]}


async def test_where_nobody_may_sign_the_headers_mean_nothing(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post(BODY, **signed(BODY))

    assert (reply.status, stack.gateway.limiter.remembered(named=True)) == (200, 0)


async def test_no_key_and_no_signature_is_logged(start: StartStack) -> None:
    written = io.StringIO()
    headers = signed(BODY)

    with logs.writing("debug", "json", written):
        stack = await started(start)
        await stack.post(BODY, **headers)
        await stack.post(BODY, **headers)

    for secret in (KEY, headers["X-Auth-Token"], headers["X-Salt"]):
        assert secret not in written.getvalue()


async def test_a_page_may_sign_where_its_origin_may_call(start: StartStack) -> None:
    wallet = "https://wallet.example"
    security = SecurityConfig(mode="development", cors_origins=(wallet,))
    stack = await started(start, security=security)

    asked = {"Origin": wallet, "Access-Control-Request-Method": "POST"}
    async with stack.client.options(stack.url, headers=asked) as response:
        allowed = {
            name.strip().lower()
            for name in response.headers["Access-Control-Allow-Headers"].split(",")
        }
    reply = await stack.post(BODY, Origin=wallet, **signed(BODY))

    assert {name.lower() for name in signed(BODY)} <= allowed
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, wallet)


async def test_strangers_over_their_limit_take_nothing_from_an_app_at_their_address(
    start: StartStack,
) -> None:
    limits = RateLimitConfig(
        anonymous=AnonymousClass(rate=0.001, burst=1), default=RateClass(rate=0.001, burst=5)
    )
    stack = await started(start, rates=limits)

    strangers = [(await stack.post({**CALL, "method": "getinfo", "params": []})).status] * 1
    strangers += [(await stack.post(BODY)).status for _ in range(20)]
    app = [(await stack.post(BODY, **signed(BODY))).status for _ in range(6)]

    assert strangers == [200, *[429] * 20]
    assert app == [*[200] * 5, 429]


async def test_an_app_does_not_wait_behind_strangers_for_the_daemon(start: StartStack) -> None:
    stack = await started(start, verus={"max_concurrency": 1, "max_queue": 2})
    gate, order = stack.gateway.chain.gate, list[str]()
    await gate.enter()

    async def ask(who: str, height: int) -> int:
        params = [height] if who == "app" else []
        method = "getblockhash" if who == "app" else ("getinfo", "getblockcount")[height]
        body = msgspec.json.encode({"id": 1, "method": method, "params": params})
        reply = await stack.post(body, **(signed(body) if who == "app" else {}))
        order.append(who)
        return 0 if reply.body["error"] is None else int(reply.body["error"]["code"])

    strangers = [asyncio.create_task(ask("stranger", number)) for number in range(2)]
    await until(lambda: gate.waiting == 2)
    app = asyncio.create_task(ask("app", 3))
    await until(lambda: "stranger" in order)
    gate.leave()

    codes = [await each for each in strangers]
    assert (await app, sorted(codes)) == (0, [-32000, 0])
    assert order == ["stranger", "app", "stranger"]
