"""What happened: every state the chain was in, and every call with its answer."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import mean
from typing import Any

OLDEST = 7.0
"""Seconds that a fresh answer may be behind the chain where a gateway did not hear of a block: two
looks at the tip, the patience with one, the call's own deadline, and a bit."""


@dataclass(frozen=True)
class Version:
    """One state of the chain.

    Attributes:
        hashes: Of its blocks, by height.
        since: When verusd had it.
    """

    hashes: tuple[str, ...]
    since: float

    @property
    def height(self) -> int:
        """The height of its newest block."""
        return len(self.hashes) - 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """One call, and what became of it.

    Attributes:
        id: Unique in the whole history.
        instance: The number of the gateway that was asked.
        reader: Whether the client held the scope ``read``.
        sent: When, on the event loop's clock, as `ended`.
        status: Of HTTP; 0 where the connection broke or the client left.
        body: The answer, decoded.
        left: Whether the client did not wait for the answer.
    """

    id: int
    instance: int = 0
    method: str
    params: tuple[Any, ...]
    reader: bool
    sent: float
    ended: float
    status: int = 0
    body: Any = None
    left: bool = False

    @property
    def fresh(self) -> bool:
        """Whether the answer is a result that is not marked as degraded."""
        return self.status == 200 and "result" in self.body and "degraded" not in self.body


@dataclass
class Instance:
    """What one gateway did.

    Attributes:
        heard: Of each request on its way to verusd: when it was sent at the earliest, and when
            it was read.
        known: When the gateway was seen to know each version of the chain, or a later one.
        changes: Of the breaker, in order: when, and to what.
        before: Resources before the storm, and `after` it.
        weights: Its memory in bytes, twice a second.
        counted: Calls, by its own figures.
        further: Calls that are not among those of the chronicle.
        alarms: Lines of its log that tell of a death, or of what nobody expected.
    """

    heard: list[tuple[float, float]] = field(default_factory=list)
    known: list[float] = field(default_factory=list)
    changes: list[tuple[float, str]] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    weights: list[int] = field(default_factory=list)
    counted: float = 0
    further: int = 0
    alarms: list[str] = field(default_factory=list)

    def weight(self, quarter: int) -> float:
        """Return its mean memory in one quarter of the time, the first is 0."""
        part = max(1, len(self.weights) // 4)
        return mean(self.weights[quarter * part : (quarter + 1) * part])

    def sent_within(self, began: float, ended: float) -> int:
        """Return how many requests were certainly sent to verusd within this time."""
        first = bisect_right(self.heard, began, key=_read)
        last = bisect_left(self.heard, ended, key=_read)
        return sum(1 for earliest, _ in self.heard[first:last] if began < earliest)


@dataclass
class Pass:
    """A token: when somebody began to take it back, and when that was confirmed."""

    token: str
    revoking: float = inf
    revoked: float = inf


@dataclass(frozen=True)
class Shown:
    """A token that was shown to an instance, and the status that came back."""

    number: int
    instance: int
    sent: float
    ended: float
    status: int


@dataclass
class Chronicle:
    """Everything that is looked at afterwards.

    Attributes:
        seed: What the plan followed from.
        instances: The gateways.
        versions: Of the chain, in order.
        calls: In the order in which they ended.
        written: The parameter of each write that reached verusd.
        faults: How often each was injected.
        recovery: Seconds from the end of the last fault until all was well.
        seconds: That the storm lasted.
        passes: Tokens that were given out.
        shown: Each time one was shown.
        cuts: When something was wrong with the way to Redis.
        granted: Calls that a caller with a small allowance was granted.
        refused: Those that it was not.
    """

    seed: int
    instances: Sequence[Instance]
    versions: list[Version] = field(default_factory=list)
    calls: list[Told] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    recovery: float = inf
    seconds: float = 0.0
    passes: list[Pass] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    cuts: list[tuple[float, float]] = field(default_factory=list)
    granted: int = 0
    refused: int = 0

    def hear(self, instance: int, data: bytes, earliest: float, now: float) -> None:
        """Note what passed on the way from a gateway to verusd."""
        if data.startswith(b"POST "):
            self.instances[instance].heard.append((earliest, now))
        found = re.findall(rb'"sendrawtransaction","params":\["([0-9a-f]+)"', data)
        self.written += [each.decode() for each in found]

    def know(self, instance: int, hash: str, now: float) -> None:
        """Note that a gateway knows of the version whose newest block is *hash*."""
        known = self.instances[instance].known
        for number in range(len(self.versions) - 1, len(known) - 1, -1):
            if self.versions[number].hashes[-1] == hash:
                known += [now] * (number + 1 - len(known))
                return

    def left(self, instance: int) -> list[float]:
        """Return when clients left a call to a gateway before it was answered."""
        return [
            call.ended
            for call in self.calls
            if call.left and call.status == 0 and call.instance == instance
        ]

    def possible(self, call: Told) -> Iterator[Version]:
        """Yield the versions that a fresh answer to *call* may be about."""
        known = bisect_right(self.instances[call.instance].known, call.sent)
        seen = bisect_right(self.versions, call.sent - OLDEST, key=_since)
        yield from self.versions[max(0, known - 1, seen - 1) : self._until(call)]

    def earlier(self, call: Told) -> Iterator[Version]:
        """Yield the versions that any answer to *call* may be about, the latest first."""
        yield from reversed(self.versions[: self._until(call)])

    def _until(self, call: Told) -> int:
        return bisect_right(self.versions, call.ended, key=_since)


def _read(heard: tuple[float, float]) -> float:
    return heard[1]


def _since(version: Version) -> float:
    return version.since
