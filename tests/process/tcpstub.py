"""A TCP server that says what it is told, byte for byte, and remembers what it heard."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

RESET: Final = "reset"
"""In a script: end the connection with a reset instead of an end."""
END: Final = "end"
"""In a script: end the connection, without having said so."""
PAUSE: Final = "pause"
"""In a script: wait until what was said has been read."""
WAIT: Final = "wait"
"""In a script: say nothing more and keep the connection."""
DRIP: Final = "drip"
"""In a script: say a byte now and then, for ever."""


@dataclass
class Stub:
    """What a server says: one list of pieces for each request, the last one again and again."""

    scripts: list[list[bytes | str]]
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection as the scripts say."""
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough, as some tests want
        finally:
            self.ended += 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        self.heard.append(head + await reader.readexactly(length))
        script = self.scripts[min(len(self.heard), len(self.scripts)) - 1]
        for piece in script:
            if piece == RESET:
                writer.transport.abort()
                return False
            if piece == END:
                return False
            if piece == PAUSE:
                await asyncio.sleep(0.01)
                continue
            if piece in {WAIT, DRIP}:
                await _hold(reader, writer, drip=piece == DRIP)
                return False
            writer.write(_numbered(piece, self.heard[-1]))
            await writer.drain()
        return b"close" not in script[0] if isinstance(script[0], bytes) else False


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, drip: bool) -> None:
    while not reader.at_eof():
        if drip:
            writer.write(b" ")
            await writer.drain()
        try:
            await asyncio.wait_for(reader.read(1), 0.01)
        except TimeoutError:
            continue


def _numbered(piece: bytes | str, request: bytes) -> bytes:
    """Put the request's own id where the script says ID, with the length it then has."""
    number = request.partition(b'"id":')[2].partition(b",")[0]
    text = piece.encode() if isinstance(piece, str) else piece
    head, end, body = text.partition(b"\r\n\r\n")
    body = body.replace(b"ID", number)
    return head.replace(b"LENGTH", str(len(body)).encode()) + end + body


def http(status: str, body: bytes, *headers: str) -> bytes:
    """Return an HTTP response with a right Content-Length."""
    lines = [f"HTTP/1.1 {status}", "Content-Length: LENGTH", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def good(result: bytes = b"7") -> bytes:
    """Return verusd's answer with this result."""
    return http("200 OK", b'{"result":%b,"error":null,"id":ID}\n' % result)


@asynccontextmanager
async def stub(*scripts: list[bytes | str]) -> AsyncIterator[Stub]:
    """Run a server with these scripts on a free port."""
    made = Stub(list(scripts))
    tasks: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(_remembering(made, tasks), "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _remembering(
    made: Stub, tasks: "set[asyncio.Task[None]]"
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(made.serve(reader, writer)))

    return connected
