"""What callers are allowed, and how much of that they have used.

A bucket is one number, the moment at which it is full again (GCRA, the generic cell rate
algorithm of ATM Forum TM 4.0). So charging one is some arithmetic: no timer, no lock, no
await.
"""

import math
from collections.abc import Iterator
from typing import Final

import msgspec

SLACK: Final = 1e-6
"""Seconds that sums of fractions may be off."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one rate class allows each of its callers; each is equal to itself only.

    Attributes:
        name: Of the class.
        rate: Cost that comes back, a second.
        burst: Cost that may be spent at once.
        concurrent: Calls at once.
    """

    name: str
    rate: float
    burst: float
    concurrent: int

    @property
    def pace(self) -> float:
        """Seconds in which one unit of cost comes back."""
        return 1 / self.rate

    @property
    def depth(self) -> float:
        """Seconds in which an empty bucket fills."""
        return self.burst / self.rate if math.isfinite(self.rate) else 0.0


def unlimited(name: str) -> Allowance:
    """Return the class that allows anything."""
    return Allowance(name=name, rate=math.inf, burst=math.inf, concurrent=2**31)


class Bucket:
    """One caller's allowance.

    Attributes:
        full_at: When it is full again; in the past for a full one.
        inside: Calls at once.
        spent: Cost charged since the other instances were last told.
        last: What was charged last, where it was full before; else 0.
        pace, depth, concurrent: Of its `allowance`, where they are quick to reach.
    """

    __slots__ = ("allowance", "concurrent", "depth", "full_at", "inside", "last", "pace", "spent")

    def __init__(self, allowance: Allowance) -> None:
        self.full_at = -math.inf
        self.spent = 0.0
        self.inside = 0
        self.last: float = 0
        self._set(allowance)

    def follow(self, allowance: Allowance, now: float) -> None:
        """Go by *allowance* from now on; the part in use stays what it is."""
        part = self.used(now)
        self._set(allowance)
        self.full_at = now + part * self.depth

    def _set(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.pace = allowance.pace
        self.depth = allowance.depth
        self.concurrent = allowance.concurrent

    def charge(self, cost: float, now: float) -> float:
        """Charge a call.

        Args:
            cost: Of the call. What costs more than the burst passes a full bucket only, and
                leaves it in debt.
            now: The time.

        Returns:
            0.0 where it was charged; else the seconds after which it could be.
        """
        ends = self.full_at
        if ends <= now:
            self.full_at = now + cost * self.pace
            self.spent += cost
            self.last = cost
            return 0.0
        self.last = 0
        charged = ends + cost * self.pace
        wait = charged - now - self.depth
        if wait <= SLACK:
            self.full_at = charged
            self.spent += cost
            return 0.0
        return min(wait, ends - now)

    def charge_together(self, cost: float, now: float) -> bool:
        """Charge several calls at once if each of them, one after another, could be charged.

        Args:
            cost: Of all of them.
            now: The time.

        Returns:
            Whether they were charged.
        """
        rested = self.full_at <= now
        charged = (now if rested else self.full_at) + cost * self.pace
        if charged - now - self.depth > SLACK:
            return False
        self.full_at = charged
        self.spent += cost
        self.last = cost if rested else 0
        return True

    def left(self, now: float) -> tuple[float, float]:
        """Return the cost that may be spent now, and the seconds until it is full."""
        full_in = max(0.0, self.full_at - now)
        return max(0.0, (self.depth - full_in) * self.allowance.rate), full_in

    def used(self, now: float) -> float:
        """Return the part of the allowance in use."""
        return max(0.0, self.full_at - now) / self.depth if self.depth else 0.0


class Buckets:
    """The buckets of one kind of caller, at most so many.

    Two generations: what is used moves to the young, and when these are many or old, those
    that were not used meanwhile go. That costs nothing on the way of a call.

    Args:
        most: Buckets at once.
        linger: Seconds without use after which a bucket may go; it is full by then.
    """

    def __init__(self, most: int, linger: float) -> None:
        self.young: dict[str, Bucket] = {}
        self.dropped = 0
        self._old: dict[str, Bucket] = {}
        self._half = max(1, most // 2)
        self._linger = linger
        self._turned_at = -math.inf

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def find(self, key: str, allowance: Allowance, now: float) -> Bucket:
        """Return the bucket of *key*, which is not among the young: an old one or a full one."""
        bucket = self._old.pop(key, None) or Bucket(allowance)
        full = len(self.young) >= self._half
        if full or now - self._turned_at >= self._linger:
            self.dropped += len(self._old) if full else 0
            self._old, self.young, self._turned_at = self.young, {}, now
        self.young[key] = bucket
        return bucket

    def items(self) -> Iterator[tuple[str, Bucket]]:
        """Yield all of them."""
        yield from self.young.items()
        yield from self._old.items()
