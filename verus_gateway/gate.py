"""How many calls may be at the daemon at once, and how many may wait for their turn.

verusd has four threads and a work queue of sixteen; what comes on top is thrown away with
"Work queue depth exceeded". The gate keeps below that: a limit that halves when verusd says
so and grows back by one for each limit-ful of answers (additive increase, multiplicative
decrease), and a bounded queue in order of arrival. Calls of named callers go before those of
strangers, and where the queue is full, in the place of one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeAlias

from verus_gateway.errors import QueueFull, RpcError

Clock: TypeAlias = Callable[[], float]

SHRINK_EVERY: Final = 0.5
"""Seconds between two halvings: one full queue is one event, however many calls it hit."""


class Gate:
    """Lets a limited number of calls in, the others in order of arrival, the favoured first.

    Args:
        limit: Calls inside at once, at most.
        queue: Calls waiting at once, at most.
        clock: Seconds, for the pace of halving.
    """

    def __init__(self, limit: int, queue: int, clock: Clock = monotonic) -> None:
        self._most = limit
        self._queue = queue
        self._clock = clock
        self._limit = float(limit)
        self._inside = 0
        self._favoured: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._shrunk_at = -SHRINK_EVERY

    def __repr__(self) -> str:
        return f"<Gate {self._inside} of {self.limit} inside, {self.waiting} waiting>"

    @property
    def limit(self) -> int:
        """Calls that may be inside at once now."""
        return int(self._limit)

    @property
    def inside(self) -> int:
        """Calls inside now."""
        return self._inside

    @property
    def waiting(self) -> int:
        """Calls waiting now."""
        return len(self._favoured) + len(self._others)

    def try_enter(self) -> bool:
        """Take a place if one is free and nobody waits for it; tell whether."""
        if self._inside + 1 > self._limit or self._favoured or self._others:
            return False
        self._inside += 1
        return True

    async def enter(self, *, favoured: bool = False) -> None:
        """Wait for a place; whoever got one gives it back with `leave`.

        Args:
            favoured: Goes before those who are not, and takes the place of the last of them
                where the queue is full.

        Raises:
            QueueFull: too many wait already.
        """
        if self.try_enter():
            return
        if self.waiting >= self._queue and not (favoured and self._give_way()):
            raise self._full()
        place = asyncio.get_running_loop().create_future()
        queue = self._favoured if favoured else self._others
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()  # the place came in the same moment as the cancellation
            elif place in queue:
                queue.remove(place)
            raise

    def leave(self) -> None:
        """Give the place to the next in the queue."""
        self._inside -= 1
        if self._favoured or self._others:
            self._admit()

    def shrink(self) -> None:
        """Halve the limit, not below one: verusd's queue was full."""
        now = self._clock()
        if now - self._shrunk_at >= SHRINK_EVERY:
            self._shrunk_at = now
            self._limit = max(1.0, self._limit / 2)

    def grow(self) -> None:
        """Raise the limit a little, up to where it began: verusd answered."""
        if self._limit < self._most:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
            self._admit()

    def turn_away(self, error: Callable[[], RpcError]) -> None:
        """Fail everybody who waits: the daemon went away meanwhile."""
        for queue in (self._favoured, self._others):
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_exception(error())

    def _full(self) -> QueueFull:
        return QueueFull(f"{self._queue} calls already wait for the daemon")

    def _give_way(self) -> bool:
        """Take the last of those who are not favoured out of the queue; tell whether one was."""
        if not self._others:
            return False
        place = self._others.pop()
        if not place.done():
            place.set_exception(self._full())
        return True

    def _admit(self) -> None:
        while self.waiting and self._inside < self.limit:
            place = (self._favoured or self._others).popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)
