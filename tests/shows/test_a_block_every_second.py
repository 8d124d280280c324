"""200 callers while blocks arrive: nothing marked fresh is old, and verusd is asked once a block.

A short run by default; ``make show`` lets a block arrive every second for a minute.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from stack import UNLIMITED, Stack, StartStack, simulated

from verus_gateway.config import Secret, SecurityConfig

SECRET = "a-secret-between-verusd-and-the-gateway"
CALLERS = 200
FULL = "VERUS_GATEWAY_SHOW_MINUTE" in os.environ
BLOCKS, PACE = (60, 1.0) if FULL else (5, 0.3)
DEEP = 5
"""The height of the block and the transaction that are asked about."""


@dataclass(frozen=True)
class Question:
    """A call, and how to read from its answer what the newest block was for verusd."""

    method: str
    params: tuple[Any, ...]
    height: Callable[[Any], int]


@dataclass
class Record:
    """What came of it."""

    heights: dict[str, int]
    answers: Counter[str] = field(default_factory=Counter)
    old: list[tuple[str, int, int]] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)


def _by_confirmations(answer: Any) -> int:
    return int(answer["confirmations"]) + DEEP - 1


def questions(stack: Stack) -> list[Question]:
    """Return one call a method, whose answers move with each block; none that the tip asks itself."""
    block = stack.simulator.chain.at(DEEP)
    return [
        Question("getblockcount", (), int),
        Question("getinfo", (), lambda answer: int(answer["blocks"])),
        Question("getmininginfo", (), lambda answer: int(answer["blocks"])),
        Question("getchaintips", (), lambda answer: int(answer[0]["height"])),
        Question("coinsupply", (), lambda answer: int(answer["height"])),
        Question("getblock", (block.hash, 1), _by_confirmations),
        Question("getrawtransaction", (block.transactions[0].txid, 1), _by_confirmations),
    ]


async def _call_on(stack: Stack, asked: list[Question], start: int, record: Record) -> None:
    """Ask one question after the other, and compare each answer with the tip it was asked under."""
    for question in cycle(asked[start:] + asked[:start]):
        known = record.heights[stack.gateway.chain.tip.newest]
        call = {"id": 1, "method": question.method, "params": question.params}
        reply = await stack.post(call)
        if reply.body["error"] is not None:
            record.errors.append(reply.body["error"])
        elif "degraded" not in reply.body:
            record.answers[reply.headers["Cache-Status"]] += 1
            height = question.height(reply.body["result"])
            if height < known:
                record.old.append((question.method, height, known))


async def _announce(stack: Stack, hash: str) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = stack.url + "/internal/blocknotify"
    async with stack.client.post(url, data=hash, headers=headers) as response:
        assert response.status == 204


async def test_nothing_marked_fresh_is_old_and_verusd_is_asked_once_a_block(
    start: StartStack,
) -> None:
    security = SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    stack = await start(simulator=simulated(latency=0.002), security=security, rates=UNLIMITED)
    chain = stack.simulator.chain
    record = Record({chain.tip.hash: chain.height})
    asked = questions(stack)
    before = Counter(stack.simulator.counts)

    callers = [
        asyncio.create_task(_call_on(stack, asked, number % len(asked), record))
        for number in range(CALLERS)
    ]
    for _ in range(BLOCKS):
        await asyncio.sleep(PACE)
        stack.simulator.mine()
        record.heights[chain.tip.hash] = chain.height
        await _announce(stack, chain.tip.hash)
    await asyncio.sleep(PACE)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)

    counts = {each.method: stack.simulator.counts[each.method] for each in asked}
    counts = {method: count - before[method] for method, count in counts.items()}
    refreshed = stack.gateway.chain.refresher.refreshed
    sys.stdout.write(
        f"\n{CALLERS} callers, {BLOCKS} blocks, one every {PACE} s: {sum(record.answers.values())} "
        f"fresh answers {dict(record.answers)}, {len(record.old)} older than their tip, "
        f"{refreshed} refreshed ahead; calls at verusd under {BLOCKS + 1} tips: {counts}\n"
    )
    assert not [caller for caller in callers if not caller.cancelled()]
    assert (record.old, record.errors) == ([], [])
    assert all(1 < count <= BLOCKS + 1 for count in counts.values())
    assert sum(record.answers.values()) > CALLERS
