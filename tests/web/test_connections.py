"""How long a connection may dawdle; the rest is held by the tests of faults."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from verus_gateway.web.protocol import Manners, Runner, Server

LARGE = 20_000_000


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    """Serve an application whose answers are short or very long, with little patience."""

    async def short(_: web.Request) -> web.Response:
        return web.Response(text="short")

    async def long(_: web.Request) -> web.Response:
        response = web.Response(body=b"x" * LARGE)
        response.force_close()
        return response

    app = web.Application()
    app.add_routes([web.get("/", short), web.get("/long", long)])
    made = Runner(app, Manners(head=0.1, read=0.1, most=4), access_log=None)
    await made.setup()
    await web.TCPSite(made, "127.0.0.1", 0).start()
    yield made
    await made.cleanup()


async def connected(runner: Runner) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", runner.addresses[0][1], limit=1024)


def cut(runner: Runner) -> dict[str, int]:
    assert isinstance(runner.server, Server)
    return dict(runner.server.cut)


async def test_who_has_sent_a_head_in_time_may_wait_with_the_next(runner: Runner) -> None:
    reader, writer = await connected(runner)
    request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"

    answers: list[bytes] = []
    for _ in range(2):
        writer.write(request)
        answers.append(await reader.readuntil(b"short"))
        await asyncio.sleep(0.2)  # longer than the first head may take

    writer.close()
    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 2
    assert cut(runner) == {}


async def test_who_does_not_read_is_cut_off_also_when_the_answer_was_the_last(
    runner: Runner,
) -> None:
    reader, writer = await connected(runner)

    writer.write(b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n")
    async with asyncio.timeout(10):
        while not cut(runner):  # noqa: ASYNC110  the other end of a socket
            await asyncio.sleep(0.02)

    writer.close()
    assert cut(runner) == {"reader": 1}
    assert not reader.at_eof()


async def test_who_reads_slowly_but_does_read_gets_everything(runner: Runner) -> None:
    reader, writer = await connected(runner)
    writer.write(b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    got = len(await reader.readexactly(LARGE))

    writer.close()
    assert got == LARGE
    assert cut(runner) == {}


REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


def answer(peer: socket.socket) -> bytes:
    """Return what comes until the end."""
    return b"".join(iter(lambda: peer.recv(4096), b""))


async def test_who_connected_before_the_end_is_heard_though_not_let_in_yet(runner: Runner) -> None:
    address = runner.addresses[0]
    with (
        socket.create_connection(address, 5.0) as one,
        socket.create_connection(address, 5.0) as two,
    ):
        one.sendall(REQUEST)
        two.sendall(REQUEST)

        await runner.cleanup()  # it has had no turn to let them in

        said = [answer(each) for each in (one, two)]
    assert [each[:13] for each in said] == [b"HTTP/1.1 200 "] * 2
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 5.0)


async def test_who_has_said_nothing_yet_is_waited_for_but_not_for_long(runner: Runner) -> None:
    reader, writer = await connected(runner)
    silent, nothing = await connected(runner)
    ending = asyncio.create_task(runner.cleanup())
    await asyncio.sleep(0.03)
    writer.write(REQUEST)

    said = await reader.read()
    await ending

    assert said.startswith(b"HTTP/1.1 200 ")
    assert await silent.read() == b""
    writer.close()
    nothing.close()
