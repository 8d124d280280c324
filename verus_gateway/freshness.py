"""How long an answer is good, and what stands in for it while verusd is away."""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from verus_gateway.kinds import Json


@dataclass(frozen=True, slots=True)
class UntilBlock:
    """An answer is good until the next block.

    Attributes:
        within: And for so many seconds at most; ``[cache] tip_max_age`` bounds it too.
    """

    within: float = math.inf


Ttl: TypeAlias = float | UntilBlock
"""Seconds an answer may be served again, or `TIP`, `MEMPOOL` or `FOREVER`; 0 never."""
TIP: Final = UntilBlock()
"""Good until the next block."""
MEMPOOL: Final = UntilBlock(within=2.0)
"""Good until the next block, for two seconds at most: it depends on the mempool as well."""
FOREVER: Final = math.inf
"""Content-addressed: the answer to these parameters can never change."""


@dataclass(frozen=True, slots=True)
class Stale:
    """While verusd is away, serve the last good answer if it is not older than this.

    Attributes:
        within: Seconds since the daemon gave the answer.
    """

    within: float


@dataclass(frozen=True, slots=True)
class Constant:
    """While verusd is away, serve this value.

    Attributes:
        value: Any JSON value; encoded once when the row is loaded.
    """

    value: Json


Fallback: TypeAlias = Stale | Constant | None
