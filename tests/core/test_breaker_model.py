"""The breaker beside a second one, written as plain counting: any rules, any history."""

from collections import deque
from contextlib import ExitStack
from typing import Any

import pytest
from core.test_rpc_properties import bounded
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.breaker import (
    HISTORY,
    Breaker,
    Closed,
    HalfOpen,
    Rules,
    abandoned,
    admitted,
    failed,
    succeeded,
)
from verus_gateway.errors import BreakerOpen, Refused, RpcError
from verus_gateway.testing import FakeClock

EVENTS = st.lists(
    st.one_of(
        st.sampled_from([("begin",), ("reset",), ("close",)]),
        st.sampled_from([("begin",), ("end", "answer"), ("end", "fail"), ("end", "leave")]),
        st.tuples(st.sampled_from(["wait", "open"]), st.integers(1, 12)),
    ),
    max_size=60,
)
RULES = st.builds(
    Rules,
    failure_threshold=st.integers(1, 6),
    recovery_timeout=st.integers(1, 9).map(float),
    half_open_max_requests=st.integers(1, 5),
)


class Model:
    """What a breaker has to do, kept as counts of what has happened since its last change."""

    def __init__(self, rules: Rules, clock: FakeClock) -> None:
        self.rules, self.clock = rules, clock
        self.name, self.until, self.age = "closed", 0.0, 0
        self.clear()

    def clear(self) -> None:
        self.row = self.trials = self.answered = 0

    def become(self, name: str) -> None:
        if name != self.name:
            self.name, self.age = name, self.age + 1
            self.clear()

    def lets(self) -> bool:
        if self.name == "open" and self.clock.now >= self.until:
            self.become("half_open")
        if self.name == "half_open":
            if self.trials == self.rules.half_open_max_requests:
                return False
            self.trials += 1
        return self.name != "open"

    def open(self, seconds: float) -> None:
        self.until = self.clock.now + seconds
        self.become("open")

    def ended(self, age: int, how: str) -> None:
        if age != self.age:
            return
        if how == "leave":
            self.trials -= 1
        elif how == "fail":
            self.row += 1
            if self.name == "half_open" or self.row == self.rules.failure_threshold:
                self.open(self.rules.recovery_timeout)
        else:
            self.row, self.answered = 0, self.answered + 1
            if self.name == "half_open" and self.answered == self.rules.half_open_max_requests:
                self.become("closed")


class Both:
    """A breaker and its model, to which the same things happen; calls end as they began."""

    def __init__(self, rules: Rules) -> None:
        self.clock = FakeClock(1000.0)
        self.breaker, self.model = Breaker(rules, self.clock), Model(rules, self.clock)
        self.under_way: deque[tuple[ExitStack, int]] = deque()

    def begin(self) -> None:
        let, guard = self.model.lets(), ExitStack()
        try:
            guard.enter_context(self.breaker.guard())
        except BreakerOpen:
            assert not let
        else:
            assert let
            self.under_way.append((guard, self.model.age))

    def end(self, how: str) -> None:
        if not self.under_way:
            return
        guard, age = self.under_way.popleft()
        error = {"fail": Refused("away"), "leave": KeyboardInterrupt()}.get(how)
        assert not guard.__exit__(type(error) if error else None, error, None)
        self.model.ended(age, how)

    def reset(self) -> None:
        self.breaker.reset("because")
        self.model.become("closed")
        self.model.age += 1
        self.model.clear()

    def close(self) -> None:
        self.breaker.close("said so")
        self.model.become("closed")

    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def open(self, seconds: int) -> None:
        self.breaker.open(float(seconds), "said so")
        self.model.open(float(seconds))


@bounded
@given(RULES, EVENTS)
def test_it_does_what_counting_says(rules: Rules, events: list[tuple[Any, ...]]) -> None:
    both = Both(rules)

    for name, *more in events:
        getattr(both, name)(*more)

        assert both.breaker.name == both.model.name
        if both.model.name == "open":
            wait = max(0.0, both.model.until - both.clock.now)
            assert both.breaker.retry_after() == wait


def test_another_instances_word_opens_it_for_the_seconds_it_says() -> None:
    clock = FakeClock(1000.0)
    breaker = Breaker(Rules(), clock)

    breaker.open(7.0, "another instance")
    clock.advance(6.9)
    with pytest.raises(BreakerOpen) as refused:
        breaker.check()
    clock.advance(0.1)
    breaker.check()

    assert refused.value.retry_after == pytest.approx(0.1)


def test_whoever_listens_is_told_of_each_reset_and_why() -> None:
    breaker, told = Breaker(Rules()), list[str]()
    breaker.listen_reset(told.append)

    breaker.reset("one")
    breaker.reset("two")

    assert told == ["one", "two"]


def test_a_moment_of_the_future_is_no_time_ago() -> None:
    breaker = Breaker(Rules(), FakeClock(50.0))

    assert [breaker.since(moment) for moment in (20.0, 49.5, 51.0)] == [30.0, 0.5, 0.0]


def test_the_rules_are_those_of_the_documentation_and_the_history_is_bounded() -> None:
    assert Rules() == Rules(failure_threshold=5, recovery_timeout=60.0, half_open_max_requests=3)
    assert Breaker(Rules()).changes.maxlen == HISTORY == 50


def test_each_step_counts_one() -> None:
    roomy = Rules(half_open_max_requests=5)

    assert failed(Closed(3), Rules(), 0.0) == Closed(4)
    assert admitted(HalfOpen(3, 1), roomy, 0.0) == HalfOpen(4, 1)
    assert succeeded(HalfOpen(3, 0), roomy) == HalfOpen(2, 1)
    assert succeeded(HalfOpen(1, 1), roomy) == HalfOpen(0, 2)
    assert succeeded(HalfOpen(1, 2), Rules(half_open_max_requests=4)) == HalfOpen(0, 3)
    assert abandoned(HalfOpen(3, 0)) == HalfOpen(2, 0)
    assert HalfOpen() == HalfOpen(in_flight=0, successes=0)


def test_an_error_of_a_call_from_before_a_reset_is_not_counted_after_it() -> None:
    breaker = Breaker(Rules(failure_threshold=1))

    def late() -> None:
        with breaker.guard():
            breaker.reset("meanwhile")
            raise Refused("late")

    with pytest.raises(RpcError):
        late()

    assert (breaker.name, breaker.failures) == ("closed", 0)
