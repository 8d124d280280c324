from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock


async def test_a_value_is_there_until_its_time_is_up() -> None:
    clock = FakeClock()
    shelf = MemoryShelf(clock=clock)
    await shelf.put("jti:a", b"x", 10)

    clock.advance(9.9)
    before = await shelf.get("jti:a")
    clock.advance(0.1)

    assert (before, await shelf.get("jti:a"), len(shelf)) == (b"x", None, 0)


async def test_a_key_is_claimed_once_and_again_when_its_time_is_up() -> None:
    clock = FakeClock()
    shelf = MemoryShelf(clock=clock)

    claims = [await shelf.claim("salt:a", 5), await shelf.claim("salt:a", 5)]
    clock.advance(5)

    assert [*claims, await shelf.claim("salt:a", 5)] == [True, False, True]


async def test_what_is_dropped_is_gone_and_its_old_end_does_not_hurt_a_new_value() -> None:
    clock = FakeClock()
    shelf = MemoryShelf(clock=clock)
    await shelf.put("a", b"1", 5)
    await shelf.drop("a")
    gone = await shelf.get("a")
    await shelf.put("a", b"2", 10)

    clock.advance(6)

    assert (gone, await shelf.get("a"), len(shelf)) == (None, b"2", 1)


async def test_a_full_shelf_drops_what_would_go_soonest_and_counts_it() -> None:
    shelf = MemoryShelf(2, FakeClock())
    await shelf.put("late", b"", 9)
    await shelf.put("soon", b"", 1)

    await shelf.put("new", b"", 5)

    assert await shelf.get("soon") is None
    assert await shelf.get("late") == await shelf.get("new") == b""
    assert shelf.dropped == 1
    assert repr(shelf) == "<MemoryShelf 2 of 2 values, 1 dropped>"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=60))
async def test_it_never_holds_more_than_it_may(puts: list[tuple[int, int]]) -> None:
    shelf = MemoryShelf(3, FakeClock())

    for key, seconds in puts:
        await shelf.put(str(key), b"", seconds)

    assert len(shelf) <= 3
    assert len(shelf._ends) <= 6
