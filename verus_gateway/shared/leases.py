"""Who asks verusd: a lock with a token and a lease, renewed while its holder works."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from redis.exceptions import RedisError

from verus_gateway.shared.gather import Gather
from verus_gateway.shared.link import Away, Link
from verus_gateway.shared.scripts import RELEASE, RENEW, call
from verus_gateway.shared.writer import Writer

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

LEASE: Final = 1.5
"""Seconds after which the lease of a holder that has died ends."""
RENEWED: Final = 100
"""Leases renewed in one go."""


class Leases:
    """The leases of this instance.

    Args:
        gather: Through which they are taken.
        writer: Through which they are given back, behind the answer they were taken for.
        link: Through which they are renewed.
        seconds: How long one lasts by itself.
    """

    def __init__(
        self, gather: Gather, writer: Writer, link: Link, *, seconds: float = LEASE
    ) -> None:
        self._gather = gather
        self._writer = writer
        self._link = link
        self._ms = int(seconds * 1000)
        self._held: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._held)

    async def take(self, name: str) -> str | None:
        """Return the token of the lease *name*, "" where there is no Redis; None: another's."""
        token = secrets.token_hex(8)
        try:
            taken = await self._gather.run("SET", name, token, "NX", "PX", self._ms)
        except (Away, RedisError):
            return ""
        if not taken:
            return None
        self._held[name] = token
        return token

    async def held(self, name: str) -> bool:
        """Tell whether somebody holds the lease; nobody does where Redis is away."""
        try:
            return await self._gather.run("GET", name) is not None
        except (Away, RedisError):
            return False

    def give_back(self, name: str, token: str) -> None:
        """Have the lease ended, behind what was written before."""
        if token:
            self._held.pop(name, None)
            self._writer.run(call(RELEASE, name, token))

    async def renew(self, sleep: Sleep = asyncio.sleep) -> None:
        """Renew for ever what is held."""
        while True:
            await sleep(self._ms / 3000)
            held = list(self._held.items())
            for start in range(0, len(held), RENEWED):
                some = held[start : start + RENEWED]
                try:
                    await self._link.run(
                        *(call(RENEW, name, token, self._ms) for name, token in some)
                    )
                except Away:
                    break
