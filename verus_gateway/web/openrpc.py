"""``GET /openrpc.json``: what may be called, for whoever asks."""

from aiohttp import web

from verus_gateway.web.cors import allow
from verus_gateway.web.keys import ANONYMOUS, DISCOVER, LIMITS

routes = web.RouteTableDef()


@routes.get("/openrpc.json")
async def document(request: web.Request) -> web.Response:
    """Return the OpenRPC document of what this caller may use."""
    body = request.app[DISCOVER](request.app[ANONYMOUS].scopes)
    response = web.Response(body=body, content_type="application/json")
    allow(request, response, request.app[LIMITS].origins)
    return response
