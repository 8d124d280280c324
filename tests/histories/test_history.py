"""Random histories: a short one each time, a long one by ``make soak``.

``HISTORY_SEED`` repeats the plan of a history that failed (what the machine did meanwhile is not
repeated), ``SOAK_SECONDS`` makes it longer.
"""

import os
import random
import sys
from pathlib import Path

from faults.world import world
from histories.invariants import CHECKS
from histories.storm import MORE, SECURITY, Storm


async def test_ten_invariants_hold_of_a_random_history(tmp_path: Path) -> None:
    seed = int(os.environ.get("HISTORY_SEED") or random.randrange(10**9))  # noqa: S311  a plan
    seconds = float(os.environ.get("SOAK_SECONDS") or 6)
    say(f"\nhistory of {seconds:g} s, HISTORY_SEED={seed}")

    async with world(tmp_path, security=SECURITY, more=MORE, anonymous='["public"]') as made:
        history = await Storm(made, seed).rage(seconds)

    say(f"faults injected: {sum(history.faults.values())} {history.faults}")
    for name, check in CHECKS.items():
        say(f"{name:30} {check(history):>9}  {(check.__doc__ or '').splitlines()[0]}")


def say(line: str) -> None:
    """Write a line that pytest shows where the test fails or ``-s`` is given."""
    sys.stdout.write(line + "\n")
