import asyncio
import math
from contextlib import ExitStack, suppress
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from verus_gateway.breaker import HISTORY, Breaker, Change, Closed, HalfOpen, Open, Rules
from verus_gateway.errors import (
    AnswerTooLarge,
    BadAnswer,
    BreakerOpen,
    BrokenOff,
    DaemonError,
    InvalidParams,
    OutcomeUnknown,
    Overloaded,
    QueueFull,
    QueueTimeout,
    Refused,
    RpcError,
    TimedOut,
    Unauthorized,
    WarmingUp,
)
from verus_gateway.testing import FakeClock

RULES = Rules(failure_threshold=3, recovery_timeout=60, half_open_max_requests=2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(RULES, clock)


def end(breaker: Breaker, error: BaseException | None) -> None:
    """Send one call through that ends in *error*."""
    with suppress(RpcError, asyncio.CancelledError), breaker.guard():
        if error is not None:
            raise error


def open_it(breaker: Breaker) -> None:
    end(breaker, Unauthorized("401"))


FAILURES = [
    Refused("no"),
    TimedOut("no"),
    Overloaded("no"),
    BadAnswer("no"),
    BrokenOff("no"),
    OutcomeUnknown("no"),
]
ANSWERS = [DaemonError("no", code=-5), WarmingUp("loading"), AnswerTooLarge("big")]
SAY_NOTHING = [
    QueueFull("full"),
    QueueTimeout("late"),
    InvalidParams("bad"),
    asyncio.CancelledError(),
    ValueError("bug"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
def test_the_daemons_failures_to_answer_open_it(breaker: Breaker, failure: RpcError) -> None:
    names = []
    for _ in range(RULES.failure_threshold):
        end(breaker, failure)
        names.append(breaker.name)

    assert names == ["closed", "closed", "open"]
    assert breaker.last_failure == (0.0, failure.message)


def test_a_wrong_password_opens_it_at_once(breaker: Breaker) -> None:
    end(breaker, Unauthorized("verusd refused the password"))

    assert breaker.name == "open"


@pytest.mark.parametrize("answer", [None, *ANSWERS], ids=lambda error: type(error).__name__)
def test_any_answer_ends_the_row_of_failures(breaker: Breaker, answer: RpcError | None) -> None:
    end(breaker, Refused("no"))
    end(breaker, Refused("no"))

    end(breaker, answer)

    assert breaker.state == Closed(0)


@pytest.mark.parametrize("error", [*ANSWERS, *SAY_NOTHING], ids=lambda error: type(error).__name__)
def test_what_is_no_failure_of_the_daemon_never_opens_it(
    breaker: Breaker, error: BaseException
) -> None:
    for _ in range(RULES.failure_threshold * 3):
        with suppress(ValueError):
            end(breaker, error)

    assert breaker.state == Closed(0)
    assert breaker.last_failure is None


@pytest.mark.parametrize("error", SAY_NOTHING, ids=lambda error: type(error).__name__)
def test_what_says_nothing_leaves_the_row_of_failures(
    breaker: Breaker, error: BaseException
) -> None:
    end(breaker, Refused("no"))

    with suppress(ValueError):
        end(breaker, error)

    assert breaker.state == Closed(1)


def test_an_open_breaker_refuses_and_says_for_how_long(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.advance(18)

    with pytest.raises(BreakerOpen, match="retry in 42 s") as caught, breaker.guard():
        pytest.fail("the call was let through")

    assert caught.value.data == {"reason": "breaker_open", "retry_after": 42.0}
    assert breaker.state == Open(until=60.0)


def test_asking_beforehand_changes_nothing(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)

    with pytest.raises(BreakerOpen):
        breaker.check()
    clock.advance(60)
    breaker.check()

    assert breaker.name == "open"


def test_as_many_trial_calls_pass_as_the_rules_say(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.advance(60)

    with breaker.guard(), breaker.guard():
        with pytest.raises(BreakerOpen, match="retry in 1 s"), breaker.guard():
            pytest.fail("a third trial call was let through")
        during = breaker.state

    assert during == HalfOpen(in_flight=2)
    assert breaker.state == Closed()


def test_one_failed_trial_opens_it_again(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.advance(60)
    end(breaker, None)
    clock.advance(5)

    end(breaker, Refused("no"))

    assert breaker.state == Open(until=125.0)


def test_a_cancelled_trial_gives_its_place_back(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.advance(60)

    for _ in range(10):
        end(breaker, asyncio.CancelledError())

    assert breaker.state == HalfOpen(in_flight=0, successes=0)


@pytest.mark.parametrize("late", [None, Refused("no"), Unauthorized("no"), ValueError("x")])
def test_a_late_result_of_an_earlier_state_counts_for_nothing(
    breaker: Breaker, clock: FakeClock, late: BaseException | None
) -> None:
    slow = breaker.guard()
    slow.__enter__()
    open_it(breaker)
    clock.advance(60)
    with breaker.guard():
        before = breaker.state

        slow.__exit__(type(late) if late else None, late, None)

        assert breaker.state is before
        assert before == HalfOpen(in_flight=1)


def test_a_call_from_an_earlier_half_open_counts_for_nothing(
    breaker: Breaker, clock: FakeClock
) -> None:
    open_it(breaker)
    clock.advance(60)
    with suppress(Refused), breaker.guard():
        end(breaker, Refused("the other trial"))
        clock.advance(60)
        end(breaker, None)
        raise Refused("late")

    assert breaker.state == HalfOpen(in_flight=0, successes=1)


def test_a_reset_closes_it_whatever_its_state(breaker: Breaker) -> None:
    open_it(breaker)
    breaker.reset("operator")
    assert breaker.state == Closed()

    end(breaker, Refused("no"))
    breaker.reset("operator")

    assert breaker.state == Closed(0)
    assert [change.cause for change in breaker.changes] == ["401", "reset: operator"]


def test_what_was_under_way_at_a_reset_counts_for_nothing(breaker: Breaker) -> None:
    with suppress(Unauthorized), breaker.guard():
        breaker.reset("operator")
        raise Unauthorized("late")

    assert (breaker.state, breaker.failures) == (Closed(), 0)


def test_failures_in_a_row_are_told_in_every_state(breaker: Breaker, clock: FakeClock) -> None:
    told = [breaker.failures]
    for _ in range(3):
        end(breaker, Refused("no"))
        told.append(breaker.failures)
    clock.advance(60)
    end(breaker, Refused("no"))
    told.append(breaker.failures)
    clock.advance(60)
    end(breaker, None)
    told.append(breaker.failures)
    end(breaker, Refused("no"))
    breaker.reset("operator")
    told.append(breaker.failures)

    assert told == [0, 1, 2, 3, 4, 0, 0]


def test_it_tells_how_long_ago_a_moment_was(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.advance(18)

    assert [breaker.since(change.at) for change in breaker.changes] == [18.0]


def test_each_change_is_told_once_with_its_cause(breaker: Breaker, clock: FakeClock) -> None:
    told: list[Change] = []
    breaker.listen(told.append)

    for _ in range(3):
        end(breaker, TimedOut("no answer in time"))
    clock.advance(60)
    end(breaker, None)
    end(breaker, None)
    end(breaker, None)

    assert told == list(breaker.changes)
    assert told == [
        Change(0.0, "closed", "open", "no answer in time"),
        Change(60.0, "open", "half_open", "time to try again"),
        Change(60.0, "half_open", "closed", "verusd answers again"),
    ]


def test_only_the_newest_changes_are_remembered(breaker: Breaker) -> None:
    for _ in range(HISTORY):
        open_it(breaker)
        breaker.reset("again")

    assert len(breaker.changes) == HISTORY


def test_it_says_what_it_is(breaker: Breaker, clock: FakeClock) -> None:
    said = [repr(breaker)]
    open_it(breaker)
    clock.advance(18)
    said.append(repr(breaker))
    clock.advance(50)
    with breaker.guard():
        said.append(repr(breaker))

    assert said == [
        "<Breaker closed, 0 failures>",
        "<Breaker open, 1 failures, retry in 42 s>",
        "<Breaker half open, 1 in flight, 0 succeeded>",
    ]


def test_how_long_to_wait_depends_on_the_state(breaker: Breaker, clock: FakeClock) -> None:
    waits = [breaker.retry_after()]
    open_it(breaker)
    waits.append(breaker.retry_after())
    clock.advance(100)
    waits.append(breaker.retry_after())
    with breaker.guard():
        waits.append(breaker.retry_after())

    assert waits == [0.0, 60.0, 0.0, 1.0]


def test_thresholds_may_be_as_great_as_one_likes(clock: FakeClock) -> None:
    rules = Rules(failure_threshold=1000, recovery_timeout=60, half_open_max_requests=1000)
    breaker = Breaker(rules, clock)
    names = []
    for error in [Refused("no"), None]:
        for _ in range(999):
            end(breaker, error)
        names.append(breaker.name)
        end(breaker, error)
        names.append(breaker.name)
        clock.advance(60)

    assert names == ["closed", "open", "half_open", "closed"]


def test_no_more_than_a_thousand_trials_pass_where_the_rules_say_a_thousand(
    clock: FakeClock,
) -> None:
    rules = Rules(failure_threshold=1, recovery_timeout=60, half_open_max_requests=1000)
    breaker = Breaker(rules, clock)
    end(breaker, Refused("no"))
    clock.advance(60)

    with ExitStack() as trials:
        for _ in range(1000):
            trials.enter_context(breaker.guard())
        refused = breaker.refuses()

    assert (refused, breaker.name) == (True, "closed")


def test_an_answer_to_a_breaker_without_failures_costs_no_new_state(breaker: Breaker) -> None:
    before = breaker.state

    end(breaker, None)

    assert breaker.state is before


@pytest.mark.parametrize(
    "value", [RULES, Closed(), Open(1.0), HalfOpen(), Change(0.0, "closed", "open", "none")]
)
def test_rules_states_and_changes_stay_as_they_are(value: Any) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, 1)
    assert not hasattr(value, "__dict__")


def test_it_tells_until_when_it_refuses_and_that_it_does_not(
    breaker: Breaker, clock: FakeClock
) -> None:
    told = [breaker.refuses_until()]
    open_it(breaker)
    told.append(breaker.refuses_until())
    clock.advance(60)
    with breaker.guard():
        told.append(breaker.refuses_until())

    assert told == [-math.inf, 60.0, -math.inf]
