"""``POST /internal/blocknotify``: verusd says that a block has arrived.

verusd is started with ``-blocknotify=`` a command that posts the hash (its ``%s``) with the
shared secret as a bearer token. Nothing but the tip moves by it.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import hdrs, web

from verus_gateway.config import Secret
from verus_gateway.errors import InvalidRequest, LoginRequired, NoSuchPath
from verus_gateway.web.keys import BLOCKNOTIFY

routes = web.RouteTableDef()

_HASH: Final = re.compile(rb"[0-9a-f]{64}")
_LONGEST: Final = 128


class Announcer:
    """Takes announcements to the tips of the chains.

    Args:
        secret: What verusd's command must show.
        tips: From chain name, "" for the default, to what takes the hash.
    """

    def __init__(self, secret: Secret, tips: Mapping[str, Callable[[str], None]]) -> None:
        self._expected = f"Bearer {secret.reveal()}".encode()
        self._tips = tips

    def announce(self, authorization: str, chain: str, body: bytes) -> None:
        """Check and pass on one announcement.

        Raises:
            LoginRequired: the secret is wrong.
            NoSuchPath: no chain has this name.
            InvalidRequest: the body is no block hash.
        """
        if not hmac.compare_digest(
            authorization.encode("utf-8", "surrogateescape"), self._expected
        ):
            raise LoginRequired("the shared secret is wrong")
        if chain not in self._tips:
            raise NoSuchPath("no chain has this name")
        if _HASH.fullmatch(body.strip()) is None:
            raise InvalidRequest("the body is the hash of a block, 64 hexadecimal digits")
        self._tips[chain](body.strip().decode())


@routes.post("/internal/blocknotify")
@routes.post("/internal/blocknotify/{chain}")
async def blocknotify(request: web.Request) -> web.Response:
    """Move the tip on verusd's word."""
    request.app[BLOCKNOTIFY](
        request.headers.get(hdrs.AUTHORIZATION, ""),
        request.match_info.get("chain", ""),
        await request.content.read(_LONGEST),
    )
    return web.Response(status=204)
