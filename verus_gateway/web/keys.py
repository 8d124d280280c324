"""What a handler may take from its application or request."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from verus_gateway.auth import Caller
from verus_gateway.health import Facts
from verus_gateway.metrics import Counts, Metrics
from verus_gateway.pipeline import Pipeline


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


class Drain:
    """Whether the process is on its way out."""

    def __init__(self) -> None:
        self.draining = False


PIPELINE: Final = web.AppKey("PIPELINE", Pipeline)
COUNTS: Final = web.AppKey("COUNTS", Counts)
METRICS: Final = web.AppKey("METRICS", Metrics)
LIMITS: Final = web.AppKey("LIMITS", Limits)
ANONYMOUS: Final = web.AppKey("ANONYMOUS", Caller)
DRAIN: Final = web.AppKey("DRAIN", Drain)
FACTS: Final[web.AppKey[Callable[[], tuple[Facts, dict[str, Any]]]]] = web.AppKey("FACTS")
REQUEST_ID: Final = web.RequestKey("REQUEST_ID", str)
