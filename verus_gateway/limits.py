"""Who may call how much: cost a second, calls at once, and who goes first.

To `take` a call is a look-up and some arithmetic on a bucket. Callers with a name and
strangers, who are told apart by address only, have buckets of their own: strangers, however
many, cannot push a named caller's out.
"""

import heapq
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, Literal, TypeAlias

import msgspec

from verus_gateway.auth import ANONYMOUS, Caller
from verus_gateway.buckets import Allowance, Bucket, Buckets
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
PAUSE: Final = 1.0
"""Seconds after which to try again where calls at once were too many."""


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
        self._anonymous = self._given[ANONYMOUS]
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

    def now(self) -> float:
        """Return the time on the limiter's clock."""
        return self._clock()

    def take(self, caller: Caller, address: str, cost: int = 1) -> float:
        """Charge a call to whoever makes it.

        Args:
            caller: Named callers are charged wherever they call from.
            address: Charged for a stranger.
            cost: Of the call.

        Returns:
            0.0 for a call that may begin; else the seconds after which it could, uncharged.
        """
        bucket = self.bucket(caller, address)
        wait = bucket.charge(cost, self._clock())
        if wait:
            self.refused[bucket.allowance.name, "rate"] += 1
        return wait

    def bucket(self, caller: Caller, address: str) -> Bucket:
        """Return what a call is charged to: of a caller with a name, or of the address."""
        subject = caller.subject
        if subject is None:
            known = self._strangers.young.get(address)
            if known is not None and known.allowance is self._anonymous:
                return known  # what most calls need, in the fewest steps
            store, key, name = self._strangers, address, ANONYMOUS
        else:
            store, key, name = self._named, subject, caller.rate_class
        allowance = self._classes.get(name) or self._classes[DEFAULT]
        bucket = store.young.get(key) or store.find(key, allowance, self._clock())
        if bucket.allowance is not allowance:
            bucket.follow(allowance, self._clock())
        return bucket

    def inside_for(self, caller: Caller, address: str, wanted: int = 1) -> "Places":
        """Return places for calls that memory cannot answer, as many of *wanted* as there are.

        They are held from now on, until they are left.

        Raises:
            RateLimited: the caller has as many calls under way as its class allows.
            Shed: all together have; strangers meet this bound first.
        """
        bucket = self.bucket(caller, address)
        own = bucket.concurrent - bucket.inside
        most = self._for_strangers if caller.subject is None else self._most
        places = min(wanted, own, most - self.inside)
        if places < 1:
            raise self._refusal(bucket.allowance.name, own)
        bucket.inside += places
        self.inside += places
        return Places(self, bucket, places)

    def quota(self, caller: Caller, address: str) -> Quota | None:
        """Return how the caller stands, None for one without limits."""
        bucket = self.bucket(caller, address)
        if not bucket.depth:
            return None
        given = bucket.allowance
        return Quota(given.name, given.burst, bucket.depth, *bucket.left(self._clock()))

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
        self._anonymous = self._classes[ANONYMOUS]

    def adopt(self, classes: Mapping[str, Allowance]) -> None:
        """Go by *classes* from now on, shared as before.

        Buckets in use keep the part of the allowance that is in use.
        """
        self._given = dict(classes)
        self.split(self._instances)

    def _refusal(self, name: str, own: int) -> RateLimited | Shed:
        bound: Bound = "concurrency" if own < 1 else "load"
        self.refused[name, bound] += 1
        if bound == "concurrency":
            return RateLimited("too many of your calls are under way", "concurrency", PAUSE)
        return Shed("too many calls are under way", retry_after=PAUSE)


class Places:
    """Room for calls that memory cannot answer; ``with`` gives how many may go on at once, 1 or more."""

    __slots__ = ("_bucket", "_count", "_limiter")

    def __init__(self, limiter: Limiter, bucket: Bucket, count: int) -> None:
        self._limiter = limiter
        self._bucket = bucket
        self._count = count

    def __enter__(self) -> int:
        return self._count

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Give them back, once."""
        self._bucket.inside -= self._count
        self._limiter.inside -= self._count
