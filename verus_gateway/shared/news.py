"""Revocations as instances tell each other of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from verus_gateway.revocations import Revocations
from verus_gateway.shared.exchange import Exchange
from verus_gateway.shared.notes import RevokedNote

PAUSE: Final = 0.25
"""Seconds between two attempts to learn what was missed."""

Known: TypeAlias = Callable[[], Awaitable[Mapping[str, float] | None]]
"""What is known to be revoked and when it ends, None while nobody can say."""


class RevocationNews:
    """What is revoked here is told, and what is revoked anywhere is revoked here.

    Args:
        exchange: Where the others are.
        revocations: Of this instance.
        known: What was revoked before this instance joined the others.
    """

    def __init__(self, exchange: Exchange, revocations: Revocations, known: Known) -> None:
        self._revocations = revocations
        self._known = known
        self._joined = asyncio.Event()
        exchange.listen_joined(self._joined.set)
        exchange.listen(RevokedNote, self._hear)
        revocations.listen(lambda jti, ends: exchange.tell(RevokedNote(jti, ends)))

    def _hear(self, _: str, note: RevokedNote) -> None:
        self._revocations.learn(note.jti, note.ends)

    async def catch_up(self) -> None:
        """Learn at each joining what was revoked while this instance did not hear of it."""
        while True:
            await self._joined.wait()
            self._joined.clear()
            found = await self._known()
            if found is None:  # the way broke again; what was missed is missed still
                self._joined.set()
                await asyncio.sleep(PAUSE)
                continue
            for jti, ends in found.items():
                self._revocations.learn(jti, ends)
