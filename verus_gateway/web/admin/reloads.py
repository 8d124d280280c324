"""``POST /admin/reload``: take up the changed configuration file."""

import msgspec
from aiohttp import web

from verus_gateway import audit
from verus_gateway.errors import ConfigError, InvalidRequest
from verus_gateway.plugin import ADMIN
from verus_gateway.web.callers import address_of, permitted
from verus_gateway.web.keys import RELOAD

routes = web.RouteTableDef()


@routes.post("/admin/reload")
async def reload(request: web.Request) -> web.Response:
    """Take up the file, or say what is wrong with it."""
    caller = await permitted(request, ADMIN)
    who = caller.subject or "anonymous"
    try:
        waiting = request.app[RELOAD].take_everywhere()
    except ConfigError as error:
        audit.note("reload refused", who=who, address=address_of(request).text)
        raise InvalidRequest(
            "the configuration has faults; what was in force stays in force",
            data={"faults": list(error.faults)},
        ) from None
    audit.note("reload", who=who, address=address_of(request).text)
    body = msgspec.json.encode({"next_start": waiting})
    return web.Response(body=body, content_type="application/json")
