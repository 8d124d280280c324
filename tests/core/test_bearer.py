"""Bearer tokens: verified once, remembered within bounds, forgotten in time."""

from typing import Any

import pytest
from core.issuing import KEY, NOW, RULES, Ring, bearer
from multidict import CIMultiDict

from verus_gateway import jwks
from verus_gateway.auth import Caller
from verus_gateway.bearer import LONGEST_KEPT, BearerTokens
from verus_gateway.errors import InvalidToken
from verus_gateway.jwks import SigningKey
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
        return self.tokens.memory_for(CIMultiDict(Authorization=shown))()

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
    for seconds in (1, 1000):
        getattr(gate, moved).now += seconds
        assert gate.recall(shown) is None


async def test_a_token_taken_for_clocks_that_differ_is_not_remembered_beyond_its_end() -> None:
    gate, shown = Gate(), bearer(KEY, exp=NOW - 5, iat=NOW - 60)
    await gate.identify(shown)
    gate.wall.now -= 30

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


@pytest.mark.parametrize("members", [{"exp": NOW - 60}, {"aud": "another"}, {"nbf": NOW + 60}])
async def test_no_other_flaw_has_the_issuer_asked_for_its_keys(members: dict[str, Any]) -> None:
    gate = Gate()

    await gate.refused(bearer(KEY, **members))
    await gate.refused("Bearer x")

    assert gate.ring.refreshed == 0


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


def header_of(length: int, key: SigningKey) -> str | None:
    """Return a good token's header of just this length; base64 does not have every length."""
    words = " ".join(["x" * 64] * 18)
    made = (bearer(key, client_id="x" * more, scope=words) for more in range(1, 129))
    return next((shown for shown in made if len(shown) == length), None)


async def test_the_longest_token_that_is_remembered_has_2048_characters_with_its_scheme() -> None:
    named = [SigningKey(KEY._jose, "k" * length, KEY.alg) for length in (40, 41, 42)]
    gate = Gate(Ring(*named))
    longest, longer = (
        next(filter(None, (header_of(length, key) for key in named))) for length in (2048, 2049)
    )
    for shown in (longest, longer):
        await gate.identify(shown)

    assert gate.recall(longest) is not None
    assert gate.recall(longer) is None


@pytest.mark.parametrize("other", ["Bearer x", "Basic dmVydXM6eA==", ""])
@pytest.mark.parametrize("turned", [1, -1])
async def test_two_authorization_headers_are_none_also_where_one_is_remembered(
    other: str, turned: int
) -> None:
    gate, good = Gate(), bearer(KEY)
    await gate.identify(good)
    shown = [good, other][::turned]
    headers = CIMultiDict([("Authorization", each) for each in shown])

    assert gate.tokens.shown(headers)
    assert gate.tokens.memory_for(headers)() is None
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
