import asyncio
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import product

import pytest

from verus_gateway.breaker import (
    Breaker,
    Change,
    Closed,
    HalfOpen,
    Open,
    Rules,
    State,
    abandoned,
    admitted,
    failed,
    name_of,
    succeeded,
)
from verus_gateway.errors import BreakerOpen, Refused, RpcError, Unauthorized
from verus_gateway.testing import FakeClock

RULES = Rules(failure_threshold=2, recovery_timeout=10, half_open_max_requests=2)
LEGAL = {
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "closed"),
    ("half_open", "open"),
}


# ---------------------------------------------------------------- every history: the functions

Step = tuple[State, float]


def steps(state: State, now: float) -> Iterator[tuple[str, State | None]]:
    """Yield every event that can happen in *state*, and the state after it."""
    yield "admit", admitted(state, RULES, now)
    # An outcome reaches a half-open breaker only from a call that it let through.
    if not isinstance(state, HalfOpen) or state.in_flight:
        yield "succeed", succeeded(state, RULES)
        yield "fail", failed(state, RULES, now)
        yield "fail at once", failed(state, RULES, now, at_once=True)
        yield "abandon", abandoned(state)


def check(event: str, before: State, after: State, now: float) -> None:
    """Hold one step against what no breaker may do."""
    edge = (name_of(before), name_of(after))
    assert edge[0] == edge[1] or edge in LEGAL
    if isinstance(after, HalfOpen):
        assert after.in_flight >= 0
        assert after.in_flight + after.successes <= RULES.half_open_max_requests
    if isinstance(after, Closed):
        assert 0 <= after.failures < RULES.failure_threshold
    if isinstance(after, Open) and not isinstance(before, Open):
        assert event.startswith("fail")
        assert after.until == now + RULES.recovery_timeout
    if isinstance(before, Open) and not isinstance(after, Open):
        assert event == "admit"
        assert now >= before.until


def test_every_history_of_six_events_keeps_the_rules() -> None:
    # States remember nothing of their past, so equal ones need to be walked once only.
    layer: set[Step] = {(Closed(), 0.0)}
    walked = 0
    for _ in range(6):
        ahead: set[Step] = set()
        for (state, then), passing in product(layer, (0.0, RULES.recovery_timeout)):
            now = then + passing
            for event, after in steps(state, now):
                walked += 1
                if after is not None:
                    check(event, state, after, now)
                ahead.add((state if after is None else after, now))
        layer = ahead
    assert {name_of(state) for state, _ in layer} == {"closed", "open", "half_open"}
    assert walked > 500


# ---------------------------------------------------------------- every history: the shell

EVENTS = ("call", "answer", "fail", "fail at once", "abandon", "answer newest", "reset", "wait")


class Walk:
    """One breaker, the calls it has let through, and what it may not do meanwhile."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.breaker = Breaker(RULES, self.clock)
        self.era = 0
        self.calls: list[tuple[int, AbstractContextManager[None]]] = []
        self.breaker.listen(self.changed)

    def changed(self, change: Change) -> None:
        self.era += 1
        assert (change.old, change.new) in LEGAL | {("open", "closed")}
        assert change.new == self.breaker.name

    def do(self, event: str) -> bool:
        """Let *event* happen; False where it cannot."""
        if event == "call":
            self.begin()
        elif event == "reset":
            self.breaker.reset("test")
        elif event == "wait":
            self.clock.advance(RULES.recovery_timeout)
        elif not self.calls:
            return False
        else:
            self.end(event)
        trials = [era for era, _ in self.calls if era == self.era]
        state = self.breaker.state
        if isinstance(state, HalfOpen):
            assert state.in_flight == len(trials)
            assert state.in_flight + state.successes <= RULES.half_open_max_requests
        return True

    def begin(self) -> None:
        call = self.breaker.guard()
        with suppress(BreakerOpen):
            call.__enter__()
            self.calls.append((self.era, call))

    def end(self, event: str) -> None:
        era, call = self.calls.pop(-1 if event.endswith("newest") else 0)
        before, late = self.breaker.state, era != self.era
        error: BaseException | None = None
        if event.startswith("fail"):
            error = Unauthorized("no") if event == "fail at once" else Refused("no")
        elif event == "abandon":
            error = asyncio.CancelledError()
        with suppress(RpcError, asyncio.CancelledError):
            call.__exit__(type(error) if error else None, error, None)
        if late:
            assert self.breaker.state == before


BEGINNINGS: dict[str, tuple[str, ...]] = {
    "closed": (),
    "open": ("call", "fail at once"),
    "half open": ("call", "call", "fail at once", "wait", "call"),
}


def walked(history: tuple[str, ...]) -> Hashable:
    """Walk one history; return all that its future depends on, None where it cannot happen."""
    walk = Walk()
    possible = [walk.do(event) for event in history]
    if not possible[-1]:
        return None
    state = walk.breaker.state
    waiting = max(0.0, state.until - walk.clock.now) if isinstance(state, Open) else state
    return waiting, tuple(era == walk.era for era, _ in walk.calls)


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_the_shell_keeps_the_rules_in_every_history_of_six(beginning: tuple[str, ...]) -> None:
    # Of histories with one future, one stands for all.
    layer, all_of_them = [beginning], 0
    for _ in range(6):
        longer = [(*history, event) for history in layer for event in EVENTS]
        futures = {walked(history): history for history in longer}
        futures.pop(None, None)
        layer = list(futures.values())
        all_of_them += len(layer)
    assert all_of_them > 50
