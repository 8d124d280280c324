"""The express lane: answers that are in memory leave in the moment in which the call arrives.

aiohttp's way from the bytes of a request to its handler and back costs several times what
an answer from memory does. So a connection shows what arrives to the `Lane` first. It
acts when the segment is exactly one request whose head was taken the ordinary way before,
byte for byte, and when the connection has nothing else under way. All else goes the ordinary
way, with the same bytes.

It is a second door to the same rooms: who calls, what they may, what it costs them, what is
counted and what the headers say are decided by the functions that the ordinary way uses.
Calls that have to wait for verusd do so in `waits`.

There are three speeds. A request that came before, byte for byte, is known as a whole. One
whose calls came before, with other ids, costs their reading on top. Any other is looked at
as the ordinary way does it.
"""

import logging
from functools import partial
from time import monotonic, perf_counter, time
from typing import Final, Protocol

import aiohttp
from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time

from verus_gateway.errors import RpcError
from verus_gateway.outcomes import Answer
from verus_gateway.rpc import Call
from verus_gateway.web.answers import SMALL, described, joined, marked, rendered, response, sent
from verus_gateway.web.calls import Looked, Visit, Waiting, look, look_at
from verus_gateway.web.cors import allow
from verus_gateway.web.heads import Head, Heads
from verus_gateway.web.keys import (
    ADDRESSES,
    AUTHENTICATOR,
    CHAINS,
    COUNTS,
    DRAIN,
    LIMITER,
    LIMITS,
)
from verus_gateway.web.middleware import ID_LINE, dressed, numbers
from verus_gateway.web.quotas import lines, lines_at_once
from verus_gateway.web.repeats import Kind, Repeat, Repeats, read
from verus_gateway.web.waits import Busy, Waits

log = logging.getLogger(__name__)

PROVED: Final = frozenset({"3.14.5"})
"""The releases of aiohttp with which the differential tests were run."""

_VARYING: Final = {"X-Request-ID", "X-Verus-Degraded", hdrs.AGE}


class Line(Busy, Protocol):
    """A connection, as the lane sees it."""

    peer: str
    """The address at its other end."""
    group: str
    """What that address counts as where no proxy says otherwise."""
    head: bytes
    """The head of the request that goes the ordinary way now, where it may be learned."""
    repeat: Repeat | None
    """The known request that came last: most often it comes again."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it, and the client reads what it is sent."""
        ...


class Lane:
    """Answers what can be answered at once; one for all connections.

    Args:
        app: What the ordinary way serves.
    """

    def __init__(self, app: web.Application) -> None:
        self._counts = app[COUNTS]
        self._limits = app[LIMITS]
        self._limiter = app[LIMITER]
        self._drain = app[DRAIN]
        addresses, chains = app[ADDRESSES], app[CHAINS]
        self._client = addresses.client
        paths = {"/": chains[""]} | {f"/chain/{name}": chains[name] for name in chains}
        self._heads = Heads(
            paths, app[AUTHENTICATOR], addresses.header if addresses.proxied else ""
        )
        self._repeats = Repeats()
        self._known = self._repeats.find
        self._bucket = self._limiter.bucket
        self._date = b""
        self._date_until = 0.0
        self._waits = Waits(app)
        app[AUTHENTICATOR].on_change(self._forget)  # heads know who is recognised how

    def __repr__(self) -> str:
        return f"<Lane with {len(self._heads)} heads>"

    def take(self, line: Line, data: bytes) -> bool:
        """See to it that the request in *data* is answered, if it is one for the lane; tell whether."""
        repeat = line.repeat
        if repeat is None or not repeat.live or data != repeat.data:
            repeat = self._known(data)
            if repeat is not None and repeat.light:
                line.repeat = repeat
        if repeat is not None and line.idle:
            if self._repeat(line, repeat):
                return True
            self._repeats.drop(data)
        end = data.find(b"\r\n\r\n") + 4
        key = data[:end]
        head = self._heads.find(key)
        if head is None:
            line.head = key if line.idle else b""
            return False
        if len(data) != end + head.length or not line.idle:
            return False
        body = data[end:]
        repeat = read(head, body, self._limits)
        if repeat is not None and self._repeat(line, repeat):
            self._repeats.note(data, repeat)
            return True
        return self._look(line, head, body)

    def learn(self, line: Line, request: web.Request) -> None:
        """Keep the head of *request*, which goes the ordinary way, once it came twice."""
        key, line.head = line.head, b""
        self._heads.learn(key, request)

    def _forget(self) -> None:
        self._heads.clear()
        self._repeats.clear()

    def _repeat(self, line: Line, repeat: Repeat) -> bool:
        """Answer a request whose calls are known, if all answers are at hand; tell whether."""
        now, counts = monotonic(), self._counts
        head = repeat.head
        caller = head.recall()
        if caller is None or self._drain.draining:
            return False
        told = repeat.told(caller, now)
        if told is None:
            return False
        bucket = self._bucket(caller, self._group(line, head) if head.forwarded else line.group)
        if not bucket.charge_together(repeat.cost, now):
            return False
        if now >= self._date_until:
            self._turn_date(now)
        top = head.tops.get(repeat.kind)
        if top is None or head.date is not self._date:
            top = self._top(head, repeat.kind)
        if len(told) == 1:
            line.answer(top % (next(numbers), lines_at_once(bucket, now), told[0]), now)
        else:
            start = top % (next(numbers), lines_at_once(bucket, now), b"")
            line.answer(b"".join((start, *told)), now)
        repeat.count(counts, now)
        counts.express += 1
        return True

    def _look(self, line: Line, head: Head, body: bytes) -> bool:
        """Look at a request as the ordinary way does, and answer it, at once if nothing has to wait."""
        if body[:1] == b"[":
            return self._look_at_batch(line, head, body)
        began = perf_counter()
        try:
            call = head.served.forms.decode(body)
        except RpcError:
            return False
        visit = self._visit(line, head, began)
        if visit is None or isinstance(call, list):
            return False
        outcome = look(visit, call)
        if isinstance(outcome, Answer) and not (isinstance(call, Call) and call.notification):
            marks = marked((outcome,)) if outcome.degraded else {}
            parts = rendered(call, outcome)
            if self._send(line, head, visit, parts, kind=outcome.source, marks=marks):
                return True
        return self._hand_on(line, head, Looked(visit, call, [outcome]))

    def _look_at_batch(self, line: Line, head: Head, body: bytes) -> bool:
        began = perf_counter()
        try:
            members = head.served.forms.decode(body, self._limits.batch)
        except RpcError:
            return False
        visit = self._visit(line, head, began)
        if visit is None or not isinstance(members, list):
            return False
        self._counts.batches += 1
        looked = look_at(visit, members)
        outcomes = [each for each in looked.outcomes if not isinstance(each, Waiting)]
        if len(outcomes) == len(members):
            parts = joined(members, outcomes, self._limits.batch_results)
            if self._send(line, head, visit, parts, marks=marked(outcomes)):
                return True
        return self._hand_on(line, head, looked)

    def _hand_on(self, line: Line, head: Head, looked: Looked) -> bool:
        send = partial(self._send, line, head, looked.visit)
        self._waits.take(line, head.headers, looked, send)
        return True

    def _visit(self, line: Line, head: Head, began: float) -> Visit | None:
        caller = head.recall()
        if caller is None or self._drain.draining:
            return None
        return Visit(head.served, self._limiter, caller, self._group(line, head), began)

    def _group(self, line: Line, head: Head) -> str:
        return self._client(line.peer, head.forwarded).group

    def _send(
        self,
        line: Line,
        head: Head,
        visit: Visit,
        parts: tuple[bytes, ...],
        *,
        kind: Kind = "",
        marks: dict[str, str],
    ) -> bool:
        """Send the response that *parts* tell unless it is too large, or none; tell whether."""
        length = sum(map(len, parts))
        if not 0 < length <= SMALL:
            return False
        bucket, now = self._bucket(visit.caller, visit.address), monotonic()
        if now >= self._date_until:
            self._turn_date(now)
        top = self._top(head, kind) % (next(numbers), lines(bucket, now), sent(marks))
        line.answer(b"".join((top, b"Content-Length: %d\r\n\r\n" % length, *parts)), now)
        self._counts.express += 1
        return True

    def _top(self, head: Head, kind: Kind) -> bytes:
        """Return what stands before a request id's number, the quota and the rest, with their places.

        It is good for this second. Who brings an own id has a place that takes no room.
        """
        if head.date is not self._date:
            head.date = self._date
            head.tops.clear()
        block = head.blocks.get(kind) or self._block(head, kind)
        own = head.id.replace(b"%", b"%%") + b"%.0a"
        fixed = (block + self._date).replace(b"%", b"%%")
        top = head.tops[kind] = fixed + (own if head.id else ID_LINE) + b"%b%b"
        return top

    def _block(self, head: Head, kind: Kind) -> bytes:
        """Return the status line with all headers that do not change, as the ordinary way has them."""
        told = described(Answer(b"", kind)) if kind else {}
        made = dressed(response((), told))
        allow("/", head.headers, made, self._limits.origins)
        same = {name: text for name, text in made.headers.items() if name not in _VARYING}
        block = head.blocks[kind] = b"HTTP/1.1 200 OK\r\n" + sent(same)
        return block

    def _turn_date(self, now: float) -> None:
        """Write the date of this second."""
        self._date_until = now + 1 - time() % 1
        self._date = f"Date: {rfc822_formatted_time()}\r\n".encode()


LANE: Final = web.AppKey("LANE", Lane)
"""There where the lane is open."""


def open_lane(app: web.Application, release: str = aiohttp.__version__) -> bool:
    """Open the lane for *app*; tell whether *release* of aiohttp is one that it was proved with."""
    if release not in PROVED:
        log.warning("express lane closed: not proved with this aiohttp", extra={"aiohttp": release})
        return False
    app[LANE] = Lane(app)
    return True
