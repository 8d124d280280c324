"""What the instances do in concert: tips, breakers, allowances, revocations."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

from verus_gateway.chain import Chain
from verus_gateway.limits import Limiter
from verus_gateway.revocations import Revocations
from verus_gateway.shared.breakers import CommonBreaker, beats
from verus_gateway.shared.exchange import Exchange
from verus_gateway.shared.news import Known, RevocationNews
from verus_gateway.shared.notes import BlockNote, SpentNote
from verus_gateway.tasks import begun, ended

SETTLE: Final = 0.25
"""Seconds between two settlements of what callers have spent."""
LISTED: Final = 100
"""Callers in one note, at most."""


class Concert:
    """The parts of a gateway that listen to other instances, joined to what they listen to.

    Args:
        exchange: Where the others are.
        chains: From name to chain.
        common: The chains whose breaker is one for all instances.
        limiter: Whose callers are charged wherever they call.
        revocations: What is revoked anywhere is revoked here.
        revoked: What was revoked before this instance joined the others, None while nobody
            can say.
    """

    def __init__(
        self,
        exchange: Exchange,
        chains: Mapping[str, Chain],
        common: Iterable[str],
        limiter: Limiter,
        revocations: Revocations,
        *,
        revoked: Known,
    ) -> None:
        self.exchange = exchange
        self._chains = chains
        self._limiter = limiter
        self._news = RevocationNews(exchange, revocations, revoked)
        self._known = 1
        self._parts = 1
        commons = {name: CommonBreaker(name, chains[name].breaker, exchange) for name in common}
        exchange.beat_with(beats(commons, {name: c.breaker for name, c in chains.items()}))
        exchange.listen(BlockNote, self._on_block)
        exchange.listen(SpentNote, self._on_spent)
        for name, chain in chains.items():
            self._tell_turns(name, chain)

    def __repr__(self) -> str:
        return f"<Concert of {self._known}, {self.exchange!r}>"

    def instances(self) -> list[dict[str, Any]]:
        """Return every instance with its state and age, this one first."""
        return self.exchange.instances()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Play along until the block ends."""
        async with self.exchange.running():
            tasks = [
                begun(self._settle(), "settlement of allowances"),
                begun(self._news.catch_up(), "catching up"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    await ended(task)

    def _tell_turns(self, name: str, chain: Chain) -> None:
        chain.tip.listen_turn(lambda newest: self.exchange.tell(BlockNote(name, newest)))

    def _on_block(self, _: str, note: BlockNote) -> None:
        chain = self._chains.get(note.chain)
        if chain is not None:
            chain.tip.hear(note.hash)

    def _on_spent(self, _: str, note: SpentNote) -> None:
        self._limiter.charge(note.named, named=True)
        self._limiter.charge(note.strangers, named=False)

    async def _settle(self) -> None:
        while True:
            self.settle()
            await asyncio.sleep(SETTLE)

    def settle(self) -> None:
        """Tell what callers have spent; cut off from the others, grant this instance's part."""
        if self.exchange.up:
            self._known = max(1, len(self.instances()))
        self._split(1 if self.exchange.up else self._known)
        named, strangers = self._limiter.spent(named=True), self._limiter.spent(named=False)
        if not self.exchange.up or self._known == 1:
            return
        for some in _portions(named):
            self.exchange.tell(SpentNote(some, {}))
        for some in _portions(strangers):
            self.exchange.tell(SpentNote({}, some))

    def _split(self, parts: int) -> None:
        if parts != self._parts:
            self._parts = parts
            self._limiter.split(parts)


def _portions(costs: Mapping[str, float]) -> Iterable[dict[str, float]]:
    left = iter(costs.items())
    while some := dict(islice(left, LISTED)):
        yield some
