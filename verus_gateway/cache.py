"""Kept answers: their keys, their freshness, and one flight for equal calls.

An entry is found by chain, method and canonical parameters. It carries the tip and the
branch that were current when its call was *sent*, so that an answer from before a block
can never count as fresh after it. Entries stay when they are no longer fresh: they
are what a `Stale` fallback serves.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from verus_gateway.freshness import Fallback, Ttl
from verus_gateway.plugin import Method, Stale, UntilBlock

Clock: TypeAlias = Callable[[], float]
T = TypeVar("T")

OVERHEAD: Final = 300
"""Bytes that an entry costs beside its key and value, measured on CPython 3.11."""


class Now(Protocol):
    """What freshness depends on: the tip as it is known at this moment."""

    sure_until: float
    """Until when the newest block is known for sure, unless there is another turn."""
    turn: int
    """Another number each time something that counted as fresh may no longer do so."""

    @property
    def newest(self) -> str:
        """The newest block's hash."""
        ...

    @property
    def branch(self) -> int:
        """How many reorganisations have been seen."""
        ...


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A kept answer.

    Attributes:
        value: The result's JSON text.
        at: When its call was sent, on the cache's clock.
        tip: The hash of the newest block heard of then.
        branch: The reorganisations seen until then.
    """

    value: bytes
    at: float
    tip: str
    branch: int


@dataclass(frozen=True, slots=True)
class Want:
    """What is asked of the tier behind memory.

    Attributes:
        key: The call's key.
        tip: The hash of the newest block heard of.
        fresh: Tells whether an entry may be served.
        patience: Seconds to wait for another instance's answer, at most.
    """

    key: bytes
    tip: str
    fresh: Callable[[Entry], bool]
    patience: float


class Behind(Protocol):
    """The tier behind memory: what several instances keep together.

    It never raises for a reason of its own; what it does not have is asked of verusd.
    """

    async def bring(
        self, want: Want, ask: Callable[[], Coroutine[None, None, Entry]]
    ) -> tuple[Entry, bool]:
        """Return an entry that may be served, and whether it was kept already.

        Where it was not, one instance runs *ask*, whose errors are raised.
        """
        ...

    async def find(self, key: bytes) -> Entry | None:
        """Return what is kept, however old."""
        ...

    def keep(self, key: bytes, entry: Entry, seconds: float) -> None:
        """Have *entry* kept for *seconds*, at some time soon."""
        ...

    def drop(self, key: bytes) -> None:
        """Have the answer at *key* forgotten, at some time soon."""
        ...


def key(chain: str, method: str, params: bytes) -> bytes:
    """Return the key of a call; *params* is its canonical text, never empty."""
    return b"%b\0%b\0%b" % (chain.encode(), method.encode(), params)


class Cache:
    """The memory tier: least recently used entries go first when the bytes run out.

    Args:
        max_size: Bytes of keys, values and overhead, at most.
        max_entry_size: Bytes of one value, at most; larger answers are not kept.
        tip_max_age: Seconds for which a `TIP` answer is served at most.
        forever: Seconds for which the tier behind keeps an answer that is good for ever.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        max_size: int,
        max_entry_size: int,
        tip_max_age: float,
        forever: float = 86_400.0,
        clock: Clock = monotonic,
    ) -> None:
        self._max_size = max_size
        self._max_entry_size = max_entry_size
        self._tip_max_age = tip_max_age
        self._forever = forever
        self._clock = clock
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.size = 0
        self.evictions = 0

    def __repr__(self) -> str:
        return f"<Cache {len(self._entries)} entries, {self.size} of {self._max_size} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: bytes) -> Entry | None:
        """Return the kept answer, however old."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def keep(self, key: bytes, entry: Entry) -> None:
        """Keep *entry* unless it is too large or older than what is there; old ones make room."""
        there = self._entries.get(key)
        if there is not None and there.at > entry.at:
            return  # a slow answer must not push out a newer one
        self.drop(key)
        if len(entry.value) > self._max_entry_size:
            return
        self._entries[key] = entry
        self.size += _cost(key, entry)
        while self.size > self._max_size:
            oldest = next(iter(self._entries))
            self.drop(oldest)
            self.evictions += 1

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size = 0

    def now(self) -> float:
        """Return the time on the cache's clock, for an entry's `at`."""
        return self._clock()

    def age(self, entry: Entry) -> float:
        """Return the seconds since the entry's call was sent."""
        return max(0.0, self._clock() - entry.at)

    def fresh(self, ttl: Ttl, entry: Entry, now: Now) -> bool:
        """Tell whether *entry* may be served as if verusd had answered just now."""
        return self._clock() < self.fresh_until(ttl, entry, now)

    def fresh_until(self, ttl: Ttl, entry: Entry, now: Now) -> float:
        """Return until when *entry* is fresh, on the cache's clock, unless the tip makes a turn."""
        if ttl == math.inf:
            return math.inf
        if isinstance(ttl, UntilBlock):
            if entry.tip != now.newest:
                return -math.inf
            return min(entry.at + min(ttl.within, self._tip_max_age), now.sure_until)
        if entry.branch != now.branch:
            return -math.inf
        return entry.at + ttl

    def usable(self, method: Method, entry: Entry) -> bool:
        """Tell whether *entry* may stand in while verusd is away."""
        return isinstance(method.fallback, Stale) and self.age(entry) <= method.fallback.within

    def lasts(self, ttl: Ttl, fallback: Fallback) -> float:
        """Return the seconds for which an answer is of use, fresh or as a fallback."""
        good = min(ttl.within, self._tip_max_age) if isinstance(ttl, UntilBlock) else ttl
        within = fallback.within if isinstance(fallback, Stale) else 0.0
        return min(max(good, within), self._forever)

    def drop(self, key: bytes) -> None:
        """Forget the answer at *key*, if there is one."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= _cost(key, entry)


def _cost(key: bytes, entry: Entry) -> int:
    return len(key) + len(entry.value) + OVERHEAD


class Flight(Generic[T]):
    """A call that is under way for everybody who has boarded.

    Args:
        flights: Where equal calls find it until it has landed.
        key: Under what.
        start: Makes the call.
    """

    __slots__ = ("_flights", "_key", "_passengers", "task")

    def __init__(
        self,
        flights: "dict[object, Flight[T]]",
        key: object,
        start: Callable[[], Coroutine[None, None, T]],
    ) -> None:
        self._flights = flights
        self._key = key
        self._passengers = 0
        self.task = asyncio.get_running_loop().create_task(self._fly(start))
        flights[key] = self

    def board(self) -> None:
        """Come aboard; whoever does must `leave`."""
        self._passengers += 1

    def leave(self) -> None:
        """Wait no longer, landed or not; when the last one leaves, the call is cancelled."""
        self._passengers -= 1
        if not self._passengers and not self.task.done():
            self._forget()
            self.task.cancel()
            self.task.add_done_callback(_seen)

    async def landing(self) -> T:
        """Return what the flight brings, and leave it."""
        try:
            return await asyncio.shield(self.task)
        finally:
            self.leave()

    async def _fly(self, start: Callable[[], Coroutine[None, None, T]]) -> T:
        try:
            return await start()
        finally:
            self._forget()

    def _forget(self) -> None:
        if self._flights.get(self._key) is self:
            del self._flights[self._key]


class Flights(Generic[T]):
    """Equal calls that are under way at the same time become one."""

    def __init__(self) -> None:
        self._flights: dict[object, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def board(self, key: object, start: Callable[[], Coroutine[None, None, T]]) -> Flight[T]:
        """Come aboard the flight for *key*, which is started if there is none; then `leave` it.

        A passenger who leaves does not end it for the others.
        """
        flight = self._flights.get(key) or Flight(self._flights, key, start)
        flight.board()
        return flight


def _seen(task: "asyncio.Task[T]") -> None:
    """Look at how a call ended that nobody waits for any more, so that nobody complains of it."""
    if not task.cancelled():
        task.exception()
