"""Strangers over their limit leave callers with credentials, and the operator, unharmed.

``VERUS_GATEWAY_STRANGERS=100000`` sets how many calls the strangers make.
"""

import asyncio
import os
import re
import sys
import time
from pathlib import Path

import msgspec
from operators import ADMIN, operator
from signing import APP, signed
from stack import Stack, StartStack

from verus_gateway.config import AuthConfig

CALLS = int(os.environ.get("VERUS_GATEWAY_STRANGERS", "5000"))
PATIENCE = 2.0
"""Seconds within which everybody else is answered; generous, the machine is shared."""


async def paid(stack: Stack, number: int) -> tuple[int, float]:
    """Make a call that no memory answers before it was made, and return status and seconds."""
    body = msgspec.json.encode({"id": number, "method": "getblockhash", "params": [number % 20]})
    began = time.perf_counter()
    reply = await stack.post(body, **signed(body))
    assert reply.status != 200 or reply.body["result"] == stack.simulator.chain.at(number % 20).hash
    return reply.status, time.perf_counter() - began


async def test_a_flood_of_strangers_harms_neither_an_app_nor_the_operator(
    start: StartStack,
) -> None:
    auth = AuthConfig(anonymous_scopes=("public",), apps={"wallet": APP})
    stack = await start(auth=auth, admin=ADMIN)
    calm = [(await paid(stack, number))[1] for number in range(100)]
    began = time.perf_counter()
    flood = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).parent / "strangers.py")),
        *(stack.url, str(CALLS), "50"),
        stdout=asyncio.subprocess.PIPE,
    )
    reading = asyncio.create_task(flood.communicate())
    statuses, storm, pages = list[int](), list[float](), list[tuple[int, float]]()

    async with operator(stack.url) as ada:
        signed_in = await ada.sign_in()
        while not reading.done():
            status, seconds = await paid(stack, len(statuses))
            statuses.append(status)
            storm.append(seconds)
            if len(statuses) % 20 == 1:
                asked = time.perf_counter()
                page = await ada.get("/admin")
                pages.append((page.status, time.perf_counter() - asked))
        page = await ada.get("/admin")
        health, metrics = await stack.get("/health"), await stack.get("/metrics")
    output, _ = await reading
    took = time.perf_counter() - began
    strangers: dict[str, int] = msgspec.json.decode(output)
    _tell(strangers, took, calm, storm, pages)

    limits = stack.gateway.config.rate_limit.anonymous
    assert signed_in.status == 303
    assert strangers["429"] == CALLS - strangers["200"]
    assert 0 < strangers["200"] <= limits.burst + limits.rate * (took + 1)
    assert set(statuses) == {200}
    assert {status for status, _ in pages} == {200}
    assert max(storm) < PATIENCE
    assert max(seconds for _, seconds in pages) < PATIENCE
    assert "127.0.0.1" in page.text  # who is near the limits
    assert health.body["status"] == "healthy"
    refused = re.findall(r'_refused_total{bound="\w+",rate_class="(\w+)"} (\d+)', metrics.body)
    assert sum(int(times) for who, times in refused if who == "anonymous") == strangers["429"]
    assert {times for who, times in refused if who != "anonymous"} == {"0"}
    assert stack.gateway.limiter.remembered(named=False) == 1


def _tell(
    strangers: dict[str, int],
    took: float,
    calm: list[float],
    storm: list[float],
    pages: list[tuple[int, float]],
) -> None:
    def middle(seconds: list[float]) -> str:
        ordered = sorted(seconds)
        last = ordered[int(len(ordered) * 0.99)]
        return f"p50 {ordered[len(ordered) // 2] * 1000:.1f} ms, p99 {last * 1000:.1f} ms"

    lines = (
        f"strangers: {strangers} in {took:.1f} s, {CALLS / took:.0f} calls a second",
        f"app, calm: {middle(calm)} of {len(calm)}",
        f"app, flood: {middle(storm)} of {len(storm)}",
        f"page, flood: {middle([seconds for _, seconds in pages])} of {len(pages)}",
    )
    sys.stdout.write("\n".join(("", *lines, "")))
