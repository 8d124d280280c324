"""What workers of one machine and their parent say over a socket: a length, then msgpack."""

import asyncio
import struct
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

LONGEST: Final = 16_777_216
"""Bytes of one frame, at most."""
WAITING: Final = 33_554_432
"""Bytes that wait for one reader, at most; whoever does not read is cut off."""

_LENGTH: Final = struct.Struct(">I")


class Hello(Struct, frozen=True, tag=True):
    """A worker is there."""

    worker: int


class Send(Struct, frozen=True, tag=True):
    """A note for everybody."""

    data: bytes


class Pin(Struct, frozen=True, tag=True):
    """A note for everybody, and for who comes within *seconds*."""

    name: str
    epoch: int
    seconds: float
    data: bytes


class Ask(Struct, frozen=True, tag=True):
    """A question to the parent: its shelf's *verb*, or `scrape`."""

    id: int
    verb: str
    key: str = ""
    value: bytes = b""
    seconds: float = 0.0


class Tell(Struct, frozen=True, tag=True):
    """The answer to a question."""

    id: int
    value: bytes | bool | dict[str, float] | None = None


class Render(Struct, frozen=True, tag=True):
    """The parent's question for a worker's own metrics."""

    id: int


Frame: TypeAlias = Hello | Send | Pin | Ask | Tell | Render

_decoder: Final = msgspec.msgpack.Decoder(Frame)


def write(writer: asyncio.StreamWriter, frame: Frame) -> bool:
    """Hand *frame* over; tell whether the other side still reads what it gets."""
    text = msgspec.msgpack.encode(frame)
    writer.write(_LENGTH.pack(len(text)) + text)
    return bool(writer.transport.get_write_buffer_size() <= WAITING)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame, None at the end.

    Raises:
        ValueError: what came is no frame.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > LONGEST:
            raise ValueError("a frame is too long")
        frame: Frame = _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return frame
