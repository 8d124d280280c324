"""What instances share in Redis: its parts put together, started and ended."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, get_args

from verus_gateway.config import CacheConfig
from verus_gateway.shared.answers import OUTCOMES, Answers, Line
from verus_gateway.shared.client import Command
from verus_gateway.shared.envelope import Envelopes
from verus_gateway.shared.eviction import Eviction
from verus_gateway.shared.exchange import Exchange, Fate
from verus_gateway.shared.faults import Fault
from verus_gateway.shared.gather import Gather
from verus_gateway.shared.leases import Leases
from verus_gateway.shared.link import Away
from verus_gateway.shared.notes import RevokedNote
from verus_gateway.shared.places import key_of, link_to, place_of, state_place
from verus_gateway.shared.redis_bus import RedisBus
from verus_gateway.shared.sheet import RedisSheet, sheet_in
from verus_gateway.shared.shelf import RedisShelf
from verus_gateway.shared.writer import Writer
from verus_gateway.shelf import MemoryShelf
from verus_gateway.tasks import begun, ended

FIRST_LOOK: Final = 1.0
"""Seconds for which the start waits for Redis, so that the first calls find it."""


class Store:
    """Answers in one Redis; notes and what must not be evicted in the same or in another one.

    Args:
        cache: The cache's settings; they name a Redis.
    """

    title = "redis"

    def __init__(self, cache: CacheConfig) -> None:
        self._cache = cache
        place = place_of(cache.redis_url, cache.redis_password_file)
        self.link = link_to("answers", place, cache.redis_timeout)
        self.state = self.link
        if cache.state_url:
            self.state = link_to("state", state_place(cache), cache.redis_timeout)
        self._eviction = Eviction(self.state)
        key = key_of(cache)
        self._bus = RedisBus(self.state, prefix=cache.redis_prefix)
        self.exchange = Exchange(self._bus, key=key)
        self._prefix = cache.redis_prefix
        self._envelopes = Envelopes(key, min(cache.redis_max_entry_size, cache.max_size))
        self.writer = Writer(self.link, self._envelopes)
        self._gather = Gather(self.link, together=place.kind != "cluster")
        self._leases = Leases(self._gather, self.writer, self.link)
        self._answers: list[Answers] = []
        self._shelves: list[RedisShelf] = []

    def __repr__(self) -> str:
        return f"<Store in {self.link.place}, {self.link!r}>"

    def answers(self, line: Line) -> Answers:
        """Return the answers of one chain."""
        made = Answers(
            self._gather,
            self.writer,
            self._envelopes,
            self._leases,
            prefix=self._prefix,
            line=line,
        )
        self._answers.append(made)
        return made

    def shelf(self) -> RedisShelf:
        """Return a shelf with a memory of its own; the names in Redis are common to all."""
        made = RedisShelf(
            self.state, prefix=self._prefix, local=MemoryShelf(), listed={"jti": self._told}
        )
        self._shelves.append(made)
        return made

    def sheet(self, name: str) -> RedisSheet:
        """Return a text that token services share."""
        return sheet_in(self._cache, self.state, name)

    async def revoked(self) -> Mapping[str, float] | None:
        """Return the tokens known to be revoked, and when they end; None: Redis is away."""
        with suppress(Away):
            return await self._shelves[0].listed("jti")
        return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the links up, write, and renew leases until the block ends."""
        links = list(dict.fromkeys([self.link, self.state]))
        tasks = [
            *(begun(link.watch(), f"way to {link.name}") for link in links),
            begun(self.writer.write(), "writer to redis"),
            begun(self._leases.renew(), "leases in redis"),
            begun(self._eviction.watch(), "eviction of state"),
            *(begun(shelf.settle(), "debts") for shelf in self._shelves),
        ]
        try:
            with suppress(TimeoutError):
                tried = asyncio.gather(*(link.tried.wait() for link in links))
                await asyncio.wait_for(tried, FIRST_LOOK)
            yield
        finally:
            for task in tasks:
                await ended(task)
            for link in links:
                await link.client.close()

    def alone(self) -> str:
        """Return why something is not shared now, "" while all is."""
        for link in (self.link, self.state):
            if not link.up:
                return f"redis for {link.name} ({link.place}) does not answer: {link.fault}"
        return "" if self.exchange.up else "no notes of other instances arrive"

    def doubt(self) -> str:
        """Return why what must last may be lost, "" where nothing is known to be wrong."""
        return self._eviction.doubt

    def details(self) -> dict[str, Any]:
        """Return what ``/health`` tells."""
        return {
            "status": "up" if self.link.up else (self.link.fault or "unknown"),
            "place": self.link.place,
            "state": "up" if self.state.up else (self.state.fault or "unknown"),
            "waiting_writes": len(self.writer),
        }

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time."""
        link, writer = self.link, self.writer
        return {
            "redis_up": ("1 while Redis may be asked", lambda: float(link.up)),
            "redis_state_up": (
                "1 while the Redis for what must not be lost may be asked",
                lambda: float(self.state.up),
            ),
            "redis_state_evicts": (
                "1 where that Redis may evict what it holds",
                lambda: float(bool(self.doubt())),
            ),
            "redis_writes_total": ("Writes that Redis took", lambda: writer.written),
            "redis_writes_dropped_total": ("Writes that were not made", lambda: writer.dropped),
            "instances": ("Instances that hear each other", lambda: len(self.exchange.instances())),
            "notes_dropped_total": ("Notes that were not sent", lambda: self._bus.dropped),
        }

    def tallies(self) -> Mapping[str, tuple[str, str, Callable[[], Mapping[str, int]]]]:
        """Return what is counted by a word."""
        return {
            "redis_looks_total": (
                "Looks for answers in Redis, by how they ended",
                "outcome",
                self._looks,
            ),
            "redis_faults_total": (
                "Times Redis did not do as asked, by cause",
                "cause",
                lambda: {fault: self._faults(fault) for fault in get_args(Fault)},
            ),
            "notes_total": (
                "Notes between instances, by what became of them",
                "fate",
                lambda: {fate: self.exchange.counts[fate] for fate in get_args(Fate)},
            ),
        }

    def _faults(self, fault: Fault) -> int:
        return sum(link.faults[fault] for link in {self.link, self.state})

    def _told(self, jti: str, ends: float) -> Command:
        """Return what tells all that a token was revoked."""
        return self._bus.published(self.exchange.written(RevokedNote(jti, ends)))

    def _looks(self) -> Mapping[str, int]:
        found: Tally[str] = Tally(dict.fromkeys(OUTCOMES, 0))
        for answers in self._answers:
            found.update(answers.outcomes)
        return found
