"""In what a machine is below what the stack really needs."""

from __future__ import annotations  # for Python 3.9, which many servers have

import os
import shutil

from autoconfig.plan import CHAINS, COMPOSE, Plan

GIB = 2**30
BESIDE = 4
"""GiB for everything beside verusd."""
CORES = 4


def shortages(plan: Plan) -> list[str]:
    """Return in what this machine, or the plan, is below what is really needed."""
    needs = CHAINS[plan.chain]
    found: list[str] = []
    if plan.memory < needs.memory:
        found.append(
            f"verusd needs {needs.memory} GiB at the tip of {plan.chain}, not {plan.memory}"
        )
    memory = memory_of_machine()
    if memory is not None and memory < (plan.memory + BESIDE - 1) * GIB:
        found.append(
            f"this machine has {memory / GIB:.0f} GiB of memory; {plan.memory + BESIDE} are needed"
        )
    free = shutil.disk_usage(COMPOSE).free
    if free < needs.disk * GIB:
        found.append(
            f"{free / GIB:.0f} GiB of disk are free here; {needs.disk} are needed where Docker keeps volumes"
        )
    cores = os.cpu_count() or 1
    if cores < CORES:
        found.append(f"this machine has {cores} cores; {CORES} are needed while verusd syncs")
    return found


def memory_of_machine() -> int | None:
    """Return the bytes of memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
