import math

import pytest
from core.doubles import UNSURE, Now

from verus_gateway import rpc
from verus_gateway.cache import OVERHEAD, Cache, Entry, key
from verus_gateway.freshness import Fallback, Ttl
from verus_gateway.plugin import (
    FOREVER,
    MEMPOOL,
    PUBLIC,
    TIP,
    Constant,
    Method,
    Stale,
    UntilBlock,
    method,
)
from verus_gateway.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> Cache:
    return Cache(max_size=10_000, max_entry_size=5_000, tip_max_age=120, clock=clock)


def entry(value: bytes = b"1", at: float = 0.0, tip: str = "a", branch: int = 0) -> Entry:
    return Entry(value, at, tip, branch)


def row(ttl: Ttl, fallback: Fallback = None) -> Method:
    return method("x", summary="x", scope=PUBLIC, ttl=ttl, fallback=fallback, retry=True)


# ---------------------------------------------------------------- keys


def test_the_key_tells_chains_methods_and_parameters_apart() -> None:
    keys = {
        key(chain, name, rpc.canonical(params))
        for chain in ("VRSC", "VRSCTEST")
        for name in ("getblock", "getblockhash")
        for params in ([], [1], ["1"], [True], [None])
    }

    assert len(keys) == 20


# ---------------------------------------------------------------- room


def test_what_is_kept_is_found(cache: Cache) -> None:
    kept = entry(b"12")

    cache.keep(b"k", kept)

    assert cache.find(b"k") is kept
    assert cache.find(b"other") is None
    assert (len(cache), cache.size) == (1, 1 + 2 + OVERHEAD)


def test_what_is_kept_again_takes_the_place_of_the_first(cache: Cache) -> None:
    cache.keep(b"k", entry(b"12345"))

    cache.keep(b"k", entry(b"1"))

    assert (len(cache), cache.size, cache.evictions) == (1, 1 + 1 + OVERHEAD, 0)


def test_the_bytes_are_bounded_whatever_is_kept(cache: Cache) -> None:
    for number in range(200):
        cache.keep(b"%d" % number, entry(b"x" * (number * 37 % 4_000)))
        held = [cache.find(b"%d" % each) for each in range(number + 1)]
        kept = [each for each in held if each is not None]

        assert cache.size <= 10_000
        assert len(cache) == len(kept)
    assert cache.evictions == 200 - len(cache)


def test_what_was_not_used_for_longest_goes_first(cache: Cache) -> None:
    for name in (b"a", b"b", b"c"):
        cache.keep(name, entry(b"x" * 3_000))
    cache.find(b"a")

    cache.keep(b"d", entry(b"x" * 3_000))

    assert cache.find(b"b") is None
    assert [cache.find(name) is not None for name in (b"a", b"c", b"d")] == [True, True, True]
    assert cache.evictions == 1


def test_an_answer_over_the_limit_is_not_kept_and_the_old_one_goes(cache: Cache) -> None:
    cache.keep(b"k", entry(b"old"))

    cache.keep(b"k", entry(b"x" * 5_001))

    assert cache.find(b"k") is None
    assert (len(cache), cache.size) == (0, 0)


def test_a_cache_without_room_keeps_nothing(clock: FakeClock) -> None:
    cache = Cache(max_size=0, max_entry_size=0, tip_max_age=1, clock=clock)

    cache.keep(b"k", entry(b""))

    assert (len(cache), cache.size) == (0, 0)


def test_everything_can_be_forgotten(cache: Cache) -> None:
    cache.keep(b"k", entry())

    cache.clear()

    assert (len(cache), cache.size, cache.find(b"k")) == (0, 0, None)


def test_it_says_what_it_holds(cache: Cache) -> None:
    cache.keep(b"k", entry(b"1"))

    assert repr(cache) == "<Cache 1 entries, 302 of 10000 bytes>"


# ---------------------------------------------------------------- freshness


@pytest.mark.parametrize("ttl", [TIP, MEMPOOL])
def test_an_answer_until_the_next_block_is_fresh_under_its_tip_only(
    cache: Cache, ttl: UntilBlock
) -> None:
    kept = entry(tip="a")

    fresh = [cache.fresh(ttl, kept, now) for now in (Now("a"), Now("b"), UNSURE)]

    assert fresh == [True, False, False]


@pytest.mark.parametrize("ttl", [TIP, MEMPOOL])
def test_an_answer_from_before_any_tip_was_known_is_never_fresh(
    cache: Cache, ttl: UntilBlock
) -> None:
    assert not cache.fresh(ttl, entry(tip=""), Now("", sure_until=-math.inf))


@pytest.mark.parametrize(("ttl", "most"), [(TIP, 120), (MEMPOOL, 2), (UntilBlock(500), 120)])
def test_without_a_block_it_is_fresh_for_so_long_at_most(
    cache: Cache, clock: FakeClock, ttl: UntilBlock, most: float
) -> None:
    fresh = []
    for now in (0, most - 0.1, most):
        clock.now = now
        fresh.append(cache.fresh(ttl, entry(), Now()))

    assert fresh == [True, True, False]


def test_an_answer_for_seconds_outlives_blocks_but_no_reorganisation(
    cache: Cache, clock: FakeClock
) -> None:
    kept, ttl = entry(tip="a", branch=1), 5.0
    fresh = [
        cache.fresh(ttl, kept, now) for now in (Now("b", 1), Now("b", 1, -math.inf), Now("a", 2))
    ]
    clock.advance(5)
    fresh.append(cache.fresh(ttl, kept, Now("a", 1)))

    assert fresh == [True, True, False, False]


def test_what_can_never_change_is_fresh_for_ever(cache: Cache, clock: FakeClock) -> None:
    clock.advance(10**9)

    assert cache.fresh(FOREVER, entry(tip="", branch=0), Now("b", 7, -math.inf))


def test_nothing_is_fresh_for_no_time(cache: Cache) -> None:
    assert not cache.fresh(0, entry(), Now())


# ---------------------------------------------------------------- staleness


def test_an_old_answer_stands_in_as_long_as_its_row_says(cache: Cache, clock: FakeClock) -> None:
    usable = []
    for now in (0, 60, 60.1):
        clock.now = now
        usable.append(cache.usable(row(TIP, Stale(60)), entry()))

    assert usable == [True, True, False]


@pytest.mark.parametrize("fallback", [None, Constant(1)])
def test_a_row_without_stale_takes_no_old_answer(cache: Cache, fallback: Fallback) -> None:
    assert not cache.usable(row(TIP, fallback), entry())


def test_a_clock_that_goes_back_makes_nothing_younger_than_now(
    cache: Cache, clock: FakeClock
) -> None:
    clock.now = -5

    assert cache.age(entry(at=0)) == 0.0
    assert cache.now() == -5


def test_a_slow_answer_does_not_push_out_a_newer_one(cache: Cache) -> None:
    cache.keep(b"k", entry(b"new", at=2.0))

    cache.keep(b"k", entry(b"old", at=1.0))

    kept = cache.find(b"k")
    assert kept is not None
    assert kept.value == b"new"
