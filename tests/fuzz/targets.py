"""What is fuzzed: each target takes bytes, holds two readers together, and says what it saw."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParserPy
from fuzz.reference import actual, expected, one_by_one

from verus_gateway import rpc
from verus_gateway.errors import RpcError
from verus_gateway.web.express import owed

MAX_BATCH: Final = 5


def envelope(body: bytes) -> str:
    """Hold the gateway's reading of a body to the slow one; return what kind of body it was."""
    read = actual(body, MAX_BATCH)
    said = expected(body, MAX_BATCH)
    if said is not None and said.kind == "refused":
        assert read.kind != "read", (body, read)
    elif said is not None:
        assert read == said, (body, read, said)
    if not read.single:
        parts = one_by_one(body, MAX_BATCH)
        assert parts == read, (body, parts, read)
    return f"{read.kind} {len(read.members)} {_complaint(body)}"


def framing(data: bytes) -> str:
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


TARGETS: Final[dict[str, Callable[[bytes], str]]] = {"envelope": envelope, "framing": framing}
