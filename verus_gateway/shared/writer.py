"""What is written to Redis: in order, in the background, from a bounded queue."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from verus_gateway.shared.client import Command
from verus_gateway.shared.envelope import Envelopes, Letter
from verus_gateway.shared.link import Away, Link

WAITING: Final = 2_000
"""Writes that wait, at most; one more is dropped and counted."""
WAITING_BYTES: Final = 33_554_432
"""Bytes of values among them, at most."""
BATCH: Final = 64
"""Writes in one go, at most."""
LARGE: Final = 65_536
"""Bytes of a value from which it is sealed in a thread."""


@dataclass(frozen=True, slots=True)
class _Keep:
    name: str
    letter: Letter
    ms: int


_Write = _Keep | Command


class Writer:
    """The one who writes.

    Args:
        link: Where to.
        envelopes: What answers are sealed in.
    """

    def __init__(self, link: Link, envelopes: Envelopes) -> None:
        self._link = link
        self._envelopes = envelopes
        self._writes: deque[_Write] = deque()
        self._bytes = 0
        self._there = asyncio.Event()
        self.written = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._writes)

    def keep(self, name: str, letter: Letter, seconds: float) -> None:
        """Have an answer kept under *name* for *seconds*."""
        self._add(_Keep(name, letter, max(1, int(seconds * 1000))), len(letter.value))

    def drop(self, name: str) -> None:
        """Have what stands under *name* deleted."""
        self.run(("UNLINK", name))

    def run(self, command: Command) -> None:
        """Have *command* sent, behind what was handed in before."""
        self._add(command, 0)

    async def write(self) -> None:
        """Write for ever."""
        while True:
            await self._there.wait()
            self._there.clear()
            while self._writes:
                await self._some()

    async def _some(self) -> None:
        some = [self._writes.popleft() for _ in range(min(BATCH, len(self._writes)))]
        commands = [await self._command(write) for write in some]
        try:
            results = await self._link.run(*commands)
        except Away:
            self.dropped += len(some)
            return
        lost = sum(isinstance(result, Exception) for result in results)
        self.dropped += lost
        self.written += len(results) - lost

    async def _command(self, write: _Write) -> Command:
        if not isinstance(write, _Keep):
            return write
        name, letter = write.name, write.letter
        self._bytes -= len(letter.value)
        if len(letter.value) > LARGE:
            sealed = await asyncio.to_thread(self._envelopes.seal, name.encode(), letter)
        else:
            sealed = self._envelopes.seal(name.encode(), letter)
        return ("SET", name, sealed, "PX", write.ms)

    def _add(self, write: _Write, size: int) -> None:
        full = len(self._writes) >= WAITING or self._bytes + size > WAITING_BYTES
        if full or not self._link.up:
            self.dropped += 1
            return
        self._writes.append(write)
        self._bytes += size
        self._there.set()
