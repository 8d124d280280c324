"""``OPTIONS /`` and the headers by which a browser lets foreign pages read an answer."""

from collections.abc import Set as AbstractSet
from typing import Final

from aiohttp import hdrs, web
from multidict import MultiMapping

from verus_gateway.web.keys import LIMITS

routes = web.RouteTableDef()

_EXPOSED: Final = (
    "Age, Cache-Status, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID, "
    "X-Verus-Degraded"
)
_PREFLIGHT: Final = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: (
        "Authorization, Content-Type, X-App-ID, X-Auth-Token, X-Request-ID, X-Salt, "
        "X-Timestamp, X-VRPC-API-Version"
    ),
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}


@routes.options("/")
@routes.options("/chain/{chain}")
async def preflight(request: web.Request) -> web.Response:
    """Say to a browser what a page may send; `allow` says whether this one may."""
    response = web.Response(status=204, headers={hdrs.ALLOW: "OPTIONS, POST"})
    if allow(request.path, request.headers, response, request.app[LIMITS].origins):
        response.headers.update(_PREFLIGHT)
    return response


def is_for_pages(path: str) -> bool:
    """Tell whether pages of other origins have business at *path*: calls and their document."""
    return path in {"/", "/openrpc.json"} or path.startswith("/chain/")


def allow(
    path: str,
    headers: MultiMapping[str],
    response: web.StreamResponse,
    origins: AbstractSet[str],
) -> bool:
    """Add the CORS headers if a request's origin is one of *origins*; tell whether.

    Errors get them too: a page must be able to read what was wrong with its call.

    Args:
        path: Of the request.
        headers: Of the request.
        response: What it is answered.
        origins: Whose pages may call.
    """
    if not origins or not is_for_pages(path):
        return False
    origin = headers.get(hdrs.ORIGIN)
    if "*" in origins:
        allowed = "*"
    else:
        response.headers[hdrs.VARY] = hdrs.ORIGIN
        if origin is None or origin not in origins:
            return False
        allowed = origin
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
    return True
