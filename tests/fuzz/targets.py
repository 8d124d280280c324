"""What is fuzzed: each target takes bytes, holds two readers together, and says what it saw."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParserPy
from fuzz import lanes
from fuzz.mutations import HTTP, JSON
from fuzz.reference import actual, expected, one_by_one

from verus_gateway import forms, rpc
from verus_gateway.errors import RpcError
from verus_gateway.forms import Forms
from verus_gateway.web import calls, express, heads, protocol, repeats, waits
from verus_gateway.web.heads import owed

MAX_BATCH: Final = 5

Hold: TypeAlias = Callable[[bytes], str]
"""Takes an input, raises `AssertionError` where two readers differ, says what it saw."""


@contextmanager
def envelope() -> Iterator[Hold]:
    """Give what holds readings of a body together; calls once read are remembered."""
    known = Forms()
    yield lambda body: _read(body, known)


def _read(body: bytes, known: Forms) -> str:
    """Hold the gateway's reading of a body to the slow one; return what kind of body it was."""
    read = actual(body, MAX_BATCH)
    for _ in range(3):  # noted, proved, known
        assert actual(body, MAX_BATCH, known.decode) == read, body
    said = expected(body, MAX_BATCH)
    if said is not None and said.kind == "refused":
        assert read.kind != "read", (body, read)
    elif said is not None:
        assert read == said, (body, read, said)
    if not read.single:
        parts = one_by_one(body, MAX_BATCH)
        assert parts == read, (body, parts, read)
    return f"{read.kind} {len(read.members)} {_complaint(body)}"


@contextmanager
def framing() -> Iterator[Hold]:
    """Give what tells whether a request ends where the lane says that it does."""
    yield _framed


def _framed(data: bytes) -> str:
    """Hold what the express lane tells of a request's end to what aiohttp finds."""
    left = owed(data)
    if left >= 0:
        ends = asyncio.run(_ends(data, min(left, 100_000), whole=left <= 100_000))
        assert ends, (data, left)
    return str(min(left, 3))


async def _ends(data: bytes, left: int, *, whole: bool) -> bool:
    """Tell whether aiohttp reads one request that ends *left* bytes after *data*, and not before.

    A request that aiohttp refuses ends the connection: it is nobody's.
    """
    loop = asyncio.get_running_loop()
    parser: Any = HttpRequestParserPy(
        BaseProtocol(loop), loop, limit=1 << 16, auto_decompress=False
    )
    try:
        messages, upgraded, tail = parser.feed_data(data)
        if len(messages) != 1 or upgraded or tail:
            return False
        payload = messages[0][1]
        if left == 0:
            return bool(payload.is_eof())
        if payload.is_eof():
            return False
        more, _, tail = parser.feed_data(b"x" * left)
    except HttpProcessingError:
        return True
    return not more and not tail and bool(payload.is_eof()) == whole


def _complaint(body: bytes) -> str:
    """Return the gateway's words about a body without what is particular to it."""
    try:
        rpc.decode(body, MAX_BATCH)
    except RpcError as error:
        return re.sub(r"\d+", "N", error.message)
    return ""


@dataclass(frozen=True)
class Target:
    """Two readers and what they read.

    Attributes:
        open: Gives what holds them together, for as long as it is needed.
        watched: The files whose lines tell what is new.
        pieces: What inputs are damaged with.
        one_of: Of how many inputs one is watched, where to watch costs more than to try.
    """

    open: Callable[[], AbstractContextManager[Hold]]
    watched: frozenset[str]
    pieces: tuple[bytes, ...]
    one_of: int = 1


TARGETS: Final = {
    "envelope": Target(envelope, frozenset({rpc.__file__, forms.__file__}), JSON),
    "framing": Target(framing, frozenset({heads.__file__}), JSON + HTTP),
    "lanes": Target(
        lanes.doors,
        frozenset(
            {
                str(each.__file__)
                for each in (waits, express, heads, protocol, repeats, calls, forms)
            }
        ),
        HTTP + JSON,
        one_of=4,
    ),
}
