"""Notes between machines: a channel of Redis, and a name for what stands for newcomers."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final, TypeAlias

from redis.asyncio.client import PubSub

from verus_gateway.shared.client import FAILURES, Command
from verus_gateway.shared.link import Away, Link
from verus_gateway.shared.scripts import PIN, call
from verus_gateway.tasks import begun, ended

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]

WAITING: Final = 1_000
"""Notes that wait to be sent, at most; the oldest go first."""
BATCH: Final = 100
"""Notes sent in one go, at most."""
SILENCE: Final = 3.5
"""Seconds after which a channel on which not even our own signs of life arrive is dead."""
PAUSE: Final = 0.3
"""Seconds before a dead channel is opened anew, drawn between half of that and three halves."""
JOINING: Final = 1.0
"""Seconds for opening a channel."""


class RedisBus:
    """Carries notes through Redis.

    Args:
        link: The way there.
        prefix: Of all names.
        clock: Seconds, monotonic.

    Attributes:
        dropped: Notes that were not sent.
    """

    def __init__(self, link: Link, *, prefix: str, clock: Clock = monotonic) -> None:
        self._link = link
        self._prefix = prefix
        self._clock = clock
        self._channel = f"{prefix}:notes"
        self._outbox: deque[Command] = deque(maxlen=WAITING)
        self._there = asyncio.Event()
        self._pins: set[str] = set()
        self._up = False
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<RedisBus {self._channel}, {'up' if self.up else 'away'}>"

    @property
    def up(self) -> bool:
        """Whether notes arrive."""
        return self._up and self._link.up

    def send(self, data: bytes) -> None:
        """Have *data* published, at some time soon."""
        self._add(self.published(data))

    def published(self, data: bytes) -> Command:
        """Return the command that takes *data* to all."""
        return ("PUBLISH", self._channel, data)

    def pin(self, name: str, epoch: int, data: bytes, seconds: float) -> None:
        """Have *data* published, and let it stand for *seconds*."""
        self.send(data)
        self._add(call(PIN, self._name(name), epoch, data, max(1, int(seconds * 1000))))

    def expect(self, name: str) -> None:
        """Read at each joining what is pinned under *name*."""
        self._pins.add(name)

    @asynccontextmanager
    async def carrying(
        self, deliver: Callable[[bytes], None], joined: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Carry until the block ends; what was handed in before it is still sent then."""
        tasks = [
            begun(self._send(), "notes to redis"),
            begun(self._listen(deliver, joined), "notes from redis"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                await ended(task)
            if self._outbox:
                await self._some()

    async def _send(self) -> None:
        while True:
            await self._there.wait()
            self._there.clear()
            while self._outbox:
                await self._some()

    async def _some(self) -> None:
        some = [self._outbox.popleft() for _ in range(min(BATCH, len(self._outbox)))]
        try:
            results = await self._link.run(*some)
        except Away:
            self.dropped += len(some)
        else:
            self.dropped += sum(isinstance(result, Exception) for result in results)

    async def _listen(self, deliver: Callable[[bytes], None], joined: Callable[[], None]) -> None:
        while True:
            if self._link.up:
                channel = self._link.client.pubsub()
                with suppress(*FAILURES, TimeoutError):
                    await self._hear(channel, deliver, joined)
                self._up = False
                with suppress(*FAILURES, TimeoutError):
                    closing = channel.aclose()  # type: ignore[no-untyped-call]  # of redis-py
                    await asyncio.wait_for(closing, JOINING)
            await asyncio.sleep(PAUSE * (0.5 + random.random()))  # noqa: S311  no secret

    async def _hear(
        self, channel: PubSub, deliver: Callable[[bytes], None], joined: Callable[[], None]
    ) -> None:
        async with asyncio.timeout(JOINING):
            await channel.subscribe(self._channel)
        heard_at = self._clock()
        while self._clock() - heard_at < SILENCE:
            message = await channel.get_message(timeout=SILENCE / 4)
            if message is None:
                continue
            heard_at = self._clock()
            if message["type"] == "subscribe":
                self._up = True
                await self._read_pins(deliver)
                joined()
            else:
                deliver(message["data"])

    async def _read_pins(self, deliver: Callable[[bytes], None]) -> None:
        if not self._pins:
            return
        with suppress(Away):
            for found in await self._link.run(*(("GET", self._name(name)) for name in self._pins)):
                if isinstance(found, bytes):
                    deliver(found.partition(b" ")[2])

    def _name(self, name: str) -> str:
        return f"{self._prefix}:pin:{name}"

    def _add(self, command: Command) -> None:
        if not self._link.up:
            self.dropped += 1
            return
        if len(self._outbox) == WAITING:
            self.dropped += 1
        self._outbox.append(command)
        self._there.set()
