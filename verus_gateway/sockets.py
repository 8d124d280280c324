"""Kept connections to a verusd that speaks plain HTTP, over asyncio's protocol interface.

aiohttp's client does the same and more, at three times the price of a call. What is left out
here is what verusd never needs: redirects, cookies, compression, proxies, TLS.
"""

import asyncio
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

from verus_gateway.errors import BrokenOff, Refused, RpcError, TimedOut
from verus_gateway.gate import Gate
from verus_gateway.reply import Reader, Reply
from verus_gateway.transport import KEEPALIVE, Mark, Transport, cause_of

MAX_AGE: Final = 300.0
"""Seconds after which a connection is not used again, so that a name is looked up anew."""

LookUp: TypeAlias = Callable[[str, int], Awaitable[list[tuple[str, int]]]]
Wanted: TypeAlias = Callable[[], bool]

_HEAD: Final = (
    "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n"
    "Content-Type: application/json\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
    "User-Agent: verus-gateway\r\nContent-Length: "
)


class Connection(asyncio.Protocol):
    """One connection: one request at a time.

    Args:
        loop: Where it runs.
        max_response_size: Bytes of one answer, at most.
    """

    __slots__ = (
        "_deadline",
        "_loop",
        "_reader",
        "_timer",
        "_transport",
        "_waiter",
        "born",
        "gone",
        "idle_since",
    )
    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, max_response_size: int) -> None:
        self._loop = loop
        self._reader = Reader(max_response_size)
        self._waiter: asyncio.Future[Reply] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.born = self.idle_since = loop.time()
        self.gone: asyncio.Future[None] = loop.create_future()

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it: open, and the last one wholly gone out."""
        return not self._transport.is_closing() and not self._transport.get_write_buffer_size()

    @property
    def heard(self) -> bool:
        """Whether any byte of an answer to the last request came."""
        return self._reader.begun

    def send(self, request: bytes, deadline: float) -> "asyncio.Future[Reply]":
        """Send *request*; the future brings its response, or the error at *deadline*."""
        waiter = self._waiter = self._loop.create_future()
        self._deadline = deadline
        if self._transport.is_closing():
            self._fail(BrokenOff("the connection to verusd broke off"))
            return waiter
        self._transport.write(request)
        # One timer for many requests: it looks at the deadline of the one that is under way.
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer(deadline)
        return waiter

    def abort(self) -> None:
        """End the connection at once, whatever is under way on it."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read on; bytes that nobody asked for end the connection."""
        waiter = self._waiter
        if waiter is None:
            self.abort()
            return
        try:
            reply = self._reader.feed(data)
        except RpcError as error:
            self._fail(error)
            return
        if reply is not None:
            self._settle(waiter, reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way, unless this end is the end of its body."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None:
            reply = self._reader.end() if exc is None else None
            if reply is None:
                self._fail(BrokenOff("the connection to verusd broke off"))
            else:
                self._settle(self._waiter, reply)
        self.gone.set_result(None)

    def _settle(self, waiter: "asyncio.Future[Reply]", reply: Reply) -> None:
        self._waiter = None
        self.idle_since = self._loop.time()
        if not waiter.done():
            waiter.set_result(reply)

    def _fail(self, error: RpcError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.abort()

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look_at_deadline)

    def _look_at_deadline(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._fail(TimedOut("verusd did not answer in time"))


@asynccontextmanager
async def sockets(
    url: str,
    *,
    connect_timeout: float,
    max_response_size: int,
    connections: int,
    keepalive: float = KEEPALIVE,
    max_age: float = MAX_AGE,
    look_up: LookUp | None = None,
    mark: Mark | None = None,
    wanted: Wanted = lambda: True,
    worthwhile: Wanted = lambda: True,
) -> AsyncIterator[Transport]:
    """Open the way over plain sockets.

    Args:
        url: ``http://``, host and port; verusd serves the path ``/`` only.
        connect_timeout: Seconds to get a connection.
        max_response_size: Bytes of one answer, at most.
        connections: Connections at once; the gate keeps calls below it.
        keepalive: Seconds an idle connection is kept.
        max_age: Seconds after which a connection carries no further request.
        look_up: From host and port to addresses; asked for each new connection.
        mark: Asked for the headers of each request's trace.
        wanted: Whether a request is still to be sent once its new connection stands.
        worthwhile: Whether to send again what a kept connection ended without a word.
    """
    parts = urlsplit(url)
    pool = Pool(
        parts.netloc,
        (parts.hostname or "", parts.port or 80),
        Bounds(connect_timeout, max_response_size, connections, keepalive, max_age),
        look_up or _look_up,
        mark,
        wanted=wanted,
        worthwhile=worthwhile,
    )
    try:
        yield pool
    finally:
        await pool.close()


class Bounds(NamedTuple):
    """What a `Pool` keeps to; see `sockets`."""

    connect_timeout: float
    max_response_size: int
    connections: int
    keepalive: float
    max_age: float


class Pool:
    """Connections that are kept between calls; made by `sockets`.

    Args:
        authority: What goes into the ``Host`` header.
        address: Host and port; a name is looked up for each new connection.
        bounds: What is kept to.
        look_up: From host and port to addresses.
        mark: Asked for the headers of each request's trace.
        wanted, worthwhile: See `sockets`.
    """

    def __init__(
        self,
        authority: str,
        address: tuple[str, int],
        bounds: Bounds,
        look_up: LookUp,
        mark: Mark | None,
        *,
        wanted: Wanted,
        worthwhile: Wanted,
    ) -> None:
        self._authority = authority
        self._look_up = look_up
        self._mark = mark
        self._wanted = wanted
        self._worthwhile = worthwhile
        self._address = address
        self._bounds = bounds
        self._places = Gate(bounds.connections, sys.maxsize)
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._head = (b"", "")

    def __repr__(self) -> str:
        return f"<Pool {len(self._open)} open, {len(self._idle)} idle>"

    async def post(self, body: bytes, authorization: str, deadline: float, *, retry: bool) -> Reply:
        """Return verusd's response.

        What may be sent once only gets a connection of its own, since a kept one may have been
        ended by verusd in this very moment, and nobody could tell whether it was heard. What
        may be sent twice is sent again at once when that happens, where that is `worthwhile`.

        Raises:
            Refused: it was not sent, since it is not `wanted` any more.
        """
        if not self._places.try_enter():
            await self._wait_for_place(deadline)
        try:
            head = self._head_for(authorization)
            mark = b"" if self._mark is None else _lines(self._mark())
            request = b"%b%d\r\n%b\r\n%b" % (head, len(body), mark, body)
            kept = self._take() if retry else None
            if kept is not None:
                try:
                    return await self._exchange(kept, request, deadline)
                except BrokenOff:
                    if kept.heard or not self._worthwhile():
                        raise
            return await self._exchange(await self._fresh(deadline), request, deadline)
        finally:
            self._places.leave()

    async def close(self) -> None:
        """End every connection, and wait until they are gone."""
        if self._sweep is not None:
            self._sweep.cancel()
        gone = [connection.gone for connection in self._open]
        for connection in self._open:
            connection.abort()
        if gone:
            await asyncio.wait(gone)

    async def _exchange(self, connection: Connection, request: bytes, deadline: float) -> Reply:
        try:
            reply = await connection.send(request, deadline)
        except asyncio.CancelledError:
            connection.abort()  # what still comes is the answer to nobody
            raise
        if (
            reply.keep
            and connection.usable
            and self._loop.time() - connection.born < self._bounds.max_age
        ):
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(self._bounds.keepalive, self._sweep_idle)
        else:
            connection.abort()
        return reply

    async def _wait_for_place(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.enter()
        except TimeoutError:
            raise Refused("no connection to verusd was free in time") from None

    async def _fresh(self, deadline: float) -> Connection:
        """Return a new connection, for a request that is still wanted now that it stands."""
        connection = await self._connect(deadline)
        if not self._wanted():
            connection.abort()
            raise Refused("verusd went away while a connection to it was made")
        return connection

    async def _connect(self, deadline: float) -> Connection:
        while self._idle and len(self._open) >= self._bounds.connections:
            self._idle.popleft().abort()
        until = min(deadline, self._loop.time() + self._bounds.connect_timeout)
        try:
            async with asyncio.timeout_at(until):
                return await self._connect_to_first(until)
        except TimeoutError:
            raise Refused("no connection to verusd in time") from None
        except OSError as error:
            raise Refused(f"no connection to verusd: {cause_of(error)}") from None

    async def _connect_to_first(self, until: float) -> Connection:
        """Connect to the first address that answers; each has its share of the time."""
        left = await self._look_up(*self._address)
        while True:
            host, port = left.pop(0)
            try:
                async with asyncio.timeout((until - self._loop.time()) / (len(left) + 1)):
                    return await self._connect_to(host, port)
            except OSError:
                if not left:
                    raise

    async def _connect_to(self, host: str, port: int) -> Connection:
        _, connection = await self._loop.create_connection(self._new, host, port)
        self._open.add(connection)
        connection.gone.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def _new(self) -> Connection:
        return Connection(self._loop, self._bounds.max_response_size)

    def _take(self) -> Connection | None:
        """Return the connection used last, so that those not needed grow old."""
        oldest = self._loop.time() - self._bounds.keepalive
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _sweep_idle(self) -> None:
        self._sweep = None
        oldest = self._loop.time() - self._bounds.keepalive
        while self._idle and (not self._idle[0].usable or self._idle[0].idle_since <= oldest):
            self._idle.popleft().abort()
        if self._idle:
            self._sweep = self._loop.call_later(self._bounds.keepalive, self._sweep_idle)

    def _head_for(self, authorization: str) -> bytes:
        head, known = self._head
        if known != authorization:
            head = _HEAD.format(host=self._authority, authorization=authorization).encode()
            self._head = head, authorization
        return head


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


async def _look_up(host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses of *host*, at least one.

    Raises:
        OSError: it has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), port) for *_, address in found]
