"""What a handler may take from its application or request."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from verus_gateway.address import Addresses
from verus_gateway.auth import Authenticator
from verus_gateway.desk import Desk
from verus_gateway.forms import Forms
from verus_gateway.health import Facts
from verus_gateway.issuer.mint import Mint
from verus_gateway.limits import Limiter
from verus_gateway.metrics import ChainCounts, HttpCounts, Metrics
from verus_gateway.pipeline import Pipeline
from verus_gateway.reload import Reload
from verus_gateway.tracing import Trace


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may be.

    Attributes:
        body: Bytes of a body.
        batch: Calls in a batch.
        batch_results: Bytes of all results of a batch.
        body_seconds: Seconds for a body to arrive.
        origins: Origins whose pages may call; ``*`` stands for all.
    """

    body: int
    batch: int
    batch_results: int
    body_seconds: float
    origins: frozenset[str]


class Served(msgspec.Struct, frozen=True):
    """What reads and answers the calls of one chain, where they are counted, and traced if at all."""

    pipeline: Pipeline
    counts: ChainCounts
    forms: Forms = msgspec.field(default_factory=Forms)
    trace: Callable[[Mapping[str, str]], Trace] | None = None


class Listener(msgspec.Struct, frozen=True):
    """An application and the address it is served at, beside the public one."""

    app: web.Application
    host: str
    port: int


class Drain:
    """Whether the process is on its way out."""

    def __init__(self) -> None:
        self.draining = False


CHAINS: Final[web.AppKey[dict[str, Served]]] = web.AppKey("CHAINS")
"""From a chain's name, "" for the default one, to what answers its calls."""
COUNTS: Final = web.AppKey("COUNTS", HttpCounts)
SCRAPE: Final[web.AppKey[Callable[[], Awaitable[bytes]]]] = web.AppKey("SCRAPE")
"""The metrics of all workers, where there are several."""
METRICS: Final = web.AppKey("METRICS", Metrics)
LIMITS: Final = web.AppKey("LIMITS", Limits)
LIMITER: Final = web.AppKey("LIMITER", Limiter)
ADDRESSES: Final = web.AppKey("ADDRESSES", Addresses)
AUTHENTICATOR: Final = web.AppKey("AUTHENTICATOR", Authenticator)
DESK: Final = web.AppKey("DESK", Desk)
MINT: Final = web.AppKey("MINT", Mint)
DRAIN: Final = web.AppKey("DRAIN", Drain)
FACTS: Final[web.AppKey[Callable[[], tuple[dict[str, Facts], dict[str, Any]]]]] = web.AppKey(
    "FACTS"
)
DISCOVER: Final[web.AppKey[Callable[[frozenset[str]], bytes]]] = web.AppKey("DISCOVER")
BLOCKNOTIFY: Final[web.AppKey[Callable[[str, str, bytes], None]]] = web.AppKey("BLOCKNOTIFY")
RELOAD: Final = web.AppKey("RELOAD", Reload)
REQUEST_ID: Final = web.RequestKey("REQUEST_ID", str)
