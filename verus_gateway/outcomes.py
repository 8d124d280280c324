"""What comes of a call when it is looked at: an answer, or a miss, and what is known of its like."""

import math
from typing import Any, Literal, TypeAlias

import msgspec

from verus_gateway.freshness import Ttl
from verus_gateway.rows import Method, Params

Source: TypeAlias = Literal["daemon", "cache", "stale", "default"]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A result, where it came from and how old it is.

    Attributes:
        value: The result's JSON text.
        source: `daemon` and `cache` are fresh; `stale` and `default` are degraded.
        age: Seconds since verusd gave it, where that matters: of a degraded answer that has one.
    """

    value: bytes
    source: Source
    age: float | None = None

    @property
    def degraded(self) -> bool:
        """Whether the client must be told that verusd did not give this answer now."""
        return self.source in {"stale", "default"}


class Miss(msgspec.Struct, frozen=True, gc=False):
    """A permitted call that memory cannot answer.

    Attributes:
        method: Its row.
        params: As the row reads them.
        key: Of the answer; empty where nothing is kept.
        ttl: For how long an answer to these parameters is good.
        favoured: Whether it goes before those of strangers.
    """

    method: Method
    params: Params
    key: bytes
    ttl: Ttl
    favoured: bool = False


class Known(msgspec.Struct, eq=False):
    """What is known of all calls that are equal but for their id.

    Attributes:
        miss: What any of them is where memory has no answer.
        scope: What their caller must hold.
        cost: Of each.
        key: Of their answer.
        at: Of the entry that was their fresh answer when it was last looked at; it is not held
            here, where it would outlive its place in the cache.
        turn: The tip's, then.
        until: Until when it stays fresh unless there is another turn.
        stale_at: Of the entry that stood in when there was no fresh one.
        stale_turn: The tip's, then.
        stale_state: What the breaker's state was.
        stale_until: Until when it may stand in unless there is another turn or state.
        hits: Where those are counted that memory answers; its user's to fill.
    """

    miss: Miss
    scope: str
    cost: int
    key: bytes
    at: float = math.nan
    turn: int = -1
    until: float = -math.inf
    stale_at: float = math.nan
    stale_turn: int = -1
    stale_state: Any = None
    stale_until: float = -math.inf
    hits: Any = None
