"""Several instances, one Redis: answers are asked for once and found by all."""

import asyncio
from typing import Any

import msgspec
import pytest
from redis_servers import Server, Servers, eventually, needs_redis
from stack import UNLIMITED, Stack, StartStack, simulated, until

from verus_gateway.config import BreakerConfig, CacheConfig, Secret

pytestmark = needs_redis


def cache(url: str, **more: Any) -> CacheConfig:
    return CacheConfig(redis_url=Secret(url), **{"redis_timeout": 0.25, **more})


async def three(start: StartStack, kept: CacheConfig, **more: Any) -> list[Stack]:
    """Start three gateways in front of one simulator."""
    first = await start(cache=kept, **more)
    more.pop("simulator", None)
    return [
        first,
        await start(cache=kept, beside=first.simulator, **more),
        await start(cache=kept, beside=first.simulator, **more),
    ]


async def test_three_thousand_equal_cold_calls_to_three_instances_are_one_call_to_verusd(
    start: StartStack, redis: Servers
) -> None:
    # Three gateways, verusd and all callers are one process here: Redis is read when it has time.
    kept = cache(redis.one().url, redis_timeout=3.0)
    stacks = await three(start, kept, simulator=simulated(latency=0.05), rates=UNLIMITED)

    answers = await asyncio.gather(
        *(stack.call("getblock", 7) for _ in range(1000) for stack in stacks)
    )

    assert stacks[0].simulator.counts["getblock"] == 1
    assert {msgspec.json.encode(answer) for answer in answers} == {msgspec.json.encode(answers[0])}
    assert answers[0]["result"]["height"] == 7


async def test_what_one_instance_asked_for_is_a_hit_for_the_others_with_its_age(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(start, cache(redis.one().url))
    asked = await stacks[0].post({"method": "getblock", "params": [7]})
    store = stacks[0].gateway.store
    assert store is not None
    await until(lambda: store.readings()["redis_writes_total"][1]() >= 1)

    found = await stacks[1].post({"method": "getblock", "params": [7]})

    assert asked.headers["Cache-Status"] == "verus-gateway; fwd=miss"
    assert found.headers["Cache-Status"] == "verus-gateway; hit"
    assert found.body == asked.body
    assert stacks[0].simulator.counts["getblock"] == 1


async def test_an_answer_from_before_a_block_is_not_fresh_on_any_instance(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(start, cache(redis.one().url))
    before = [await stack.call("getblockcount") for stack in stacks]

    stacks[0].simulator.mine()
    await until(lambda: all(stack.gateway.chain.tip.block.height == 21 for stack in stacks))  # type: ignore[union-attr]
    after = [await stack.call("getblockcount") for stack in stacks]

    assert [answer["result"] for answer in before] == [20, 20, 20]
    assert [answer["result"] for answer in after] == [21, 21, 21]
    assert stacks[0].simulator.counts["getblockcount"] == 2


async def test_what_redis_keeps_stands_in_while_verusd_is_away(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    first, second, _ = await three(
        start, cache(server.url), rules=BreakerConfig(failure_threshold=1)
    )
    await first.call("getblockcount")
    await until(lambda: int(server.command("dbsize")) > 0)
    first.simulator.fault("refuse")
    await until(lambda: second.gateway.chain.breaker.name == "open")

    answer = await second.call("getblockcount")

    assert answer["result"] == 20
    assert answer["degraded"]["source"] == "stale"


@pytest.mark.fault("R5", "what stands in Redis is not what we put there")
@pytest.mark.parametrize("how", ["poisoned", "cut off", "foreign", "of another type"])
async def test_what_is_no_answer_of_ours_is_a_miss_and_deleted(
    start: StartStack, redis: Servers, how: str
) -> None:
    server = redis.one()
    kept = cache(server.url, redis_secret=Secret("a-secret-of-all-instances"))
    first, second, third = await three(start, kept)
    await first.call("getblock", 7)
    await first.call("getblock", 8)
    await until(lambda: len(server.command("keys", "vg:c:*").split()) == 2)
    names = server.command("keys", "vg:c:*").split()
    _spoil(server, how, names)

    answers = [await stack.call("getblock", 7) for stack in (second, third)]

    assert [answer["result"]["height"] for answer in answers] == [7, 7]
    metrics = (await second.get("/metrics")).body
    assert 'verus_gateway_redis_looks_total{outcome="broken"} 1' in metrics
    assert first.simulator.counts["getblock"] == 3


def _spoil(server: Server, how: str, names: list[str]) -> None:
    if how == "foreign":
        server.command("eval", _SWAP, "2", *names)
        return
    for name in names:
        if how == "poisoned":
            server.command("setrange", name, "40", "evil")
        elif how == "cut off":
            server.command("eval", _CUT, "1", name)
        else:
            server.command("del", name)
            server.command("lpush", name, "x")


_CUT = "local v = redis.call('get', KEYS[1]); return redis.call('set', KEYS[1], v:sub(1, -9))"
_SWAP = (
    "local a, b = redis.call('get', KEYS[1]), redis.call('get', KEYS[2]); "
    "redis.call('set', KEYS[1], b); return redis.call('set', KEYS[2], a)"
)


async def test_instances_with_another_secret_do_not_believe_each_other(
    start: StartStack, redis: Servers
) -> None:
    url = redis.one().url
    first = await start(cache=cache(url, redis_secret=Secret("one-secret-of-sixteen")))
    other = await start(
        cache=cache(url, redis_secret=Secret("other-secret-of-many")), beside=first.simulator
    )
    await first.call("getblock", 7)
    await asyncio.sleep(0.05)

    answer = await other.call("getblock", 7)

    assert answer["result"]["height"] == 7
    assert first.simulator.counts["getblock"] == 2


async def test_an_answer_that_is_not_there_yet_is_not_kept_and_one_that_was_is_deleted(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stack = await start(cache=cache(server.url))
    missing = "ab" * 32

    answers = [await stack.call("gettxout", missing, 0) for _ in range(2)]

    assert [answer["result"] for answer in answers] == [None, None]
    await asyncio.sleep(0.05)
    assert server.command("keys", "vg:c:*") == ""


async def test_health_and_metrics_tell_of_redis(start: StartStack, redis: Servers) -> None:
    server = redis.one()
    stack = await start(cache=cache(server.url))
    await stack.call("getblock", 7)

    up = (await stack.get("/health")).body
    server.kill()
    store = stack.gateway.store
    assert store is not None
    for height in range(8, 12):
        await stack.call("getblock", height)
    await eventually(lambda: store.alone() != "")
    down = (await stack.get("/health")).body

    assert up["status"] == "healthy"
    assert up["redis"] == {
        "status": "up",
        "place": f"server 127.0.0.1:{server.port}",
        "state": "up",
        "waiting_writes": 0,
    }
    assert down["status"] == "degraded"
    [warning] = down["warnings"]
    place = f"server 127.0.0.1:{server.port}"
    assert warning.endswith(f": redis for answers ({place}) does not answer: refused")
