"""A sheet in Redis, sealed: whoever can write to Redis cannot write on it."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any, Final

from verus_gateway.config import CacheConfig
from verus_gateway.shared.client import Command
from verus_gateway.shared.faults import fault_of
from verus_gateway.shared.link import PATIENCE, Away, Link
from verus_gateway.shared.places import key_of, link_to, state_place
from verus_gateway.shared.scripts import SWAP, call
from verus_gateway.sheet import NotRead
from verus_gateway.tasks import begun, ended

SIZE: Final = 16
"""Bytes of the seal."""
LONGEST: Final = 1_048_576
"""Bytes of a text, at most."""


class RedisSheet:
    """A `Sheet` over a link.

    Args:
        link: The way to a Redis that evicts nothing.
        name: Of the key.
        key: Of the seal.
    """

    def __init__(self, link: Link, *, name: str, key: bytes) -> None:
        self._link = link
        self._name = name
        self._key = key[:64]

    def __repr__(self) -> str:
        return f"<RedisSheet {self._name}, {self._link!r}>"

    async def read(self) -> bytes:
        """Return the text, b"" where none was written yet."""
        found = await self._asked(("GET", self._name))
        if found is None:
            return b""
        if not isinstance(found, bytes) or len(found) > SIZE + LONGEST:
            raise NotRead("what stands there is none of ours")
        seal, text = found[:SIZE], found[SIZE:]
        if not hmac.compare_digest(seal, self._seal(text)):
            raise NotRead("the seal is wrong: is redis_secret the same everywhere?")
        return text

    async def swap(self, old: bytes, new: bytes) -> bool:
        """Write *new* in the place of *old*; tell whether *old* still stood there."""
        if len(new) > LONGEST:
            raise NotRead(f"more than {LONGEST} bytes do not go there")
        before = self._seal(old) + old if old else b""
        return bool(await self._asked(call(SWAP, self._name, before, self._seal(new) + new)))

    async def _asked(self, command: Command) -> Any:
        try:
            [result] = await self._link.run(command)
        except Away as error:
            raise NotRead(f"redis does not answer: {error.fault}") from None
        if isinstance(result, Exception):
            raise NotRead(f"redis refuses: {fault_of(result)}")
        return result

    def _seal(self, text: bytes) -> bytes:
        named = self._name.encode() + b"\0" + text
        return blake2b(named, digest_size=SIZE, key=self._key, person=b"vg sheet").digest()


def sheet_in(cache: CacheConfig, link: Link, name: str) -> RedisSheet:
    """Return the sheet called *name* of these settings."""
    return RedisSheet(link, name=f"{cache.redis_prefix}:t:{name}", key=key_of(cache))


@asynccontextmanager
async def opened(cache: CacheConfig, name: str) -> AsyncIterator[RedisSheet]:
    """Open the way to one sheet, for a command that ends soon."""
    link = link_to("state", state_place(cache), PATIENCE)
    task = begun(link.watch(), "way to the sheet")
    try:
        await link.tried.wait()
        yield sheet_in(cache, link, name)
    finally:
        await ended(task)
        await link.client.close()
