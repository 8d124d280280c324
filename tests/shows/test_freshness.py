"""What is marked fresh is never older than its tip."""

import asyncio
from collections import Counter

import pytest
from stack import UNLIMITED, Stack, StartStack, simulated, until

from verus_gateway.config import Secret, SecurityConfig

SECRET = "a-secret-between-verusd-and-the-gateway"


async def _announce(stack: Stack, hash: str, secret: str = SECRET) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    url = stack.url + "/internal/blocknotify"
    async with stack.client.post(url, data=hash, headers=headers) as response:
        return response.status


async def test_an_announced_block_ends_old_answers_before_the_next_look(start: StartStack) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stack = await start(security=security, verus={"tip_poll_seconds": 3600.0})
    await stack.call("getblockcount")

    stack.simulator.mine()
    status = await _announce(stack, stack.simulator.chain.tip.hash)
    after = await stack.call("getblockcount")

    assert status == 204
    assert after["result"] == 21
    await until(lambda: stack.gateway.chain.counts.blocks == 2)  # the look was brought forward


@pytest.mark.parametrize(
    ("secret", "body", "status"),
    [("wrong", "ab" * 32, 401), (SECRET, "no hash", 400), (SECRET, "", 400)],
)
async def test_an_announcement_that_is_none_moves_nothing(
    start: StartStack, secret: str, body: str, status: int
) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stack = await start(security=security)
    before = stack.gateway.chain.tip.newest

    assert await _announce(stack, body, secret) == status
    assert stack.gateway.chain.tip.newest == before


async def test_without_a_secret_there_is_no_route_for_announcements(start: StartStack) -> None:
    stack = await start()

    assert await _announce(stack, "ab" * 32) == 404


async def test_under_load_no_fresh_answer_is_older_than_the_tip_it_was_asked_under(
    start: StartStack,
) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stack = await start(simulator=simulated(latency=0.002), security=security, rates=UNLIMITED)
    heights = {stack.simulator.chain.tip.hash: 20}
    tip = stack.gateway.chain.tip
    wrong: list[tuple[int, int]] = []
    stop = asyncio.Event()

    async def caller() -> None:
        while not stop.is_set():
            known = heights[tip.newest]
            answer = await stack.call("getblockcount")
            if "degraded" not in answer and answer["result"] < known:
                wrong.append((answer["result"], known))

    callers = [asyncio.create_task(caller()) for _ in range(50)]
    before = Counter(stack.simulator.counts)
    for _ in range(20):
        await asyncio.sleep(0.1)
        stack.simulator.mine()
        heights[stack.simulator.chain.tip.hash] = stack.simulator.chain.height
        await _announce(stack, stack.simulator.chain.tip.hash)
    stop.set()
    await asyncio.gather(*callers)

    asked = stack.simulator.counts["getblockcount"] - before["getblockcount"]
    assert wrong == []
    assert 20 <= asked <= 22  # once a tip: the one before, twenty more, and a look in between


async def test_an_announcement_for_a_chain_nobody_serves_is_not_found(start: StartStack) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stack = await start(security=security)
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = stack.url + "/internal/blocknotify/nowhere"

    async with stack.client.post(url, data="ab" * 32, headers=headers) as response:
        assert response.status == 404
