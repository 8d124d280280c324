"""``/admin/circuit-breaker``: the breakers' state and their reset, as JSON for programs."""

from typing import Final

import msgspec
from aiohttp import hdrs, web

from verus_gateway import audit
from verus_gateway.errors import InvalidRequest, WrongMediaType
from verus_gateway.plugin import ADMIN
from verus_gateway.web.body import read
from verus_gateway.web.callers import address_of, permitted
from verus_gateway.web.keys import DESK

routes = web.RouteTableDef()

LONGEST: Final = 4_096
"""Bytes of the body of a reset."""
LONGEST_REASON: Final = 200
"""Characters of the reason of a reset."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a reset, each member of which may be missing.

    Attributes:
        reason: Why, for the audit log and the breaker's history.
        chain: Whose breaker; all of them where it is missing.
    """

    reason: str = ""
    chain: str | None = None


@routes.get("/admin/circuit-breaker/status")
async def status(request: web.Request) -> web.Response:
    """Tell everything about the breakers."""
    await permitted(request, ADMIN)
    return _json(request.app[DESK].breakers())


@routes.post("/admin/circuit-breaker/reset")
async def reset(request: web.Request) -> web.Response:
    """Close the breaker of one chain or of all."""
    body = await read(request, LONGEST)
    caller = await permitted(request, ADMIN, body)
    order = _order(request, body)
    desk = request.app[DESK]
    reason = told(order.reason, caller.subject or "anonymous")
    try:
        names = desk.reset(order.chain, reason)
    except KeyError:
        raise InvalidRequest("no chain has this name") from None
    audit.note(
        "breaker reset",
        who=caller.subject or "anonymous",
        address=address_of(request).text,
        why=order.reason,
        chains=" ".join(names),
    )
    return _json({"reset": names, **desk.breakers()})


def told(reason: str, who: str) -> str:
    """Return the cause of a reset, as the breaker's history tells it."""
    return f"{reason or 'no reason given'} (by {who})"


def _order(request: web.Request, body: bytes) -> Order:
    if not body:
        return Order()
    given = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise WrongMediaType("the content type of a reset is application/json")
    try:
        order = msgspec.json.decode(body, type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest('the body of a reset is {"reason": text, "chain": name}') from None
    if len(order.reason) > LONGEST_REASON:
        raise InvalidRequest(f"a reason has at most {LONGEST_REASON} characters")
    return order


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
