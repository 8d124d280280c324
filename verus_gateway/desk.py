"""The operator's desk: what is told of each chain, and the reset of its breaker."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from verus_gateway.breaker import Breaker, HalfOpen, Name
from verus_gateway.chain import Chain
from verus_gateway.health import judge
from verus_gateway.limits import Limiter, Standing
from verus_gateway.metrics import ChainCounts
from verus_gateway.openrpc import fallback_text, ttl_text
from verus_gateway.registry import Registry

Wall: TypeAlias = Callable[[], float]

NEAR: Final = 0.5
"""The part of an allowance from which on its caller is near the limit."""

_RANK: Final[tuple[Name, ...]] = ("closed", "half_open", "open")


class MethodUse(msgspec.Struct, frozen=True, kw_only=True):
    """One row, and how it was called since the start, over all chains.

    Attributes:
        name: Of the method.
        origin: The distribution that declares it, with its version.
        scope: Who may call it.
        ttl: How long an answer is fresh, in words.
        fallback: What stands in while verusd is away, in words.
        calls: Calls that ended, with an answer or an error.
        kept: Of them, answered from the cache.
        degraded: Of them, answered by a fallback.
        errors: Of them, ended in an error.
        seconds: What the calls took on average, None before the first.
    """

    name: str
    origin: str
    scope: str
    ttl: str
    fallback: str
    calls: int
    kept: int
    degraded: int
    errors: int
    seconds: float | None


class Desk:
    """What the admin routes see and do.

    Args:
        chains: From name to chain.
        methods: What is offered.
        limiter: Who knows how much of their allowance callers have used.
        instances: Returns the instances that hear each other, this one first; none where there is
            one.
        wall: Seconds since 1970; the breakers' own clocks know no date.
    """

    def __init__(
        self,
        chains: Mapping[str, Chain],
        methods: Registry,
        limiter: Limiter,
        instances: Callable[[], list[dict[str, Any]]] = list,
        wall: Wall = time.time,
    ) -> None:
        self.chains = chains
        self._limiter = limiter
        self.instances = instances
        self._methods = methods
        self._wall = wall

    @property
    def state(self) -> Name:
        """The worst state of all breakers."""
        return max((chain.breaker.name for chain in self.chains.values()), key=_RANK.index)

    def breakers(self) -> dict[str, Any]:
        """Return the worst state of all, and what is known of each chain's breaker.

        The body of ``GET /admin/circuit-breaker/status``, see ``docs/admin.md``.
        """
        told: dict[str, Any] = {
            "state": self.state,
            "chains": {name: self.breaker(chain.breaker) for name, chain in self.chains.items()},
        }
        instances = self.instances()
        return {**told, "instances": instances} if instances else told

    def breaker(self, breaker: Breaker) -> dict[str, Any]:
        """Return everything that is known of one breaker; seconds and UTC times."""
        state, rules = breaker.state, breaker.rules
        trial = state if isinstance(state, HalfOpen) else HalfOpen()
        failure = None
        if breaker.last_failure is not None:
            moment, message = breaker.last_failure
            failure = {**self._moment(breaker, moment), "message": message}
        return {
            "state": breaker.name,
            "failures": breaker.failures,
            "threshold": rules.failure_threshold,
            "recovery_timeout": rules.recovery_timeout,
            "retry_after": round(breaker.retry_after(), 1),
            "trial": {
                "in_flight": trial.in_flight,
                "succeeded": trial.successes,
                "needed": rules.half_open_max_requests,
            },
            "last_failure": failure,
            "changes": [
                {
                    **self._moment(breaker, change.at),
                    "from": change.old,
                    "to": change.new,
                    "cause": change.cause,
                }
                for change in reversed(breaker.changes)
            ],
        }

    def told(self) -> list[dict[str, Any]]:
        """Return what the page shows of each chain: breaker, daemon, tip, cache, warnings."""
        return [self._told(chain) for chain in self.chains.values()]

    def _told(self, chain: Chain) -> dict[str, Any]:
        facts = chain.facts(draining=False, lag=0.0)
        _, warnings = judge(facts)
        return {
            **chain.details(facts),
            "name": chain.name,
            "url": chain.url,
            "limit": chain.gate.limit,
            "breaker": self.breaker(chain.breaker),
            "warnings": warnings,
        }

    def reset(self, chain: str | None, reason: str) -> list[str]:
        """Close the breaker of *chain*, of every chain where it is None; return their names.

        Raises:
            KeyError: no chain has this name.
        """
        names = list(self.chains) if chain is None else [chain]
        for breaker in [self.chains[name].breaker for name in names]:
            breaker.reset(reason)
        return names

    def near(self) -> list[Standing]:
        """Return the callers who have used much of their allowance, the fullest first."""
        return [each for each in self._limiter.fullest() if each.used >= NEAR]

    def methods(self) -> list[MethodUse]:
        """Return every row with its use, the most called first."""
        counts = [chain.counts for chain in self.chains.values()]
        uses = [
            _use(
                counts,
                name=row.method.name,
                origin=row.origin,
                scope=row.method.scope,
                ttl=ttl_text(row.method.ttl),
                fallback=fallback_text(row.method.fallback),
            )
            for row in self._methods
        ]
        return sorted(uses, key=lambda use: (-use.calls, use.name))

    def _moment(self, breaker: Breaker, moment: float) -> dict[str, Any]:
        ago = breaker.since(moment)
        at = datetime.fromtimestamp(self._wall() - ago, UTC)
        return {"at": at.isoformat(timespec="seconds"), "seconds_ago": round(ago, 1)}


def _use(counts: Iterable[ChainCounts], *, name: str, **columns: str) -> MethodUse:
    calls: dict[str, int] = {}
    seconds = 0.0
    for of_chain in counts:
        for source in ("daemon", "cache", "stale", "default", "error"):
            timings = of_chain.calls.get((name, source))
            if timings is not None:
                calls[source] = calls.get(source, 0) + sum(timings.counts)
                seconds += timings.total
    whole = sum(calls.values())
    return MethodUse(
        name=name,
        calls=whole,
        kept=calls.get("cache", 0),
        degraded=calls.get("stale", 0) + calls.get("default", 0),
        errors=calls.get("error", 0),
        seconds=seconds / whole if whole else None,
        **columns,
    )
