"""Random histories: short ones each time, long ones by ``make soak``.

``HISTORY_SEED`` repeats the plan of a history that failed (what the machine did meanwhile is not
repeated), ``SOAK_SECONDS`` makes them longer: it is the time of both together.
"""

import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path

from faults.world import world
from histories.chronicle import Chronicle
from histories.crowd import SharedStorm, crowd
from histories.invariants import CHECKS, SHARED, Check
from histories.storm import MORE, SECURITY, VERUS, Storm
from redis_servers import needs_redis, servers


async def test_eleven_invariants_hold_of_a_random_history(tmp_path: Path) -> None:
    seed, seconds = plan("one gateway")

    wanted = {"security": SECURITY, "verus": VERUS, "more": MORE, "anonymous": '["public"]'}
    async with world(tmp_path, **wanted) as made:
        history = await Storm([made], seed).rage(seconds)

    check(history, CHECKS)


@needs_redis
async def test_thirteen_invariants_hold_of_three_gateways_that_share_a_redis(
    tmp_path: Path,
) -> None:
    seed, seconds = plan("three gateways")

    with servers(tmp_path / "redis") as started:
        async with crowd(tmp_path, started.one()) as made:
            history = await SharedStorm(made, seed).rage(seconds)

    check(history, SHARED)


def plan(whose: str) -> tuple[int, float]:
    """Return seed and seconds, and say them."""
    seed = int(os.environ.get("HISTORY_SEED") or random.randrange(10**9))  # noqa: S311  a plan
    seconds = float(os.environ.get("SOAK_SECONDS") or 10) / 2
    say(f"\nhistory of {whose}, {seconds:g} s, HISTORY_SEED={seed}")
    return seed, seconds


def check(history: Chronicle, checks: Mapping[str, Check]) -> None:
    """Hold a history to its invariants, and say how much each has looked at."""
    say(f"faults injected: {sum(history.faults.values())} {history.faults}")
    for instance in history.instances:
        quarters = [round(instance.weight(at) / 1e6, 1) for at in range(4)]
        say(f"before {instance.before}\nafter  {instance.after}\nmemory by quarters {quarters} MB")
    for name, holds in checks.items():
        say(f"{name:30} {holds(history):>9}  {(holds.__doc__ or '').splitlines()[0]}")


def say(line: str) -> None:
    """Write a line that pytest shows where the test fails or ``-s`` is given."""
    sys.stdout.write(line + "\n")
