"""Following the issuer: its keys and its list of revocations."""

import asyncio

import msgspec
import pytest
from core.issuing import ISSUER, KEY, NOW

from verus_gateway import authority, jwks, tokens
from verus_gateway.authority import Authority, RevokedList, signed_list
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock


class Place:
    """Where a text is, or why it is not."""

    def __init__(self, text: bytes | OSError) -> None:
        self.text = text
        self.asked = 0
        self.thrice = asyncio.Event()

    async def __call__(self) -> bytes:
        self.asked += 1
        if self.asked == 3:
            self.thrice.set()
        if isinstance(self.text, OSError):
            raise self.text
        return self.text


class Followed:
    """An authority over places that a test fills."""

    def __init__(self, *, lists: bool = True) -> None:
        self.wall, self.clock = FakeClock(NOW), FakeClock()
        self.keys = Place(jwks.published([KEY]))
        self.revoked = Place(b"")
        self.revocations = Revocations(MemoryShelf(), self.wall)
        self.authority = Authority(
            ISSUER,
            self.keys,
            self.revoked if lists else None,
            self.revocations,
            wall=self.wall,
            clock=self.clock,
        )

    def list(self, *revoked: str, iss: str = ISSUER, iat: float = NOW) -> bytes:
        """Put a list there."""
        body = RevokedList(iss, iat, dict.fromkeys(revoked, NOW + 600))
        text = tokens.signed(KEY, authority.LIST_TYPE, msgspec.json.encode(body)).encode()
        self.revoked.text = text
        return text


async def test_keys_are_found_once_they_were_looked_for() -> None:
    followed = Followed(lists=False)
    assert followed.authority.find(KEY.kid) is None

    await followed.authority.update()

    assert followed.authority.find(KEY.kid) is not None
    assert followed.authority.epoch == 1
    assert repr(followed.authority) == "<Authority https://tokens.example, 1 keys>"
    assert len(followed.authority) == 1


async def test_however_many_unknown_keys_are_shown_the_issuer_is_asked_seldom() -> None:
    followed = Followed(lists=False)

    await asyncio.gather(*(followed.authority.refresh() for _ in range(100)))
    assert followed.keys.asked == 1
    followed.clock.now += authority.KEYS_APART
    await followed.authority.refresh()
    assert followed.keys.asked == 2


async def test_keys_are_looked_at_again_now_and_then() -> None:
    followed = Followed(lists=False)
    await followed.authority.update()
    followed.clock.now += authority.KEYS_EVERY - 1
    await followed.authority.update()
    assert followed.keys.asked == 1
    followed.keys.text = jwks.published([])
    followed.clock.now += 1

    await followed.authority.update()

    assert followed.authority.find(KEY.kid) is None
    assert followed.authority.epoch == 2


async def test_the_same_keys_change_nothing() -> None:
    followed = Followed(lists=False)
    await followed.authority.refresh()
    followed.clock.now += authority.KEYS_APART
    await followed.authority.refresh()

    assert (followed.keys.asked, followed.authority.epoch) == (2, 1)


@pytest.mark.parametrize("text", [OSError("no way there"), b"nonsense"])
async def test_an_issuer_that_is_away_is_named_once_and_its_keys_stay(
    text: bytes | OSError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    followed = Followed(lists=False)
    await followed.authority.refresh()
    good, followed.keys.text = followed.keys.text, text

    for _ in range(3):
        followed.clock.now += authority.KEYS_APART
        await followed.authority.refresh()
    kept = followed.authority.find(KEY.kid)
    followed.keys.text = good
    followed.clock.now += authority.KEYS_APART
    await followed.authority.refresh()

    assert kept is not None
    assert [record.getMessage() for record in caplog.records] == [
        "the issuer's keys cannot be had",
        "the issuer's keys are there again",
    ]


async def test_what_the_issuer_revoked_is_learnt() -> None:
    followed = Followed()
    followed.list("a", "b")

    await followed.authority.update()

    assert set(followed.revocations.listed()) == {"a", "b"}


async def test_a_list_that_the_token_service_signs_is_read() -> None:
    followed = Followed()
    theirs = Revocations(MemoryShelf(), followed.wall)
    theirs.learn("a", NOW + 60)
    followed.revoked.text = signed_list(KEY, ISSUER, theirs, NOW)

    await followed.authority.update()

    assert dict(followed.revocations.listed()) == {"a": NOW + 60}


async def test_a_list_that_is_not_good_is_not_learnt_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = Followed()
    good = bad.list("a")
    payload = tokens.opened(good.decode(), frozenset({authority.LIST_TYPE}), lambda _: KEY)
    token = tokens.signed(KEY, tokens.TYPE, payload)
    texts = [
        good[:-4] + b"AAAA",
        token.encode(),
        bad.list("a", iss="https://other.example"),
        bad.list("a", iat=NOW - authority.OLDEST_LIST - 1),
        tokens.signed(KEY, authority.LIST_TYPE, b"{}").encode(),
        "\u00e9".encode(),
        b"",
    ]

    for text in texts:
        bad.revoked.text = text
        await bad.authority.update()

    assert dict(bad.revocations.listed()) == {}
    assert len([r for r in caplog.records if "revocations" in r.getMessage()]) >= 5


async def test_an_older_list_does_not_take_a_newer_ones_place() -> None:
    followed = Followed()
    followed.list("a", iat=NOW)
    await followed.authority.update()

    followed.list("b", iat=NOW - 1)
    await followed.authority.update()

    assert set(followed.revocations.listed()) == {"a"}


async def test_following_looks_again_and_again() -> None:
    followed = Followed()
    followed.list("a")
    task = asyncio.create_task(followed.authority.follow(0))

    await asyncio.wait_for(followed.revoked.thrice.wait(), 5)
    task.cancel()

    assert followed.keys.asked == 1
