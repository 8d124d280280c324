"""The same bytes through the ordinary way and through the express lane, to be compared."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from stack import Stack

from verus_gateway.web.protocol import Protocol

_VARYING = re.compile(rb"\r\n(?:Date: [^\r]*|X-Request-ID: [0-9a-f]{8}-[0-9a-f]+)(?=\r\n)")
_INCIDENT = re.compile(rb'"incident":"[0-9a-f]{12}"')
_WINDOW = re.compile(rb";t=\d+")
_PAUSE = re.compile(rb'"retry_after":[0-9.]+|\r\nRetry-After: \d+(?=\r\n)')
_AGE = re.compile(rb'"age":[0-9.]+|\r\nAge: \d+(?=\r\n)')
_LENGTH = re.compile(rb"\r\nContent-Length: \d+(?=\r\n)")
_SPINS = 200


class Wire(asyncio.Transport):
    """A transport that keeps what is sent; the test is the other side."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.7", 4711)})
        self.sent = bytearray()
        self.closed = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.sent += data

    def writelines(self, pieces: Iterable[Any]) -> None:
        self.sent += b"".join(pieces)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Door:
    """One connection to one gateway."""

    def __init__(self, stack: Stack) -> None:
        server: Any = stack.runner.server
        self.protocol: Protocol = server()
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, in the lane or with aiohttp."""
        return self.protocol.idle and not self.protocol._request_in_progress

    async def say(self, *segments: bytes, hurry: bool = False) -> bytes:
        """Send segments and return all that came back.

        Args:
            segments: Each is sent once the last has been dealt with.
            hurry: Whether to send all before any of them is dealt with.
        """
        await self._settled()
        for segment in segments:
            if self.wire.closed:
                break
            self.protocol.data_received(segment)
            if not hurry:
                await self._settled()
        await self._settled()
        return bytes(self.wire.sent)

    async def hang_up(self) -> None:
        """End the connection from the client's side."""
        self.protocol.connection_lost(None)
        await asyncio.sleep(0)

    async def _settled(self) -> None:
        calm, before = 0, -1
        for _ in range(_SPINS):
            await asyncio.sleep(0)
            if self.idle or self.wire.closed:
                return
            calm = calm + 1 if len(self.wire.sent) == before else 0
            before = len(self.wire.sent)
            if calm > 40 and not self.protocol._request_in_progress:  # waits for more bytes
                return
        await asyncio.sleep(0.02)


def plain(said: bytes) -> list[bytes]:
    """Return what was said without what is another each time, header by header."""
    said = _INCIDENT.sub(b"", _WINDOW.sub(b"", _VARYING.sub(b"", said)))
    if b"retry_after" in said or b'"age"' in said:  # seconds in tenths, while a test runs
        said = _LENGTH.sub(b"", _PAUSE.sub(b"", _AGE.sub(b"", said)))
    return [b"\r\n".join(sorted(part.split(b"\r\n"))) for part in said.split(b"\r\n\r\n")]


def counted(stack: Stack) -> dict[str, Any]:
    """Return everything that a gateway counts and that both ways must count alike."""
    chain, http = stack.gateway.chain.counts, stack.gateway.counts
    return {
        "calls": {key: sum(timings.counts) for key, timings in chain.calls.items()},
        "errors": +Counter(chain.errors),
        "responses": +Counter(http.responses),
        "batches": http.batches,
        "in flight": http.in_flight,
        "refused": +Counter(stack.gateway.limiter.refused),
        "charged": [(each.who, round(each.used, 3)) for each in stack.gateway.limiter.fullest()],
    }
