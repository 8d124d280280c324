"""What waits in the express lane: who leaves, what arrives meanwhile, and how a gateway ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from stack import Stack, StartStack, until
from web.doors import Door
from web.test_express import CALL, GOOD, JSON, post

from verus_gateway.config import AnonymousClass, RateLimitConfig
from verus_gateway.plugin import PUBLIC, Daemon, Json, method
from verus_gateway.web.protocol import HELD, Manners

READ: Final = post(b'{"jsonrpc":"2.0","id":1,"method":"acme.read"}', JSON)
WRITE: Final = post(b'{"jsonrpc":"2.0","id":1,"method":"acme.write"}', JSON)
BOTH: Final = post(
    b'[{"jsonrpc":"2.0","id":1,"method":"acme.read"},{"jsonrpc":"2.0","id":2,"method":"acme.read"}]',
    JSON,
)


class Held:
    """Rows that answer when the test says so."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.begun = 0
        self.cancelled = 0
        self.ended = 0
        self.rows = (
            method("acme.read", summary="x", scope=PUBLIC, ttl=5, handler=self._answer),
            method("acme.live", summary="x", scope=PUBLIC, retry=True, handler=self._answer),
            method("acme.write", summary="x", scope=PUBLIC, handler=self._answer),
        )

    async def _answer(self, _: Daemon) -> Json:
        self.begun += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        return self.begun


@pytest.fixture
def held() -> Held:
    """Return rows that wait."""
    return Held()


Begin = Callable[..., Awaitable[Stack]]


@pytest.fixture
def begin(start: StartStack, held: Held) -> Begin:
    """Start a gateway with these rows whose lane knows the heads."""

    async def begun(**members: Any) -> Stack:
        stack = await start(offered=held.rows, **members)
        door = Door(stack)
        for request in (READ, WRITE, BOTH, GOOD):  # a head is known once it came twice
            length = len(request.partition(b"\r\n\r\n")[2])
            await door.say(*[post(b'{"id":1,"method":"none"}'.ljust(length), JSON)] * 2)
        await door.hang_up()
        assert stack.gateway.counts.by_lane == 0
        return stack

    return begun


def nothing_is_left(stack: Stack) -> bool:
    """Tell whether no request, no place and no flight is held."""
    gateway = stack.gateway
    flights: Any = gateway.chain.pipeline._flights
    return (gateway.counts.in_flight, gateway.limiter.inside, len(flights)) == (0, 0, 0)


@pytest.mark.parametrize("request_", [READ, WRITE, BOTH])
async def test_a_request_that_waits_is_answered_by_the_lane(
    begin: Begin, held: Held, request_: bytes
) -> None:
    stack = await begin()
    door = Door(stack)

    before = await door.say(request_)
    inside = stack.gateway.counts.in_flight, stack.gateway.limiter.inside
    held.may_answer.set()
    said = await door.say()
    await door.hang_up()

    assert (before, inside[0], inside[1] > 0) == (b"", 1, True)
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"result":1' in said
    assert stack.gateway.counts.by_lane == 1
    assert nothing_is_left(stack)


@pytest.mark.parametrize("request_", [READ, BOTH])
async def test_a_client_that_goes_away_takes_its_reads_back(
    begin: Begin, held: Held, request_: bytes
) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(request_)
    before = stack.gateway.chain.counts.calls.copy(), stack.gateway.counts.responses.copy()

    await door.hang_up()
    await until(lambda: held.cancelled == 1)

    assert door.wire.sent == b""
    assert nothing_is_left(stack)
    assert before == (stack.gateway.chain.counts.calls, stack.gateway.counts.responses)


async def test_a_write_goes_to_its_end_without_its_client(begin: Begin, held: Held) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(WRITE)

    await door.hang_up()
    left = nothing_is_left(stack)
    held.may_answer.set()
    await until(lambda: held.ended == 1)

    assert (left, held.cancelled, bytes(door.wire.sent)) == (True, 0, b"")


async def test_a_client_may_go_away_in_the_moment_in_which_its_answer_comes(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(READ)
    [flight] = stack.gateway.chain.pipeline._flights._flights.values()
    task: asyncio.Task[object] = flight.task

    held.may_answer.set()
    for _ in range(20):
        if task.done():
            break
        await asyncio.sleep(0)
    assert task.done()
    door.protocol.connection_lost(None)  # before anybody has been told that the task is done
    await asyncio.sleep(0.01)

    assert (held.ended, bytes(door.wire.sent)) == (1, b"")
    assert nothing_is_left(stack)


async def test_who_waits_for_the_same_is_answered_when_another_leaves(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    first, second = Door(stack), Door(stack)
    for door in (first, second):
        await door.say(READ)

    await first.hang_up()
    held.may_answer.set()
    said = await second.say()
    await second.hang_up()

    assert (held.begun, held.cancelled) == (1, 0)
    assert b'"result":1' in said
    assert nothing_is_left(stack)


async def test_what_arrives_meanwhile_is_answered_afterwards_and_in_order(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    health = b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n"

    before = await door.say(READ, GOOD, GOOD[:40], GOOD[40:], health, READ, GOOD + GOOD)
    held.may_answer.set()
    said = await door.say()
    await door.hang_up()

    bodies = [part[:30] for part in said.split(b"\r\n\r\n")[1:]]
    assert before == b""
    assert [b"result" in body for body in bodies] == [True, True, True, False, True, True, True]
    assert said.count(b"HTTP/1.1 200 OK") == 7
    assert nothing_is_left(stack)


async def test_a_client_that_sends_without_end_while_it_waits_is_read_no_further(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    many = HELD // len(GOOD) + 5

    await door.say(READ, *[GOOD] * many)
    paused = door.wire.paused
    held.may_answer.set()
    said = await door.say()
    await door.hang_up()

    assert (paused, door.wire.paused) == (True, False)
    assert said.count(b"HTTP/1.1 200 OK") == many + 1


async def test_what_a_client_sent_on_is_forgotten_when_it_goes_away(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)

    await door.say(READ, WRITE)
    await door.hang_up()
    await until(lambda: held.cancelled == 1)

    assert held.begun == 1
    assert nothing_is_left(stack)


async def test_a_connection_with_a_call_under_way_is_not_idle(begin: Begin, held: Held) -> None:
    stack = await begin()
    server: Any = stack.runner.server
    server.manners = Manners(head=0.05)
    door = Door(stack)
    await door.say(READ)
    used: Any = door.protocol

    used._next_keepalive_close_time = 0.0
    used._process_keepalive()
    await asyncio.sleep(0.1)  # past the time for a first head
    open_still = not door.wire.closed
    held.may_answer.set()
    said = await door.say()

    assert open_still
    assert b'"result":1' in said
    used._next_keepalive_close_time = 0.0
    used._process_keepalive()
    assert door.wire.closed


async def test_a_gateway_that_ends_lets_calls_of_the_lane_end_first(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(READ)
    server: Any = stack.runner.server

    server.pre_shutdown()
    ending = asyncio.create_task(server.shutdown(5))
    await asyncio.sleep(0.01)
    waited = not ending.done()
    held.may_answer.set()
    await ending

    assert waited
    assert b'"result":1' in door.wire.sent
    assert door.wire.closed


async def test_a_gateway_that_ends_does_not_wait_for_ever(begin: Begin, held: Held) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(READ)
    server: Any = stack.runner.server

    server.pre_shutdown()
    await server.shutdown(0.02)
    await door.hang_up()

    assert door.wire.closed
    await until(lambda: held.cancelled == 1)
    assert nothing_is_left(stack)


async def test_an_answer_that_comes_while_the_gateway_drains_ends_its_connection(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(READ)

    stack.gateway.drain.draining = True
    held.may_answer.set()
    said = await door.say()

    assert b"\r\nConnection: close\r\n" in said
    assert b'"result":1' in said
    assert door.wire.closed


async def test_who_has_too_many_calls_under_way_is_told_so_at_once(
    begin: Begin, held: Held
) -> None:
    stack = await begin(
        rates=RateLimitConfig(anonymous=AnonymousClass(rate=1000, burst=1000, concurrent=1))
    )
    first, second = Door(stack), Door(stack)
    await first.say(READ)

    said = await second.say(BOTH, READ)
    held.may_answer.set()
    answered = await first.say()

    assert said.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 429 Too Many Requests" in said
    assert b'"result":1' in answered
    assert stack.gateway.counts.by_lane == 3
    assert nothing_is_left(stack)


async def test_what_nobody_foresaw_is_logged_and_told_by_a_number_only(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    stack = await begin()
    daemon: Any = stack.gateway.chain.http
    daemon._transport = object()
    door = Door(stack)

    said = await door.say(post(CALL.replace(b"count", b"shash")[:-2] + b"}", JSON), GOOD, GOOD)
    await door.hang_up()

    assert b"HTTP/1.1 500 Internal Server Error" in said
    assert "request failed" in caplog.text
    assert nothing_is_left(stack)


async def test_a_connection_that_only_the_lane_has_seen_is_not_cut_off(begin: Begin) -> None:
    stack = await begin()
    server: Any = stack.runner.server
    server.manners = Manners(head=0.05)
    door, silent = Door(stack), Door(stack)

    await door.say(GOOD, GOOD)  # its head is known from another connection
    await until(lambda: silent.wire.closed)
    said = await door.say(GOOD)

    assert said.count(b"HTTP/1.1 200 OK") == 3
    assert not door.wire.closed


async def test_a_call_that_ends_with_the_loop_ends_its_connection(begin: Begin) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(READ)

    [flight] = stack.gateway.chain.pipeline._flights._flights.values()
    flight.task.cancel()
    await until(lambda: door.wire.closed)

    assert bytes(door.wire.sent) == b""
    assert nothing_is_left(stack)


async def test_what_arrived_meanwhile_may_be_refused_at_once(begin: Begin, held: Held) -> None:
    stack = await begin()
    door = Door(stack)
    await door.say(*[READ.replace(b"read", b"live")] * 21)

    held.may_answer.set()
    stack.gateway.limiter.inside += 100_000
    said = await door.say()
    stack.gateway.limiter.inside -= 100_000
    await door.hang_up()

    assert said.count(b"HTTP/1.1 200 OK") == 1
    assert said.count(b"HTTP/1.1 503 Service Unavailable") == 20
    assert nothing_is_left(stack)


async def test_reading_that_aiohttp_has_stopped_is_not_begun_again_by_the_lane(
    begin: Begin, held: Held
) -> None:
    stack = await begin()
    door = Door(stack)
    health = b"GET /health/live HTTP/1.1\r\nHost: gateway\r\nX: %b\r\n\r\n" % (b"y" * 400)
    many = HELD // len(health) + 1

    await door.say(READ, health * many)
    paused = door.wire.paused
    held.may_answer.set()
    while (said := await door.say()).count(b"HTTP/1.1 200 OK") <= many:
        assert not door.wire.closed
    await door.hang_up()

    assert (paused, door.wire.paused) == (True, False)
    assert said.count(b"HTTP/1.1 200 OK") == many + 1
