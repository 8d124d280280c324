"""Who may call how much: buckets of cost a second, calls at once, and who goes first.

A bucket is one number, the moment at which it is full again (GCRA, the generic cell rate
algorithm of ATM Forum TM 4.0). So `take` is a look-up and some arithmetic: no timer, no
lock, no await. Callers with a name and strangers, who are told apart by address only, have
stores of their own: strangers, however many, cannot push a named caller's bucket out.
"""

import heapq
import math
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Final, Literal, TypeAlias

import msgspec

from verus_gateway.auth import ANONYMOUS, Caller
from verus_gateway.errors import RateLimited, Shed

Clock: TypeAlias = Callable[[], float]
Bound: TypeAlias = Literal["rate", "concurrency", "load"]
"""Which bound refused a call: the caller's rate, the caller's calls at once, all calls at once."""

DEFAULT: Final = "default"
"""The rate class of named callers that no other one was given to."""
LINGER: Final = 600.0
"""Seconds a bucket is remembered after its last use, at least: longer than any call lasts."""
NEAR: Final = 0.8
"""The part of its allowance whose use makes a caller near its limit."""
SLACK: Final = 1e-6
"""Seconds that sums of fractions may be off."""
PAUSE: Final = 1.0
"""Seconds after which to try again where calls at once were too many."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one rate class allows each of its callers.

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


class Quota(msgspec.Struct, frozen=True):
    """How a caller stands.

    Attributes:
        name: Of the rate class.
        burst: Cost that may be spent at once with a full bucket.
        window: Seconds in which an empty bucket fills.
        left: Cost that may be spent now.
        full_in: Seconds until the bucket is full.
    """

    name: str
    burst: float
    window: float
    left: float
    full_in: float


class Standing(msgspec.Struct, frozen=True):
    """One caller as an operator sees it.

    Attributes:
        who: The subject, or a stranger's address.
        named: Whether it is a subject.
        rate_class: Its class.
        used: The part of the allowance in use, 1 or more for who is at the limit.
        inside: Its calls at once.
    """

    who: str
    named: bool
    rate_class: str
    used: float
    inside: int


class Bucket:
    """One caller's allowance.

    Attributes:
        full_at: When it is full again; in the past for a full one.
        inside: Calls at once.
        spent: Cost charged since the other instances were last told.
        pace, depth, concurrent: Of its `allowance`, where they are quick to reach.
    """

    __slots__ = ("allowance", "concurrent", "depth", "full_at", "inside", "pace", "spent")

    def __init__(self, allowance: Allowance) -> None:
        self.full_at = -math.inf
        self.spent = 0.0
        self.inside = 0
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


class Limiter:
    """Decides which calls are begun.

    The state is this process'. Several instances charge each other's callers by `spent` and
    `charge`; those that cannot hear each other share a caller's allowance by `split`.

    Args:
        classes: The rate classes by name, `anonymous` and `default` among them.
        most: Calls at once, in all, beside those that memory answers.
        reserved: How many of these are kept for named callers.
        remembered: Buckets at once, of each kind of caller.
        costliest: The highest cost of a call.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        classes: Mapping[str, Allowance],
        *,
        most: int,
        reserved: int = 0,
        remembered: int = 50_000,
        costliest: int = 100,
        clock: Clock = monotonic,
    ) -> None:
        self._given = dict(classes)
        self._classes = self._given
        self._instances = 1
        self._most = most
        self._for_strangers = most - reserved
        self._clock = clock
        slowest = max(c.depth + costliest * c.pace for c in classes.values())
        self._named = Buckets(remembered, max(LINGER, slowest))
        self._strangers = Buckets(remembered, max(LINGER, slowest))
        self.inside = 0
        self.refused: Tally[tuple[str, Bound]] = Tally()

    def __repr__(self) -> str:
        return (
            f"<Limiter {self.inside} of {self._most} calls inside, "
            f"{len(self._named)} named callers, {len(self._strangers)} strangers>"
        )

    def take(self, caller: Caller, address: str, cost: int = 1) -> float:
        """Charge a call to whoever makes it.

        Args:
            caller: Named callers are charged wherever they call from.
            address: Charged for a stranger.
            cost: Of the call. What costs more than the burst passes a full bucket only, and
                leaves it in debt.

        Returns:
            0.0 for a call that may begin; else the seconds after which it could, uncharged.
        """
        bucket = self._bucket(caller, address)
        now = self._clock()
        ends = bucket.full_at
        if ends <= now:
            bucket.full_at = now + cost * bucket.pace
            bucket.spent += cost
            return 0.0
        charged = ends + cost * bucket.pace
        wait = charged - now - bucket.depth
        if wait <= SLACK:
            bucket.full_at = charged
            bucket.spent += cost
            return 0.0
        self.refused[bucket.allowance.name, "rate"] += 1
        return min(wait, ends - now)

    @contextmanager
    def inside_for(self, caller: Caller, address: str, wanted: int = 1) -> Iterator[int]:
        """Hold places for calls that memory cannot answer, as many of *wanted* as there are.

        Yields:
            How many calls may go on at once, 1 or more.

        Raises:
            RateLimited: the caller has as many calls under way as its class allows.
            Shed: all together have; strangers meet this bound first.
        """
        bucket = self._bucket(caller, address)
        own = bucket.concurrent - bucket.inside
        most = self._for_strangers if caller.subject is None else self._most
        places = min(wanted, own, most - self.inside)
        if places < 1:
            raise self._refusal(bucket.allowance.name, own)
        bucket.inside += places
        self.inside += places
        try:
            yield places
        finally:
            bucket.inside -= places
            self.inside -= places

    def quota(self, caller: Caller, address: str) -> Quota | None:
        """Return how the caller stands, None for one without limits."""
        bucket = self._bucket(caller, address)
        if not bucket.depth:
            return None
        full_in = max(0.0, bucket.full_at - self._clock())
        given = bucket.allowance
        left = max(0.0, (bucket.depth - full_in) * given.rate)
        return Quota(given.name, given.burst, bucket.depth, left, full_in)

    def fullest(self, most: int = 10) -> list[Standing]:
        """Return who has used most of the allowance now, at most *most* of them."""
        now = self._clock()
        used = (
            (bucket.used(now), who, named, bucket)
            for named, store in ((True, self._named), (False, self._strangers))
            for who, bucket in store.items()
            if bucket.full_at > now or bucket.inside
        )
        top = heapq.nlargest(most, used, key=lambda each: each[:2])
        return [
            Standing(who, named, bucket.allowance.name, part, bucket.inside)
            for part, who, named, bucket in top
        ]

    def near(self, *, named: bool) -> int:
        """Return how many callers have used most of their allowance."""
        now = self._clock()
        store = self._named if named else self._strangers
        return sum(bucket.used(now) >= NEAR for _, bucket in store.items())

    def remembered(self, *, named: bool) -> int:
        """Return how many buckets are in use."""
        return len(self._named if named else self._strangers)

    @property
    def dropped(self) -> int:
        """Buckets dropped for room, full or not."""
        return self._named.dropped + self._strangers.dropped

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the rate classes."""
        return tuple(self._given)

    def spent(self, *, named: bool) -> dict[str, float]:
        """Return the cost that callers were charged here since this was last asked."""
        found: dict[str, float] = {}
        for who, bucket in (self._named if named else self._strangers).items():
            if bucket.spent:
                found[who] = bucket.spent
                bucket.spent = 0.0
        return found

    def charge(self, costs: Mapping[str, float], *, named: bool) -> None:
        """Charge callers for what they have spent at other instances, debt or not."""
        now = self._clock()
        for who, cost in costs.items():
            bucket = self._found(who, named=named)
            if bucket is not None:
                ends = max(bucket.full_at, now) + cost * bucket.pace
                bucket.full_at = min(ends, now + 2 * bucket.depth)

    def _found(self, who: str, *, named: bool) -> Bucket | None:
        # A named caller's class is not known before it has called here: then there is no bucket.
        store = self._named if named else self._strangers
        bucket = store.young.get(who)
        if bucket is None and not named:
            bucket = store.find(who, self._classes[ANONYMOUS], self._clock())
        return bucket

    def split(self, instances: int) -> None:
        """Share every allowance with other instances: each grants its part of the rate.

        Buckets in use keep the part of the allowance that is in use. Calls at once stay each
        instance's own.
        """
        self._instances = instances
        self._classes = {
            name: msgspec.structs.replace(
                given, rate=given.rate / instances, burst=max(1.0, given.burst / instances)
            )
            for name, given in self._given.items()
        }

    def adopt(self, classes: Mapping[str, Allowance]) -> None:
        """Go by *classes* from now on, shared as before.

        Buckets in use keep the part of the allowance that is in use.
        """
        self._given = dict(classes)
        self.split(self._instances)

    def _bucket(self, caller: Caller, address: str) -> Bucket:
        subject = caller.subject
        if subject is None:
            store, key, name = self._strangers, address, ANONYMOUS
        else:
            store, key, name = self._named, subject, caller.rate_class
        allowance = self._classes.get(name) or self._classes[DEFAULT]
        bucket = store.young.get(key) or store.find(key, allowance, self._clock())
        if bucket.allowance is not allowance:
            bucket.follow(allowance, self._clock())
        return bucket

    def _refusal(self, name: str, own: int) -> RateLimited | Shed:
        bound: Bound = "concurrency" if own < 1 else "load"
        self.refused[name, bound] += 1
        if bound == "concurrency":
            return RateLimited("too many of your calls are under way", "concurrency", PAUSE)
        return Shed("too many calls are under way", retry_after=PAUSE)
