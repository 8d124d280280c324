"""Tokens that were taken back before their end.

`known` is a look-up in a set, for the way of every call. The shelf behind it is what
instances share: it is asked once, when a token is seen for the first time; what others revoke
later has to be told to `learn`.
"""

import heapq
import time
from collections.abc import Callable, Mapping
from typing import Final

from verus_gateway.shelf import Clock, Shelf

MOST: Final = 100_000
"""Revoked tokens remembered, at most."""


class Revocations:
    """The numbers (``jti``) of revoked tokens, each until its token ends.

    When there are too many, those that end soonest are forgotten first, and `dropped` counts.

    Args:
        shelf: What is shared with other instances.
        clock: Seconds since 1970.
        most: Numbers at once, at most.
    """

    def __init__(self, shelf: Shelf, clock: Clock = time.time, most: int = MOST) -> None:
        self._shelf = shelf
        self._clock = clock
        self._most = most
        self._ends: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []
        self._listeners: list[Callable[[str, float], None]] = []
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<Revocations {len(self._ends)} of {self._most}, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._ends)

    def listen(self, listener: Callable[[str, float], None]) -> None:
        """Call *listener* with each token that is revoked here, and when it ends."""
        self._listeners.append(listener)

    def known(self, jti: str) -> bool:
        """Tell whether this process knows that the token was revoked."""
        return jti in self._ends

    async def revoked(self, jti: str) -> bool:
        """Tell whether any instance knows that the token was revoked."""
        return jti in self._ends or await self._shelf.get(_key(jti)) is not None

    async def revoke(self, jti: str, ends: float) -> None:
        """Revoke the token that *ends* by itself then, in seconds since 1970."""
        self.learn(jti, ends)
        seconds = ends - self._clock()
        if seconds > 0:
            for listener in self._listeners:
                listener(jti, ends)
            await self._shelf.put(_key(jti), b"", seconds)

    def learn(self, jti: str, ends: float) -> None:
        """Take note that a token was revoked; nothing else is told."""
        self._tidy()
        if ends <= self._clock() or jti in self._ends:
            return
        if len(self._ends) >= self._most:
            del self._ends[heapq.heappop(self._order)[1]]
            self.dropped += 1
        self._ends[jti] = ends
        heapq.heappush(self._order, (ends, jti))

    def listed(self) -> Mapping[str, float]:
        """Return the revoked tokens that have not ended yet, and when they do."""
        self._tidy()
        return dict(self._ends)

    def _tidy(self) -> None:
        now = self._clock()
        while self._order and self._order[0][0] <= now:
            del self._ends[heapq.heappop(self._order)[1]]


def _key(jti: str) -> str:
    return f"jti:{jti}"
