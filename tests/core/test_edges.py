"""Limits exactly where they are, for what a change by one would not be noticed otherwise."""

import math
from typing import Any

import pytest
from core.doubles import Now

from verus_gateway import rpc
from verus_gateway.auth import Caller, anonymous
from verus_gateway.buckets import Allowance, unlimited
from verus_gateway.cache import OVERHEAD, Cache, Entry, Want
from verus_gateway.errors import InvalidRequest, ParseError, RateLimited, Shed
from verus_gateway.limits import Limiter
from verus_gateway.plugin import MEMPOOL, TIP, Constant, Stale, UntilBlock
from verus_gateway.rpc import Call, Refusal
from verus_gateway.testing import FakeClock

# ---------------------------------------------------------------- the envelope


def called(params: bytes = b"[]", id: bytes = b"1", version: bytes = b'"2.0"') -> bytes:
    return b'{"jsonrpc":%b,"id":%b,"method":"m","params":%b}' % (version, id, params)


def test_params_are_as_deep_as_they_may_be_and_no_deeper() -> None:
    deepest = b"[" * rpc.MAX_DEPTH + b"]" * rpc.MAX_DEPTH

    assert rpc.MAX_DEPTH == 64
    assert isinstance(rpc.decode(called(deepest)), Call)
    with pytest.raises(ParseError, match="nested too deeply"):
        rpc.decode(called(b"[" + deepest + b"]"))


def test_an_id_is_as_long_as_it_may_be_and_no_longer() -> None:
    longest = b'"' + b"x" * 254 + b'"'

    assert len(longest) == rpc.MAX_ID == 256
    assert isinstance(rpc.decode(called(id=longest)), Call)
    assert isinstance(rpc.decode(called(id=longest[:-1] + b'x"')), Refusal)


@pytest.mark.parametrize(
    ("version", "taken"),
    [(b"1", True), (b"1.0", True), (b"1.1", True), (b"0", False), (b"2", False), (b"true", False)],
)
def test_a_version_is_one_that_exists(version: bytes, *, taken: bool) -> None:
    assert isinstance(rpc.decode(called(version=version)), Call) == taken


def test_a_batch_has_a_hundred_calls_unless_said_otherwise() -> None:
    members = [called()] * 101

    assert len(rpc.split(b"[" + b",".join(members[:100]) + b"]", 100)) == 100
    assert isinstance(rpc.decode(b"[" + b",".join(members[:100]) + b"]"), list)
    with pytest.raises(InvalidRequest, match="at most 100 calls, this one 101"):
        rpc.decode(b"[" + b",".join(members) + b"]")


@pytest.mark.parametrize(
    "text",
    [
        b'{"id":1,"method":"m","method":"n"}',
        b'{"id":1,"method":"m","params":{"a":1,"a":2}}',
        b'{"id":1,"method":"m","x":{"a":1,"a":2}}',
        b'{"id":{"a":1,"a":2},"method":"m"}',
    ],
)
def test_a_member_by_itself_has_no_key_twice(text: bytes) -> None:
    with pytest.raises(ParseError, match="duplicate key"):
        rpc.member(text)
    assert isinstance(rpc.member(b'{"id":1,"method":"a:b","params":["::"]}'), Call)


@pytest.mark.parametrize(
    "body",
    [
        b'[7,{"method":"m","id":1,"id":2}]',
        b'{"method":"m","params":{"a":1,"b":2,"c":3,"a":1,"b":2,"c":3}}',
        b'{"method":"m","params":{"a":1,"b":2,"c":3,"a":1}}',
        b'{"id":1,"id":2}',
    ],
)
def test_no_count_of_members_hides_a_key_that_comes_twice(body: bytes) -> None:
    with pytest.raises(ParseError, match="duplicate key"):
        rpc.decode(body)


@pytest.mark.parametrize("text", [b"7", b"[]", b'"x"', b"null"])
def test_what_is_no_object_is_refused_without_an_id_in_the_older_dialect(text: bytes) -> None:
    refusal = rpc.member(text)

    assert isinstance(refusal, Refusal)
    assert (refusal.id, refusal.v2) == (b"null", False)


def test_no_number_of_members_is_taken_for_a_key_that_comes_twice() -> None:
    names = ",".join(f'"{number}":":"' for number in range(1_000))

    assert isinstance(rpc.decode(b'{"method":"m","params":{%b}}' % names.encode()), Call)


def test_a_complaint_is_short_and_says_what_is_wrong() -> None:
    with pytest.raises(ParseError, match=r"not JSON: .+") as short:
        rpc.decode(b"{]")
    with pytest.raises(ParseError) as long:
        rpc.decode(b"\xff" * 4_000)

    assert len(short.value.message) > len("not JSON: ")
    assert len(long.value.message) <= len("not JSON: ") + 120


def test_a_complaint_about_a_result_has_120_characters_at_most() -> None:
    strange = type("x" * 200, (), {})()

    with pytest.raises(ValueError, match="JSON cannot carry it: ") as caught:
        rpc.encode(strange)

    assert len(str(caught.value)) == len("JSON cannot carry it: ") + 120


# ---------------------------------------------------------------- the cache


@pytest.fixture
def cache() -> Cache:
    return Cache(max_size=10_000, max_entry_size=5_000, tip_max_age=120, clock=FakeClock(1000.0))


def test_ages_are_counted_from_when_a_call_was_sent(cache: Cache) -> None:
    kept = Entry(b"1", 990.0, "a", 0)

    assert cache.age(kept) == 10.0
    assert cache.age(Entry(b"1", 1001.0, "a", 0)) == 0.0


def test_an_answer_of_the_greatest_size_is_kept(cache: Cache) -> None:
    cache.keep(b"k", Entry(b"x" * 5_000, 1.0, "a", 0))

    assert len(cache) == 1
    assert cache.size == 1 + 5_000 + OVERHEAD


def test_a_newer_answer_takes_the_place_of_an_older_one(cache: Cache) -> None:
    for at in (1.0, 1.0, 2.0):
        cache.keep(b"k", Entry(b"%d" % at, at, "a", 0))

    kept = cache.find(b"k")
    assert kept is not None
    assert kept.value == b"2"


def test_a_branch_that_was_known_later_is_another_branch_too(cache: Cache) -> None:
    at = [cache.fresh(60.0, Entry(b"1", 999.0, "a", branch), Now(branch=5)) for branch in (4, 5, 6)]

    assert at == [False, True, False]


def test_freshness_goes_by_what_things_are_and_not_by_which_object_says_so(cache: Cache) -> None:
    now = Now(str(b"block 7", "ascii"), int("1000"))
    kept = Entry(b"1", 1000.0, "block 7", 1000)

    assert [cache.fresh(ttl, kept, now) for ttl in (TIP, 60.0)] == [True, True]
    assert cache.fresh(float("inf"), Entry(b"1", 0.0, "", 0), now)


@pytest.mark.parametrize("tip", ["a", "c", ""])
def test_an_answer_under_another_tip_or_branch_is_fresh_at_no_time(cache: Cache, tip: str) -> None:
    under = cache.fresh_until(TIP, Entry(b"1", 1000.0, tip, 1), Now("b", 1))
    beside = cache.fresh_until(60.0, Entry(b"1", 1000.0, tip, 1), Now("b", 2))

    assert (under, beside) == (-math.inf, -math.inf)


def test_answers_and_what_is_asked_of_the_tier_behind_stay_as_they_are() -> None:
    want = Want(key=b"k", tip="a", fresh=lambda _: True, patience=1.0)

    for value, name in ((Entry(b"1", 0.0, "a", 0), "value"), (want, "key"), (want, "patience")):
        with pytest.raises(AttributeError):
            setattr(value, name, b"")
        assert not hasattr(value, "__dict__")


def test_what_is_much_too_old_is_not_fresh_either(cache: Cache) -> None:
    at = [cache.fresh(60.0, Entry(b"1", sent, "a", 0), Now()) for sent in (950.0, 940.0, 900.0)]

    assert at == [True, False, False]


@pytest.mark.parametrize(
    ("ttl", "fallback", "seconds"),
    [
        (TIP, None, 120.0),
        (MEMPOOL, None, 2.0),
        (UntilBlock(500), None, 120.0),
        (5.0, None, 5.0),
        (0.0, None, 0.0),
        (0.0, Constant(1), 0.0),
        (5.0, Stale(60), 60.0),
        (300.0, Stale(60), 300.0),
        (math.inf, None, 86_400.0),
    ],
)
def test_the_tier_behind_keeps_an_answer_while_it_is_of_use(
    cache: Cache, ttl: float | UntilBlock, fallback: Stale | Constant | None, seconds: float
) -> None:
    assert cache.lasts(ttl, fallback) == seconds


# ---------------------------------------------------------------- allowances

STRANGER = anonymous(["public"])
ALICE = Caller("alice", frozenset(), "default")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.fixture
def limiter(clock: FakeClock) -> Limiter:
    classes = {
        name: Allowance(name=name, rate=2.0, burst=10.0, concurrent=2)
        for name in ("anonymous", "default")
    }
    return Limiter(classes, most=10, clock=clock)


def left(limiter: Limiter, caller: Caller, address: str = "192.0.2.1") -> int:
    for passed in range(1_000):
        if limiter.take(caller, address):
            return passed
    raise AssertionError("nothing was refused")


def test_what_was_spent_elsewhere_is_charged_here(limiter: Limiter) -> None:
    limiter.take(ALICE, "192.0.2.1")
    limiter.charge({"alice": 4.0, "bob": 4.0}, named=True)
    limiter.charge({"192.0.2.9": 3.0}, named=False)

    assert left(limiter, ALICE) == 5
    assert left(limiter, STRANGER, "192.0.2.9") == 7
    assert left(limiter, Caller("bob", frozenset(), "default")) == 10
    assert (limiter.remembered(named=True), limiter.remembered(named=False)) == (2, 1)


def test_debt_made_elsewhere_is_twice_the_allowance_at_most(
    limiter: Limiter, clock: FakeClock
) -> None:
    limiter.charge({"192.0.2.1": 1_000.0}, named=False)
    clock.advance(5.0)
    still = left(limiter, STRANGER)
    clock.advance(5.0)

    assert (still, left(limiter, STRANGER)) == (0, 10)


def test_what_is_spent_is_told_once(limiter: Limiter) -> None:
    for cost in (1, 2):
        limiter.take(ALICE, "192.0.2.1", cost)
    limiter.take(STRANGER, "192.0.2.1", 4)

    told = [limiter.spent(named=True), limiter.spent(named=False), limiter.spent(named=True)]

    assert told == [{"alice": 3.0}, {"192.0.2.1": 4.0}, {}]


def test_each_refusal_counts_once(limiter: Limiter) -> None:
    left(limiter, ALICE)
    limiter.take(ALICE, "192.0.2.1")

    assert limiter.refused["default", "rate"] == 2


def test_instances_share_a_burst_and_keep_one_call_at_least(
    limiter: Limiter, clock: FakeClock
) -> None:
    limiter.split(4)
    quarter = left(limiter, STRANGER)
    clock.advance(1000.0)
    limiter.split(100)

    assert (quarter, left(limiter, ALICE)) == (2, 1)


def test_an_allowance_is_exact_and_stays_as_it_is() -> None:
    allowance: Any = Allowance(name="default", rate=2.0, burst=5.0, concurrent=2)

    assert (allowance.depth, allowance.pace) == (2.5, 0.5)
    assert allowance != Allowance(name="default", rate=2.0, burst=5.0, concurrent=2)
    with pytest.raises(AttributeError):
        allowance.rate = 1_000.0


def test_nobody_is_bounded_by_what_has_no_bound() -> None:
    allowance = unlimited("anonymous")

    assert allowance.concurrent > 10**6
    assert (allowance.depth, allowance.pace) == (0.0, 0.0)


def test_who_has_one_place_left_is_not_told_of_their_own_calls() -> None:
    classes = {
        name: Allowance(name=name, rate=2.0, burst=10.0, concurrent=2)
        for name in ("anonymous", "default")
    }
    limiter = Limiter(classes, most=1, clock=FakeClock())

    with (
        limiter.inside_for(ALICE, "192.0.2.1"),
        pytest.raises(Shed),
        limiter.inside_for(ALICE, "192.0.2.1"),
    ):
        pass
    roomy = Limiter(classes, most=9, clock=FakeClock())
    with (
        roomy.inside_for(ALICE, "192.0.2.1", 2),
        pytest.raises(RateLimited),
        roomy.inside_for(ALICE, "192.0.2.1"),
    ):
        pass
