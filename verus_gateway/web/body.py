"""Reading the small body of a request that is no call."""

import asyncio

from aiohttp import web

from verus_gateway.errors import BodyTimeout, BodyTooLarge
from verus_gateway.web.keys import LIMITS


async def read(request: web.Request, most: int) -> bytes:
    """Return the body, of *most* bytes at most.

    Raises:
        BodyTooLarge: it has more.
        BodyTimeout: it did not arrive in time.
    """
    seconds = request.app[LIMITS].body_seconds
    body = b""
    try:
        async with asyncio.timeout(seconds):
            while len(body) <= most and not request.content.at_eof():
                body += await request.content.read(most + 1 - len(body))
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {seconds:g} s") from None
    if len(body) > most:
        raise BodyTooLarge(f"this body has at most {most} bytes")
    return body
