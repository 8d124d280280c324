"""A TCP proxy that makes a good network bad, one connection at a time.

The faults have the names of the usual vocabulary: latency (with jitter), down, bandwidth,
slow_close, timeout, reset_peer, slicer and limit_data. Each acts on one direction of the
connections it is meant for: ``down`` is what the server says to the client, ``up`` what the
client says to the server.
"""

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Literal, SupportsIndex, TypeAlias

Direction: TypeAlias = Literal["up", "down"]
CHUNK = 65_536
AT_ONCE = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing is a reset, and what was not sent is thrown away."""


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """What is wrong with one direction; everything left out is as it should be.

    Attributes:
        latency: Seconds each piece is late.
        jitter: Seconds, at most, by which that varies either way.
        bandwidth: Bytes a second.
        slicer: Bytes of the pieces into which the data is cut.
        slice_delay: Seconds between two such pieces.
        limit_data: Bytes after which the connection is closed.
        slow_close: Seconds by which the end is late.
        timeout: Nothing passes, nothing is closed: a black hole.
        reset_peer: The connection is reset when the first piece comes, or after `limit_data`.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    slicer: int = 0
    slice_delay: float = 0.0
    limit_data: int | None = None
    slow_close: float = 0.0
    timeout: bool = False
    reset_peer: bool = False


@dataclass(eq=False)
class Connection:
    """One connection through the proxy, and what is wrong with it now."""

    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    toxics: dict[Direction, Toxic] = field(default_factory=dict)
    passed: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    heard: bytearray = field(default_factory=bytearray)

    def reset(self) -> None:
        """End both sides with a reset."""
        for writer in (self.client, self.server):
            if writer is not None and not writer.transport.is_closing():
                socket = writer.get_extra_info("socket")
                socket.setsockopt(SOL_SOCKET, SO_LINGER, AT_ONCE)
                writer.transport.abort()


class _Ear(asyncio.StreamReader):
    """Tells what is read off the network before anybody asks for it."""

    def __init__(self, proxy: "Proxy") -> None:
        super().__init__()
        self._proxy = proxy

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self._proxy.overhear(bytes(data))
        super().feed_data(data)


class Proxy:
    """Stands between a client and the server at *port*; made by `proxied`.

    Args:
        port: Where the server listens on loopback.
        seed: Of the jitter.
    """

    def __init__(self, port: int, seed: int = 1) -> None:
        self.upstream = port
        self.port = 0
        self.connections: list[Connection] = []
        self.made = 0
        self.overhear: Callable[[bytes], object] = len
        """Told what clients say, in the moment in which it is read off the network."""
        self._random = random.Random(seed)  # noqa: S311  the jitter of a test is to be repeatable
        self._toxics: dict[Direction, Toxic] = {}
        self._chosen: Callable[[int], bool] = lambda _: True
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where a client reaches the server through it."""
        return f"http://127.0.0.1:{self.port}"

    def toxic(
        self, *directions: Direction, only: Callable[[int], bool] | None = None, **faults: Any
    ) -> None:
        """Make *directions* bad, for connections there are and to come.

        Args:
            directions: Both where none is given.
            only: Which connections, by their number from 1; all where it is left out.
            faults: As `Toxic` names them.
        """
        self._chosen = only or (lambda _: True)
        for direction in directions or ("up", "down"):
            toxic = replace(Toxic(), **faults)
            self._toxics[direction] = toxic
            for each in self.connections:
                if self._chosen(each.number):
                    each.toxics[direction] = toxic

    def heal(self) -> None:
        """Make everything good again; what vanished in a black hole stays lost."""
        self._toxics.clear()
        for each in self.connections:
            each.toxics.clear()

    def reset(self) -> None:
        """Reset every connection there is."""
        for each in list(self.connections):
            each.reset()

    async def down(self) -> None:
        """Close the port and every connection: connection refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def up(self) -> None:
        """Open the port, the same as before where it was open before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._meet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Close everything."""
        await self.down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _meet(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(_Ear(self), self._accept)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        chosen = dict(self._toxics) if self._chosen(self.made) else {}
        connection = Connection(self.made, writer, toxics=chosen)
        self.connections.append(connection)
        try:
            far, connection.server = await asyncio.open_connection("127.0.0.1", self.upstream)
            await asyncio.gather(
                self._pump(connection, "up", reader, connection.server),
                self._pump(connection, "down", far, writer),
            )
        except OSError:
            connection.reset()  # a side that vanished takes the other with it
        finally:
            self.connections.remove(connection)
            connection.client.close()
            if connection.server is not None:
                connection.server.close()

    async def _pump(
        self,
        connection: Connection,
        direction: Direction,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
    ) -> None:
        while data := await source.read(CHUNK):
            if direction == "up":
                connection.heard += data
            if not await self._passes(connection, direction, data, sink):
                return
        toxic = connection.toxics.get(direction, Toxic())
        await asyncio.sleep(toxic.slow_close)
        if not toxic.timeout and sink.can_write_eof():
            sink.write_eof()

    async def _passes(
        self,
        connection: Connection,
        direction: Direction,
        data: bytes,
        sink: asyncio.StreamWriter,
    ) -> bool:
        """Pass *data* on as the toxic of the moment wants it; False ends the connection."""
        for piece in _pieces(data, connection.toxics.get(direction, Toxic()).slicer):
            toxic = connection.toxics.get(direction, Toxic())
            if toxic.timeout:
                continue
            await asyncio.sleep(self._delay(toxic, len(piece)))
            left = _left(toxic, connection.passed[direction])
            if left is None or left > 0:
                sink.write(piece[:left])
                await sink.drain()
                connection.passed[direction] += len(piece[:left])
            if _left(toxic, connection.passed[direction]) == 0:
                connection.reset() if toxic.reset_peer else _end(connection)
                return False
        return True

    def _delay(self, toxic: Toxic, size: int) -> float:
        late = toxic.latency + self._random.uniform(-toxic.jitter, toxic.jitter)
        paced = size / toxic.bandwidth if toxic.bandwidth else 0.0
        return max(0.0, late) + paced + toxic.slice_delay


def _left(toxic: Toxic, passed: int) -> int | None:
    """Return how many bytes may still pass, None for any number."""
    if toxic.limit_data is None:
        return 0 if toxic.reset_peer else None
    return max(0, toxic.limit_data - passed)


def _end(connection: Connection) -> None:
    for writer in (connection.client, connection.server):
        if writer is not None:
            writer.close()


def _pieces(data: bytes, size: int) -> list[bytes]:
    if size <= 0:
        return [data]
    return [data[start : start + size] for start in range(0, len(data), size)]


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of *port* on a free port of its own."""
    proxy = Proxy(port)
    await proxy.up()
    try:
        yield proxy
    finally:
        await proxy.end()
