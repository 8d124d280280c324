"""What the gateway sees of what is shared, so that one instance need not load any of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from verus_gateway.cache import Behind
from verus_gateway.config import CacheConfig
from verus_gateway.shared.exchange import Exchange
from verus_gateway.sheet import Sheet
from verus_gateway.shelf import Shelf
from verus_gateway.tip import Tip


class Shared(Protocol):
    """What several instances keep together."""

    @property
    def title(self) -> str:
        """The word for it in ``/health``."""
        ...

    @property
    def exchange(self) -> Exchange:
        """Where they tell each other what they notice."""
        ...

    def answers(self, line: Tip) -> Behind | None:
        """Return the answers of one chain, None where memory is all there is."""
        ...

    def shelf(self) -> Shelf:
        """Return a shelf for values that must be remembered, with a memory of its own."""
        ...

    def sheet(self, name: str, /) -> Sheet | None:
        """Return a text that token services share, None where nothing outlives the processes."""
        ...

    async def revoked(self) -> Mapping[str, float] | None:
        """Return the tokens known to be revoked, and when they end; None: nobody can say now."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Hold it open until the block ends."""
        ...

    def alone(self) -> str:
        """Return why nothing is shared now, "" while it is."""
        ...

    def doubt(self) -> str:
        """Return why what must last may be lost, "" where nothing is known to be wrong."""
        ...

    def details(self) -> dict[str, Any]:
        """Return what ``/health`` tells."""
        ...

    def readings(self) -> Mapping[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time: name, help and how to read it."""
        ...

    def tallies(self) -> Mapping[str, tuple[str, str, Callable[[], Mapping[str, int]]]]:
        """Return what is counted by a word: name, help, the word's label, how to read it."""
        ...


@asynccontextmanager
async def sheet_of(cache: CacheConfig, name: str) -> AsyncIterator[Sheet]:
    """Open the way to one sheet, for a command that ends soon."""
    from verus_gateway.shared import sheet  # noqa: PLC0415  one instance loads no redis

    async with sheet.opened(cache, name) as opened:
        yield opened


async def doubt_of(cache: CacheConfig) -> str:
    """Ask Redis once whether it may lose what must last; "" where it may not or does not say."""
    if not cache.redis_url:
        return ""
    from verus_gateway.shared import eviction  # noqa: PLC0415  one instance loads no redis

    return await eviction.doubt_of(cache)


def shared_by(cache: CacheConfig) -> Shared | None:
    """Return what the settings have instances share, None where each stands for itself."""
    if not cache.redis_url:
        return None
    from verus_gateway.shared.store import Store  # noqa: PLC0415  one instance loads no redis

    return Store(cache)
