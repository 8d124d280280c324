"""Where an instance tells the others what it notices, and hears what they do.

What carries the notes is behind `Carrier`: Redis between machines, a socket between the
workers of one. Telling never waits and hearing never asks.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from verus_gateway.breaker import Name
from verus_gateway.shared.notes import BeatNote, BreakerNote, Broken, ByeNote, Note, Notes
from verus_gateway.tasks import begun, ended

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]
N = TypeVar("N", bound=Note)
Fate: TypeAlias = Literal["sent", "heard", "broken"]

BEAT: Final = 1.0
"""Seconds between two signs of life."""
GONE: Final = 5.0
"""Seconds without one after which an instance is no longer counted."""
MOST: Final = 1_000
"""Instances remembered, at most."""


class Carrier(Protocol):
    """What takes notes to all instances, this one among them."""

    @property
    def up(self) -> bool:
        """Whether notes arrive."""
        ...

    def send(self, data: bytes) -> None:
        """Have *data* taken to all, at some time soon."""
        ...

    def pin(self, name: str, epoch: int, data: bytes, seconds: float) -> None:
        """Have *data* taken to all and told to who joins within *seconds*, unless overruled."""
        ...

    def expect(self, name: str) -> None:
        """Deliver at each joining what is pinned under *name*."""
        ...

    def carrying(
        self, deliver: Callable[[bytes], None], joined: Callable[[], None]
    ) -> AbstractAsyncContextManager[None]:
        """Carry until the block ends.

        Args:
            deliver: Takes each piece of data, the pinned ones at each joining among them.
            joined: Called when notes begin to arrive.
        """
        ...


class Fellow(Struct):
    """Another instance, or this one.

    Attributes:
        heard_at: When it was last heard of.
        age: Seconds since its start, then.
        states: From chain to the state of its breaker.
    """

    heard_at: float
    age: float
    states: dict[str, Name]


class Exchange:
    """The notes of one instance.

    Args:
        carrier: What carries them.
        key: Of their digests; empty where the way is trusted.
        name: Of this instance, by default its machine, process and a number of its own.
        clock: Seconds, monotonic.

    Attributes:
        counts: Notes by what became of them: `sent`, `heard`, `broken`.
        counted: Whether this instance is one of those that serve calls.
    """

    def __init__(
        self, carrier: Carrier, *, key: bytes = b"", name: str = "", clock: Clock = monotonic
    ) -> None:
        own = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(2)}"
        self.name = name or own
        self._carrier = carrier
        self._notes = Notes(self.name, key)
        self._clock = clock
        self._started = clock()
        self._listeners: dict[type[Any], list[Callable[[str, Any], None]]] = {}
        self._joined: list[Callable[[], None]] = []
        self._beats: Callable[[], tuple[tuple[BreakerNote, ...], dict[str, Name]]] = lambda: (
            (),
            {},
        )
        self._fellows: dict[str, Fellow] = {}
        self.counts: Tally[Fate] = Tally()
        self.counted = True

    def __repr__(self) -> str:
        return f"<Exchange {self.name}, {len(self.instances())} instances>"

    @property
    def up(self) -> bool:
        """Whether notes arrive."""
        return self._carrier.up

    def listen(self, kind: type[N], listener: Callable[[str, N], None]) -> None:
        """Call *listener* with the sender and each note of *kind* that another one sends."""
        self._listeners.setdefault(kind, []).append(listener)

    def listen_joined(self, listener: Callable[[], None]) -> None:
        """Call *listener* each time notes begin to arrive."""
        self._joined.append(listener)

    def beat_with(
        self, beats: Callable[[], tuple[tuple[BreakerNote, ...], dict[str, Name]]]
    ) -> None:
        """Tell with each sign of life what *beats* returns."""
        self._beats = beats

    def tell(self, note: Note) -> None:
        """Have *note* told to all others, at some time soon."""
        self._carrier.send(self.written(note))

    def written(self, note: Note) -> bytes:
        """Return *note* as it is sent, for who takes it to all others by another way."""
        self.counts["sent"] += 1
        return self._notes.write(note)

    def pin(self, name: str, epoch: int, note: Note, seconds: float) -> None:
        """Have *note* told to all others, and for *seconds* to who joins later."""
        self._carrier.pin(name, epoch, self.written(note), seconds)

    def expect(self, name: str) -> None:
        """Hear at each joining what is pinned under *name*."""
        self._carrier.expect(name)

    def instances(self) -> list[dict[str, Any]]:
        """Return who is there, this instance first: name, seconds since heard, age, states."""
        now = self._clock()
        _, states = self._beats()
        own = {"name": self.name, "heard_seconds_ago": 0.0, "age": round(now - self._started, 1)}
        return [{**own, "breakers": states}] + [
            {
                "name": name,
                "heard_seconds_ago": round(now - fellow.heard_at, 1),
                "age": round(fellow.age + now - fellow.heard_at, 1),
                "breakers": fellow.states,
            }
            for name, fellow in sorted(self._fellows.items())
            if now - fellow.heard_at <= GONE
        ]

    def rank(self, behind: str) -> int:
        """Return this instance's place among those that are there, *behind* left out."""
        names: set[str] = {each["name"] for each in self.instances()} - {behind}
        return 1 + len([name for name in names if name < self.name])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell and hear until the block ends."""
        async with self._carrier.carrying(self._deliver, self._on_joined):
            beating = begun(self._beat(), "signs of life")
            try:
                yield
            finally:
                await ended(beating)
                self.tell(ByeNote())

    async def _beat(self) -> None:
        while True:
            self._tell_beat()
            await asyncio.sleep(BEAT)

    def _tell_beat(self) -> None:
        notes, states = self._beats()
        age = self._clock() - self._started
        self.tell(BeatNote(age, notes, states, counted=self.counted))

    def _on_joined(self) -> None:
        self._tell_beat()
        for listener in self._joined:
            listener()

    def _deliver(self, data: bytes) -> None:
        try:
            sender, note = self._notes.read(data)
        except Broken as error:
            self.counts["broken"] += 1
            log.debug("note is broken", extra={"cause": str(error)})
            return
        if sender == self.name:
            return
        self.counts["heard"] += 1
        if isinstance(note, BeatNote) and note.counted:
            self._heard_of(sender, note)
        elif isinstance(note, ByeNote):
            self._fellows.pop(sender, None)
        for listener in self._listeners.get(type(note), ()):
            listener(sender, note)

    def _heard_of(self, sender: str, beat: BeatNote) -> None:
        if sender not in self._fellows and len(self._fellows) >= MOST:
            now = self._clock()
            self._fellows = {
                name: fellow
                for name, fellow in self._fellows.items()
                if now - fellow.heard_at <= GONE
            }
        if sender in self._fellows or len(self._fellows) < MOST:
            states = dict(beat.states)
            self._fellows[sender] = Fellow(self._clock(), max(0.0, beat.age), states)
        for note in beat.breakers:
            for listener in self._listeners.get(BreakerNote, ()):
                listener(sender, note)
