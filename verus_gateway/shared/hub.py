"""What workers of one machine share: the parent's end of their sockets."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Final, TypeAlias

from verus_gateway.shared import frames
from verus_gateway.shared.exposition import merged
from verus_gateway.shared.frames import Ask, Frame, Hello, Pin, Render, Send, Tell
from verus_gateway.shelf import MemoryShelf

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]

PINS: Final = 1_000
"""Pinned notes, at most."""
RENDERING: Final = 2.0
"""Seconds for the workers' metrics; who takes longer is left out."""


class Hub:
    """Hands notes on, holds the shelf, collects metrics.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._shelf = MemoryShelf(clock=clock)
        self._ends: dict[str, float] = {}
        self._pins: dict[str, tuple[int, float, bytes]] = {}
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
        self._workers: dict[asyncio.StreamWriter, int] = {}
        self._ids = itertools.count(1)
        self._rendered: dict[int, asyncio.Future[bytes]] = {}
        self._asked: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Hub of {len(self._workers)} workers>"

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Take connections of workers at *path*, in a folder of our own, until the block ends."""
        server = await asyncio.start_unix_server(self._serve, str(path))
        try:
            yield
        finally:
            server.close()
            for writer in list(self._open.values()):
                writer.transport.abort()
            if self._open:
                await asyncio.wait([task for task in self._open if task], timeout=RENDERING)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._open[task] = writer
        try:
            while (frame := await frames.read(reader)) is not None:
                await self._take(writer, frame)
        except ValueError:
            log.exception("a worker said what nobody understands")
        finally:
            self._open.pop(task, None)
            self._workers.pop(writer, None)
            writer.close()

    async def _take(self, writer: asyncio.StreamWriter, frame: Frame) -> None:
        match frame:
            case Hello(worker=worker):
                self._welcome(writer, worker)
            case Send(data=data):
                self._spread(data)
            case Pin():
                self._pin(frame)
            case Ask(verb="scrape"):
                task = asyncio.ensure_future(self._scrape(writer, frame.id))
                self._asked.add(task)
                task.add_done_callback(self._asked.discard)
            case Ask():
                frames.write(writer, Tell(frame.id, await self._answer(frame)))
            case Tell(id=id, value=bytes() as text):
                rendered = self._rendered.get(id)
                if rendered is not None and not rendered.done():
                    rendered.set_result(text)
            case _:
                raise ValueError("a worker asks no parent's questions")

    def _welcome(self, writer: asyncio.StreamWriter, worker: int) -> None:
        self._workers[writer] = worker
        now = self._clock()
        self._pins = {name: pin for name, pin in self._pins.items() if pin[1] > now}
        for _, _, data in self._pins.values():
            frames.write(writer, Send(data))

    def _pin(self, frame: Pin) -> None:
        there = self._pins.get(frame.name)
        fits = there is not None or len(self._pins) < PINS
        if fits and (there is None or there[0] <= frame.epoch):
            self._pins[frame.name] = (frame.epoch, self._clock() + frame.seconds, frame.data)
        self._spread(frame.data)

    def _spread(self, data: bytes) -> None:
        for writer in list(self._workers):
            if not frames.write(writer, Send(data)):
                writer.transport.abort()  # it has more to mend than notes

    async def _answer(self, ask: Ask) -> bytes | bool | dict[str, float] | None:
        match ask.verb:
            case "put":
                await self._shelf.put(ask.key, ask.value, ask.seconds)
                self._note_end(ask.key, ask.seconds)
            case "get":
                return await self._shelf.get(ask.key)
            case "drop":
                await self._shelf.drop(ask.key)
            case "claim":
                return await self._shelf.claim(ask.key, ask.seconds)
            case "listed":
                return self._listed(ask.key)
            case _:
                raise ValueError("a worker asks for what no shelf does")
        return None

    def _note_end(self, key: str, seconds: float) -> None:
        if key.startswith("jti:"):
            now = time.time()
            self._ends = {jti: ends for jti, ends in self._ends.items() if ends > now}
            self._ends[key] = now + seconds

    def _listed(self, kind: str) -> dict[str, float]:
        return {
            key.partition(":")[2]: ends
            for key, ends in self._ends.items()
            if key.startswith(f"{kind}:")
        }

    async def _scrape(self, writer: asyncio.StreamWriter, id: int) -> None:
        waiting: dict[int, asyncio.Future[bytes]] = {}
        for other, worker in list(self._workers.items()):
            number = next(self._ids)
            future = asyncio.get_running_loop().create_future()
            waiting[worker] = self._rendered[number] = future
            frames.write(other, Render(number))
        if waiting:
            await asyncio.wait(waiting.values(), timeout=RENDERING)
        self._rendered = {n: f for n, f in self._rendered.items() if f not in waiting.values()}
        texts = {str(w): f.result() for w, f in sorted(waiting.items()) if f.done()}
        frames.write(writer, Tell(id, merged(texts, "worker")))
