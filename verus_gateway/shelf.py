"""Small values that must be remembered, each until its time is up.

Revocations, sessions, salts and the like: unlike the cache nothing is dropped for room
before its time without being counted, and what instances share they share through here. In
memory for one process; shared tiers stand behind the same port.
"""

import heapq
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol, TypeAlias

Clock: TypeAlias = Callable[[], float]

MOST: Final = 100_000
"""Values one `MemoryShelf` holds, at most."""
LONGEST_KEY: Final = 256
"""Bytes of a key in UTF-8, at most; longer ones are the caller's mistake."""


class Shelf(Protocol):
    """Where small values stand until their time is up.

    Keys are ``kind:rest``, of `LONGEST_KEY` bytes at most; values are small bytes.
    """

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Remember *value* for *seconds*, in the place of what was there."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return what is remembered under *key*, None where nothing is or its time is up."""
        ...

    async def drop(self, key: str) -> None:
        """Forget *key*."""
        ...

    async def claim(self, key: str, seconds: float) -> bool:
        """Remember *key* for *seconds*; tell whether it was not remembered before."""
        ...


class MemoryShelf:
    """The shelf of one process.

    When it is full the values whose time is up soonest go first, and `dropped` counts them.

    Args:
        most: Values at once, at most.
        clock: Seconds, monotonic.
    """

    def __init__(self, most: int = MOST, clock: Clock = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._values: dict[str, tuple[float, bytes]] = {}
        self._ends: list[tuple[float, str]] = []
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<MemoryShelf {len(self._values)} of {self._most} values, {self.dropped} dropped>"

    def __len__(self) -> int:
        self._tidy()
        return len(self._values)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Remember *value* for *seconds*, in the place of what was there."""
        self._put(key, value, seconds)

    async def get(self, key: str) -> bytes | None:
        """Return what is remembered under *key*, None where nothing is or its time is up."""
        ends, value = self._values.get(key, (0.0, b""))
        return value if key in self._values and ends > self._clock() else None

    async def drop(self, key: str) -> None:
        """Forget *key*."""
        self._values.pop(key, None)

    async def claim(self, key: str, seconds: float) -> bool:
        """Remember *key* for *seconds*; tell whether it was not remembered before."""
        if key in self._values and self._values[key][0] > self._clock():
            return False
        self._put(key, b"", seconds)
        return True

    def _put(self, key: str, value: bytes, seconds: float) -> None:
        ends = self._clock() + seconds
        self._tidy()
        if key not in self._values and len(self._values) >= self._most:
            self._make_room()
        self._values[key] = (ends, value)
        heapq.heappush(self._ends, (ends, key))
        if len(self._ends) > 2 * self._most:  # values that were replaced left their ends behind
            self._ends = [(end, key) for key, (end, _) in self._values.items()]
            heapq.heapify(self._ends)

    def _tidy(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            self._forget(*heapq.heappop(self._ends))

    def _make_room(self) -> None:
        while len(self._values) >= self._most:
            self.dropped += self._forget(*heapq.heappop(self._ends))

    def _forget(self, ends: float, key: str) -> bool:
        if key in self._values and self._values[key][0] == ends:
            del self._values[key]
            return True
        return False
