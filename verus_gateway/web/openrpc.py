"""``GET /openrpc.json``: what may be called, for whoever asks."""

from aiohttp import web

from verus_gateway.web.callers import caller_of
from verus_gateway.web.keys import DISCOVER

routes = web.RouteTableDef()


@routes.get("/openrpc.json")
async def document(request: web.Request) -> web.Response:
    """Return the OpenRPC document of what this caller may use."""
    caller = await caller_of(request)
    body = request.app[DISCOVER](caller.scopes)
    return web.Response(body=body, content_type="application/json")
