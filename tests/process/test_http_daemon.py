"""`HttpDaemon` against a server that answers as verusd does, and as it should not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from process.tcpstub import DRIP, RESET, WAIT, Stub, good, http, stub
from stack import until

from verus_gateway.daemon import Credentials, HttpDaemon
from verus_gateway.dialect import Question
from verus_gateway.errors import (
    AnswerTooLarge,
    BadAnswer,
    BrokenOff,
    DaemonError,
    OutcomeUnknown,
    Overloaded,
    Refused,
    RpcError,
    TimedOut,
    Unauthorized,
    WarmingUp,
)
from verus_gateway.plugin import Json
from verus_gateway.sockets import sockets
from verus_gateway.transport import session

Ask = Callable[..., Awaitable[bytes]]
Make = Callable[..., HttpDaemon]
OVERLOAD = http("500 Internal Server Error", b"Work queue depth exceeded")
WRONG_PASSWORD = http("401 Unauthorized", b"")


class Client:
    """A daemon under test, and how long it slept between attempts."""

    def __init__(self, daemon: HttpDaemon, slept: list[float]) -> None:
        self.daemon = daemon
        self.slept = slept

    async def ask(self, *params: Json, retry: bool = True, seconds: float = 5.0) -> bytes:
        """Ask once, within *seconds*."""
        deadline = asyncio.get_running_loop().time() + seconds
        return bytes(await self.daemon.ask(Question("getinfo", params, retry, deadline)))


@pytest.fixture(params=[session, sockets], ids=["session", "sockets"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return what makes a daemon, over each of the two ways to verusd."""

    def made(
        url: str,
        credentials: Credentials | None = None,
        *,
        connect_timeout: float = 1.0,
        limit: int = 10_000,
        **more: Any,
    ) -> HttpDaemon:
        way = partial(
            request.param,
            url,
            connect_timeout=connect_timeout,
            max_response_size=limit,
            connections=4,
        )
        return HttpDaemon(way, credentials or Credentials("user", "pass"), **more)

    return made


@pytest.fixture
async def connect(make: Make) -> AsyncIterator[Callable[..., Awaitable[tuple[Stub, Client]]]]:
    """Start a stub with scripts, and a daemon that talks to it."""
    async with AsyncExitStack() as stack:

        async def connected(
            *scripts: list[bytes | str], credentials: Credentials | None = None, limit: int = 10_000
        ) -> tuple[Stub, Client]:
            server = await stack.enter_async_context(stub(*scripts))
            slept: list[float] = []

            async def sleep(seconds: float) -> None:
                slept.append(seconds)

            daemon = make(server.url, credentials, limit=limit, sleep=sleep)
            return server, Client(await stack.enter_async_context(daemon), slept)

        yield connected


async def test_the_request_is_freshly_written_and_the_answer_is_cut_out(connect: Any) -> None:
    server, client = await connect([good(b'{"a": 1.00000000}')])

    answer = await client.ask("x", Decimal("10000000000.12345678"), 2**70, True)

    assert answer == b'{"a": 1.00000000}'
    head, _, body = server.heard[0].partition(b"\r\n\r\n")
    assert body == (
        b'{"jsonrpc":"1.0","id":1,"method":"getinfo",'
        b'"params":["x",10000000000.12345678,1180591620717411303424,true]}'
    )
    assert b"POST / HTTP/1.1" in head
    assert b"Authorization: Basic dXNlcjpwYXNz" in head
    assert b"Accept-Encoding: identity" in head


async def test_connections_are_used_again(connect: Any) -> None:
    server, client = await connect([good()])

    for _ in range(3):
        await client.ask()

    assert (len(server.heard), server.connections) == (3, 1)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (
            [http("500 x", b'{"result":null,"error":{"code":-5,"message":"no"},"id":ID}')],
            DaemonError,
        ),
        ([http("500 x", b'{"result":null,"error":{"code":-28,"message":"l"},"id":ID}')], WarmingUp),
        ([http("404 x", b"")], BadAnswer),
        ([http("403 x", b"")], Unauthorized),
        ([http("503 x", b"<html>down</html>")], Refused),
        ([http("200 OK", b"<html>")], BadAnswer),
        ([http("200 OK", b"")], BadAnswer),
        ([http("200 OK", b'{"result":1,"error":null,"id":999}')], BadAnswer),
        ([http("200 OK", b'{"result":1,"error":null}')], BadAnswer),
        ([http("200 OK", b"x" * 20_000)], AnswerTooLarge),
        ([http("200 OK", b"1", "Content-Encoding: gzip")], BadAnswer),
        ([http("302 x", b"", "Location: http://127.0.0.1:1/")], BadAnswer),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", RESET], BrokenOff),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"], BrokenOff),
        ([b"not http at all\r\n\r\n"], BadAnswer),
        ([RESET], BrokenOff),
        ([WAIT], TimedOut),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", WAIT], TimedOut),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", DRIP], TimedOut),
    ],
)
async def test_every_way_to_fail_has_its_error(
    connect: Any, script: list[bytes | str], error: type[RpcError]
) -> None:
    _, client = await connect(script)

    with pytest.raises(RpcError) as caught:
        await client.ask(seconds=0.3)

    assert type(caught.value) is error
    assert "pass" not in str(caught.value)


async def test_an_answer_in_pieces_is_put_together(connect: Any) -> None:
    body = b'{"result":"' + b"x" * 5000 + b'","error":null,"id":1}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    _, client = await connect([head, body[:2000], body[2000:]])

    assert await client.ask() == b'"' + b"x" * 5000 + b'"'


async def test_a_large_answer_without_a_length_is_cut_off_too(connect: Any) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    _, client = await connect(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk, WAIT]
    )

    with pytest.raises(AnswerTooLarge):
        await client.ask()


async def test_a_full_work_queue_is_asked_again_for_reads_with_growing_pauses(connect: Any) -> None:
    server, client = await connect([OVERLOAD], [OVERLOAD], [good()])

    assert await client.ask() == b"7"
    assert len(server.heard) == 3
    assert len(client.slept) == 2
    assert all(0 <= pause <= 0.5 for pause in client.slept)


async def test_a_queue_that_stays_full_is_given_up_after_three_attempts(connect: Any) -> None:
    server, client = await connect([OVERLOAD])

    with pytest.raises(Overloaded):
        await client.ask()

    assert len(server.heard) == 3


async def test_each_full_queue_is_told_also_where_the_last_attempt_succeeds(make: Make) -> None:
    told: list[None] = []
    async with (
        stub([OVERLOAD], [OVERLOAD], [good()]) as server,
        make(server.url, overloaded=lambda: told.append(None), sleep=asyncio.sleep) as daemon,
    ):
        assert await Client(daemon, []).ask() == b"7"

    assert len(told) == 2


@pytest.mark.parametrize("when", ["before the pause", "in the pause"])
async def test_a_breaker_that_opens_ends_the_attempts(make: Make, when: str) -> None:
    closed = [True] if when == "in the pause" else []
    async with (
        stub([OVERLOAD]) as server,
        make(server.url, worthwhile=lambda: bool(closed and closed.pop())) as daemon,
    ):
        with pytest.raises(Overloaded):
            await Client(daemon, []).ask()

    assert len(server.heard) == 1


async def test_pauses_between_attempts_end_at_the_deadline(make: Make) -> None:
    async with (
        stub([OVERLOAD]) as server,
        make(server.url, sleep=lambda _: asyncio.sleep(60.0)) as daemon,
    ):
        with pytest.raises(TimedOut):
            await Client(daemon, []).ask(seconds=0.1)


async def test_a_broken_connection_is_tried_once_more_for_reads(connect: Any) -> None:
    server, client = await connect([RESET], [good()])

    assert await client.ask() == b"7"
    assert len(server.heard) == 2


@pytest.mark.parametrize(
    "script",
    [
        [RESET],
        [WAIT],
        [http("200 OK", b"<html>")],
        [http("200 OK", b'{"result":1,"error":null,"id":999}')],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", RESET],
    ],
)
async def test_a_write_whose_answer_is_lost_is_sent_once_and_unknown(
    connect: Any, script: list[bytes | str]
) -> None:
    server, client = await connect(script)

    with pytest.raises(OutcomeUnknown, match="getinfo was sent"):
        await client.ask(retry=False, seconds=0.3)

    assert len(server.heard) == 1


async def test_a_write_that_was_not_taken_is_not_sent_again_and_not_unknown(connect: Any) -> None:
    server, client = await connect([OVERLOAD])

    with pytest.raises(Overloaded):
        await client.ask(retry=False)

    assert len(server.heard) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_nobody_there_is_refused_without_a_word_of_the_address(make: Make, host: str) -> None:
    async with make(f"http://{host}:1") as daemon:
        with pytest.raises(Refused) as caught:
            await Client(daemon, []).ask()

    assert host not in str(caught.value)


async def test_a_new_password_in_the_file_is_tried_once(connect: Any, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old\n")
    credentials = Credentials("user", password_file=file)
    server, client = await connect([WRONG_PASSWORD], [good()], credentials=credentials)
    assert credentials.header
    file.write_text("new\n")

    assert await client.ask() == b"7"
    assert b"Basic dXNlcjpvbGQ=" in server.heard[0]
    assert b"Basic dXNlcjpuZXc=" in server.heard[1]


@pytest.mark.parametrize("changes", [True, False])
async def test_a_wrong_password_is_never_tried_a_third_time(
    connect: Any, tmp_path: Path, *, changes: bool
) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    credentials = Credentials("user", password_file=file)
    server, client = await connect([WRONG_PASSWORD], credentials=credentials)
    assert credentials.header
    if changes:
        file.write_text("new")

    with pytest.raises(Unauthorized):
        await client.ask()

    assert len(server.heard) == (2 if changes else 1)


async def test_a_cookie_file_is_read_anew_after_a_restart_of_verusd(
    connect: Any, tmp_path: Path
) -> None:
    file = tmp_path / ".cookie"
    file.write_text("__cookie__:one")
    credentials = Credentials(cookie_file=file)
    server, client = await connect([WRONG_PASSWORD], [good()], credentials=credentials)
    assert credentials.header
    file.write_text("__cookie__:two")

    assert await client.ask() == b"7"
    assert len(server.heard) == 2


async def test_outside_of_its_context_it_is_a_fault_of_the_program(make: Make) -> None:
    daemon = make("http://127.0.0.1:1")

    with pytest.raises(RuntimeError):
        await Client(daemon, []).ask()
    await daemon.__aexit__(None, None, None)


async def test_a_caller_that_is_cancelled_leaves_no_connection_busy(connect: Any) -> None:
    server, client = await connect([WAIT], [good()])
    asked = asyncio.create_task(client.ask())
    await until(lambda: bool(server.heard))

    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked

    assert await client.ask() == b"7"


async def test_a_host_that_lets_connections_hang_is_refused_in_time(make: Make) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):  # the queue of a listener that never accepts
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        daemon = make(f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.05)

        async with daemon:
            with pytest.raises(Refused, match="in time"):
                await Client(daemon, []).ask(retry=False)
