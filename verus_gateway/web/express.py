"""The express lane: answers that are in memory leave in the moment in which the call arrives.

aiohttp's way from the bytes of a request to its handler and back costs several times what
an answer from memory does. So a connection shows what arrives to the `Lane` first. It
acts when the segment is exactly one request whose head was taken the ordinary way before,
byte for byte, when the connection has nothing else under way, and when every call in the
body can be answered without waiting. All else goes the ordinary way, with the same bytes.

It is a second door to the same rooms: who calls, what they may, what it costs them, what is
counted and what the headers say are decided by the functions that the ordinary way uses. A
call that was looked at here, and has to wait for verusd, is handed over as it stands:
charged once, read once.
"""

import logging
import re
from collections.abc import Mapping
from time import perf_counter, time
from typing import Final, Literal, Protocol

import aiohttp
import msgspec
from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time

from verus_gateway.auth import Headers, Recall
from verus_gateway.errors import RpcError
from verus_gateway.pipeline import Answer, Source
from verus_gateway.web import quotas
from verus_gateway.web.answers import SMALL, described, joined, marked, rendered, response
from verus_gateway.web.callers import address_from
from verus_gateway.web.calls import Looked, Visit, Waiting, look, look_at
from verus_gateway.web.cors import allow
from verus_gateway.web.keys import (
    ADDRESSES,
    AUTHENTICATOR,
    CHAINS,
    COUNTS,
    DRAIN,
    LIMITER,
    LIMITS,
    Served,
)
from verus_gateway.web.middleware import dressed, new_id, sane_id

log = logging.getLogger(__name__)

PROVED: Final = frozenset({"3.14.5"})
"""The releases of aiohttp with which the differential tests were run."""
MOST: Final = 1_024
"""Heads that are kept; the oldest goes first."""
LONGEST: Final = 2_048
"""Bytes of a head that is worth keeping."""

_PLAIN: Final = re.compile(
    rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|upgrade):([^\r]*)", re.IGNORECASE
)
_SPECIAL: Final = (hdrs.TRANSFER_ENCODING, hdrs.EXPECT, hdrs.UPGRADE, hdrs.CONTENT_ENCODING)
_VARYING: Final = {"X-Request-ID", "X-Verus-Degraded", hdrs.AGE}


class Line(Protocol):
    """A connection, as the lane sees it."""

    peer: str
    """The address at its other end."""
    head: bytes
    """The head of the request that goes the ordinary way now, where it may be learned."""
    looked: Looked | None
    """What was decided of it already."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way on it, and the client reads what it is sent."""
        ...

    def answer(self, data: bytes) -> None:
        """Send a whole response."""
        ...


class Head(msgspec.Struct):
    """A request's head that is known byte for byte.

    Attributes:
        served: What answers the calls at its path.
        length: Bytes of the body.
        headers: As aiohttp read them.
        recall: Recognises who sends them.
        id: The caller's own request id, empty where a new one is made.
        blocks: From a kind of answer to the headers that are the same each time.
    """

    served: Served
    length: int
    headers: Headers
    recall: Recall
    id: str
    blocks: dict[str, bytes]


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
        self._addresses = app[ADDRESSES]
        self._authenticator = app[AUTHENTICATOR]
        chains = app[CHAINS]
        self._paths = {"/": chains[""]} | {f"/chain/{name}": chains[name] for name in chains}
        self._heads: dict[bytes, Head] = {}
        self._once: set[bytes] = set()
        self._date = (0, b"")
        self._authenticator.on_change(self._heads.clear)  # they know who is recognised how

    def __repr__(self) -> str:
        return f"<Lane with {len(self._heads)} heads>"

    def take(self, line: Line, data: bytes) -> bool:
        """Answer the request in *data* if that can be done now; tell whether."""
        end = data.find(b"\r\n\r\n") + 4
        key = data[:end]
        head = self._heads.get(key)
        if head is None:
            line.head = key if line.idle else b""
            return False
        if len(data) != end + head.length or not line.idle or self._drain.draining:
            return False
        body = data[end:]
        if body[:1] == b"[":
            return self._take_batch(line, head, body)
        began = perf_counter()
        call = head.served.forms.find(body)
        visit = None if call is None else self._visit(line, head, began)
        if call is None or visit is None:
            return False
        outcome = look(visit, call)
        if isinstance(outcome, Answer):
            marks = marked((outcome,)) if outcome.degraded else {}
            parts = rendered(call, outcome)
            if self._send(line, head, visit, parts, kind=outcome.source, marks=marks):
                return True
        line.looked = Looked(visit, call, [outcome])
        return False

    def learn(self, line: Line, request: web.Request) -> None:
        """Keep the head of *request*, which goes the ordinary way, once it came twice."""
        key, line.head = line.head, b""
        if not key or len(key) > LONGEST:
            return
        if key not in self._once:
            if len(self._once) >= MOST:
                self._once.clear()
            self._once.add(key)
            return
        head = self._read(key, request)
        if head is not None:
            if len(self._heads) >= MOST:
                del self._heads[next(iter(self._heads))]
            self._heads[key] = head

    def _take_batch(self, line: Line, head: Head, body: bytes) -> bool:
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
        line.looked = looked
        return False

    def _visit(self, line: Line, head: Head, began: float) -> Visit | None:
        caller = head.recall(head.headers)
        if caller is None:
            return None
        address = address_from(self._addresses, line.peer, head.headers).group
        return Visit(head.served, self._limiter, caller, address, began)

    def _send(
        self,
        line: Line,
        head: Head,
        visit: Visit,
        parts: tuple[bytes, ...],
        *,
        kind: Source | Literal[""] = "",
        marks: dict[str, str],
    ) -> bool:
        """Send the response that *parts* tell unless it is too large, or none; tell whether."""
        length = sum(map(len, parts))
        if not 0 < length <= SMALL:
            return False
        line.answer(
            b"".join(
                (
                    head.blocks.get(kind) or self._block(head, kind),
                    _lines(marks) if marks else b"",
                    quotas.lines(self._limiter, visit.caller, visit.address),
                    b"X-Request-ID: %b\r\nContent-Length: %d\r\n"
                    % ((head.id or new_id()).encode(), length),
                    self._now(),
                    *parts,
                )
            )
        )
        self._counts.responses[200] += 1
        self._counts.express += 1
        return True

    def _block(self, head: Head, kind: Source | Literal[""]) -> bytes:
        """Return the status line with all headers that do not change, as the ordinary way has them."""
        told = described(Answer(b"", kind)) if kind else {}
        made = dressed(response((), told))
        allow("/", head.headers, made, self._limits.origins)
        same = {name: text for name, text in made.headers.items() if name not in _VARYING}
        block = head.blocks[kind] = b"HTTP/1.1 200 OK\r\n" + _lines(same)
        return block

    def _now(self) -> bytes:
        second = int(time())
        if second != self._date[0]:
            self._date = (second, f"Date: {rfc822_formatted_time()}\r\n\r\n".encode())
        return self._date[1]

    def _read(self, key: bytes, request: web.Request) -> Head | None:
        """Return what is known of *request* if its bytes are *key* and nothing about it is special."""
        served, headers = self._paths.get(request.raw_path), request.headers
        if served is None or not _is_plain(key, request):
            return None
        length = int(headers[hdrs.CONTENT_LENGTH])
        recall = self._authenticator.memory_for(headers)
        return Head(served, length, headers, recall, sane_id(headers), {})


def owed(data: bytes) -> int:
    """Return how many bytes a request that begins *data* still lacks, -1 where it is not told.

    Only what every reader of HTTP frames alike is told: a whole head of well-formed lines, one
    plain Content-Length or none, no more bytes than it says.
    """
    end = data.find(b"\r\n\r\n") + 4
    head = data[:end]
    if _PLAIN.fullmatch(head) is None or head.startswith(b"CONNECT "):
        return -1
    found = _FRAMING.findall(head)
    length = b"0"
    if found:
        name, length = found[0][0].lower(), found[0][1].strip(b" \t")
        if len(found) > 1 or name != b"content-length" or not length.isdigit():
            return -1
    left = end + int(length) - len(data) if len(length) < 16 else -1  # noqa: PLR2004  no body is so long
    return max(left, -1)


LANE: Final = web.AppKey("LANE", Lane)
"""There where the lane is open."""


def open_lane(app: web.Application, release: str = aiohttp.__version__) -> bool:
    """Open the lane for *app*; tell whether *release* of aiohttp is one that it was proved with."""
    if release not in PROVED:
        log.warning("express lane closed: not proved with this aiohttp", extra={"aiohttp": release})
        return False
    app[LANE] = Lane(app)
    return True


def _is_plain(key: bytes, request: web.Request) -> bool:
    headers = request.headers
    lengths = headers.getall(hdrs.CONTENT_LENGTH, ())
    return (
        _PLAIN.fullmatch(key) is not None
        and _is_head_of(key, request)
        and request.version == aiohttp.HttpVersion11
        and request.keep_alive
        and len(lengths) == 1
        and lengths[0].isascii()
        and lengths[0].isdigit()
        and headers.get(hdrs.CONNECTION, "keep-alive").lower() == "keep-alive"
        and not any(name in headers for name in _SPECIAL)
    )


def _is_head_of(key: bytes, request: web.Request) -> bool:
    """Tell whether *key* is the very head that aiohttp made *request* of."""
    first, *lines = key[:-4].split(b"\r\n")
    if first != f"POST {request.raw_path} HTTP/1.1".encode("ascii", "replace"):
        return False
    pairs = (line.partition(b":") for line in lines)
    return [(name, text.strip(b" \t")) for name, _, text in pairs] == list(request.raw_headers)


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {text}\r\n" for name, text in headers.items()).encode()
