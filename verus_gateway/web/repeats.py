"""Requests whose every call is known, and what they are told while its answer is in memory."""

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Final, Literal, TypeAlias

import msgspec

from verus_gateway import rpc
from verus_gateway.auth import Caller
from verus_gateway.cache import Entry
from verus_gateway.errors import RpcError
from verus_gateway.forms import Form
from verus_gateway.metrics import HttpCounts, Timings
from verus_gateway.outcomes import Known, Source
from verus_gateway.web.answers import SMALL, marked, sent
from verus_gateway.web.heads import Head
from verus_gateway.web.keys import Limits, Served

Kind: TypeAlias = Source | Literal[""]
"""Where a single call's answer comes from, which a header says; nothing for a batch."""

ROOM: Final = 4_194_304
"""Bytes of the requests that are remembered, with all that hangs on them."""
LONGEST: Final = 16_384
"""Bytes of a request that is worth remembering."""
SHORT: Final = 1_024
"""Bytes of an answer that is kept as it is sent."""
OVERHEAD: Final = 512
"""Bytes that a call of a remembered request takes beside its answer."""
LIGHT: Final = 6_144
"""Bytes of a request, with all that hangs on it, that a connection may hold on to."""
FEW: Final = 8
"""Calls with changing ids that are remembered of one head."""
ONCE: Final = 2_048
"""Requests of which is remembered that they came."""


class Ask(msgspec.Struct, eq=False):
    """One known call of a batch, with its id.

    Attributes:
        known: What is known of all calls like it.
        id: The JSON text of its id.
        v2: Whether the caller speaks JSON-RPC 2.0.
        at: Of the entry that `text` was made of.
        text: What the call is told, once it was told so.
    """

    known: Known
    id: bytes
    v2: bool
    at: float = math.nan
    text: bytes = b""

    def told(self, entry: Entry) -> bytes:
        """Return what the call is told; what is short is kept."""
        front, back = rpc.around(v2=self.v2)
        text = b"%b%b%b%b}" % (front, entry.value, back, self.id)
        if len(text) <= SHORT:
            self.at, self.text = entry.at, text
        return text


class Single:
    """A request with one known call.

    Attributes:
        data: Its bytes, where it is one of `Repeats`.
        live: Whether it is.
        light: Whether it is small enough to be held elsewhere, too.
        head, cost, kind, weight: What the lane asks of it.

    Args:
        head: Of the request.
        known: What is known of all calls like it.
        v2: Whether the caller speaks JSON-RPC 2.0.
    """

    __slots__ = (
        "_around",
        "_at",
        "_at_hand",
        "_back",
        "_degraded",
        "_front",
        "_id",
        "_known",
        "_note",
        "_served",
        "_stale",
        "_stale_at_hand",
        "_v2",
        "_whole",
        "cost",
        "data",
        "head",
        "kind",
        "light",
        "live",
        "weight",
    )

    def __init__(self, head: Head, known: Known, *, v2: bool) -> None:
        self.head = head
        self.data, self.live, self.light = b"", False, False
        self.cost = known.cost
        self.weight = OVERHEAD + 2 * SHORT
        self.kind: Kind = "cache"
        self._known = known
        self._v2 = v2
        self._around = rpc.around(v2=v2)
        self._id = b""
        self._at = math.nan
        self._front = self._back = b""
        self._whole: tuple[bytes, ...] = ()
        self._degraded: object = None
        self._stale: tuple[bytes, ...] = ()
        self._served = head.served
        self._at_hand = head.served.pipeline.at_hand
        self._stale_at_hand = head.served.pipeline.stale_at_hand
        self._note = head.served.pipeline.note

    def of(self, id: bytes) -> "Single":
        """Return this request as one whose call has that id."""
        self._id = id
        self._at, self._degraded = math.nan, None
        return self

    def kept(self) -> "Single":
        """Return one like it that keeps its id."""
        return Single(self.head, self._known, v2=self._v2).of(self._id)

    def shed(self) -> None:
        """Let go of all that is large: a connection may still hold on to it."""
        self.data, self.live = b"", False
        self._whole = self._stale = ()
        self._at, self._degraded = math.nan, None

    def told(self, caller: Caller, now: float) -> Sequence[bytes] | None:
        """Return the rest of the response, from its length on, None where it is not at hand."""
        entry = self._at_hand(self._known, caller, now)
        if entry is None:
            return self._stand_in(caller, now)
        if self._at != entry.at and not self._frame(entry):
            return None
        self.kind = "cache"
        return self._whole or (self._front, entry.value, self._back)

    def _frame(self, entry: Entry) -> bool:
        """Write what stands around *entry* on its way out, unless it is too large for one write.

        What is short is written out as a whole; a long value is not held.
        """
        (front, back), value = self._around, entry.value
        length = len(front) + len(value) + len(back) + len(self._id) + 1
        if length <= SHORT:
            told = (length, front, value, back, self._id)
            self._whole = (b"Content-Length: %d\r\n\r\n%b%b%b%b}" % told,)
        elif length > SMALL:
            return False
        else:
            self._whole = ()
            self._front = b"Content-Length: %d\r\n\r\n%b" % (length, front)
            self._back = b"%b%b}" % (back, self._id)
        self._at = entry.at
        return True

    def _stand_in(self, caller: Caller, now: float) -> Sequence[bytes] | None:
        """Return the rest of the response where a fallback stands in and is short.

        An age is told in tenths of a second: for half of one, what was written out is good.
        """
        entry = self._stale_at_hand(self._known, caller, now)
        if entry is not None and self._degraded == (entry.value, int(20 * (now - entry.at))):
            self.kind = "stale"
            return self._stale
        answer = self._served.pipeline.second_best(self._known, caller)
        if answer is None:
            return None
        degraded = (answer.value, answer.age and int(20 * answer.age))
        if degraded != self._degraded:
            member = rpc.degraded_member(answer.source, answer.age)
            front, back = rpc.around(v2=self._v2, degraded=member)
            body = b"%b%b%b%b}" % (front, answer.value, back, self._id)
            if len(body) > SHORT:
                return None
            marks = sent(marked((answer,)))
            self._stale = (b"%bContent-Length: %d\r\n\r\n%b" % (marks, len(body), body),)
            self._degraded = degraded
        self.kind = answer.source
        return self._stale

    def count(self, _: HttpCounts, began: float) -> None:
        """Count that it was answered; *began* is when it was looked at."""
        known = self._known
        self._note(known.miss, 1)
        if self.kind == "cache":
            (known.hits or _hits(self._served, known)).add(monotonic() - began)
        else:
            name = known.miss.method.name
            self._served.counts.call(name, self.kind, monotonic() - began)


class Batch:
    """A request with several known calls.

    Args:
        head: Of the request.
        asks: The calls.
        most: Bytes of all results, at most.
    """

    __slots__ = (
        "_asks",
        "_at_hand",
        "_most",
        "_note",
        "_served",
        "_tally",
        "cost",
        "data",
        "head",
        "light",
        "live",
        "weight",
    )

    kind: Kind = ""

    def __init__(self, head: Head, asks: Sequence[Ask], most: int) -> None:
        self.head = head
        self.data, self.live, self.light = b"", False, False
        self.cost = sum(ask.known.cost for ask in asks)
        self.weight = len(asks) * (OVERHEAD + SHORT)
        self._asks = asks
        self._tally = [(known, len(list(run))) for known, run in groupby(asks, attrgetter("known"))]
        self._most = min(most, SMALL)
        self._served = head.served
        self._at_hand = head.served.pipeline.at_hand
        self._note = head.served.pipeline.note

    def kept(self) -> "Batch":
        """Return itself: it is of one request only."""
        return self

    def shed(self) -> None:
        """Let go of all that is large: a connection may still hold on to it."""
        self.data, self.live = b"", False

    def told(self, caller: Caller, now: float) -> Sequence[bytes] | None:
        """Return the rest of the response, from its length on, None where it is not at hand."""
        texts: list[bytes] = []
        known: Known | None = None
        entry: Entry | None = None
        for ask in self._asks:
            if ask.known is not known:  # equal calls stand side by side more often than not
                known = ask.known
                entry = self._at_hand(known, caller, now)
            if entry is None:
                return None
            texts.append(ask.text if ask.at == entry.at else ask.told(entry))
        body = b",".join(texts)
        if len(body) > self._most:
            return None
        return (b"Content-Length: %d\r\n\r\n[" % (len(body) + 2), body, b"]")

    def count(self, counts: HttpCounts, began: float) -> None:
        """Count that they were answered; *began* is when they were looked at."""
        counts.batches += 1
        seconds = monotonic() - began
        for known, times in self._tally:
            self._note(known.miss, times)
            (known.hits or _hits(self._served, known)).add(seconds, times)


Repeat: TypeAlias = Single | Batch


class Repeats:
    """Requests that came twice, byte for byte; the oldest go when there is no room.

    Args:
        room: Bytes of them, with all that hangs on them.
        once: Requests of which is remembered that they came.
    """

    def __init__(self, room: int = ROOM, once: int = ONCE) -> None:
        self._room = room
        self._most_once = once
        self._known: dict[bytes, Repeat] = {}
        self._once: set[int] = set()
        self._size = 0
        self.find = self._known.get
        """Return the request with these bytes, None where it is not known."""

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget all."""
        while self._known:
            self.drop(next(iter(self._known)))

    def drop(self, data: bytes) -> None:
        """Forget the request in *data*: what is known of it is no longer so."""
        gone = self._known.pop(data, None)
        if gone is not None:
            gone.shed()
            self._size -= len(data) + gone.weight

    def note(self, data: bytes, repeat: Repeat) -> None:
        """Keep the request in *data* if it came before."""
        if len(data) > LONGEST:
            return
        mark = hash(data)
        if mark not in self._once:
            if len(self._once) >= self._most_once:
                self._once.clear()
            self._once.add(mark)
            return
        self.drop(data)
        kept = self._known[data] = repeat.kept()
        kept.data, kept.live = data, True
        kept.light = len(data) + kept.weight <= LIGHT
        self._size += len(data) + repeat.weight
        while self._size > self._room:
            self.drop(next(iter(self._known)))


def read(head: Head, body: bytes, limits: Limits) -> Repeat | None:
    """Return the request with this head and body if all of its calls are known, else None.

    What comes back for a single call is good until the next one is read: another id is put into
    it then.
    """
    find = head.served.forms.known
    if body[:1] != b"[":
        found = find(body)
        return None if found is None else _single(head, *found)
    try:
        texts = rpc.split(body, limits.batch)
    except RpcError:
        return None
    asks: list[Ask] = []
    for text in texts:
        found = find(text)
        if found is None:
            return None
        form, id = found
        asks.append(Ask(form.made, id, form.v2))
    return Batch(head, asks, limits.batch_results)


def _single(head: Head, form: Form, id: bytes) -> Single:
    single: Single | None = head.singles.get(form.made)
    if single is None:
        if len(head.singles) >= FEW:
            head.singles.clear()
        single = head.singles[form.made] = Single(head, form.made, v2=form.v2)
    return single.of(id)


def _hits(served: Served, known: Known) -> Timings:
    hits = known.hits = served.counts.timings(known.miss.method.name, "cache")
    return hits
