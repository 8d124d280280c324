"""`sockets`: connections that are kept, ended and replaced, against a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from process.tcpstub import END, PAUSE, RESET, WAIT, Stub, good, stub
from stack import until

from verus_gateway.daemon import Credentials, HttpDaemon
from verus_gateway.dialect import Question
from verus_gateway.errors import BrokenOff, OutcomeUnknown, Refused, TimedOut
from verus_gateway.sockets import sockets

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


class Client:
    """A daemon over `sockets`, and how often it slept."""

    def __init__(self, daemon: HttpDaemon, slept: list[float]) -> None:
        self.daemon = daemon
        self.slept = slept

    async def ask(self, *, retry: bool = True, seconds: float = 5.0) -> bytes:
        deadline = asyncio.get_running_loop().time() + seconds
        return bytes(await self.daemon.ask(Question("getinfo", (), retry, deadline)))


@asynccontextmanager
async def connected(
    *scripts: list[bytes | str],
    connections: int = 4,
    url: str = "",
    worthwhile: Callable[[], bool] = lambda: True,
    **more: Any,
) -> AsyncIterator[tuple[Stub, Client]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with stub(*scripts) as server:
        way = partial(
            sockets,
            url.replace("PORT", str(server.port)) or server.url,
            connect_timeout=1.0,
            max_response_size=1000,
            connections=connections,
            worthwhile=worthwhile,
            **more,
        )
        async with HttpDaemon(
            way, Credentials("u", "p"), worthwhile=worthwhile, sleep=sleep
        ) as daemon:
            yield server, Client(daemon, slept)


@pytest.mark.parametrize("ending", [END, RESET])
async def test_a_read_on_a_kept_connection_that_ends_is_sent_again_at_once(ending: str) -> None:
    async with connected([good()], [ending], [good(b"8")]) as (server, client):
        await client.ask()

        assert await client.ask() == b"8"

        assert (len(server.heard), server.connections, client.slept) == (3, 2, [])


@pytest.mark.parametrize("ending", [END, RESET])
async def test_what_is_not_worth_while_is_not_sent_again(ending: str) -> None:
    async with connected([good()], [ending], worthwhile=lambda: False) as (server, client):
        await client.ask()

        with pytest.raises(BrokenOff):
            await client.ask()

        assert (len(server.heard), server.connections, client.slept) == (2, 1, [])


@pytest.mark.parametrize("retry", [True, False])
async def test_what_is_not_wanted_once_its_connection_stands_is_not_sent(*, retry: bool) -> None:
    async with connected([good()], wanted=lambda: False, worthwhile=lambda: False) as (
        server,
        client,
    ):
        with pytest.raises(Refused, match="went away while"):
            await client.ask(retry=retry)

        await until(lambda: server.ended == 1)
        assert server.heard == []


async def test_a_connection_that_ended_while_idle_is_not_used() -> None:
    async with connected([good(), END], [good(b"8")]) as (server, client):
        await client.ask()
        await asyncio.sleep(0.01)

        assert await client.ask() == b"8"

        assert (len(server.heard), server.connections) == (2, 2)


async def test_an_answer_may_end_with_its_connection() -> None:
    body = b'HTTP/1.1 200 OK\r\n\r\n{"result":7,"error":null,"id":ID}'
    async with connected([body, END]) as (server, client):
        assert await client.ask() == b"7"
        assert await client.ask(retry=False) == b"7"

        assert server.connections == 2


async def test_half_an_answer_is_no_stale_connection() -> None:
    async with connected([good()], [HALF, END], [good(b"8")]) as (server, client):
        await client.ask()

        assert await client.ask() == b"8"

        assert (len(server.heard), len(client.slept)) == (3, 1)


async def test_a_write_never_goes_out_on_a_kept_connection() -> None:
    async with connected([good()]) as (server, client):
        await client.ask()

        await client.ask(retry=False)

        assert (len(server.heard), server.connections) == (2, 2)


async def test_a_write_whose_connection_ends_without_a_word_is_sent_once() -> None:
    async with connected([good()], [END]) as (server, client):
        await client.ask()

        with pytest.raises(OutcomeUnknown):
            await client.ask(retry=False)

        assert len(server.heard) == 2


@pytest.mark.parametrize("pause", [[], [PAUSE]])
async def test_what_is_said_unasked_belongs_to_no_call(pause: list[bytes | str]) -> None:
    said = [good(), *pause, b"HTTP/1.1 200 OK\r\n", PAUSE]
    async with connected(said, [good(b"8")]) as (server, client):
        await client.ask()
        await asyncio.sleep(0.02)

        assert await client.ask() == b"8"

        assert server.connections == 2


async def test_idle_connections_are_ended_and_busy_ones_bounded() -> None:
    async with connected([WAIT], [WAIT], [good()], connections=2) as (server, client):
        held = [asyncio.create_task(client.ask(seconds=0.2)) for _ in range(2)]
        await until(lambda: len(server.heard) == 2)

        with pytest.raises(Refused, match="free in time"):
            await client.ask(retry=False, seconds=0.05)
        waited = asyncio.create_task(client.ask())
        ended = await asyncio.gather(*held, return_exceptions=True)

        assert [type(each) for each in ended] == [TimedOut, TimedOut]
        assert await waited == b"7"


async def test_a_write_makes_room_by_ending_an_idle_connection() -> None:
    async with connected([good()], connections=1) as (server, client):
        await client.ask()
        await client.ask(retry=False)
        await client.ask()

        assert server.connections == 2


async def test_an_idle_connection_is_ended_after_its_time() -> None:
    async with connected([good()], keepalive=0.05) as (server, client):
        await asyncio.gather(client.ask(), client.ask())
        await asyncio.sleep(0.03)
        await client.ask()
        await until(lambda: server.ended == 2)

        await client.ask()

        assert server.connections == 3


async def test_a_connection_too_long_idle_is_not_used_even_before_it_is_ended() -> None:
    async with connected([good()], keepalive=0.0) as (server, client):
        await client.ask()
        await client.ask()

        assert server.connections == 2


async def test_a_connection_has_an_end_and_a_name_is_looked_up_anew() -> None:
    asked: list[str] = []

    async def look_up(host: str, port: int) -> list[tuple[str, int]]:
        asked.append(host)
        return [("127.0.0.1", port)]

    async with connected(
        [good()], url="http://verusd.invalid:PORT", max_age=0.0, look_up=look_up
    ) as (server, client):
        await client.ask()
        await client.ask()

        assert (server.connections, asked) == (2, ["verusd.invalid"] * 2)
        assert b"\r\nHost: verusd.invalid:%d\r\n" % server.port in server.heard[0]


async def test_of_several_addresses_the_first_that_answers_is_used() -> None:
    async def look_up(_: str, port: int) -> list[tuple[str, int]]:
        return [("127.0.0.1", 1), ("127.0.0.1", port)]

    async with connected([good()], look_up=look_up) as (_, client):
        assert await client.ask(retry=False) == b"7"


async def test_a_nearer_deadline_moves_the_timer_and_a_later_one_waits_for_it() -> None:
    async with connected([good()], [good()], [WAIT]) as (_, client):
        await client.ask(seconds=60.0)
        await client.ask(seconds=0.05)
        began = asyncio.get_running_loop().time()

        with pytest.raises(TimedOut):
            await client.ask(seconds=0.2)

        assert asyncio.get_running_loop().time() - began >= 0.19


async def test_a_timer_that_finds_nothing_under_way_is_not_set_again() -> None:
    async with connected([good()]) as (server, client):
        await client.ask(seconds=0.02)
        await asyncio.sleep(0.04)

        assert await client.ask() == b"7"
        assert server.connections == 1


async def test_closing_ends_what_is_under_way() -> None:
    async with connected([WAIT]) as (server, client):
        asked = asyncio.create_task(client.ask(retry=False))
        await until(lambda: bool(server.heard))
        await client.daemon.__aexit__(None, None, None)

        with pytest.raises(OutcomeUnknown):
            await asked


async def test_a_connection_that_ends_before_it_is_used_is_broken_off() -> None:
    async with connected([good()]) as (server, client):
        await client.ask()
        pool: Any = client.daemon._transport
        connection = pool._idle[0]
        connection.abort()

        with pytest.raises(BrokenOff):
            await connection.send(b"", 0.0)
        assert repr(pool) == "<Pool 1 open, 1 idle>"
        assert len(server.heard) == 1


async def test_an_answer_that_comes_in_the_moment_of_its_cancellation_is_nobodys() -> None:
    async with connected([good()], [WAIT]) as (_, client):
        await client.ask()
        pool: Any = client.daemon._transport
        connection = pool._idle[0]
        waiter = connection.send(b"", asyncio.get_running_loop().time() + 1.0)
        waiter.cancel()

        connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")

        assert waiter.cancelled()
