"""Several instances, one mind: blocks, breakers and resets, over a real Redis."""

import asyncio
import time
from collections.abc import Callable

from operators import ADMIN, operator
from redis_servers import Servers, eventually, needs_redis
from services.test_shared_answers import cache, three
from stack import Stack, StartStack, simulated

from verus_gateway.config import BreakerConfig, Secret, SecurityConfig

pytestmark = needs_redis

SECRET = "a-secret-between-verusd-and-the-gateway"


def instances(stack: Stack) -> int:
    assert stack.gateway.concert is not None
    return len(stack.gateway.concert.instances())


async def together(stacks: list[Stack]) -> None:
    """Wait until all hear each other."""
    await eventually(lambda: all(instances(stack) == len(stacks) for stack in stacks))


async def took(condition: Callable[[], bool]) -> float:
    """Return the seconds until *condition* held."""
    began = time.monotonic()
    await eventually(condition)
    return time.monotonic() - began


async def announce(stack: Stack, hash: str) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = stack.url + "/internal/blocknotify"
    async with stack.client.post(url, data=hash, headers=headers) as response:
        assert response.status == 204


async def test_a_block_announced_to_one_instance_ends_old_answers_on_all(
    start: StartStack, redis: Servers
) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stacks = await three(
        start, cache(redis.one().url), security=security, verus={"tip_poll_seconds": 3600.0}
    )
    await together(stacks)
    await asyncio.gather(*(stack.call("getblockcount") for stack in stacks))

    stacks[0].simulator.mine()
    hash = stacks[0].simulator.chain.tip.hash
    await announce(stacks[0], hash)
    seconds = await took(lambda: all(s.gateway.chain.tip.newest == hash for s in stacks))
    answers = [await stack.call("getblockcount") for stack in stacks]

    assert seconds < 0.1
    assert [answer["result"] for answer in answers] == [21, 21, 21]


async def test_the_breaker_opened_by_one_is_open_on_all_and_one_reset_closes_all(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(
        start,
        cache(redis.one().url),
        rules=BreakerConfig(failure_threshold=2),
        verus={"tip_poll_seconds": 3600.0},
    )
    await together(stacks)
    breakers = [stack.gateway.chain.breaker for stack in stacks]
    stacks[0].simulator.fault("refuse")

    for height in (1, 2):
        await stacks[0].call("getblock", height)
    opened = await took(lambda: all(breaker.name == "open" for breaker in breakers))
    stacks[0].simulator.clear()
    asked = stacks[0].simulator.counts.copy()
    refused = await stacks[2].call("getblock", 3)
    unasked = stacks[0].simulator.counts == asked
    stacks[1].gateway.desk.reset(None, "verusd was restarted")
    closed = await took(lambda: all(breaker.name == "closed" for breaker in breakers))

    assert opened < 1
    assert closed < 1
    assert refused["error"]["data"]["reason"] == "breaker_open"
    assert unasked
    assert breakers[2].changes[-1].cause.startswith("reset: verusd was restarted (at ")


async def test_one_instance_tries_a_daemon_again_for_all(start: StartStack, redis: Servers) -> None:
    rules = BreakerConfig(
        failure_threshold=1, recovery_timeout_seconds=0.3, half_open_max_requests=3
    )
    stacks = await three(
        start, cache(redis.one().url), rules=rules, verus={"tip_poll_seconds": 3600.0}
    )
    await together(stacks)
    breakers = [stack.gateway.chain.breaker for stack in stacks]
    stacks[0].simulator.fault("refuse")
    await stacks[0].call("getblock", 1)
    await eventually(lambda: all(breaker.name == "open" for breaker in breakers))
    stacks[0].simulator.clear()
    await asyncio.sleep(0.4)
    before = stacks[0].simulator.counts["getblock"]

    refused = await asyncio.gather(*(stack.call("getblock", 2) for stack in stacks[1:]))
    asked_by_others = stacks[0].simulator.counts["getblock"] - before
    for height in (3, 4, 5):
        await stacks[0].call("getblock", height)
    await eventually(lambda: all(breaker.name == "closed" for breaker in breakers))

    assert [answer["error"]["data"]["reason"] for answer in refused] == ["breaker_open"] * 2
    assert asked_by_others == 0


async def test_an_instance_that_comes_later_finds_the_breaker_open(
    start: StartStack, redis: Servers
) -> None:
    kept = cache(redis.one().url)
    first = await start(cache=kept, rules=BreakerConfig(failure_threshold=1))
    first.simulator.fault("refuse")
    await eventually(lambda: first.gateway.chain.breaker.name == "open")

    later = await start(cache=kept, beside=first.simulator, wait=False)

    await eventually(lambda: later.gateway.chain.breaker.name == "open", 0.9)


async def test_a_breaker_may_be_an_instances_own(start: StartStack, redis: Servers) -> None:
    kept = cache(redis.one().url)
    rules = BreakerConfig(failure_threshold=1, shared=False)
    first = await start(cache=kept, rules=rules)
    other = await start(cache=kept, rules=rules)
    await together([first, other])

    first.simulator.fault("refuse")
    await eventually(lambda: first.gateway.chain.breaker.name == "open")
    await asyncio.sleep(0.2)

    assert other.gateway.chain.breaker.name == "closed"


async def test_health_lists_every_instance_with_its_state_and_age(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(start, cache(redis.one().url))
    await together(stacks)

    listed = (await stacks[1].get("/health")).body["instances"]

    assert len({each["name"] for each in listed}) == 3
    assert all(each["breakers"] == {"VRSC": "closed"} for each in listed)
    assert all(each["heard_seconds_ago"] < 5 and each["age"] >= 0 for each in listed)


async def test_an_instance_cut_off_stands_alone_says_so_and_finds_its_way_back(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url), rules=BreakerConfig(failure_threshold=1))
    await together(stacks)

    server.kill()
    await eventually(lambda: all(s.gateway.store and s.gateway.store.alone() for s in stacks))
    health = (await stacks[0].get("/health")).body
    stacks[0].gateway.chain.breaker.open(60, "a failure that only this instance saw")
    before = [stack.gateway.chain.breaker.name for stack in stacks]
    server.start()
    await eventually(lambda: all(s.gateway.store and not s.gateway.store.alone() for s in stacks))
    await together(stacks)
    breakers = [stack.gateway.chain.breaker for stack in stacks]
    await eventually(lambda: all(breaker.name == "open" for breaker in breakers))

    assert health["status"] == "degraded"
    assert health["warnings"][0].startswith("this instance stands alone: ")
    assert before == ["open", "closed", "closed"]


async def test_a_caller_is_charged_at_one_instance_for_what_it_spent_at_another(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(start, cache(redis.one().url), simulator=simulated())
    await together(stacks)
    for _ in range(30):
        await stacks[0].call("getblockcount")
    limiter = stacks[1].gateway.limiter

    await eventually(lambda: bool(limiter.fullest()))

    assert limiter.fullest()[0].used > 0


async def test_status_and_page_list_every_instance_with_its_state_and_age(
    start: StartStack, redis: Servers
) -> None:
    stacks = await three(
        start,
        cache(redis.one().url),
        admin=ADMIN,
        scopes=("public", "read", "admin"),
        rules=BreakerConfig(failure_threshold=2),
        verus={"tip_poll_seconds": 3600.0},
    )
    await together(stacks)
    stacks[1].simulator.fault("refuse")
    for height in range(2):
        await stacks[1].call("getblock", height)
    await eventually(lambda: all(s.gateway.chain.breaker.name == "open" for s in stacks))
    await eventually(lambda: heard(stacks[0]) == {"open"})

    told = (await stacks[0].get("/admin/circuit-breaker/status")).body["instances"]
    async with operator(stacks[0].url) as ada:
        await ada.sign_in()
        page = await ada.get()

    assert len(told) == 3
    assert {each["breakers"]["VRSC"] for each in told} == {"open"}
    assert all(each["age"] >= 0 and each["heard_seconds_ago"] >= 0 for each in told)
    assert all(each["name"] in page.text for each in told)
    assert page.text.count("VRSC open") == 3


def heard(stack: Stack) -> set[str]:
    """Return the states of all breakers, as one instance has heard of them."""
    return {each["breakers"]["VRSC"] for each in stack.gateway.desk.instances()}
