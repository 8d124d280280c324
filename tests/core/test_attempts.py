import asyncio

import pytest

from verus_gateway.attempts import PER_ACCOUNT, PER_ADDRESS, WINDOW, Attempts
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def attempts(clock: FakeClock) -> Attempts:
    return Attempts(MemoryShelf(clock=clock))


async def test_an_account_is_tried_a_few_times_from_one_address(
    attempts: Attempts, clock: FakeClock
) -> None:
    admitted = [await attempts.admit("admin", "192.0.2.1") for _ in range(PER_ACCOUNT + 1)]
    elsewhere = await attempts.admit("admin", "192.0.2.2")
    clock.advance(WINDOW)
    later = await attempts.admit("admin", "192.0.2.1")

    assert admitted == [True] * PER_ACCOUNT + [False]
    assert (elsewhere, later) == (True, True)


async def test_an_address_is_bounded_whatever_the_names(attempts: Attempts) -> None:
    admitted = [await attempts.admit(f"name {n}", "192.0.2.1") for n in range(PER_ADDRESS + 1)]

    assert admitted == [True] * PER_ADDRESS + [False]


async def test_attempts_made_at_the_same_moment_are_all_counted(attempts: Attempts) -> None:
    admitted = await asyncio.gather(*(attempts.admit("admin", "192.0.2.1") for _ in range(30)))

    assert sum(admitted) == PER_ACCOUNT


async def test_who_signed_in_has_all_attempts_again(attempts: Attempts) -> None:
    for _ in range(PER_ACCOUNT):
        await attempts.admit("admin", "192.0.2.1")
    await attempts.forgive("admin", "192.0.2.1")

    admitted = [await attempts.admit("admin", "192.0.2.1") for _ in range(PER_ACCOUNT)]

    assert all(admitted)


async def test_a_name_of_any_length_and_letters_is_counted(attempts: Attempts) -> None:
    assert await attempts.admit("\udcff" * 10_000, "x" * 10_000)
