"""Bearer tokens: verified once, remembered within bounds, forgotten in time."""

import pytest
from core.issuing import KEY, NOW, RULES, Ring, bearer
from multidict import CIMultiDict

from verus_gateway import jwks
from verus_gateway.auth import Caller
from verus_gateway.bearer import LONGEST_KEPT, BearerTokens
from verus_gateway.errors import InvalidToken
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock

ALICE = Caller("alice", frozenset({"public", "read"}), "gold")


class Gate:
    """A recogniser with clocks that a test moves."""

    def __init__(self, ring: Ring | None = None, most: int = 10) -> None:
        self.wall, self.clock = FakeClock(NOW), FakeClock(5)
        self.ring = ring or Ring(KEY)
        self.shelf = MemoryShelf(clock=self.clock)
        self.revocations = Revocations(self.shelf, self.wall)
        self.tokens = BearerTokens(
            self.ring, RULES, self.revocations, wall=self.wall, clock=self.clock, most=most
        )

    def recall(self, shown: str) -> Caller | None:
        return self.tokens.recall(CIMultiDict(Authorization=shown))

    async def identify(self, shown: str) -> Caller:
        return await self.tokens.identify(CIMultiDict(Authorization=shown), b"")

    async def refused(self, shown: str) -> dict[str, int]:
        with pytest.raises(InvalidToken, match=r"^invalid_token$"):
            await self.identify(shown)
        return dict(self.tokens.flaws)


async def test_a_token_is_verified_once_and_then_remembered() -> None:
    gate, shown = Gate(), bearer(KEY)

    assert gate.recall(shown) is None
    assert await gate.identify(shown) == ALICE
    assert gate.recall(shown) == ALICE
    assert gate.recall(shown + "x") is None
    assert gate.tokens.verified == 1


@pytest.mark.parametrize("moved", ["wall", "clock"])
async def test_a_remembered_token_dies_at_its_end_whichever_clock_says_so(moved: str) -> None:
    gate, shown = Gate(), bearer(KEY)
    await gate.identify(shown)

    getattr(gate, moved).now += 599
    assert gate.recall(shown) == ALICE
    getattr(gate, moved).now += 1
    assert gate.recall(shown) is None


async def test_a_wall_clock_set_back_does_not_bring_it_back() -> None:
    gate, shown = Gate(), bearer(KEY)
    await gate.identify(shown)
    gate.clock.now += 600
    gate.wall.now -= 300

    assert gate.recall(shown) is None


async def test_a_remembered_token_dies_when_it_is_revoked() -> None:
    gate, shown = Gate(), bearer(KEY)
    await gate.identify(shown)

    gate.revocations.learn("1", NOW + 600)

    assert gate.recall(shown) is None
    assert await gate.refused(shown) == {"revoked": 1}
    assert len(gate.tokens) == 0


async def test_a_token_that_another_instance_revoked_is_refused_at_first_sight() -> None:
    gate = Gate()
    await gate.shelf.put("jti:1", b"", 600)

    assert await gate.refused(bearer(KEY)) == {"revoked": 1}


async def test_a_remembered_token_dies_with_its_key() -> None:
    gate, shown = Gate(), bearer(KEY)
    await gate.identify(shown)

    gate.ring.keys.clear()
    gate.ring.epoch += 1

    assert gate.recall(shown) is None
    assert await gate.refused(shown) == {"unknown_key": 1}


async def test_an_unknown_key_is_looked_for_once() -> None:
    new = jwks.make("ES256")
    gate = Gate(Ring(KEY, hidden=(new,)))

    assert await gate.identify(bearer(new)) == ALICE
    assert await gate.refused(bearer(jwks.make("ES256"))) == {"unknown_key": 1}
    assert gate.ring.refreshed == 2


async def test_only_so_many_are_remembered_and_the_oldest_goes() -> None:
    gate = Gate(most=2)
    shown = [bearer(KEY, jti=str(number)) for number in range(3)]
    for each in (*shown[:2], shown[0], shown[2]):
        await gate.identify(each)

    assert [gate.recall(each) for each in shown] == [ALICE, None, ALICE]
    assert repr(gate.tokens) == "<BearerTokens of https://tokens.example, 2 remembered>"


async def test_a_very_long_token_is_verified_each_time() -> None:
    gate = Gate()
    shown = bearer(KEY, scope=" ".join(f"{number:064}" for number in range(LONGEST_KEPT // 64)))

    assert (await gate.identify(shown)).subject == "alice"
    assert gate.recall(shown) is None


@pytest.mark.parametrize("other", ["Bearer x", "Basic dmVydXM6eA==", ""])
@pytest.mark.parametrize("turned", [1, -1])
async def test_two_authorization_headers_are_none_also_where_one_is_remembered(
    other: str, turned: int
) -> None:
    gate = Gate()
    await gate.identify(bearer(KEY))
    shown = [bearer(KEY), other][::turned]
    headers = CIMultiDict([("Authorization", each) for each in shown])

    assert gate.tokens.shown(headers)
    assert gate.tokens.recall(headers) is None
    with pytest.raises(InvalidToken):
        await gate.tokens.identify(headers, b"")


@pytest.mark.parametrize("shown", ["Bearer", "Bearer ", "Bearer  {}", "Bearer\t {}", "Bearer {} "])
async def test_the_scheme_and_one_space_come_before_the_token(shown: str) -> None:
    gate = Gate()
    header = shown.format(bearer(KEY).partition(" ")[2])

    assert await gate.refused(header) == {"malformed": 1}


async def test_the_scheme_is_written_as_one_likes() -> None:
    gate = Gate()

    assert await gate.identify(bearer(KEY).replace("Bearer", "bEARER")) == ALICE
