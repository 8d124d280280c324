"""``POST /``: JSON-RPC over HTTP, single calls and batches."""

import asyncio
from time import perf_counter
from typing import TypeAlias

from aiohttp import hdrs, web

from verus_gateway import rpc
from verus_gateway.auth import Headers
from verus_gateway.errors import (
    BodyTimeout,
    BodyTooLarge,
    NoSuchPath,
    RpcError,
    WrongMediaType,
)
from verus_gateway.pipeline import UNKNOWN
from verus_gateway.web.answers import pause, told
from verus_gateway.web.callers import address_of, caller_of, charge_size, sender_of, turned_away
from verus_gateway.web.calls import UNTRACED, Visit, fetch_all, look_at
from verus_gateway.web.express import LANE
from verus_gateway.web.keys import CHAINS, COUNTS, LIMITER, LIMITS, Limits
from verus_gateway.web.protocol import line_of
from verus_gateway.web.quotas import tell
from verus_gateway.web.refusal import refusal

routes = web.RouteTableDef()

Message: TypeAlias = rpc.Member | list[rpc.Member]


@routes.post("/")
@routes.post("/chain/{chain}")
async def endpoint(request: web.Request) -> web.StreamResponse:
    """Answer one call or a batch."""
    served = request.app[CHAINS].get(request.match_info.get("chain", ""))
    if served is None:
        raise NoSuchPath("no chain has this name")
    began, limits = perf_counter(), request.app[LIMITS]
    address = address_of(request).group
    message: Message | None = None
    try:
        _check_media_type(request.headers)
        body = await _body(request, limits, address)
        charge_size(request, len(body))
        message = served.forms.decode(body, limits.batch)
        caller = await caller_of(request, body)
    except RpcError as error:
        served.counts.error(UNKNOWN, error)
        return _turned_away(request, address, message, error)
    lane, line = request.app.get(LANE), line_of(request)
    if lane is not None and line is not None:
        lane.learn(line, request)
    trace = None if served.trace is None else served.trace(request.headers)
    visit = Visit(served, request.app[LIMITER], caller, address, began, trace)
    if isinstance(message, list):
        request.app[COUNTS].batches += 1
    with trace or UNTRACED:
        looked = look_at(visit, message)
        return told(looked, await fetch_all(looked), limits.batch_results)


def _turned_away(
    request: web.Request, address: str, message: Message | None, error: RpcError
) -> web.Response:
    """Refuse a request as a whole: no call can be read, or the credentials are not good.

    Whoever shows credentials means to be somebody: to answer what a stranger may ask would
    hide from the client that its token has ended. Such a request costs as much as a call.
    """
    error = turned_away(request, error)
    if message is None or isinstance(message, list):
        response = refusal(error)
    else:
        response = refusal(error, message.id, v2=message.v2)
    if not request.content.is_eof():
        response.force_close()  # the rest of the body is not worth reading
    limiter, sender = request.app[LIMITER], sender_of(request)
    tell(response.headers, limiter, sender, address, pause(error))
    return response


def _check_media_type(headers: Headers) -> None:
    if hdrs.CONTENT_ENCODING in headers:
        raise WrongMediaType("a request body is not compressed")
    given = headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if given == "application/json":
        return
    # A foreign page can send these two without asking first (a "simple" request): not to us.
    if given in {"", "text/plain"} and hdrs.ORIGIN not in headers:
        return
    raise WrongMediaType("the content type of a call is application/json")


async def _body(request: web.Request, limits: Limits, address: str) -> bytes:
    length = request.content_length
    if length is not None and length > limits.body:
        raise BodyTooLarge(f"a body has at most {limits.body} bytes")
    if request.content.is_eof():
        return await request.read()
    # A body that is still on its way takes one of the places for calls: it holds memory.
    try:
        with request.app[LIMITER].inside_for(sender_of(request), address):
            async with asyncio.timeout(limits.body_seconds):
                return await request.read()
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {limits.body_seconds:g} s") from None
