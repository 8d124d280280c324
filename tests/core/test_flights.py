import asyncio
import gc
from contextlib import suppress

import pytest

from verus_gateway.cache import Entry, Flights
from verus_gateway.errors import Refused


class Flight:
    """A call that ends when the test says so, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> Entry:
        self.begun += 1
        number = self.begun
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Entry(b"%d" % number, 0.0, "a", 0)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_equal_calls_are_one_flight() -> None:
    flights, flight = Flights[Entry](), Flight()
    joined = [asyncio.create_task(flights.board("k", flight).landing()) for _ in range(5)]
    await turn()

    flight.gate.set()
    answers = await asyncio.gather(*joined)

    assert (flight.begun, {answer.value for answer in answers}) == (1, {b"1"})
    assert len(flights) == 0


async def test_other_keys_are_other_flights() -> None:
    flights, flight = Flights[Entry](), Flight()
    flight.gate.set()

    await asyncio.gather(flights.board("a", flight).landing(), flights.board("b", flight).landing())

    assert flight.begun == 2


async def test_a_flight_that_has_landed_is_not_joined_again() -> None:
    flights, flight = Flights[Entry](), Flight()
    flight.gate.set()

    first = await flights.board("k", flight).landing()
    second = await flights.board("k", flight).landing()

    assert (first.value, second.value) == (b"1", b"2")


async def test_a_cancelled_first_caller_does_not_fail_the_others() -> None:
    flights, flight = Flights[Entry](), Flight()
    first, second = (asyncio.create_task(flights.board("k", flight).landing()) for _ in range(2))
    await turn()

    first.cancel()
    await turn()
    flight.gate.set()

    assert (await second).value == b"1"
    assert (first.cancelled(), flight.begun, flight.cancelled) == (True, 1, 0)


async def test_the_last_to_leave_cancels_the_flight() -> None:
    flights, flight = Flights[Entry](), Flight()
    joined = [asyncio.create_task(flights.board("k", flight).landing()) for _ in range(2)]
    await turn()

    cancelled = []
    for task in joined:
        task.cancel()
        await turn()
        cancelled.append(flight.cancelled)

    assert cancelled == [0, 1]
    assert len(flights) == 0


async def test_a_flight_that_was_left_is_not_joined() -> None:
    flights, flight = Flights[Entry](), Flight()
    gone = asyncio.create_task(flights.board("k", flight).landing())
    await turn()
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone

    # The cancelled flight has not yet run to its end.
    flight.gate.set()
    answer = await flights.board("k", flight).landing()
    await turn()

    assert (answer.value, flight.begun, len(flights)) == (b"2", 2, 0)


async def test_an_error_reaches_every_passenger_and_is_not_kept() -> None:
    flights, flight = Flights[Entry](), Flight()
    flight.error = Refused("no")
    flight.gate.set()

    outcomes = await asyncio.gather(
        *(flights.board("k", flight).landing() for _ in range(3)), return_exceptions=True
    )
    flight.error = None

    assert [type(outcome) for outcome in outcomes] == [Refused] * 3
    assert (await flights.board("k", flight).landing()).value == b"2"


async def test_an_error_that_nobody_waits_for_any_more_is_seen() -> None:
    async def fails_when_it_is_cancelled() -> Entry:
        try:
            return await Flight()()
        except asyncio.CancelledError:
            raise Refused("no") from None

    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    flights: Flights[Entry] = Flights()
    joined = asyncio.create_task(flights.board("k", fails_when_it_is_cancelled).landing())
    await turn()

    joined.cancel()
    await turn()
    left = joined.cancelled()
    del joined
    gc.collect()

    assert (left, unseen) == (True, [])


async def test_a_landing_leaves_a_newer_flight_alone() -> None:
    flights, old, new = Flights[Entry](), Flight(), Flight()
    gone = asyncio.create_task(flights.board("k", old).landing())
    await turn()
    gone.cancel()
    await asyncio.sleep(0)
    joined = asyncio.create_task(flights.board("k", new).landing())
    await turn()

    assert (old.cancelled, len(flights)) == (1, 1)
    new.gate.set()
    assert (await joined).value == b"1"
    with pytest.raises(asyncio.CancelledError):
        await gone
