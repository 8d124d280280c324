"""A Redis that the test plays, for what no real one does on command."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.client import PubSub

from verus_gateway.shared.client import Command
from verus_gateway.shared.link import Link
from verus_gateway.testing import FakeClock


class FakeRedis:
    """Answers what the test says: a value, an error, or an error for the whole of it."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.answer: Callable[[Command], Any] = lambda _: True
        self.broken: Exception | None = None
        self.hangs = False
        self.forgot = 0
        self.closed = False

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        self.asked += commands
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken is not None:
            raise self.broken
        return [self.answer(command) for command in commands]

    async def forget(self) -> None:
        self.forgot += 1

    async def close(self) -> None:
        self.closed = True

    def pubsub(self) -> PubSub:
        raise NotImplementedError


class Pauses:
    """A sleep that ends when the test says so, and remembers how long it was to be."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._go = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._go.wait()
        self._go.clear()

    def end(self) -> None:
        self._go.set()


class Way:
    """A link over a played Redis, with its watcher."""

    def __init__(self, timeout: float = 5.0) -> None:
        self.redis = FakeRedis()
        self.clock = FakeClock()
        self.pauses = Pauses()
        self.link = Link(
            "test",
            self.redis,
            timeout=timeout,
            clock=self.clock,
            sleep=self.pauses,
            draw=lambda: 0.5,
        )
        self.watching: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.watching = asyncio.create_task(self.link.watch())
        await turn()

    async def end(self) -> None:
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.wait([self.watching])


async def turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
