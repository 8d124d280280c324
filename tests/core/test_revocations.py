from verus_gateway.revocations import Revocations
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock


def made(clock: FakeClock, most: int = 10, shelf: MemoryShelf | None = None) -> Revocations:
    return Revocations(MemoryShelf(clock=clock) if shelf is None else shelf, clock, most)


async def test_a_revoked_token_is_known_until_it_ends() -> None:
    clock = FakeClock()
    revocations = made(clock)

    await revocations.revoke("a", clock() + 60)

    assert revocations.known("a")
    assert await revocations.revoked("a")
    assert not await revocations.revoked("b")
    clock.now += 60
    assert dict(revocations.listed()) == {}
    assert not await revocations.revoked("a")


async def test_what_another_instance_revoked_is_found_on_the_shelf() -> None:
    clock = FakeClock()
    shelf = MemoryShelf(clock=clock)
    one, other = made(clock, shelf=shelf), made(clock, shelf=shelf)

    await one.revoke("a", clock() + 60)

    assert not other.known("a")
    assert await other.revoked("a")


async def test_what_has_ended_already_needs_no_revocation() -> None:
    clock = FakeClock()
    revocations = made(clock)

    await revocations.revoke("a", clock())

    assert not await revocations.revoked("a")


def test_too_many_make_room_for_each_other_soonest_end_first() -> None:
    clock = FakeClock()
    revocations = made(clock, most=2)

    for jti, seconds in (("long", 300), ("short", 10), ("new", 200), ("new", 200)):
        revocations.learn(jti, clock() + seconds)

    assert set(revocations.listed()) == {"long", "new"}
    assert repr(revocations) == "<Revocations 2 of 2, 1 dropped>"
    assert len(revocations) == 2
