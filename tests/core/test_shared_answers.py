"""Answers, leases and the writer over a Redis that the test plays."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from core.shared_doubles import Pauses, Way, turn
from redis import exceptions as errors
from redis_servers import eventually

from verus_gateway.cache import Entry, Want
from verus_gateway.shared.answers import Answers, _digest
from verus_gateway.shared.client import Command
from verus_gateway.shared.envelope import Envelopes, Letter
from verus_gateway.shared.gather import BATCH, Gather
from verus_gateway.shared.leases import Leases
from verus_gateway.shared.link import Away
from verus_gateway.shared.writer import WAITING, Writer

ENVELOPES = Envelopes(b"", 200_000)


@dataclass
class Line:
    branch: int = 3

    def on_branch(self, hash: str) -> bool:
        return hash == "tip"


class Stored:
    """A dictionary that takes GET, MGET, SET, UNLINK and the scripts of leases."""

    def __init__(self) -> None:
        self.values: dict[object, object] = {}

    def __call__(self, command: Command) -> object:
        match command:
            case ("GET", name):
                return self.values.get(name)
            case ("MGET", *names):
                return [self.values.get(name) for name in names]
            case ("SET", name, value, "NX", *_):
                return None if name in self.values else self._set(name, value)
            case ("SET", name, value, *_):
                return self._set(name, value)
            case ("UNLINK", name) | ("EVALSHA", _, 1, name, _):
                return int(self.values.pop(name, None) is not None)
            case _:
                return 1

    def _set(self, name: object, value: object) -> bool:
        self.values[name] = value
        return True


class World:
    def __init__(self) -> None:
        self.way = Way()
        self.stored = Stored()
        self.writer = Writer(self.way.link, ENVELOPES)
        self.gather = Gather(self.way.link, together=True)
        self.leases = Leases(self.gather, self.writer, self.way.link)
        self.asked = 0
        self.answers = Answers(
            self.gather,
            self.writer,
            ENVELOPES,
            self.leases,
            prefix="vg",
            line=Line(),
            clock=self.way.clock,
            wall=lambda: 1_000 + self.way.clock.now,
            sleep=self._sleep,
        )

    async def begin(self) -> None:
        await self.way.begin()
        self.way.redis.answer = self.stored
        self.writing = asyncio.create_task(self.writer.write())

    async def end(self) -> None:
        self.writing.cancel()
        await asyncio.wait([self.writing])
        await self.way.end()

    async def ask(self) -> Entry:
        self.asked += 1
        return Entry(b"asked", self.way.clock.now, "tip", 3)

    def want(self, *, fresh: bool = True) -> Want:
        return Want(b"key", "tip", lambda _: fresh, 5.0)

    async def _sleep(self, seconds: float) -> None:
        self.way.clock.advance(seconds)
        await turn()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.begin()
    yield made
    await made.end()


async def test_what_is_kept_is_found_with_its_age_and_branch(world: World) -> None:
    world.answers.keep(b"key", Entry(b"1", -5.0, "tip", 0), 60)
    await turn()

    entry, kept = await world.answers.bring(world.want(), world.ask)

    assert (entry, kept, world.asked) == (Entry(b"1", -5.0, "tip", 3), True, 0)
    assert world.answers.outcomes == {"hit": 1}


async def test_an_answer_under_an_unknown_block_is_of_no_branch(world: World) -> None:
    world.answers.keep(b"key", Entry(b"1", 0.0, "elsewhere", 0), 60)
    await turn()

    found = await world.answers.find(b"key")

    assert found is not None
    assert found.branch == -1


async def test_what_is_old_is_asked_for_again_under_a_lease_that_is_given_back(
    world: World,
) -> None:
    world.answers.keep(b"key", Entry(b"1", 0.0, "before", 0), 60)
    await turn()

    entry, kept = await world.answers.bring(world.want(fresh=False), world.ask)
    await turn()

    assert (entry.value, kept, world.asked, len(world.leases)) == (b"asked", False, 1, 0)
    assert world.answers.outcomes == {"old": 1}
    assert not any(":f:" in str(name) for name in world.stored.values)


async def test_who_does_not_get_the_lease_waits_for_the_answer_of_who_has(world: World) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> Entry:
        began.set()
        await may_end.wait()
        entry = await world.ask()
        world.answers.keep(b"key", entry, 60)
        return entry

    leader = asyncio.create_task(world.answers.bring(world.want(), slow))
    await began.wait()
    follower = asyncio.create_task(world.answers.bring(world.want(), world.ask))
    await turn()
    may_end.set()

    assert (await leader)[0].value == (await follower)[0].value == b"asked"
    assert (world.asked, world.answers.outcomes["followed"]) == (1, 1)


async def test_when_the_one_who_has_the_lease_dies_the_others_ask_by_themselves(
    world: World,
) -> None:
    token = await world.leases.take(_lease(world))
    assert token
    follower = asyncio.create_task(world.answers.bring(world.want(), world.ask))
    await turn()
    world.stored.values.pop(_lease(world))

    entry, kept = await follower

    assert (entry.value, kept, world.answers.outcomes["alone"]) == (b"asked", False, 1)


async def test_nobody_waits_longer_than_its_patience(world: World) -> None:
    await world.leases.take(_lease(world))

    entry, _ = await world.answers.bring(world.want(), world.ask)

    assert entry.value == b"asked"
    assert world.way.clock.now == pytest.approx(5.0, abs=0.1)


async def test_an_error_of_who_asks_gives_the_lease_back(world: World) -> None:
    async def failing() -> Entry:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await world.answers.bring(world.want(), failing)

    await turn()
    assert len(world.leases) == 0


@pytest.mark.parametrize("sent_at", [1_006.0, math.inf, math.nan])
async def test_an_answer_from_the_future_is_broken_and_deleted(
    world: World, sent_at: float
) -> None:
    name = world.answers._name(_digest(b"key"))
    world.stored.values[name] = ENVELOPES.seal(name.encode(), Letter(b"1", sent_at, "tip"))

    found = await world.answers.find(b"key")
    await turn()

    assert (found, world.answers.outcomes["broken"]) == (None, 1)
    assert name not in world.stored.values


async def test_a_value_of_another_type_is_broken_and_deleted(world: World) -> None:
    world.way.redis.answer = lambda _: errors.ResponseError("WRONGTYPE Operation")

    found = await world.answers.find(b"key")
    await turn()

    assert (found, world.answers.outcomes) == (None, {"broken": 1})
    assert world.way.redis.asked[-1][0] == "UNLINK"


async def test_what_redis_refuses_or_does_not_answer_is_a_miss(world: World) -> None:
    world.way.redis.answer = lambda _: errors.ResponseError("ERR something")
    refused = await world.answers.find(b"key")
    world.way.redis.broken = errors.ConnectionError("gone")

    gone, kept = await world.answers.bring(world.want(), world.ask)

    assert (refused, gone.value, kept) == (None, b"asked", False)
    assert world.answers.outcomes["away"] == 2
    assert await world.leases.held("any") is False


async def test_large_answers_pass_through_a_thread_and_too_large_ones_are_not_kept(
    world: World,
) -> None:
    large = bytes(range(256)) * 600
    world.answers.keep(b"key", Entry(large, 0.0, "tip", 0), 60)
    world.answers.keep(b"other", Entry(bytes(200_001), 0.0, "tip", 0), 60)
    await eventually(lambda: world.writer.written == 1)
    name = world.answers._name(_digest(b"key"))
    world.stored.values[name] = ENVELOPES.seal(name.encode(), Letter(_noise(), 1_000.0, "tip"))

    found = await world.answers.find(b"key")

    assert found is not None
    assert len(found.value) == 150_000
    assert world.writer.written == 1
    world.answers.drop(b"key")
    await turn()
    assert name not in world.stored.values


# ---------------------------------------------------------------- reads of one turn


async def test_reads_of_one_turn_are_one_command_and_equal_ones_one_name(world: World) -> None:
    world.stored.values |= {"a": b"1", "b": b"2"}
    before = len(world.way.redis.asked)

    found = await asyncio.gather(*(world.gather.run("GET", name) for name in "abca"))

    assert found == [b"1", b"2", None, b"1"]
    assert world.way.redis.asked[before:] == [("MGET", "a", "b", "c")]


async def test_in_a_cluster_each_name_is_asked_for_by_itself(world: World) -> None:
    apart = Gather(world.way.link, together=False)
    before = len(world.way.redis.asked)

    await asyncio.gather(apart.run("GET", "a"), apart.run("GET", "b"))

    assert world.way.redis.asked[before:] == [("GET", "a"), ("GET", "b")]


async def test_an_error_of_a_common_read_is_everybodys(world: World) -> None:
    world.way.redis.answer = lambda _: errors.ResponseError("ERR no")

    found = await asyncio.gather(
        *(world.gather.run("GET", name) for name in "ab"), return_exceptions=True
    )

    assert [type(each) for each in found] == [errors.ResponseError] * 2


async def test_very_many_reads_are_several_commands(world: World) -> None:
    before = len(world.way.redis.asked)

    await asyncio.gather(*(world.gather.run("GET", str(n)) for n in range(BATCH + 2)))

    assert [len(command) - 1 for command in world.way.redis.asked[before:]] == [BATCH, 2]


async def test_who_leaves_before_the_answer_disturbs_nobody(world: World) -> None:
    gone = asyncio.create_task(world.gather.run("GET", "a"))
    stays = asyncio.create_task(world.gather.run("GET", "a"))
    await asyncio.sleep(0)
    [future] = world.gather._asked.values()
    gone.cancel()
    future.cancel()

    with pytest.raises(asyncio.CancelledError):
        await stays
    world.way.redis.broken = errors.ConnectionError("gone")
    alone = asyncio.create_task(world.gather.run("GET", "b"))
    await asyncio.sleep(0)
    [future] = world.gather._asked.values()
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await turn()


# ---------------------------------------------------------------- leases and writes


async def test_leases_are_renewed_while_they_are_held(world: World) -> None:
    pauses = Pauses()
    await world.leases.take("a")
    renewing = asyncio.create_task(world.leases.renew(pauses))
    await turn()

    for broken in (None, errors.ConnectionError("gone"), None):
        world.way.redis.broken = broken
        pauses.end()
        await turn()
    renewing.cancel()
    await asyncio.wait([renewing])

    renewals = [command for command in world.way.redis.asked if command[-1] == 1_500]
    assert [command[3] for command in renewals[1:]] == ["a", "a", "a"]
    assert pauses.asked[0] == 0.5


async def test_what_does_not_fit_the_queue_is_dropped_and_counted(world: World) -> None:
    for number in range(WAITING + 3):
        world.writer.drop(str(number))

    assert (len(world.writer), world.writer.dropped) == (WAITING, 3)


async def test_what_redis_refuses_to_keep_is_counted(world: World) -> None:
    world.way.redis.answer = lambda _: errors.OutOfMemoryError("OOM")
    world.writer.drop("a")
    await turn()
    refused = world.writer.dropped
    world.way.redis.broken = errors.ConnectionError("gone")
    world.writer.drop("a")

    await turn()

    assert (refused, world.writer.dropped, world.writer.written) == (1, 2, 0)


async def test_while_redis_is_away_nothing_is_asked_or_queued() -> None:
    world = World()

    with pytest.raises(Away):
        await world.gather.run("GET", "a")
    world.writer.drop("a")

    assert (len(world.writer), world.writer.dropped) == (0, 1)


def _noise() -> bytes:
    return secrets.token_bytes(150_000)


def _lease(_: World) -> str:
    return f"vg:f:{{{_digest(b'key')}}}:tip"
