"""How an answer travels: at once, or as badly as a fault says."""

import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from verus_gateway.simulator.wire import Request, Response, drained

Sleep: TypeAlias = Callable[[float], Awaitable[object]]

Manner: TypeAlias = Literal["whole", "hang", "headers", "drip", "cutoff"]

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer and the way it goes; *pause* is seconds between the bytes of a drip."""

    response: Response
    manner: Manner = "whole"
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Courier:
    """What brings answers to clients, with its own clock and sleep."""

    now: Callable[[], float]
    sleep: Sleep

    async def deliver(
        self,
        delivery: Delivery,
        request: Request | None,
        reader: StreamReader,
        writer: StreamWriter,
    ) -> None:
        """Send one answer; returns when it is out, or when the client has given up.

        Raises:
            ConnectionError: the client went away.
        """
        response = delivery.response
        head = response.head(request, self.now())
        body = b"" if request is not None and request.method == "HEAD" else response.body
        match delivery.manner:
            case "whole":
                writer.write(head + body)
                await writer.drain()
            case "hang":
                await drained(reader)
            case "headers":
                writer.write(head)
                await drained(reader)
            case "drip":
                writer.write(head)
                await self._drip(body, delivery.pause, writer)
            case "cutoff":
                writer.write(head + body[: len(body) // 2])
                await writer.drain()
                reset(writer)
            case unknown:
                assert_never(unknown)

    async def _drip(self, body: bytes, pause: float, writer: StreamWriter) -> None:
        for at in range(len(body)):
            await self.sleep(pause)
            writer.write(body[at : at + 1])
            await writer.drain()


def reset(writer: StreamWriter) -> None:
    """Break a connection off with RST instead of an orderly end."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
