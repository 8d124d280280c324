import asyncio
from contextlib import suppress

import pytest

from verus_gateway.errors import BreakerOpen, QueueFull
from verus_gateway.gate import SHRINK_EVERY, Gate
from verus_gateway.testing import FakeClock


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def settle(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError, BreakerOpen, QueueFull):
            await task


async def test_as_many_enter_as_the_limit_says() -> None:
    gate = Gate(limit=2, queue=5)
    await gate.enter()
    await gate.enter()

    third = asyncio.create_task(gate.enter())
    await turn()

    assert (gate.inside, gate.waiting, third.done()) == (2, 1, False)
    await settle(third)


async def test_who_waits_enters_in_order_of_arrival() -> None:
    gate = Gate(limit=1, queue=5)
    entered: list[int] = []

    async def call(number: int) -> None:
        await gate.enter()
        entered.append(number)

    await gate.enter()
    tasks = [asyncio.create_task(call(number)) for number in range(4)]
    await turn()

    for _ in range(4):
        gate.leave()
        await turn()

    assert entered == [0, 1, 2, 3]
    assert all(task.done() for task in tasks)
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_nobody_overtakes_those_who_wait() -> None:
    gate = Gate(limit=1, queue=5)
    await gate.enter()
    first = asyncio.create_task(gate.enter())
    await turn()
    gate.leave()  # the place is the first one's, who has not run yet

    second = asyncio.create_task(gate.enter())
    await turn()

    assert (first.done(), second.done()) == (True, False)
    await settle(second)


async def test_a_newcomer_waits_behind_the_queue_even_where_there_is_room() -> None:
    clock = FakeClock()
    gate = Gate(limit=2, queue=5, clock=clock)
    await gate.enter()
    await gate.enter()
    gate.shrink()
    waiting = asyncio.create_task(gate.enter())
    await turn()
    gate._limit = 3.0  # room, before anybody was let in

    newcomer = asyncio.create_task(gate.enter())
    await turn()

    assert (waiting.done(), newcomer.done(), gate.waiting) == (False, False, 2)
    await settle(waiting, newcomer)


async def test_the_queue_is_bounded() -> None:
    gate = Gate(limit=1, queue=1)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await turn()

    with pytest.raises(QueueFull, match="1 calls already wait"):
        await gate.enter()

    assert (gate.inside, gate.waiting) == (1, 1)
    await settle(waiting)


async def test_a_queue_of_none_refuses_whoever_would_wait() -> None:
    gate = Gate(limit=1, queue=0)
    await gate.enter()

    with pytest.raises(QueueFull):
        await gate.enter()


async def test_who_stops_waiting_is_forgotten() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    gone, patient = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turn()

    gone.cancel()
    await turn()
    gate.leave()
    await turn()

    assert (gone.cancelled(), patient.done()) == (True, True)
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_a_place_handed_over_at_the_moment_of_cancellation_goes_to_the_next() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    unlucky, next_one = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turn()

    gate.leave()
    unlucky.cancel()
    await turn()

    assert (unlucky.cancelled(), next_one.done()) == (True, True)
    assert gate.inside == 1


async def test_a_place_is_not_lost_on_one_who_was_just_cancelled() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    unlucky, next_one = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turn()

    unlucky.cancel()
    gate.leave()
    await turn()

    assert (unlucky.cancelled(), next_one.done()) == (True, True)
    assert gate.inside == 1


async def test_everybody_who_waits_is_turned_away_and_nobody_who_is_inside() -> None:
    gate = Gate(limit=1, queue=3)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await turn()
    waiting[1].cancel()

    gate.turn_away(lambda: BreakerOpen("away"))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [BreakerOpen, asyncio.CancelledError, BreakerOpen]
    assert (gate.inside, gate.waiting) == (1, 0)


async def test_who_is_turned_away_and_cancelled_at_once_holds_no_place() -> None:
    gate = Gate(limit=1, queue=3)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await turn()

    gate.turn_away(lambda: BreakerOpen("away"))
    waiting.cancel()
    await turn()

    assert waiting.cancelled()
    assert gate.inside == 1


def test_a_full_queue_at_verusd_halves_the_limit_once_for_all_it_hit() -> None:
    clock = FakeClock()
    gate = Gate(limit=12, queue=0, clock=clock)
    limits = []

    for _ in range(3):
        gate.shrink()
        gate.shrink()
        limits.append(gate.limit)
        clock.advance(SHRINK_EVERY)

    assert limits == [6, 3, 1]


def test_the_limit_never_falls_below_one() -> None:
    clock = FakeClock()
    gate = Gate(limit=2, queue=0, clock=clock)

    for _ in range(10):
        gate.shrink()
        clock.advance(SHRINK_EVERY)

    assert gate.limit == 1


def test_answers_raise_the_limit_by_one_for_each_limitful() -> None:
    gate = Gate(limit=8, queue=0)
    gate.shrink()
    limits = []

    for _ in range(60):
        gate.grow()
        limits.append(gate.limit)

    assert limits[3] == 4
    assert limits[4] == 5
    assert limits[-1] == 8


async def test_growth_lets_those_in_who_wait() -> None:
    gate = Gate(limit=2, queue=2)
    gate.shrink()
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await turn()

    gate.grow()
    await turn()

    assert (gate.inside, waiting.done()) == (2, True)


async def test_after_halving_nobody_enters_until_enough_have_left() -> None:
    gate = Gate(limit=2, queue=2)
    await gate.enter()
    await gate.enter()
    gate.shrink()
    waiting = asyncio.create_task(gate.enter())
    await turn()

    gate.leave()
    await turn()
    after_one = waiting.done()
    gate.leave()
    await turn()

    assert (after_one, waiting.done()) == (False, True)


async def test_it_says_what_it_is() -> None:
    gate = Gate(limit=2, queue=2)
    await gate.enter()

    assert repr(gate) == "<Gate 1 of 2 inside, 0 waiting>"


# ---------------------------------------------------------------- who goes first


async def test_the_favoured_go_before_those_who_came_earlier() -> None:
    gate = Gate(limit=1, queue=9)
    entered: list[str] = []

    async def call(name: str) -> None:
        await gate.enter(favoured=name.isupper())
        entered.append(name)

    await gate.enter()
    tasks = [asyncio.create_task(call(name)) for name in "abAcB"]
    await turn()
    for _ in tasks:
        gate.leave()
        await turn()

    assert entered == ["A", "B", "a", "b", "c"]


async def test_where_the_queue_is_full_the_last_of_the_others_gives_way() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    first, last = [asyncio.create_task(gate.enter()) for _ in range(2)]
    await turn()

    favoured = [asyncio.create_task(gate.enter(favoured=True)) for _ in range(2)]
    await turn()

    for task in (first, last):
        with pytest.raises(QueueFull):
            await task
    with pytest.raises(QueueFull):
        await gate.enter(favoured=True)
    with pytest.raises(QueueFull):
        await gate.enter()
    assert gate.waiting == 2
    await settle(*favoured)
    assert gate.waiting == 0


async def test_nobody_gives_way_where_somebody_has_just_left() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    stays, leaves = [asyncio.create_task(gate.enter()) for _ in range(2)]
    await turn()
    leaves.cancel()  # and has not run yet

    favoured = gate.enter(favoured=True)
    favoured.send(None)
    await turn()

    assert (stays.done(), leaves.cancelled(), gate.waiting) == (False, True, 2)
    favoured.close()
    await settle(stays)


async def test_the_favoured_are_turned_away_with_the_others() -> None:
    gate = Gate(limit=1, queue=2)
    await gate.enter()
    tasks = [asyncio.create_task(gate.enter(favoured=who)) for who in (True, False)]
    await turn()

    gate.turn_away(lambda: BreakerOpen("open"))

    for task in tasks:
        with pytest.raises(BreakerOpen):
            await task
