"""What happened: every state the chain was in, and every call with its answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any


@dataclass
class Version:
    """One state of the chain.

    Attributes:
        hashes: Of its blocks, by height.
        since: When verusd had it.
        heard: When the gateway had confirmed that it knows, infinite before.
    """

    hashes: tuple[str, ...]
    since: float
    heard: float = inf

    @property
    def height(self) -> int:
        """The height of its newest block."""
        return len(self.hashes) - 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """One call, and what became of it.

    Attributes:
        id: Unique in the whole history.
        reader: Whether the client held the scope ``read``.
        sent: When, on the event loop's clock, as `ended`.
        status: Of HTTP; 0 where the connection broke or the client left.
        body: The answer, decoded.
        left: Whether the client did not wait for the answer.
    """

    id: int
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
class Chronicle:
    """Everything that is looked at afterwards.

    Attributes:
        seed: What the plan followed from.
        versions: Of the chain, in order.
        calls: In the order in which they ended.
        heard: Of each request on its way to verusd: when it was sent at the earliest, and when
            it was read.
        written: The parameter of each write that reached it.
        faults: How often each was injected.
        before: Resources before the storm, and `after` it.
        changes: Of the breaker, in order: when, and to what.
        recovery: Seconds from the end of the last fault until all was well.
    """

    seed: int
    versions: list[Version] = field(default_factory=list)
    calls: list[Told] = field(default_factory=list)
    heard: list[tuple[float, float]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    changes: list[tuple[float, str]] = field(default_factory=list)
    counted: float = 0
    recovery: float = inf

    def hear(self, data: bytes, earliest: float, now: float) -> None:
        """Note what passed on the way to verusd."""
        if data.startswith(b"POST "):
            self.heard.append((earliest, now))
        found = re.findall(rb'"sendrawtransaction","params":\["([0-9a-f]+)"', data)
        self.written += [each.decode() for each in found]

    def sent_within(self, began: float, ended: float) -> int:
        """Return how many requests were certainly sent to verusd within this time."""
        return sum(1 for earliest, read in self.heard if began < earliest and read < ended)

    def left_within(self, began: float, ended: float) -> int:
        """Return how many clients left a call of theirs within this time."""
        gone = (call.ended for call in self.calls if call.left and call.status == 0)
        return sum(1 for at in gone if began < at < ended)

    def possible(self, sent: float, ended: float) -> Iterator[Version]:
        """Yield the versions that a fresh answer to a call of this time may be about."""
        for version, following in zip(self.versions, [*self.versions[1:], None], strict=True):
            superseded = following is not None and following.heard <= sent
            if version.since <= ended and not superseded:
                yield version
