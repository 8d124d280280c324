"""aiohttp's server with an express lane, a bound on patience, and our own words for what is no HTTP.

Such bytes never become a request, so no middleware sees them: aiohttp answers them in plain
text, under its own name and version, and logs a traceback for each. Here they get the same
JSON-RPC error body and headers as everything else, and no line in the log. Nor does a
middleware see who opens connections and says nothing, or asks and does not read: they are cut
off here.
"""

import asyncio
import socket
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from verus_gateway import rpc
from verus_gateway.address import Addresses
from verus_gateway.errors import InternalError, InvalidRequest, RpcError, Shed
from verus_gateway.web.express import LANE, Lane
from verus_gateway.web.heads import owed
from verus_gateway.web.keys import ADDRESSES, COUNTS
from verus_gateway.web.middleware import NO_HTTP, SECURITY_HEADERS, dressed, worded
from verus_gateway.web.refusal import refusal
from verus_gateway.web.repeats import Repeat

LINGER: Final = 0.5
"""Seconds for which a server that ends still hears those who have just connected."""
HELD: Final = 65_536
"""Bytes that may arrive while a request of the lane waits before reading stops until it is answered."""


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a connection.

    Attributes:
        head: Seconds from opening it to the end of its first request's head.
        read: Seconds to take what waits to be sent, once that is more than buffers hold.
        most: Connections at once; who comes on top is told so and cut off.
    """

    head: float = 10.0
    read: float = 30.0
    most: int = 4096


class Protocol(RequestHandler):
    """One connection of a client; the `Line` that the lane sees.

    Args:
        server: What it belongs to.
        options: What aiohttp is told.
    """

    __slots__ = (
        *("_full", "_heard", "_held", "_held_size", "_leave", "_owed", "_patience", "_server"),
        *("_stream", "_take", "_taking_up", "_unused", "group", "head", "peer", "repeat"),
    )

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._patience: dict[str, asyncio.TimerHandle] = {}
        lane = server.lane if self.keepalive_timeout > 0 else None
        self._owed = -1 if lane is None else 0
        if lane is not None:
            self._take = lane.take
        self._heard = True
        self.head = b""
        self.peer = self.group = ""
        self.repeat: Repeat | None = None
        self._leave: Callable[[], None] | None = None
        self._held: deque[bytes] = deque()
        self._held_size = 0
        self._full = self._taking_up = False

    @property
    def idle(self) -> bool:
        """Whether nothing of aiohttp's is under way, and the client reads what it is sent."""
        waiter = self._waiter
        return (
            waiter is not None
            and not waiter.done()
            and not self._messages
            and self._heard
            and self._keepalive_handle is not None
        )

    @property
    def silent(self) -> bool:
        """Whether it is open and nothing was asked here yet."""
        return (
            self._request_count == 0
            and self._next_keepalive_close_time == self._unused  # the lane has answered nothing
            and self.transport is not None
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and give the first request's head its time."""
        super().connection_made(transport)
        peer = self.peername
        self.peer = str(peer[0] if isinstance(peer, tuple) else peer or "")
        self.group = self._server.group(self.peer)
        # Our own: aiohttp lets go of it when it closes, also where the client reads nothing more.
        self._stream = cast(asyncio.Transport, transport)
        self._unused = self._next_keepalive_close_time
        self._give("head", self._server.manners.head, self._no_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        for timer in self._patience.values():
            timer.cancel()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
        self._held.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Show what arrives to the lane, and hand over what it does not answer.

        The lane must see requests from their first byte only. `_owed` is how many bytes the
        request under way still lacks; once that cannot be told for sure (-1), the lane sees
        nothing more of this connection.
        """
        owed_now = self._owed
        if not owed_now and data:
            if self._take(self, data):
                return
            self._owed = owed(data)
        elif owed_now > 0:
            self._owed = max(owed_now - len(data), -1)
        elif self._leave is not None:
            self._hold(data)
            return
        super().data_received(data)

    def answer(self, data: bytes, now: float) -> None:
        """Send a whole response, and count the connection as used *now*, monotonic as the loop is."""
        self._stream.write(data)
        self._next_keepalive_close_time = now + self._keepalive_timeout

    def begin(self, leave: Callable[[], None]) -> None:
        """Be busy with a request of the lane, also to aiohttp when it shuts down."""
        self._leave = leave
        self._owed = -1
        self._request_in_progress = True
        self._request_count += 1

    def end(self, *, close: bool) -> None:
        """Be busy no longer: take up what arrived meanwhile, or end the connection."""
        self._leave = None
        self._owed = 0
        self._request_in_progress = False
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)
        if close or self._close or self._force_close:
            self.force_close()
        elif not self._taking_up:
            self._take_up()

    def _hold(self, data: bytes) -> None:
        """Keep what arrives while a request is under way, and read no more once that is much."""
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size > HELD and not self._full:
            self._full = True
            self._pause_transport_reading()

    def _take_up(self) -> None:
        self._taking_up = True
        while self._held and self._leave is None:
            data = self._held.popleft()
            self._held_size -= len(data)
            self.data_received(data)
        self._taking_up = False
        if self._full and not self._held:
            self._full = False
            if not (self._reading_paused or self._buffer_paused):
                self._resume_transport_reading()

    def _process_keepalive(self) -> None:
        if self._leave is not None:  # it is not idle
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def pause_writing(self) -> None:
        """Give a client that does not read its time."""
        super().pause_writing()
        self._heard = False
        self._give("reader", self._server.manners.read, lambda: self._cut("reader"))

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._heard = True
        self._patience.pop("reader").cancel()

    def _give(self, reason: str, seconds: float, then: Callable[[], None]) -> None:
        self._patience[reason] = self._loop.call_later(seconds, then)

    def _no_head(self) -> None:
        if self.silent:
            self._cut("head")

    def _cut(self, reason: str) -> None:
        self._server.cut[reason] += 1
        self._stream.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature; our own words are said
    ) -> web.StreamResponse:
        """Return the answer to bytes that are no request, and close the connection.

        Raises:
            ConnectionError: part of an answer has already been sent.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer has already been sent")
        error: RpcError = InvalidRequest(NO_HTTP)
        if status >= 500:  # noqa: PLR2004  HTTP's border between their fault and ours
            self.log_exception("request failed", exc_info=exc)
            error = InternalError("internal error")
        response = refusal(error, status=status)
        response.force_close()
        return dressed(response)


class Crowd(asyncio.Protocol):
    """A connection over the limit: it is told so whatever it says."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it and hang up."""
        stream = cast("asyncio.Transport", transport)  # as aiohttp does: TCP, whatever the loop
        stream.write(_CROWDED)
        stream.close()


class Server(web.Server):
    """Makes a `Protocol` for each connection."""

    manners: Manners
    cut: "Tally[str]"
    group: Callable[[str], str]
    lane: Lane | None = None

    def __call__(self) -> Any:
        """Return the protocol of a new connection."""
        if len(self._connections) >= self.manners.most:
            self.cut["crowd"] += 1
            return Crowd()
        return Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on `Server`.

    Args:
        app: The application.
        manners: What is expected of connections.
        options: aiohttp's own.
    """

    def __init__(
        self, app: web.Application, manners: Manners | None = None, **options: Any
    ) -> None:
        super().__init__(app, **options)
        self._manners = manners or Manners()

    async def cleanup(self) -> None:
        """Let nobody in any more, hear those who have just come in, and end.

        A proxy sends a request in the moment in which it has connected. To close on it would lose
        a call that no other instance may be asked again.
        """
        for site in self.sites:
            await self._close(site)
        ends = asyncio.get_running_loop().time() + LINGER
        while True:
            await asyncio.sleep(0.01)  # who was let in is not a connection of ours at once
            if not self._silent() or asyncio.get_running_loop().time() >= ends:
                break
        await super().cleanup()

    async def _close(self, site: Any) -> None:
        """Stop listening, and take in who has connected and was not let in yet.

        To close a listener resets them, also where their request is here already.
        """
        listens = site._server  # noqa: SLF001  aiohttp tells nobody; None where it could not listen
        doors: list[socket.socket] = [each.dup() for each in listens.sockets] if listens else []
        await site.stop()
        for each in [each for door in doors for each in _let_in(door)]:
            await asyncio.get_running_loop().connect_accepted_socket(cast(Any, self.server), each)

    def _silent(self) -> bool:
        return self.server is not None and any(
            isinstance(each, Protocol) and each.silent for each in self.server.connections
        )

    async def _make_server(self) -> Any:
        made: Any = await super()._make_server()
        made.__class__ = Server  # the same object with another way to make protocols
        made.request_handler = worded(made.request_handler)
        counts = self.app.get(COUNTS)
        made.manners = self._manners
        made.cut = Tally() if counts is None else counts.cut
        made.lane = self.app.get(LANE)
        addresses = self.app.get(ADDRESSES) or Addresses()
        made.group = lambda peer: addresses.client(peer).group
        return made


def _let_in(door: socket.socket) -> Iterator[socket.socket]:
    """Return whoever waits at a listening socket, and close it."""
    with door:
        try:
            while True:
                yield door.accept()[0]
        except OSError:  # nobody any more
            return


def line_of(request: web.Request) -> Protocol | None:
    """Return the connection of *request*, None where another server than ours has it."""
    protocol = request.protocol
    return protocol if isinstance(protocol, Protocol) else None


def _crowded() -> bytes:
    body = rpc.failure(Shed("too many connections"))
    headers = {
        **SECURITY_HEADERS,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Retry-After": "1",
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (lines.encode(), body)


_CROWDED: Final = _crowded()
