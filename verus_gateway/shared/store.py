"""The Redis of the cache: the parts that use it, put together, started and ended."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, get_args

from verus_gateway import redis_url
from verus_gateway.config import CacheConfig, Secret
from verus_gateway.redis_url import Place
from verus_gateway.shared.answers import OUTCOMES, Answers, Line
from verus_gateway.shared.client import client, ended
from verus_gateway.shared.envelope import Envelopes
from verus_gateway.shared.faults import Fault
from verus_gateway.shared.gather import Gather
from verus_gateway.shared.leases import Leases
from verus_gateway.shared.link import Link
from verus_gateway.shared.writer import Writer

FIRST_LOOK: Final = 1.0
"""Seconds for which the start waits for Redis, so that the first calls find it."""


class Store:
    """Answers of all chains in one Redis.

    Args:
        cache: The cache's settings; they name a Redis.
    """

    def __init__(self, cache: CacheConfig) -> None:
        place = place_of(cache.redis_url, cache.redis_password_file)
        self.link = Link(
            "cache", client(place, seconds=cache.redis_timeout), timeout=cache.redis_timeout
        )
        self._place = place
        self._prefix = cache.redis_prefix
        self._envelopes = Envelopes(
            cache.redis_secret.reveal().encode(), min(cache.redis_max_entry_size, cache.max_size)
        )
        self.writer = Writer(self.link, self._envelopes)
        self._gather = Gather(self.link, together=place.kind != "cluster")
        self._leases = Leases(self._gather, self.writer, self.link)
        self._answers: list[Answers] = []

    def __repr__(self) -> str:
        return f"<Store in {self._place}, {self.link!r}>"

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

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the link up, write, and renew leases until the block ends."""
        tasks = [
            asyncio.create_task(self.link.watch(), name="way to redis"),
            asyncio.create_task(self.writer.write(), name="writer to redis"),
            asyncio.create_task(self._leases.renew(), name="leases in redis"),
        ]
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.link.tried.wait(), FIRST_LOOK)
            yield
        finally:
            for task in tasks:
                await ended(task)
            await self.link.client.close()

    def alone(self) -> str:
        """Return why nothing is shared now, "" while it is."""
        return "" if self.link.up else f"redis ({self._place}) does not answer: {self.link.fault}"

    def details(self) -> dict[str, Any]:
        """Return what ``/health`` tells."""
        return {
            "status": "up" if self.link.up else (self.link.fault or "unknown"),
            "place": str(self._place),
            "waiting_writes": len(self.writer),
        }

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time."""
        link, writer = self.link, self.writer
        return {
            "redis_up": ("1 while Redis may be asked", lambda: float(link.up)),
            "redis_writes_total": ("Writes that Redis took", lambda: writer.written),
            "redis_writes_dropped_total": ("Writes that were not made", lambda: writer.dropped),
        }

    def tallies(self) -> Mapping[str, tuple[str, str, Callable[[], Mapping[str, int]]]]:
        """Return what is counted by a word."""
        link = self.link
        return {
            "redis_looks_total": (
                "Looks for answers in Redis, by how they ended",
                "outcome",
                self._looks,
            ),
            "redis_faults_total": (
                "Times Redis did not do as asked, by cause",
                "cause",
                lambda: {fault: link.faults[fault] for fault in get_args(Fault)},
            ),
        }

    def _looks(self) -> Mapping[str, int]:
        found: Tally[str] = Tally(dict.fromkeys(OUTCOMES, 0))
        for answers in self._answers:
            found.update(answers.outcomes)
        return found


def place_of(url: Secret, password_file: str) -> Place:
    """Return the place that *url* names, entered with the password of *password_file*."""
    place = redis_url.parse(url.reveal())
    if password_file:
        return place.with_password(Path(password_file).read_text("utf-8").strip())
    return place
