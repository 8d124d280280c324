"""What workers of one machine share: a worker's end of the socket to their parent."""

import asyncio
import itertools
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, get_args

from verus_gateway.shared import frames
from verus_gateway.shared.exchange import Exchange, Fate
from verus_gateway.shared.frames import Ask, Frame, Hello, Pin, Render, Send, Tell
from verus_gateway.tasks import begun, ended
from verus_gateway.tip import Tip

log = logging.getLogger(__name__)

PATIENCE: Final = 3.0
"""Seconds for an answer of the parent."""
WAITING: Final = 1_000
"""Questions that wait for the parent's answer, at most."""
AGAIN: Final = 0.1
"""Seconds before the parent is looked for again."""


class Siblings:
    """The other workers, as one of them sees them.

    Args:
        path: The parent's socket.
        worker: The number of this one.
        orphaned: Called when the parent is gone.
    """

    title = "workers"

    def __init__(self, path: Path, worker: int, orphaned: Callable[[], None] | None = None) -> None:
        self._path = path
        self._worker = worker
        self._parent = os.getppid()
        self._orphaned = orphaned or _end
        self._writer: asyncio.StreamWriter | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._deliver: Callable[[bytes], None] = _ignore
        self._joined: Callable[[], None] = _nothing
        self.render: Callable[[], bytes] = bytes
        self.exchange = Exchange(self, name=f"worker-{worker}-{os.getpid()}")

    def __repr__(self) -> str:
        return f"<Siblings of worker {self._worker}, {'up' if self.up else 'away'}>"

    # ------------------------------------------------------------ a carrier of notes

    @property
    def up(self) -> bool:
        """Whether the parent is there."""
        return self._writer is not None

    def send(self, data: bytes) -> None:
        """Have *data* taken to all workers."""
        self._say(Send(data))

    def pin(self, name: str, epoch: int, data: bytes, seconds: float) -> None:
        """Have *data* taken to all workers, and to those that begin within *seconds*."""
        self._say(Pin(name, epoch, seconds, data))

    def expect(self, name: str) -> None:
        """Hear what is pinned: the parent tells all of it."""

    @asynccontextmanager
    async def carrying(
        self, deliver: Callable[[bytes], None], joined: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Carry until the block ends."""
        self._deliver, self._joined = deliver, joined
        if self.up:
            joined()
        yield
        self._deliver, self._joined = _ignore, _nothing

    # ------------------------------------------------------------ what is shared

    def answers(self, line: Tip) -> None:
        """Return no second tier: a machine's memory is one anyway."""

    def shelf(self) -> "Siblings":
        """Return the parent's shelf."""
        return self

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Remember *value* for *seconds*, in the place of what was there."""
        await self._ask("put", key, value, seconds)

    async def get(self, key: str) -> bytes | None:
        """Return what is remembered under *key*, None where nothing is or its time is up."""
        found = await self._ask("get", key)
        return found if isinstance(found, bytes) else None

    async def drop(self, key: str) -> None:
        """Forget *key*."""
        await self._ask("drop", key)

    async def claim(self, key: str, seconds: float) -> bool:
        """Remember *key* for *seconds*; tell whether it was not remembered before."""
        return bool(await self._ask("claim", key, b"", seconds))

    def sheet(self, _: str) -> None:
        """Return None: what workers share ends with them."""

    async def revoked(self) -> Mapping[str, float] | None:
        """Return the tokens known to be revoked, and when they end; None: the parent is away."""
        found = await self._ask("listed", "jti")
        return found if isinstance(found, dict) else None

    async def scrape(self) -> bytes:
        """Return the metrics of all workers, this one's alone where the parent is away."""
        found = await self._ask("scrape")
        return found if isinstance(found, bytes) else self.render()

    def alone(self) -> str:
        """Return why nothing is shared now, "" while it is."""
        return "" if self.up else "the parent of the workers is away"

    def doubt(self) -> str:
        """Return "": what workers share is in their memories."""
        return ""

    def details(self) -> dict[str, Any]:
        """Return what ``/health`` tells."""
        return {"worker": self._worker, "status": "up" if self.up else "away"}

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time."""
        return {
            "instances": ("Instances that hear each other", lambda: len(self.exchange.instances()))
        }

    def tallies(self) -> Mapping[str, tuple[str, str, Callable[[], Mapping[str, int]]]]:
        """Return what is counted by a word."""
        return {
            "notes_total": (
                "Notes between instances, by what became of them",
                "fate",
                lambda: {fate: self.exchange.counts[fate] for fate in get_args(Fate)},
            )
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the connection until the block ends."""
        connected = asyncio.Event()
        task = begun(self._hold(connected), "socket to the parent")
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(connected.wait(), PATIENCE)
            yield
        finally:
            if self._writer is not None:
                with suppress(OSError):
                    await self._writer.drain()
            await ended(task)

    async def _hold(self, connected: asyncio.Event) -> None:
        while True:
            with suppress(OSError, ValueError):
                await self._talk(connected)
            self._lose()
            if os.getppid() != self._parent:
                self._orphaned()
                return
            await asyncio.sleep(AGAIN)

    async def _talk(self, connected: asyncio.Event) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        try:
            frames.write(writer, Hello(self._worker))
            self._writer = writer
            connected.set()
            self._joined()
            while (frame := await frames.read(reader)) is not None:
                self._take(writer, frame)
        finally:
            self._writer = None
            writer.close()

    def _take(self, writer: asyncio.StreamWriter, frame: Frame) -> None:
        match frame:
            case Send(data=data):
                self._deliver(data)
            case Tell(id=id, value=value):
                asked = self._asked.pop(id, None)
                if asked is not None and not asked.done():
                    asked.set_result(value)
            case Render(id=id):
                frames.write(writer, Tell(id, self.render()))
            case _:
                raise ValueError("the parent asks no worker's questions")

    def _lose(self) -> None:
        for asked in self._asked.values():
            if not asked.done():
                asked.set_result(None)
        self._asked.clear()

    def _say(self, frame: Frame) -> bool:
        return self._writer is not None and frames.write(self._writer, frame)

    async def _ask(self, verb: str, key: str = "", value: bytes = b"", seconds: float = 0.0) -> Any:
        """Return the parent's answer, None where it gives none in time."""
        number = next(self._ids)
        if len(self._asked) >= WAITING or not self._say(Ask(number, verb, key, value, seconds)):
            return None
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        await asyncio.wait([asked], timeout=PATIENCE)
        self._asked.pop(number, None)
        return asked.result() if asked.done() else None


def _ignore(_: bytes) -> None:
    """Take no note: the gateway does not listen yet, or no longer."""


def _nothing() -> None:
    """Tell nobody."""


def _end() -> None:
    """End this process in an orderly way: without its parent nobody would."""
    log.error("the parent of the workers is gone")
    os.kill(os.getpid(), signal.SIGTERM)
