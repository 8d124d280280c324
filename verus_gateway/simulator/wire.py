"""HTTP/1.1 as libevent's small server speaks it: requests in, responses out."""

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

MAX_HEADERS: Final = 8192
"""Bytes of request line and headers."""
MAX_BODY: Final = 0x02000000
"""Bytes of a request's body: 32 MiB."""
PLAIN: Final = "text/html; charset=ISO-8859-1"
"""What libevent writes where nobody names a content type."""
JSON: Final = "application/json"

_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names in lower case, the path with its query."""

    method: str
    path: str
    version: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def keeps(self) -> bool:
        """Whether the connection stays open after the answer."""
        wish = self.headers.get("connection", "").lower()
        return wish == "keep-alive" if self.version == "1.0" else wish != "close"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, not yet on its way."""

    status: int
    body: bytes = b""
    content_type: str = PLAIN
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False

    def head(self, request: Request | None, now: float) -> bytes:
        """Return status line and headers for the answer to *request*; None was no request."""
        version = "1.1" if request is None else request.version
        lines = [f"HTTP/{version} {self.status} {reason(self.status)}"]
        fields = dict(self.headers) | {"Content-Type": self.content_type}
        fields |= {"Date": formatdate(now, usegmt=True), "Content-Length": str(len(self.body))}
        if self.close or request is None or not request.keeps:
            fields["Connection"] = "close"
        elif version == "1.0":
            fields["Connection"] = "keep-alive"
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class BadRequest(Exception):
    """What came was no request we take; *response* says so, then the connection closes."""

    def __init__(self, status: int) -> None:
        super().__init__(reason(status))
        self.response = error_page(status)


def reason(status: int) -> str:
    """Return the words for a status."""
    return HTTPStatus(status).phrase


def error_page(status: int) -> Response:
    """Return the page libevent makes up by itself, closing the connection."""
    title = reason(status)
    page = (
        f"<HTML><HEAD>\n<TITLE>{status} {title}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{title}</H1>\n</BODY></HTML>\n"
    )
    return Response(status, page.encode(), "text/html", close=True)


async def receive(reader: StreamReader, writer: StreamWriter) -> Request | None:
    """Read one request, or None where the client has closed.

    *reader*'s limit must be `MAX_HEADERS`. ``Expect: 100-continue`` is answered on the way.

    Raises:
        BadRequest: 400 for a malformed one or too long headers, 413 for a body over `MAX_BODY`.
        IncompleteReadError: the client closed in the middle.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except LimitOverrunError:
        raise BadRequest(400) from None
    except IncompleteReadError as broken:
        if broken.partial:
            raise
        return None
    request = _head(head)
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    return replace(request, body=await _body(reader, request))


def _head(head: bytes) -> Request:
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != _WORDS or words[2] not in {"HTTP/1.0", "HTTP/1.1"}:
        raise BadRequest(400)
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        headers.setdefault(name.lower(), value.strip())
    return Request(words[0], words[1], words[2].removeprefix("HTTP/"), headers)


async def _body(reader: StreamReader, request: Request) -> bytes:
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BadRequest(400)
    if int(length) > MAX_BODY:
        raise BadRequest(413)
    return await reader.readexactly(int(length))


async def _chunks(reader: StreamReader) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while True:
        size = _hexadecimal((await _line(reader)).partition(b";")[0])
        total += size
        if total > MAX_BODY:
            raise BadRequest(413)
        if not size:
            break
        pieces.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise BadRequest(400)
    while await _line(reader):
        pass  # trailers say nothing here
    return b"".join(pieces)


async def _line(reader: StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except LimitOverrunError:
        raise BadRequest(400) from None


def _hexadecimal(digits: bytes) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        raise BadRequest(400) from None


async def drained(reader: StreamReader) -> None:
    """Wait until the client closes, whatever it still sends."""
    while await reader.read(MAX_HEADERS):
        pass
