"""The targets, as ratios inside one run: what was reached and what was not."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bench.cases import Measured


class Verdict(NamedTuple):
    """One target: what it asks, what was found, whether that reaches it; None where unmeasured."""

    what: str
    asked: str
    found: float | None
    reached: bool | None


class Table:
    """Looks up what was measured."""

    def __init__(self, measured: list[Measured]) -> None:
        self._cpu = {(each.case, each.contestant): each.cpu for each in measured}

    def times(self, case: str, one: str, other: str, other_case: str = "") -> float | None:
        """Return how many calls *one* answers for the CPU in which *other* answers one."""
        mine, theirs = self._cpu.get((case, one)), self._cpu.get((other_case or case, other))
        return theirs / mine if mine and theirs else None


_RATIOS = (
    ("hit, 150 B, over bare aiohttp", "hit", "gateway with token", "bare aiohttp", "", 3.0),
    (
        "hit, 150 B, over nginx proxy_cache",
        "hit",
        "gateway with token",
        "nginx proxy_cache",
        "",
        1.4,
    ),
    (
        "hit, 150 B, over nginx + open_file_cache",
        *("hit", "gateway with token", "nginx + open_file_cache", "", 1.0),
    ),
    (
        "hit, 150 B, over a raw uvloop protocol",
        *("hit", "gateway with token", "raw uvloop protocol", "", 0.75),
    ),
    ("hit, 20 kB, over bare aiohttp", "hit 20 kB", "gateway", "bare aiohttp", "", 2.5),
    ("hit, 20 kB, over nginx proxy_cache", "hit 20 kB", "gateway", "nginx proxy_cache", "", 1.2),
    ("hit with a token over an anonymous one", "hit", "gateway with token", "gateway", "", 0.9),
    ("hit in a batch of 50 over a single hit", "batch of 50", "gateway", "gateway", "hit", 4.0),
    ("hit in a batch of 50 over bare aiohttp", "batch of 50", "gateway", "bare aiohttp", "", 13.0),
    ("miss over Caddy", "miss", "gateway", "Caddy", "", 1.0),
    ("miss over a ClientSession proxy", "miss", "gateway", "ClientSession proxy", "", 2.0),
    ("breaker open over a hit", "breaker open", "gateway without daemon", "gateway", "hit", 0.8),
)


def verdicts(measured: list[Measured], life: Mapping[str, Any]) -> Iterator[Verdict]:
    """Yield every target of which something was measured."""
    table = Table(measured)
    for what, case, one, other, other_case, least in _RATIOS:
        found = table.times(case, one, other, other_case)
        yield Verdict(what, f"≥ {least:g}", found, None if found is None else found >= least)
    if "workers" in life:
        scale = life["workers"]["scale"]
        yield Verdict("two workers over one", "≥ 1.8", scale, scale >= 1.8)
    if "life" in life:
        idle = life["life"]["idle_bytes"] / 1e6
        yield Verdict("MB resident at rest", "≤ 80", idle, idle <= 80)
        each = life["life"]["bytes_per_cached_byte"]
        yield Verdict("bytes per byte of cached answers", "≤ 1.4", each, each <= 1.4)
    latency = life.get("open loop", [])
    ours, theirs = _p99(latency, "gateway"), _p99(latency, "nginx proxy_cache")
    if ours and theirs:
        yield Verdict("p99 over nginx's, open loop", "≤ 3", ours / theirs, ours <= 3 * theirs)


def _p99(found: list[dict[str, Any]], name: str) -> float:
    return min((each["p99"] for each in found if each["contestant"] == name), default=0.0)
