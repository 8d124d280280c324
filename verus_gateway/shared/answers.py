"""One chain's answers in Redis: found there, kept there, and asked for by one instance only.

Whatever goes wrong is a miss: the caller is answered by verusd, as if there were no Redis.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Final, Literal, Protocol, TypeAlias

from redis.exceptions import RedisError

from verus_gateway.cache import Entry, Want
from verus_gateway.shared.envelope import Broken, Envelopes, Letter
from verus_gateway.shared.faults import fault_of
from verus_gateway.shared.gather import Gather
from verus_gateway.shared.leases import Leases
from verus_gateway.shared.link import Away
from verus_gateway.shared.writer import Writer

Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Coroutine[None, None, None]]
Outcome: TypeAlias = Literal["hit", "old", "miss", "broken", "away", "followed", "alone"]

OUTCOMES: Final[tuple[Outcome, ...]] = (
    "hit",
    "old",
    "miss",
    "broken",
    "away",
    "followed",
    "alone",
)
"""How a look into Redis ended: the label of a metric.

`hit` was fresh, `old` was not; `broken` was no answer of ours and was deleted; `followed` waited
for another instance's answer and got it; `alone` waited in vain.
"""
LARGE: Final = 65_536
"""Bytes of an envelope from which it is opened in a thread."""
AHEAD: Final = 5.0
"""Seconds by which another machine's clock may be ahead of ours; what is later is broken."""
LOOKS: Final = (0.002, 0.05)
"""Seconds between two looks for another's answer: at first, and at most."""


class Line(Protocol):
    """The blocks as this instance knows them."""

    @property
    def branch(self) -> int:
        """How many reorganisations have been seen."""
        ...

    def on_branch(self, hash: str) -> bool:
        """Tell whether the block is known to be on the branch of the newest one."""
        ...


class Answers:
    """The second tier of one chain's cache.

    Args:
        gather: Reads and leases go through it.
        writer: Takes what is to be kept; nobody waits for it.
        envelopes: What answers stand in.
        leases: Who asks verusd.
        prefix: Of all names.
        line: The chain's blocks.
        clock: The cache's clock, for the time of entries.
        wall: Seconds since 1970: what instances have in common.
        sleep: Waits between two looks for another's answer.
    """

    def __init__(
        self,
        gather: Gather,
        writer: Writer,
        envelopes: Envelopes,
        leases: Leases,
        *,
        prefix: str,
        line: Line,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._gather = gather
        self._writer = writer
        self._envelopes = envelopes
        self._leases = leases
        self._prefix = prefix
        self._line = line
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self.outcomes: Tally[Outcome] = Tally()

    async def bring(
        self, want: Want, ask: Callable[[], Coroutine[None, None, Entry]]
    ) -> tuple[Entry, bool]:
        """Return an entry that may be served, and whether Redis held it already."""
        digest = _digest(want.key)
        there = await self._look(digest)
        if there is not None:
            entry = self._entry(there)
            fresh = want.fresh(entry)
            self.outcomes["hit" if fresh else "old"] += 1
            if fresh:
                return entry, True
        lease = f"{self._prefix}:f:{{{digest}}}:{want.tip[-16:]}"
        token = await self._leases.take(lease)
        if token is None:
            found = await self._follow(digest, lease, want, there)
            return found or await ask(), False
        try:
            return await ask(), False
        finally:
            self._leases.give_back(lease, token)

    async def find(self, key: bytes) -> Entry | None:
        """Return what Redis holds, however old."""
        letter = await self._look(_digest(key))
        return None if letter is None else self._entry(letter)

    def keep(self, key: bytes, entry: Entry, seconds: float) -> None:
        """Have *entry* kept for *seconds*, at some time soon."""
        if len(entry.value) <= self._envelopes.most:
            sent_at = self._wall() - max(0.0, self._clock() - entry.at)
            letter = Letter(entry.value, sent_at, entry.tip)
            self._writer.keep(self._name(_digest(key)), letter, seconds)

    def drop(self, key: bytes) -> None:
        """Have the answer deleted, at some time soon."""
        self._writer.drop(self._name(_digest(key)))

    def _name(self, digest: str) -> str:
        return f"{self._prefix}:c:{{{digest}}}"

    async def _follow(
        self, digest: str, lease: str, want: Want, before: Letter | None
    ) -> Entry | None:
        ends = self._clock() + want.patience
        pause, slowest = LOOKS
        led = True
        while led and self._clock() < ends:
            await self._sleep(pause)
            pause = min(slowest, pause * 1.5)
            led = await self._leases.held(lease)
            letter = await self._look(digest, count=False)
            if letter is not None and letter != before and letter.tip == want.tip:
                self.outcomes["followed"] += 1
                return self._entry(letter)
        self.outcomes["alone"] += 1
        return None

    async def _look(self, digest: str, *, count: bool = True) -> Letter | None:
        name = self._name(digest)
        try:
            text = await self._gather.run("GET", name)
            if text is not None:
                return await self._opened(name, text)
            self.outcomes["miss"] += count
        except Broken:
            self._discard(name)
        except (Away, RedisError) as error:
            if not isinstance(error, Away) and fault_of(error) == "wrongtype":
                self._discard(name)
            else:
                self.outcomes["away"] += count
        return None

    async def _opened(self, name: str, text: bytes) -> Letter:
        if len(text) > LARGE:
            letter = await asyncio.to_thread(self._envelopes.open, name.encode(), text)
        else:
            letter = self._envelopes.open(name.encode(), text)
        if not letter.sent_at - self._wall() <= AHEAD:  # so that no NaN passes
            raise Broken("sent in the future")
        return letter

    def _entry(self, letter: Letter) -> Entry:
        age = max(0.0, self._wall() - letter.sent_at)
        # Numbers of branches are each instance's own: what they share are the blocks.
        branch = self._line.branch if self._line.on_branch(letter.tip) else -1
        return Entry(letter.value, self._clock() - age, letter.tip, branch)

    def _discard(self, name: str) -> None:
        self.outcomes["broken"] += 1
        self._writer.drop(name)


def _digest(key: bytes) -> str:
    return blake2b(key, digest_size=16).hexdigest()
