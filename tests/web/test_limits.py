"""Who may call how much, on the wire."""

import asyncio
from typing import Any

import pytest
from stack import StartStack, until

from verus_gateway.auth import anonymous
from verus_gateway.buckets import Allowance
from verus_gateway.config import AnonymousClass, RateClass, RateLimitConfig, ServerConfig
from verus_gateway.limits import Limiter
from verus_gateway.plugin import PUBLIC, Daemon, Json, method
from verus_gateway.testing import FakeClock
from verus_gateway.web import quotas

CALL = {"jsonrpc": "2.0", "id": 7, "method": "getblockcount"}


def rates(rate: float = 0.001, burst: int = 3, concurrent: int = 2, **more: Any) -> RateLimitConfig:
    """Return limits for strangers that come back too slowly to matter in a test."""
    stranger = AnonymousClass(rate=rate, burst=burst, concurrent=concurrent)
    return RateLimitConfig(anonymous=stranger, **more)


class Slow:
    """A method whose calls stay until they are let go."""

    def __init__(self, **columns: Any) -> None:
        self.begun = 0
        self.most = 0
        self.inside = 0
        self.go = asyncio.Event()
        self.row = method(
            "acme.slow", summary="x", scope=PUBLIC, retry=True, handler=self.answer, **columns
        )

    async def answer(self, _: Daemon) -> Json:
        self.begun += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        self.inside -= 1
        return self.begun


def slow_call(id: int = 1) -> dict[str, Any]:
    return {"id": id, "method": "acme.slow"}


# ---------------------------------------------------------------- rates


async def test_a_call_over_the_allowance_is_refused_and_told_when_to_come_again(
    start: StartStack,
) -> None:
    stack = await start(rates=rates(burst=2, rate=0.5))

    replies = [await stack.post(CALL) for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[0].headers["RateLimit-Policy"] == '"anonymous";q=2;w=4'
    assert replies[0].headers["RateLimit"] == '"anonymous";r=1;t=2'
    last = replies[2]
    assert last.headers["Retry-After"] == "2"
    assert last.headers["RateLimit"] == '"anonymous";r=0;t=2'
    assert last.body["id"] == 7
    assert last.body["error"]["code"] == -32003
    assert last.body["error"]["data"]["reason"] == "rate"
    assert 1 < last.body["error"]["data"]["retry_after"] <= 2


async def test_members_of_a_batch_are_counted_one_by_one(start: StartStack) -> None:
    stack = await start(rates=rates(burst=3))

    reply = await stack.post([{**CALL, "id": number} for number in range(5)])

    assert reply.status == 200
    assert [each.get("error", {}).get("code") for each in reply.body] == [
        *[None] * 3,
        *[-32003] * 2,
    ]
    assert [each["id"] for each in reply.body] == list(range(5))
    assert reply.headers["RateLimit"].startswith('"anonymous";r=0;')


async def test_what_is_no_call_costs_as_a_call_does(start: StartStack) -> None:
    stack = await start(rates=rates(burst=3))

    reply = await stack.post([7, {"id": 1, "method": "nope"}, [CALL], CALL])

    codes = [each["error"]["code"] for each in reply.body]
    assert codes == [-32600, -32601, -32600, -32003]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"{}", {"Content-Type": "text/html"}, 415),
        (b'{"id":1,"method":"getblockcount"}', {"Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_requests_that_are_refused_as_a_whole_are_limited_too(
    start: StartStack, body: bytes, headers: dict[str, str], status: int
) -> None:
    stack = await start(rates=rates(burst=2))

    replies = [await stack.post(body, **headers) for _ in range(3)]

    assert [reply.status for reply in replies] == [status, status, 429]
    assert replies[2].body["error"]["code"] == -32003
    assert int(replies[2].headers["Retry-After"]) > 1


async def test_a_batch_pays_the_cost_of_each_member(start: StartStack) -> None:
    async def dear(_: Daemon) -> Json:
        return 1

    row = method("acme.dear", summary="x", scope=PUBLIC, retry=True, handler=dear, cost=40)
    stack = await start(offered=(row,), rates=rates(burst=100))

    reply = await stack.post([{"id": number, "method": "acme.dear"} for number in range(100)])

    assert sum(each["error"] is None for each in reply.body) == 2
    assert stack.gateway.limiter.refused["anonymous", "rate"] == 98


async def test_a_notification_costs_too_and_still_gets_no_answer(start: StartStack) -> None:
    stack = await start(rates=rates(burst=1))
    notification = {"jsonrpc": "2.0", "method": "getblockcount"}

    batch = await stack.post([notification] * 3)
    after = await stack.post(CALL)

    assert (batch.status, batch.body) == (204, None)
    assert after.status == 429


async def test_health_and_metrics_are_answered_to_who_is_over_the_limit(start: StartStack) -> None:
    stack = await start(rates=rates(burst=1))

    for _ in range(5):
        await stack.post(CALL)

    text = (await stack.get("/metrics")).body
    assert (await stack.get("/health")).status == 200
    assert 'verus_gateway_refused_total{bound="rate",rate_class="anonymous"} 4' in text
    assert 'verus_gateway_buckets{kind="stranger"} 1' in text


async def test_the_document_costs_as_a_call_does(start: StartStack) -> None:
    stack = await start(rates=rates(burst=2))

    replies = [await stack.get("/openrpc.json") for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].body["error"]["code"] == -32003
    assert int(replies[2].headers["Retry-After"]) > 1


@pytest.mark.parametrize("path", ["/openrpc.json", "/admin/circuit-breaker/status"])
async def test_wrong_credentials_cost_as_a_call_does_on_other_routes_too(
    start: StartStack, path: str
) -> None:
    stack = await start(rates=rates(burst=2))

    statuses = []
    for _ in range(3):
        wrong = {"Authorization": "Bearer wrong"}
        async with stack.client.get(stack.url + path, headers=wrong) as response:
            statuses.append(response.status)

    assert statuses == [401, 401, 429]


async def test_without_limits_nobody_is_charged_or_told(start: StartStack) -> None:
    stack = await start(rates=rates(burst=1, enabled=False))

    replies = [await stack.post(CALL) for _ in range(5)]

    assert {reply.status for reply in replies} == {200}
    assert "RateLimit" not in replies[0].headers
    assert "RateLimit-Policy" not in replies[0].headers


# ---------------------------------------------------------------- calls at once


async def test_a_caller_may_have_so_many_calls_under_way(start: StartStack) -> None:
    slow = Slow()
    stack = await start(offered=(slow.row,), rates=rates(burst=99))
    under_way = [asyncio.create_task(stack.post(slow_call(n))) for n in range(2)]
    await until(lambda: slow.begun == 2)

    refused = await stack.post(slow_call())
    kept = await stack.call("getblockcount")
    slow.go.set()

    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"].endswith(";t=1")
    assert refused.body["error"]["code"] == -32003
    assert refused.body["error"]["data"] == {"reason": "concurrency", "retry_after": 1.0}
    assert kept["error"]["code"] == -32003
    assert [(await each).status for each in under_way] == [200, 200]
    assert (await stack.post(slow_call())).status == 200


async def test_an_answer_from_memory_needs_no_place(start: StartStack) -> None:
    slow = Slow()
    stack = await start(offered=(slow.row,), rates=rates(burst=99))
    await stack.call("getblockcount")
    under_way = [asyncio.create_task(stack.post(slow_call(n))) for n in range(2)]
    await until(lambda: slow.begun == 2)

    kept = await stack.post(CALL)
    slow.go.set()
    await asyncio.gather(*under_way)

    assert (kept.status, kept.headers["Cache-Status"]) == (200, "verus-gateway; hit")


async def test_a_batch_takes_turns_within_its_callers_places(start: StartStack) -> None:
    slow = Slow()
    stack = await start(offered=(slow.row,), rates=rates(burst=99))
    under_way = asyncio.create_task(stack.post([slow_call(n) for n in range(10)]))
    await until(lambda: slow.begun == 2)

    slow.go.set()
    reply = await under_way

    assert [each["error"] for each in reply.body] == [None] * 10
    assert (slow.most, slow.begun) == (2, 10)


async def test_equal_members_are_one_call_also_where_they_take_turns(start: StartStack) -> None:
    stack = await start(rates=rates(burst=99))

    reply = await stack.post([{"id": number, "method": "getmininginfo"} for number in range(20)])

    assert [each["error"] for each in reply.body] == [None] * 20
    assert stack.simulator.counts["getmininginfo"] == 1


async def test_a_batch_that_finds_no_place_is_refused_member_by_member(start: StartStack) -> None:
    slow = Slow()
    stack = await start(offered=(slow.row,), rates=rates(burst=99))
    await stack.call("getblockcount")
    under_way = [asyncio.create_task(stack.post(slow_call(n))) for n in range(2)]
    await until(lambda: slow.begun == 2)

    reply = await stack.post([slow_call(1), {"id": 2, "method": "getblockcount"}, slow_call(3)])
    slow.go.set()
    await asyncio.gather(*under_way)

    codes = [each["error"] and each["error"]["code"] for each in reply.body]
    assert codes == [-32003, None, -32003]


async def test_too_many_calls_in_all_are_shed_before_a_queue_grows(start: StartStack) -> None:
    slow = Slow()
    limits = rates(burst=99, concurrent=9, max_concurrent=3, reserved=1)
    stack = await start(offered=(slow.row,), rates=limits)
    under_way = [asyncio.create_task(stack.post(slow_call(n))) for n in range(2)]
    await until(lambda: slow.begun == 2)

    shed = await stack.post(slow_call())
    batch = await stack.post([slow_call()])
    health, ready = await stack.get("/health"), await stack.get("/health/ready")
    metrics = await stack.get("/metrics")
    slow.go.set()
    await asyncio.gather(*under_way)

    assert (shed.status, shed.headers["Retry-After"]) == (503, "1")
    assert shed.body["error"]["code"] == -32000
    assert shed.body["error"]["data"] == {"reason": "overloaded", "retry_after": 1.0}
    assert (batch.status, batch.body[0]["error"]["code"]) == (200, -32000)
    assert (health.status, ready.status, metrics.status) == (200, 200, 200)
    assert "verus_gateway_calls_inside 2" in metrics.body
    assert slow.begun == 2


async def test_a_body_that_is_still_on_its_way_takes_a_place(start: StartStack) -> None:
    limits = rates(burst=99, concurrent=1)
    stack = await start(rates=limits, server=ServerConfig(body_timeout=5))
    await stack.call("getblockcount")
    go = asyncio.Event()

    async def trickle() -> Any:
        yield b'{"id":1,'
        await go.wait()
        yield b'"method":"getblockcount"}'

    json = {"Content-Type": "application/json"}
    first = asyncio.create_task(stack.client.post(stack.url, data=trickle(), headers=json))
    await until(lambda: stack.gateway.limiter.inside == 1)
    async with stack.client.post(stack.url, data=trickle(), headers=json) as second:
        status = second.status
    go.set()
    answer = await first

    assert status == 429
    assert answer.status == 200
    answer.close()


# ---------------------------------------------------------------- addresses


async def test_a_forged_header_buys_no_second_allowance(start: StartStack) -> None:
    stack = await start(rates=rates(burst=2))

    statuses = [
        (
            await stack.post(
                CALL, **{"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}"}
            )
        ).status
        for n in range(4)
    ]

    assert statuses == [200, 200, 429, 429]


async def test_behind_a_proxy_each_client_has_an_allowance_of_its_own(start: StartStack) -> None:
    server = ServerConfig(trusted_proxies=("127.0.0.0/8",))
    stack = await start(rates=rates(burst=1), server=server)

    async def status(*values: str) -> int:
        headers = [("Content-Type", "application/json")]
        headers += [("X-Forwarded-For", value) for value in values]
        async with stack.client.post(stack.url, json=CALL, headers=headers) as response:
            return response.status

    assert await status("192.0.2.1") == 200
    assert await status("192.0.2.1") == 429
    assert await status("192.0.2.2") == 200
    assert await status("192.0.2.3, 192.0.2.2") == 429
    assert await status("192.0.2.3", "192.0.2.2") == 429
    assert await status("2001:db8::1") == 200
    assert await status("2001:db8::ffff") == 429


async def test_classes_that_are_not_strangers_keep_their_own_figures(start: StartStack) -> None:
    limits = rates(burst=1, classes={"gold": RateClass(rate=5, burst=7)})

    stack = await start(rates=limits)

    assert stack.gateway.limiter.classes == ("anonymous", "default", "gold")


async def test_what_is_no_call_is_charged_and_limited_as_calls_are(start: StartStack) -> None:
    stack = await start(rates=rates(burst=2))

    reply = await stack.post([{"id": 1}, {"id": 2}, {"id": 3}])

    assert [each["error"]["code"] for each in reply.body] == [-32600, -32600, -32003]


@pytest.mark.parametrize("cost", [1, 3, 20])
@pytest.mark.parametrize("spent", [0, 4, 30])
def test_the_lane_tells_a_quota_as_the_ordinary_way_does(cost: int, spent: int) -> None:
    clock = FakeClock()
    given = {
        name: Allowance(name=name, rate=0.7, burst=30, concurrent=9)
        for name in ("anonymous", "default")
    }
    limiter = Limiter(given, most=9, clock=clock)
    caller, bucket = anonymous(()), limiter.bucket(anonymous(()), "192.0.2.1")
    bucket.charge(spent, clock.now)
    charged = bucket.charge_together(cost, clock.now)
    headers: dict[str, str] = {}

    said = {quotas.lines(bucket, clock.now), quotas.lines_at_once(bucket, clock.now)}
    quotas.tell(headers, limiter, caller, "192.0.2.1")

    assert charged == (spent + cost <= 30)
    if charged:
        assert said == {"".join(f"{name}: {text}\r\n" for name, text in headers.items()).encode()}


@pytest.mark.parametrize(("size", "cost"), [(8_000, 1), (8_192, 2), (100_000, 13)])
async def test_a_large_body_costs_what_it_takes_to_read(
    start: StartStack, size: int, cost: int
) -> None:
    stack = await start(rates=rates(burst=30))
    body = b'{"id":1,"method":"getblockcount"}'.ljust(size)

    replies = [await stack.post(body) for _ in range(30 // cost + 1)]

    assert [reply.status for reply in replies] == [*[200] * (30 // cost), 429]
    assert stack.gateway.counts.express == (max(0, 30 // cost - 2) if cost == 1 else 0)


async def test_what_a_stranger_cannot_pay_for_is_not_read(start: StartStack) -> None:
    stack = await start(rates=rates(burst=30))
    brackets = b'{"id":1,"method":"getblockcount","params":[%b]}' % (b"[]," * 60_000 + b"[]")

    first, second = [await stack.post(brackets) for _ in range(2)]

    assert (first.status, first.body["error"]["code"]) == (200, -32602)
    assert (second.status, second.body["error"]["code"]) == (429, -32003)
    assert second.body["id"] is None, "its id was not read either"
