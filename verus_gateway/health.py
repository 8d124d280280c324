"""What is known, judged: healthy, degraded or unhealthy. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from verus_gateway.errors import Reason

Status: TypeAlias = Literal["healthy", "degraded", "unhealthy"]

_RANK: Final[tuple[Status, ...]] = ("healthy", "degraded", "unhealthy")

OLD_BLOCK: Final = 1800
"""Seconds without a block after which the daemon is not in step with its network."""
EARLY_BLOCK: Final = 600
"""Seconds by which a block may be ahead of our clock before one of the two must be wrong."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What `judge` knows.

    Attributes:
        draining: Whether the process is shutting down.
        away: Why the daemon gave no answer last time, None where it did.
        breaker: The breaker's state.
        retry_after: Seconds until the breaker tries again.
        height: The newest block's height, None where it was never seen.
        confirmed: Whether the daemon confirmed the newest block just now.
        block_age: Seconds since the newest block's own time, None where it is unknown; below 0
            where that is in the future.
        lag: Seconds by which the event loop is late.
        stranger: How the daemon is not the one it should be, "" where it is.
        alone: Why this instance shares nothing with others, "" where it does or should not.
        keyless: The issuer none of whose keys is known, "" where one is or none is trusted.
        doubt: Why what must last may be lost, "" where nothing is known to be wrong.
    """

    draining: bool
    away: Reason | None
    breaker: str
    retry_after: float
    height: int | None
    confirmed: bool
    block_age: float | None
    lag: float
    stranger: str = ""
    alone: str = ""
    keyless: str = ""
    doubt: str = ""


def judge(facts: Facts) -> tuple[Status, list[str]]:
    """Return the status and a warning for each thing that is not as it should be."""
    warnings = list(_warnings(facts))
    if facts.alone:
        warnings.append(f"this instance stands alone: {facts.alone}")
    if facts.keyless:
        warnings.append(f"no key of {facts.keyless} is known: no token is good")
    if facts.doubt:
        warnings.append(facts.doubt)
    if facts.draining:
        return "unhealthy", ["shutting down", *warnings]
    if facts.stranger:
        return "unhealthy", [facts.stranger, *warnings]
    return ("degraded" if warnings else "healthy"), warnings


def _warnings(facts: Facts) -> list[str]:
    found: list[str] = []
    if facts.away is not None and not facts.stranger:
        found.append(f"the daemon does not answer: {facts.away}")
    if facts.breaker != "closed":
        found.append(f"the breaker is {facts.breaker}, retry in {facts.retry_after:.0f} s")
    if facts.height is None:
        found.append("the newest block was never seen")
    elif not facts.confirmed and facts.away is None:
        found.append("the newest block is not confirmed")
    if facts.block_age is not None and facts.block_age > OLD_BLOCK:
        found.append(f"the newest block is {facts.block_age / 60:.0f} minutes old")
    if facts.block_age is not None and facts.block_age < -EARLY_BLOCK:
        found.append(f"the newest block is {-facts.block_age / 60:.0f} minutes in the future")
    if facts.lag > 1:
        found.append(f"the event loop is {facts.lag:.1f} s late")
    return found


def report(chains: Mapping[str, Facts], details: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body of ``GET /health``: the worst of all chains."""
    judged = {name: judge(facts) for name, facts in chains.items()}
    worst = max((status for status, _ in judged.values()), key=_RANK.index)
    warnings = [
        warning if len(chains) == 1 else f"{name}: {warning}"
        for name, (_, found) in judged.items()
        for warning in found
    ]
    code = 503 if worst == "unhealthy" else 200
    return code, {"status": worst, "warnings": warnings, **details}
