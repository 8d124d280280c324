"""What many asked for under the last block is asked for again at the next, ahead of callers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from verus_gateway.errors import RpcError
from verus_gateway.plugin import TIP, Method, Params

NOTED: Final = 1000
"""Distinct calls that are counted under one block; later ones are not."""
COSTLIEST: Final = 5
"""Rows that cost more are asked for by callers only."""


class Asked(Protocol):
    """A call that was read, as far as a refresh needs it."""

    @property
    def method(self) -> Method:
        """The row."""
        ...

    @property
    def params(self) -> Params:
        """The parameters, as verusd takes them."""
        ...

    @property
    def key(self) -> bytes:
        """What its answer is kept under; empty where nothing is kept."""
        ...


C = TypeVar("C", bound=Asked)


@dataclass(frozen=True, slots=True)
class Rules:
    """When and how much is asked for ahead.

    Attributes:
        calls: An answer must have been asked for so often under the last block; 0 turns it off.
        entries: The most asked for are asked for again, so many at most.
        at_once: So many at the same time.
    """

    calls: int
    entries: int
    at_once: int


class Refresher(Generic[C]):
    """Counts calls under a block, and asks for the most frequent ones after the next.

    Only harmless rows whose answers last until the next block, and that are cheap.

    Args:
        rules: When and how much.
        ask: Asks unless a fresh answer is there; tells whether it did.
        idle: Whether verusd is well and nobody waits for it; else callers come first.
    """

    def __init__(
        self, rules: Rules, ask: Callable[[C], Awaitable[bool]], idle: Callable[[], bool]
    ) -> None:
        self._rules = rules
        self._ask = ask
        self._idle = idle
        self._counts: dict[bytes, int] = {}
        self._calls: dict[bytes, C] = {}
        self._round: asyncio.Task[None] | None = None
        self.refreshed = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<Refresher {len(self._counts)} noted, {self.refreshed} refreshed>"

    def note(self, call: C, times: int = 1) -> None:
        """Count *call*; plain arithmetic, for it is on every caller's way."""
        counts, key = self._counts, call.key
        if key in counts:
            counts[key] += times
        elif self._rules.calls and len(counts) < NOTED and _worth_it(call):
            counts[key] = times
            self._calls[key] = call

    def begin(self) -> None:
        """Start over under a new block: ask for what was popular, and forget the counts."""
        popular = self._popular()
        self._counts, self._calls = {}, {}
        if self._round is not None:
            self._round.cancel()  # it asks for a tip that is no longer one
            self._round = None
        if popular:
            self._round = asyncio.create_task(self._refresh(popular), name="refresh")

    async def end(self) -> None:
        """Ask for nothing more."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])

    def _popular(self) -> deque[C]:
        often = [key for key, count in self._counts.items() if count >= self._rules.calls]
        often.sort(key=self._counts.__getitem__, reverse=True)
        return deque(self._calls[key] for key in often[: self._rules.entries])

    async def _refresh(self, waiting: deque[C]) -> None:
        await asyncio.gather(*(self._work(waiting) for _ in range(self._rules.at_once)))

    async def _work(self, waiting: deque[C]) -> None:
        while waiting and self._idle():
            try:
                self.refreshed += await self._ask(waiting.popleft())
            except RpcError:
                self.failed += 1  # nobody waits for it; a caller who does will be told


def _worth_it(call: Asked) -> bool:
    row = call.method
    return row.retry and row.cost <= COSTLIEST and row.lasts(call.params) == TIP
