"""Heads of requests that are known byte for byte, and how requests are framed.

A client that keeps its connection sends the same head each time. Once aiohttp has read a
head twice, what it said is kept under its bytes: the next one costs a look-up.
"""

import re
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import hdrs, web

from verus_gateway.auth import Authenticator, Headers, Recall
from verus_gateway.web.callers import FREE_SIZE
from verus_gateway.web.keys import Served
from verus_gateway.web.middleware import sane_id

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


class Head(msgspec.Struct, eq=False):
    """A request's head that is known byte for byte.

    Attributes:
        served: What answers the calls at its path.
        length: Bytes of the body.
        headers: As aiohttp read them.
        recall: Recognises who sends them.
        forwarded: What proxies say of the client.
        id: The line of the caller's own request id, empty where a new one is made.
        blocks: From a kind of answer to the headers that are the same each time.
        date: The line of the second for which `tops` are good.
        tops: From a kind of answer to what stands before its changing part; the lane's to fill.
        singles: Requests with this head that are known but for an id; its user's to fill.
    """

    served: Served
    length: int
    headers: Headers
    recall: Recall
    forwarded: str
    id: bytes
    blocks: dict[str, bytes] = msgspec.field(default_factory=dict)
    date: bytes = b""
    tops: dict[str, bytes] = msgspec.field(default_factory=dict)
    singles: dict[Any, Any] = msgspec.field(default_factory=dict)


class Heads:
    """The heads that are known, at most `MOST` of them.

    Args:
        paths: What answers the calls at each path.
        authenticator: Knows who sends a head.
        forwarded: The header in which proxies name the client, empty where none is believed.
    """

    def __init__(
        self, paths: dict[str, Served], authenticator: Authenticator, forwarded: str
    ) -> None:
        self._paths = paths
        self._authenticator = authenticator
        self._forwarded = forwarded
        self._once: set[bytes] = set()
        self._known: dict[bytes, Head] = {}
        self.find = self._known.get
        """Return what is known of the head with these bytes, None where it is not."""

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget all."""
        while self._known:
            self._drop_oldest()

    def learn(self, key: bytes, request: web.Request) -> None:
        """Keep the head of *request*, which was sent as *key*, once it came twice."""
        if not key or len(key) > LONGEST:
            return
        if key not in self._once:
            if len(self._once) >= MOST:
                self._once.clear()
            self._once.add(key)
            return
        head = self._read(key, request)
        if head is not None:
            if len(self._known) >= MOST:
                self._drop_oldest()
            self._known[key] = head

    def _drop_oldest(self) -> None:
        """Forget one, and what hangs on it: a request that is remembered may hold on to it."""
        head = self._known.pop(next(iter(self._known)))
        for hung in (head.blocks, head.tops, head.singles):
            hung.clear()

    def _read(self, key: bytes, request: web.Request) -> Head | None:
        """Return what is known of *request* if its bytes are *key* and nothing about it is special."""
        served, headers = self._paths.get(request.raw_path), request.headers
        if served is None or not _is_plain(key, request):
            return None
        length, own = int(headers[hdrs.CONTENT_LENGTH]), sane_id(headers)
        if length >= FREE_SIZE:
            return None
        return Head(
            served,
            length,
            headers,
            self._authenticator.memory_for(headers),
            ",".join(headers.getall(self._forwarded, ())) if self._forwarded else "",
            f"X-Request-ID: {own}\r\n".encode() if own else b"",
        )


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
