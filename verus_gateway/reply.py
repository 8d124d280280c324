"""One HTTP/1.1 response of verusd, read from pieces of any size. No I/O.

Strict where readers of HTTP differ (RFC 9112): one way to tell the length of a body, each
header that matters once, no folded lines, no bare CR or LF, and a bound on everything that
the other side could let grow.
"""

import re
from collections.abc import Callable
from typing import Final

import msgspec

from verus_gateway.errors import AnswerTooLarge, BadAnswer, RpcError

MAX_HEAD: Final = 16_384
"""Bytes of a status line with its headers, and of a chunked body's trailers."""
MAX_LINE: Final = 1_024
"""Bytes of the line before a chunk."""
MAX_INTERIM: Final = 8
"""Interim responses (100 Continue and the like) before the real one."""
KNOWN: Final = 64
"""Heads that are kept with what they say: within a second, verusd says the same again."""

_HEAD: Final = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|connection):[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_START: Final = b"HTTP/1."
_NOT_HTTP: Final = "verusd does not speak HTTP/1.1"


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole response.

    Attributes:
        status: The HTTP status.
        body: The bytes after the head.
        keep: Whether the connection may carry another request.
    """

    status: int
    body: bytes
    keep: bool = False


_known: Final[dict[bytes, tuple[int, bool, int]]] = {}
"""From a head that tells its body's length to status, whether the connection is kept, length."""


class Reader:
    """Puts one response together, and then the next.

    Args:
        limit: Bytes of a body, at most.
    """

    __slots__ = (
        *("_body", "_interim", "_keep", "_left", "_limit", "_line", "_most", "_rest", "_status"),
        "_step",
    )

    def __init__(self, limit: int) -> None:
        self._most = limit
        self._begin()

    def _begin(self) -> None:
        self._limit = self._most
        self._rest = b""
        self._body = bytearray()
        self._left = 0
        self._interim = 0
        self._status = 0
        self._keep = False
        self._step: Callable[[bytes], Reply | None] = self._read_head
        self._line: Callable[[bytes], bool] = self._read_size

    @property
    def begun(self) -> bool:
        """Whether anything has been read."""
        return bool(self._rest) or self._step != self._read_head or self._interim > 0

    def feed(self, data: bytes) -> Reply | None:
        """Take the next bytes and return the response, None while it is incomplete.

        Raises:
            BadAnswer: this is no response that we understand in one way only.
            AnswerTooLarge: the body is over the limit.
        """
        return self._step(data)

    def end(self) -> Reply | None:
        """Return the response whose body ends with the connection, None where none does.

        A body cut short cannot pass for a whole one: it is then no JSON.
        """
        if self._step != self._read_on:
            return None
        return Reply(self._status, bytes(self._body))

    def _read_head(self, data: bytes) -> Reply | None:
        data = self._rest + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD:
            self._rest = data
            if len(data) > MAX_HEAD or not _START.startswith(data[: len(_START)]):
                raise BadAnswer(_NOT_HTTP)
            return None
        head, self._rest = data[: end + 4], b""
        known = _known.get(head)
        if known is not None and not self._interim:
            status, keep, size = known
            if size == len(data) - end - 4 <= self._limit:
                return Reply(status, data[end + 4 :], keep)
        match = _HEAD.fullmatch(head)
        if match is None:
            raise BadAnswer(_NOT_HTTP)
        return self._frame(match[1] == b"1", int(match[2]), head, data[end + 4 :])

    def _frame(self, persistent: bool, status: int, head: bytes, body: bytes) -> Reply | None:
        if status < 200:  # noqa: PLR2004  HTTP's border between interim and final
            return self._skip(status, body)
        found = _FRAMING.findall(head)
        headers = {name.lower(): value.strip(b" \t").lower() for name, value in found}
        if len(headers) < len(found):
            raise BadAnswer("verusd's answer has a header twice")
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise BadAnswer("verusd's answer is compressed")
        connection = headers.get(b"connection", b"keep-alive")
        self._status, self._keep = status, persistent and connection == b"keep-alive"
        if status in {204, 304}:
            return self._whole(b"", body)
        coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
        if coding is not None:
            if coding != b"chunked" or length is not None or not persistent:
                raise BadAnswer("verusd's answer has no clear length")
            self._step = self._read_chunks
            return self._step(body)
        if length is None:
            self._keep = False
            self._step = self._read_on
            return self._step(body)
        return self._size(length, head, body)

    def _skip(self, status: int, rest: bytes) -> Reply | None:
        self._interim += 1
        if status == 101 or self._interim > MAX_INTERIM:  # noqa: PLR2004  Switching Protocols
            raise BadAnswer(_NOT_HTTP)
        return self._read_head(rest) if rest else None

    def _size(self, length: bytes, head: bytes, body: bytes) -> Reply | None:
        if not length.isdigit() or len(length) > 15:  # noqa: PLR2004  far over any limit
            raise BadAnswer("verusd's answer has no clear length")
        size = int(length)
        if size > self._limit:
            raise self._too_large()
        if len(_known) >= KNOWN:
            _known.clear()
        _known[head] = self._status, self._keep, size
        if len(body) >= size:
            return self._whole(body[:size], body[size:])
        self._body += body
        self._left = size - len(body)
        self._step = self._read_sized
        return None

    def _read_sized(self, data: bytes) -> Reply | None:
        self._body += data[: self._left]
        if len(data) < self._left:
            self._left -= len(data)
            return None
        return self._whole(bytes(self._body), data[self._left :])

    def _read_on(self, data: bytes) -> Reply | None:
        self._body += data
        if len(self._body) > self._limit:
            raise self._too_large()
        return None

    def _read_chunks(self, data: bytes) -> Reply | None:
        data, at = self._rest + data, 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                self._body += piece
                self._left -= len(piece)
                at += len(piece)
            end = data.find(b"\r\n", at)
            if self._left or end < 0:
                break
            done = self._line(data[at:end])
            at = end + 2
            if done:
                return self._whole(bytes(self._body), data[at:])
        self._rest = data[at:]
        if len(self._rest) > MAX_LINE:
            raise BadAnswer("verusd's answer is badly chunked")
        return None

    def _read_size(self, line: bytes) -> bool:
        match = _SIZE.fullmatch(line)
        if match is None or len(line) > MAX_LINE:
            raise BadAnswer("verusd's answer is badly chunked")
        self._left = int(match[1], 16)
        if len(self._body) + self._left > self._limit:
            raise self._too_large()
        self._line = self._end_chunk if self._left else self._skip_trailer
        if not self._left:
            self._limit = MAX_HEAD  # from here on: bytes of trailers
        return False

    def _end_chunk(self, line: bytes) -> bool:
        if line:
            raise BadAnswer("verusd's answer is badly chunked")
        self._line = self._read_size
        return False

    def _skip_trailer(self, line: bytes) -> bool:
        self._limit -= len(line)
        if self._limit < 0:
            raise BadAnswer("verusd's answer is badly chunked")
        return not line

    def _whole(self, body: bytes, rest: bytes) -> Reply:
        # Bytes after the end belong to nobody: the connection cannot be trusted with another call.
        reply = Reply(self._status, body, self._keep and not rest)
        self._begin()
        return reply

    def _too_large(self) -> RpcError:
        return AnswerTooLarge(f"the answer is over {self._limit} bytes")
