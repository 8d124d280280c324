"""Clients that several token services share, on a sheet that the test plays."""

import logging
from functools import partial

import pytest
from core.shared_doubles import FakeRedis, Way, turn
from redis import exceptions as errors

from verus_gateway.errors import StartupError
from verus_gateway.issuer import clients
from verus_gateway.issuer.clients import Register
from verus_gateway.issuer.sharedclients import TRIES, SharedClients, changed, shown
from verus_gateway.shared.client import Command
from verus_gateway.shared.sheet import LONGEST, SIZE, RedisSheet
from verus_gateway.sheet import NotRead

ADD_ALICE = partial(clients.added, id="alice", scopes=["read"])


class Paper:
    """A sheet in memory."""

    def __init__(self) -> None:
        self.text = b""
        self.away = ""
        self.faster = 0

    async def read(self) -> bytes:
        if self.away:
            raise NotRead(self.away)
        return self.text

    async def swap(self, old: bytes, new: bytes) -> bool:
        if self.faster:
            self.faster -= 1
            return False
        assert old == self.text
        self.text = new
        return True


# ---------------------------------------------------------------- clients


async def test_before_the_first_look_nobody_is_known_and_then_all_are() -> None:
    paper = Paper()
    await changed(paper, ADD_ALICE)
    found = SharedClients(paper)

    before = (found.known, found.find("alice"), len(found))
    await found.look()
    alice = found.find("alice")

    assert before == (False, None, 0)
    assert (found.known, len(found)) == (True, 1)
    assert alice is not None
    assert alice.scopes == ("read",)
    assert repr(found).startswith("<SharedClients 1 on <")


async def test_what_cannot_be_read_changes_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    paper = Paper()
    await changed(paper, ADD_ALICE)
    found = SharedClients(paper)
    await found.look()

    paper.away = "redis does not answer: refused"
    await found.look()
    await found.look()
    paper.away, paper.text = "", b"{"
    await found.look()

    assert found.find("alice") is not None
    causes = [vars(line)["cause"] for line in caplog.records]
    assert causes[0] == "redis does not answer: refused"
    assert causes[1].startswith("the clients in redis: ")
    assert len(causes) == 2


async def test_a_change_is_made_anew_where_somebody_else_was_faster() -> None:
    paper = Paper()
    paper.faster = 2

    secret = await changed(paper, ADD_ALICE)
    await changed(paper, partial(clients.disabled, id="alice"))

    assert len(secret) >= 43
    assert [client.disabled for client in (await shown(paper)).values()] == [True]


async def test_a_change_that_never_succeeds_is_given_up() -> None:
    paper = Paper()
    paper.faster = TRIES

    with pytest.raises(StartupError, match="others change them all the time"):
        await changed(paper, ADD_ALICE)


async def test_a_sheet_that_is_away_is_an_error_of_the_command() -> None:
    paper = Paper()
    paper.away = "redis does not answer: refused"

    with pytest.raises(StartupError, match="the clients in redis: redis does not answer"):
        await changed(paper, ADD_ALICE)
    with pytest.raises(StartupError, match="the clients in redis: redis does not answer"):
        await shown(paper)


def test_a_name_is_given_once_there_too() -> None:
    known: Register = ADD_ALICE({})[0]

    with pytest.raises(StartupError, match="client alice: is there already"):
        ADD_ALICE(known)


# ---------------------------------------------------------------- the sheet


class Kept:
    """A Redis with one key and the two commands that a sheet needs."""

    def __init__(self, redis: FakeRedis) -> None:
        self.value: object = None
        redis.answer = self._answer

    def _answer(self, command: Command) -> object:
        if command[0] == "GET":
            return self.value
        if command[0] != "EVALSHA":
            return True
        _, _, _, _, old, new = command
        if (self.value or b"") != old:
            return 0
        self.value = new
        return 1


async def test_a_sheet_is_sealed_and_read_with_the_same_key_only() -> None:
    way = Way()
    kept = Kept(way.redis)
    await way.begin()
    ours, theirs = (RedisSheet(way.link, name="vg:t:x", key=key) for key in (b"ours", b"theirs"))

    empty = await ours.read()
    first = await ours.swap(b"", b"one")
    again = await ours.swap(b"", b"two")
    second = await ours.swap(b"one", b"two")
    text = await ours.read()
    with pytest.raises(NotRead, match="the seal is wrong"):
        await theirs.read()
    with pytest.raises(NotRead, match="the seal is wrong"):
        await RedisSheet(way.link, name="vg:t:other", key=b"ours").read()
    await way.end()

    assert (empty, first, again, second, text) == (b"", True, False, True, b"two")
    assert isinstance(kept.value, bytes)
    assert kept.value[SIZE:] == b"two"
    assert repr(ours) == "<RedisSheet vg:t:x, <Link test, up>>"


@pytest.mark.parametrize("value", [1, b"x" * (SIZE + LONGEST + 1)])
async def test_what_is_no_sheet_is_not_read(value: object) -> None:
    way = Way()
    Kept(way.redis).value = value
    await way.begin()

    with pytest.raises(NotRead, match="none of ours"):
        await RedisSheet(way.link, name="x", key=b"").read()
    await way.end()


async def test_what_is_too_long_is_not_written() -> None:
    way = Way()
    await way.begin()

    with pytest.raises(NotRead, match="more than 1048576 bytes"):
        await RedisSheet(way.link, name="x", key=b"").swap(b"", b"x" * (LONGEST + 1))
    await way.end()

    assert all(command[0] != "EVALSHA" for command in way.redis.asked)


async def test_a_redis_that_is_away_or_refuses_is_named() -> None:
    way = Way()
    sheet = RedisSheet(way.link, name="x", key=b"")

    with pytest.raises(NotRead, match="does not answer: refused"):
        await sheet.read()
    await way.begin()
    way.redis.answer = lambda _: errors.NoPermissionError("x")
    with pytest.raises(NotRead, match="redis refuses: noperm"):
        await sheet.read()
    await turn()
    await way.end()
