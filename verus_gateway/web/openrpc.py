"""``GET /openrpc.json``: what may be called, for whoever asks."""

from aiohttp import web

from verus_gateway.errors import RateLimited
from verus_gateway.web.callers import USED_UP, address_of, visitor
from verus_gateway.web.keys import DISCOVER, LIMITER

routes = web.RouteTableDef()


@routes.get("/openrpc.json")
async def document(request: web.Request) -> web.Response:
    """Return the OpenRPC document of what this caller may use; it costs as much as a call."""
    caller = await visitor(request)
    wait = request.app[LIMITER].take(caller, address_of(request).group)
    if wait:
        raise RateLimited(USED_UP, "rate", wait)
    body = request.app[DISCOVER](caller.scopes)
    return web.Response(body=body, content_type="application/json")
