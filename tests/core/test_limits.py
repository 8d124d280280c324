import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.auth import Caller, anonymous
from verus_gateway.buckets import Allowance, Bucket, Buckets, unlimited
from verus_gateway.errors import RateLimited, Shed
from verus_gateway.limits import LINGER, Limiter, Quota
from verus_gateway.testing import FakeClock

STRANGER = anonymous(["public"])
ALICE = Caller("alice", frozenset(), "gold")
BOB = Caller("bob", frozenset(), "default")
HOME = "192.0.2.1"


def allowance(name: str, rate: float = 1.0, burst: float = 5.0, concurrent: int = 2) -> Allowance:
    return Allowance(name=name, rate=rate, burst=burst, concurrent=concurrent)


CLASSES = {
    "anonymous": allowance("anonymous"),
    "default": allowance("default", burst=10),
    "gold": allowance("gold", rate=10, burst=20, concurrent=8),
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.fixture
def limiter(clock: FakeClock) -> Limiter:
    return Limiter(CLASSES, most=10, reserved=4, clock=clock)


def spend(limiter: Limiter, caller: Caller, address: str = HOME, cost: int = 1) -> int:
    """Return how many calls pass before the first is refused."""
    for passed in range(1_000):
        if limiter.take(caller, address, cost):
            return passed
    raise AssertionError("nothing was refused")


# ---------------------------------------------------------------- rates


def test_a_burst_passes_and_then_the_rate(limiter: Limiter, clock: FakeClock) -> None:
    burst = spend(limiter, STRANGER)
    clock.advance(3.0)

    assert (burst, spend(limiter, STRANGER)) == (5, 3)


def test_who_is_refused_is_told_when_to_come_again_and_charged_nothing(
    limiter: Limiter, clock: FakeClock
) -> None:
    spend(limiter, STRANGER)

    waits = [limiter.take(STRANGER, HOME) for _ in range(100)]
    clock.advance(waits[-1])

    assert waits == [1.0] * 100
    assert limiter.take(STRANGER, HOME) == 0.0


def test_a_bucket_holds_no_more_than_the_burst(limiter: Limiter, clock: FakeClock) -> None:
    spend(limiter, STRANGER)
    clock.advance(1_000_000)

    assert spend(limiter, STRANGER) == 5


def test_a_call_is_charged_what_it_costs(limiter: Limiter) -> None:
    assert spend(limiter, ALICE, cost=5) == 4
    assert spend(limiter, BOB, cost=3) == 3
    assert limiter.take(BOB, HOME) == 0.0


def test_what_costs_more_than_the_burst_passes_a_full_bucket_and_leaves_debt(
    limiter: Limiter, clock: FakeClock
) -> None:
    first, second = limiter.take(STRANGER, HOME, 50), limiter.take(STRANGER, HOME, 50)
    clock.advance(49.9)
    third = limiter.take(STRANGER, HOME, 50)
    clock.advance(third)

    assert (first, second) == (0.0, 50.0)
    assert third == pytest.approx(0.1)
    assert limiter.take(STRANGER, HOME, 50) == 0.0


def test_addresses_have_buckets_of_their_own(limiter: Limiter) -> None:
    spend(limiter, STRANGER, HOME)

    assert limiter.take(STRANGER, "192.0.2.2") == 0.0


def test_a_named_caller_is_charged_wherever_it_calls_from(limiter: Limiter) -> None:
    spend(limiter, ALICE, "192.0.2.1")

    assert limiter.take(ALICE, "192.0.2.2") > 0


def test_a_named_caller_does_not_pay_for_strangers_at_its_address(limiter: Limiter) -> None:
    spend(limiter, STRANGER)

    assert spend(limiter, ALICE) == 20


def test_a_subject_that_is_spelt_as_an_address_is_still_another(limiter: Limiter) -> None:
    spend(limiter, STRANGER, HOME)

    assert limiter.take(Caller(HOME, frozenset(), "default"), HOME) == 0.0


def test_a_class_that_nobody_configured_is_the_default_one(limiter: Limiter) -> None:
    assert spend(limiter, Caller("carol", frozenset(), "platinum")) == 10


def test_another_class_counts_from_the_next_call_on(limiter: Limiter, clock: FakeClock) -> None:
    spend(limiter, BOB)

    better = Caller("bob", frozenset(), "gold")
    refused = limiter.take(better, HOME)
    clock.advance(refused)

    assert refused == pytest.approx(0.1)
    assert limiter.take(better, HOME) == 0.0


def test_a_class_without_limits_never_refuses(clock: FakeClock) -> None:
    classes = {name: unlimited(name) for name in ("anonymous", "default")}
    limiter = Limiter(classes, most=1, clock=clock)

    waits = {limiter.take(STRANGER, HOME, 1000) for _ in range(1000)}

    assert waits == {0.0}
    assert limiter.quota(STRANGER, HOME) is None


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 9)), max_size=80),
)
def test_no_more_passes_in_any_time_than_burst_and_rate_allow(
    rate: float, burst: int, calls: list[tuple[float, int]]
) -> None:
    clock = FakeClock()
    limiter = Limiter(
        {name: allowance(name, rate, burst) for name in ("anonymous", "default")},
        most=1,
        clock=clock,
    )
    passed: list[tuple[float, int]] = []

    for pause, cost in calls:
        clock.advance(pause)
        if not limiter.take(STRANGER, HOME, cost):
            passed.append((clock.now, cost))

    for begin in range(len(passed)):
        spent = 0
        for moment, cost in passed[begin:]:
            allowed = burst + rate * (moment - passed[begin][0])
            # The last call of a span may be one that costs more than the burst.
            assert spent + min(cost, burst) <= allowed + 1e-6
            spent += cost


def stands(bucket: Bucket) -> tuple[float, float, float]:
    return bucket.full_at, bucket.spent, bucket.last


def test_a_bucket_tells_what_it_was_charged_last_where_it_was_full_before() -> None:
    bucket, told = Bucket(allowance("x", rate=2.0, burst=5.0)), []
    for cost, now in ((2, 10.0), (3, 10.0), (1, 10.0), (1, 12.5), (9, 12.5)):
        wait = bucket.charge(cost, now)
        told.append((wait, *stands(bucket)))

    assert told == [
        (0.0, 11.0, 2.0, 2),
        (0.0, 12.5, 5.0, 0),
        (0.5, 12.5, 5.0, 0),
        (0.0, 13.0, 6.0, 1),
        (0.5, 13.0, 6.0, 0),
    ]


def test_who_is_deep_in_debt_early_on_is_told_how_long_that_lasts() -> None:
    bucket = Bucket(allowance("x", rate=2.0, burst=5.0))
    bucket.charge(9, 1.0)

    assert bucket.charge(9, 1.0) == 4.5
    assert not bucket.charge_together(1, 1.0)
    assert bucket.left(1.0) == (0.0, 4.5)
    assert bucket.left(4.5) == (3.0, 1.0)
    assert bucket.left(9.0) == (5.0, 0.0)


def test_calls_are_charged_together_where_each_could_be_charged_after_the_others() -> None:
    bucket, told = Bucket(allowance("x", rate=2.0, burst=5.0)), []
    assert stands(bucket) == (-math.inf, 0.0, 0)
    for cost, now in ((6, 10.0), (5, 10.0), (1, 10.0), (1, 11.0), (6, 13.0), (2, 13.0), (3, 13.0)):
        charged = bucket.charge_together(cost, now)
        told.append((charged, *stands(bucket)))

    assert told == [
        (False, -math.inf, 0.0, 0),
        (True, 12.5, 5.0, 5),
        (False, 12.5, 5.0, 5),
        (True, 13.0, 6.0, 0),
        (False, 13.0, 6.0, 0),
        (True, 14.0, 8.0, 2),
        (True, 15.5, 11.0, 0),
    ]


# ---------------------------------------------------------------- calls at once


def test_a_caller_has_so_many_calls_at_once_and_no_more(limiter: Limiter) -> None:
    with (
        limiter.inside_for(STRANGER, HOME),
        limiter.inside_for(STRANGER, HOME),
        pytest.raises(RateLimited) as caught,
        limiter.inside_for(STRANGER, HOME),
    ):
        pass

    assert caught.value.data == {"reason": "concurrency", "retry_after": 1.0}
    with limiter.inside_for(STRANGER, HOME, 5) as places:
        assert places == 2
    assert limiter.inside == 0


def test_a_caller_is_given_the_places_that_are_left_of_its_own(limiter: Limiter) -> None:
    with limiter.inside_for(ALICE, HOME, 3), limiter.inside_for(ALICE, HOME, 8) as places:
        assert (places, limiter.inside) == (5, 8)


def test_no_place_is_reserved_unless_said_so(clock: FakeClock) -> None:
    limiter = Limiter(CLASSES, most=3, clock=clock)

    with limiter.inside_for(STRANGER, "a", 2), limiter.inside_for(STRANGER, "b", 2) as places:
        assert places == 1


def test_strangers_leave_the_reserved_places_to_named_callers(limiter: Limiter) -> None:
    with (
        limiter.inside_for(STRANGER, "a", 2),
        limiter.inside_for(STRANGER, "b", 2),
        limiter.inside_for(STRANGER, "c", 2),
    ):
        with pytest.raises(Shed) as caught, limiter.inside_for(STRANGER, "d"):
            pass
        with limiter.inside_for(ALICE, "d", 8) as places:
            pass
        with limiter.inside_for(ALICE, "d", 4), pytest.raises(Shed):
            limiter.inside_for(BOB, "d").__enter__()

    assert caught.value.status == 503
    assert places == 4
    assert limiter.refused == {("anonymous", "load"): 1, ("default", "load"): 1}


def test_a_place_comes_back_from_a_call_that_fails(limiter: Limiter) -> None:
    with pytest.raises(ZeroDivisionError), limiter.inside_for(STRANGER, HOME):
        raise ZeroDivisionError

    assert limiter.inside == 0
    assert repr(limiter) == "<Limiter 0 of 10 calls inside, 0 named callers, 1 strangers>"


# ---------------------------------------------------------------- what is told


def test_the_quota_tells_what_is_left_and_when_it_is_all_back(
    limiter: Limiter, clock: FakeClock
) -> None:
    fresh = limiter.quota(ALICE, HOME)
    limiter.take(ALICE, HOME, 15)
    clock.advance(0.5)

    assert fresh == Quota("gold", 20, 2.0, 20, 0.0)
    assert limiter.quota(ALICE, HOME) == Quota("gold", 20, 2.0, 10, 1.0)


def test_a_quota_in_debt_is_empty(limiter: Limiter) -> None:
    limiter.take(STRANGER, HOME, 50)

    assert limiter.quota(STRANGER, HOME) == Quota("anonymous", 5, 5.0, 0.0, 50.0)


def test_the_fullest_come_first_and_those_at_rest_are_not_told(
    limiter: Limiter, clock: FakeClock
) -> None:
    limiter.take(BOB, HOME, 1)
    clock.advance(10)
    limiter.take(ALICE, HOME, 5)
    limiter.take(STRANGER, HOME, 5)
    limiter.take(STRANGER, "192.0.2.2", 1)

    told = [(each.who, each.named, each.rate_class) for each in limiter.fullest(2)]

    assert told == [(HOME, False, "anonymous"), ("alice", True, "gold")]
    assert [each.used for each in limiter.fullest()] == pytest.approx([1.0, 0.25, 0.2])
    assert (limiter.near(named=False), limiter.near(named=True)) == (1, 0)


def test_of_those_who_have_used_as_much_ten_are_told_in_the_order_of_their_names(
    limiter: Limiter,
) -> None:
    for number in range(10, 22):
        limiter.take(STRANGER, f"192.0.2.{number}")

    told = [each.who for each in limiter.fullest()]

    assert told == [f"192.0.2.{number}" for number in range(21, 11, -1)]


def test_who_is_full_again_is_told_no_more(limiter: Limiter, clock: FakeClock) -> None:
    limiter.take(STRANGER, HOME, 4)
    near = limiter.near(named=False)
    clock.advance(4.0)

    assert (near, limiter.fullest(), limiter.near(named=False)) == (1, [], 0)


def test_the_classes_are_told_by_their_names(limiter: Limiter) -> None:
    assert limiter.classes == ("anonymous", "default", "gold")


def test_calls_under_way_are_told_too(limiter: Limiter) -> None:
    with limiter.inside_for(ALICE, HOME, 3):
        [told] = limiter.fullest()

    assert (told.who, told.used, told.inside) == ("alice", 0.0, 3)


def test_a_class_without_limits_is_never_near_them() -> None:
    assert Bucket(unlimited("x")).used(0.0) == 0.0


def test_what_is_told_of_a_caller_stays_as_it_was(limiter: Limiter) -> None:
    limiter.take(ALICE, HOME)
    told: list[Any] = [limiter.quota(ALICE, HOME), *limiter.fullest()]

    for each in told:
        with pytest.raises(AttributeError):
            setattr(each, each.__struct_fields__[0], "root")


def test_a_bucket_that_nobody_used_is_full_whatever_the_clock_says() -> None:
    assert [Bucket(allowance("x")).used(now) for now in (-1e9, 0.0, 1e9)] == [0.0] * 3


# ---------------------------------------------------------------- memory


def test_addresses_by_the_million_are_not_remembered_and_push_nobody_out(
    clock: FakeClock,
) -> None:
    limiter = Limiter(CLASSES, most=10, remembered=100, clock=clock)
    spend(limiter, ALICE)

    for number in range(10_000):
        limiter.take(STRANGER, f"address {number}")

    assert limiter.remembered(named=False) <= 100
    assert limiter.dropped >= 9_800
    assert limiter.take(ALICE, HOME) > 0


def test_callers_of_both_kinds_that_are_dropped_are_counted(clock: FakeClock) -> None:
    limiter = Limiter(CLASSES, most=10, remembered=2, clock=clock)

    for number in range(9):
        limiter.take(STRANGER, f"address {number}")
        limiter.take(Caller(f"{number}", frozenset(), "gold"), HOME)

    assert limiter.dropped == 14


def test_a_stranger_who_keeps_calling_is_not_forgotten_among_others(clock: FakeClock) -> None:
    limiter = Limiter(CLASSES, most=10, remembered=100, clock=clock)
    spend(limiter, STRANGER, HOME)

    waits = []
    for number in range(10_000):
        limiter.take(STRANGER, f"address {number}")
        waits.append(limiter.take(STRANGER, HOME) > 0)

    assert Counter(waits) == {True: 10_000}


@pytest.mark.parametrize(
    ("most", "held"), [(1, 2), (2, 2), (3, 2), (4, 4), (100, 100), (101, 100), (1000, 1000)]
)
def test_as_many_are_remembered_as_there_is_room_for(most: int, held: int) -> None:
    store, sizes = Buckets(most, LINGER), set()

    for number in range(4 * most):
        store.find(str(number), CLASSES["default"], 0.0)
        sizes.add(len(store))

    assert max(sizes) == held
    assert store.dropped == 4 * most - len(store)


def test_a_generation_lasts_from_its_first_caller_on() -> None:
    store, young = Buckets(100, LINGER), []
    for number, now in enumerate((100.0, LINGER + 99.9, LINGER + 100.0)):
        store.find(str(number), CLASSES["default"], now)
        young.append(len(store.young))

    assert young == [1, 2, 1]


def test_who_stays_away_is_forgotten_once_the_bucket_is_full_again() -> None:
    store = Buckets(100, LINGER)
    store.find("old", CLASSES["default"], 0.0)

    store.find("new", CLASSES["default"], LINGER)
    kept = len(store)
    store.find("newer", CLASSES["default"], 2 * LINGER)
    store.find("newest", CLASSES["default"], 3 * LINGER)

    assert kept == 2
    assert "old" not in dict(store.items())
    assert store.dropped == 0


def test_a_bucket_is_remembered_for_as_long_as_it_takes_to_pay_the_deepest_debt(
    clock: FakeClock,
) -> None:
    slow = {name: allowance(name, rate=0.01, burst=100) for name in ("anonymous", "default")}
    limiter, remembered = Limiter(slow, most=10, clock=clock), []

    # An empty bucket fills in 10,000 seconds, and a call may cost 100: as many more.
    for number, pause in enumerate((0.0, 19_999.5, 0.5, 19_999.5, 0.5)):
        clock.advance(pause)
        limiter.take(STRANGER, f"address {number}")
        remembered.append(limiter.remembered(named=False))

    assert remembered == [1, 2, 3, 4, 3]


def test_an_old_bucket_that_is_used_becomes_young_again() -> None:
    store = Buckets(100, LINGER)
    bucket = store.find("a", CLASSES["default"], 0.0)
    store.find("b", CLASSES["default"], LINGER)

    assert store.find("a", CLASSES["default"], LINGER + 1) is bucket
    assert store.young["a"] is bucket


# ---------------------------------------------------------------- several instances


def test_instances_share_an_allowance(limiter: Limiter, clock: FakeClock) -> None:
    limiter.split(2)

    first = spend(limiter, ALICE)
    clock.advance(1.0)

    assert (first, spend(limiter, ALICE)) == (10, 5)


def test_instances_share_an_odd_allowance_exactly(limiter: Limiter) -> None:
    limiter.split(2)

    quota = limiter.quota(STRANGER, HOME)

    assert quota is not None
    assert (quota.burst, quota.window) == (2.5, 5.0)


def test_a_caller_goes_on_when_instances_come_and_go(limiter: Limiter, clock: FakeClock) -> None:
    spend(limiter, ALICE)

    limiter.split(4)
    clock.advance(0.5)
    divided = spend(limiter, ALICE)
    limiter.split(1)
    clock.advance(0.5)

    assert (divided, spend(limiter, ALICE)) == (1, 6)  # a quarter was left: a twentieth


def test_a_stranger_in_use_goes_by_what_instances_share(limiter: Limiter, clock: FakeClock) -> None:
    spend(limiter, STRANGER)

    limiter.split(5)
    clock.advance(5.0)

    assert spend(limiter, STRANGER) == 1


def test_classes_that_change_are_not_shared_where_there_is_one_instance(limiter: Limiter) -> None:
    limiter.adopt({**CLASSES, "anonymous": allowance("anonymous", burst=80)})

    quota = limiter.quota(STRANGER, HOME)

    assert quota is not None
    assert quota.burst == 80


def test_however_many_instances_share_each_grants_a_burst_of_one(limiter: Limiter) -> None:
    limiter.split(100)

    quota = limiter.quota(STRANGER, HOME)

    assert quota is not None
    assert quota.burst == 1.0


def test_classes_that_change_count_for_buckets_in_use_and_stay_shared(limiter: Limiter) -> None:
    limiter.split(2)
    spend(limiter, STRANGER)

    limiter.adopt({**CLASSES, "anonymous": allowance("anonymous", burst=80)})

    quota = limiter.quota(STRANGER, "192.0.2.2")
    assert quota is not None
    assert quota.burst == 40, "half of it, as there are two instances"
    assert limiter.take(STRANGER, HOME, 20) > 0, "what was used up stays used up"
