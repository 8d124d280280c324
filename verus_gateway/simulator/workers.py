"""The daemon's worker threads and the queue in front of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFull(Exception):
    """All workers are busy and the queue holds as many requests as it may."""


class Workers:
    """Places for *threads* requests at once, and a queue of *depth* behind them."""

    def __init__(self, threads: int, depth: int) -> None:
        self._places = asyncio.Semaphore(threads)
        self._depth = depth
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a worker, waiting for one in the order of arrival.

        Raises:
            QueueFull: at once, where the queue is full.
        """
        if self._places.locked() and self._waiting >= self._depth:
            raise QueueFull
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()
