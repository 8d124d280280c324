"""A shelf in Redis, and what it does while Redis is away.

Each value stands in Redis and in the memory of the instance that put it there. While Redis is
away the memory answers, and what was put or dropped meanwhile is owed: it is written as soon
as Redis is back. So nothing that was revoked or ended comes to life again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from redis.exceptions import RedisError

from verus_gateway.shared.client import Command
from verus_gateway.shared.faults import fault_of
from verus_gateway.shared.link import Away, Link
from verus_gateway.shelf import MemoryShelf

Clock: TypeAlias = Callable[[], float]
Told: TypeAlias = Callable[[str, float], Command]
"""From what follows the kind in a key, and its end, to what tells all of it."""

OWED: Final = 10_000
"""Writes owed to Redis, at most; the oldest are forgotten first, and counted."""
BATCH: Final = 100
"""Writes in one go, at most."""
PAUSE: Final = 0.25
"""Seconds between two attempts to write what is owed."""
LISTED: Final = 100_000
"""Keys of a listed kind that are read at once, at most."""


class RedisShelf:
    """A `Shelf` that instances share.

    Args:
        link: The way to a Redis that evicts nothing.
        prefix: Of all names.
        local: The memory of this instance.
        listed: Kinds of keys (``jti``) that `listed` can list, each with the command by which
            all hear of a new one. It goes out behind the write: who hears nothing at that
            moment finds the key when it looks again.
        wall: Seconds since 1970: what instances have in common.

    Attributes:
        forgotten: Owed writes that were forgotten for room.
    """

    def __init__(
        self,
        link: Link,
        *,
        prefix: str,
        local: MemoryShelf,
        listed: Mapping[str, Told] | None = None,
        wall: Clock = time.time,
    ) -> None:
        self._link = link
        self._prefix = prefix
        self._local = local
        self._listed = listed or {}
        self._wall = wall
        self._owed: dict[str, tuple[bytes, float] | None] = {}
        self._owing = asyncio.Event()
        self.forgotten = 0

    def __repr__(self) -> str:
        return f"<RedisShelf {self._link!r}, {len(self._owed)} writes owed>"

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Remember *value* for *seconds*, in the place of what was there."""
        await self._local.put(key, value, seconds)
        ends = self._wall() + seconds
        if not await self._done(*self._writes(key, (value, ends))):
            self._owe(key, (value, ends))

    async def get(self, key: str) -> bytes | None:
        """Return what is remembered under *key*, None where nothing is or its time is up."""
        if key not in self._owed:
            with suppress(Away, RedisError):
                found = await self._asked("GET", self._name(key))
                return found if isinstance(found, bytes) else None
        return await self._local.get(key)

    async def drop(self, key: str) -> None:
        """Forget *key*."""
        await self._local.drop(key)
        if not await self._done(*self._writes(key, None)):
            self._owe(key, None)

    async def claim(self, key: str, seconds: float) -> bool:
        """Remember *key* for *seconds*; tell whether it was not remembered before.

        While Redis is away only this instance is asked: what another one knows may be claimed
        again.
        """
        if not await self._local.claim(key, seconds):
            return False
        ms = max(1, int(seconds * 1000))
        try:
            return bool(await self._asked("SET", self._name(key), b"", "NX", "PX", ms))
        except (Away, RedisError):
            self._owe(key, (b"", self._wall() + seconds))
            return True

    async def listed(self, kind: str) -> dict[str, float]:
        """Return what follows *kind* in the keys that are remembered, and until when.

        Raises:
            Away: Redis is.
        """
        name, now = self._index(kind), self._wall()
        [found] = await self._link.run(
            ("ZRANGEBYSCORE", name, repr(now), "+inf", "WITHSCORES", "LIMIT", 0, LISTED)
        )
        if isinstance(found, Exception):
            raise Away(fault_of(found))
        try:
            pairs = zip(found[::2], found[1::2], strict=True)
            return {member.decode("utf-8", "replace"): float(score) for member, score in pairs}
        except (TypeError, ValueError):
            raise Away("other") from None  # no list of ours

    async def settle(self) -> None:
        """Write for ever what is owed, as soon as Redis takes it."""
        while True:
            await self._owing.wait()
            self._owing.clear()
            while self._owed:
                if not (self._link.up and await self._settle_some()):
                    await asyncio.sleep(PAUSE)

    async def _settle_some(self) -> bool:
        some = list(self._owed.items())[:BATCH]
        done = await self._done(*(write for key, what in some for write in self._writes(key, what)))
        if done:
            for key, what in some:
                if self._owed.get(key) == what:
                    del self._owed[key]
        return done

    def _writes(self, key: str, what: tuple[bytes, float] | None) -> list[Command]:
        kind, _, rest = key.partition(":")
        name = self._name(key)
        left = what[1] - self._wall() if what else 0.0
        if what is None or left <= 0:
            writes: list[Command] = [("UNLINK", name)]
        else:
            writes = [("SET", name, what[0], "PX", max(1, int(left * 1000)))]
        if kind in self._listed:
            index = self._index(kind)
            writes.append(("ZREMRANGEBYSCORE", index, "-inf", repr(self._wall())))
            if what is not None and left > 0:
                writes.append(("ZADD", index, repr(what[1]), rest))
                writes.append(self._listed[kind](rest, what[1]))
        return writes

    async def _asked(self, *words: str | bytes | int) -> Any:
        [result] = await self._link.run(words)
        if isinstance(result, Exception):
            raise result
        return result

    async def _done(self, *commands: Command) -> bool:
        try:
            results = await self._link.run(*commands)
        except Away:
            return False
        return not any(isinstance(result, Exception) for result in results)

    def _owe(self, key: str, what: tuple[bytes, float] | None) -> None:
        self._owed.pop(key, None)
        self._owed[key] = what
        self._owing.set()
        if len(self._owed) > OWED:
            del self._owed[next(iter(self._owed))]
            self.forgotten += 1

    def _name(self, key: str) -> str:
        return f"{self._prefix}:s:{key}"

    def _index(self, kind: str) -> str:
        return f"{self._prefix}:i:{kind}"
