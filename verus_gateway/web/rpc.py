"""``POST /``: JSON-RPC over HTTP, single calls and batches."""

import asyncio
from time import perf_counter
from typing import Final, TypeAlias

from aiohttp import hdrs, web

from verus_gateway import rpc
from verus_gateway.errors import (
    BodyTimeout,
    BodyTooLarge,
    InternalError,
    NoSuchPath,
    RateLimited,
    RpcError,
    Shed,
    WrongMediaType,
)
from verus_gateway.pipeline import UNKNOWN, Answer
from verus_gateway.web.callers import address_of, caller_of
from verus_gateway.web.calls import USED_UP, Visit, Waiting, fetch, fetch_one, look
from verus_gateway.web.keys import AUTHENTICATOR, CHAINS, COUNTS, LIMITER, LIMITS, Limits
from verus_gateway.web.parts import Parts
from verus_gateway.web.quotas import tell
from verus_gateway.web.refusal import refusal

routes = web.RouteTableDef()

Message: TypeAlias = rpc.Member | list[rpc.Member]

SMALL: Final = 65_536
"""Bytes of a result up to which head, result and tail are joined into one write."""

_CACHE_STATUS: Final = {
    "cache": "verus-gateway; hit",
    "daemon": "verus-gateway; fwd=miss",
    "stale": "verus-gateway; fwd=stale",
    "default": "verus-gateway; fwd=miss; detail=default",
}
_OVERFULL: Final = InternalError("the results of this batch are too large together")
_BADNESS: Final = {"daemon": 0, "cache": 0, "stale": 1, "default": 2}


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
        _check_media_type(request)
        body = await _body(request, limits, address)
        message = served.forms.decode(body, limits.batch)
        caller = await caller_of(request, body)
    except RpcError as error:
        served.counts.error(UNKNOWN, error)
        return _turned_away(request, address, message, error)
    visit = Visit(served, request.app[LIMITER], caller, address, began)
    if isinstance(message, list):
        request.app[COUNTS].batches += 1
        return await _batch(visit, message, limits)
    return await _single(visit, message)


def _turned_away(
    request: web.Request, address: str, message: Message | None, error: RpcError
) -> web.Response:
    """Refuse a request as a whole: no call can be read, or the credentials are not good.

    Whoever shows credentials means to be somebody: to answer what a stranger may ask would
    hide from the client that its token has ended. Such a request costs as much as a call.
    """
    limiter, authenticator = request.app[LIMITER], request.app[AUTHENTICATOR]
    sender = authenticator.recognise(request.headers) or authenticator.stranger
    wait = limiter.take(sender, address)
    if wait:
        error = RateLimited(USED_UP, "rate", wait)
    if message is None or isinstance(message, list):
        response = refusal(error)
    else:
        response = refusal(error, message.id, v2=message.v2)
    if not request.content.is_eof():
        response.force_close()  # the rest of the body is not worth reading
    tell(response.headers, limiter, sender, address, _pause(error))
    return response


def _check_media_type(request: web.Request) -> None:
    headers = request.headers
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
    authenticator = request.app[AUTHENTICATOR]
    sender = authenticator.recognise(request.headers) or authenticator.stranger
    try:
        with request.app[LIMITER].inside_for(sender, address):
            async with asyncio.timeout(limits.body_seconds):
                return await request.read()
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {limits.body_seconds:g} s") from None


async def _single(visit: Visit, call: rpc.Member) -> web.Response:
    outcome = look(visit, call)
    if isinstance(outcome, Waiting):
        outcome = await fetch_one(visit, outcome)
    if isinstance(call, rpc.Call) and call.notification:
        response = web.Response(status=204)
    elif isinstance(outcome, RpcError):
        response = refusal(outcome, call.id, v2=call.v2)
    else:
        headers = {"Cache-Status": _CACHE_STATUS[outcome.source]}
        _mark(headers, [outcome])
        response = _json(_rendered(call, outcome), headers)
    tell(response.headers, visit.limiter, visit.caller, visit.address, _pause(outcome))
    return response


async def _batch(visit: Visit, members: list[rpc.Member], limits: Limits) -> web.Response:
    looked = [look(visit, member) for member in members]
    waiting = [each for each in looked if isinstance(each, Waiting)]
    fetched = iter(await fetch(visit, waiting) if waiting else ())
    outcomes = [next(fetched) if isinstance(each, Waiting) else each for each in looked]
    parts: list[bytes] = []
    left = limits.batch_results
    for member, outcome in zip(members, outcomes, strict=True):
        if isinstance(member, rpc.Call) and member.notification:
            continue
        left -= len(outcome.value) if isinstance(outcome, Answer) else 0
        parts.append(b"," if parts else b"[")
        parts += _rendered(member, outcome if left >= 0 else _OVERFULL)
    headers: dict[str, str] = {}
    _mark(headers, [outcome for outcome in outcomes if isinstance(outcome, Answer)])
    tell(headers, visit.limiter, visit.caller, visit.address)
    if not parts:
        return web.Response(status=204, headers=headers)
    parts.append(b"]")
    return _json(tuple(parts), headers)


def _pause(outcome: Answer | RpcError) -> float:
    """Return the seconds after which a refused call may come again."""
    return outcome.retry_after if isinstance(outcome, RateLimited | Shed) else 0.0


def _rendered(member: rpc.Member, outcome: Answer | RpcError) -> tuple[bytes, ...]:
    if isinstance(outcome, RpcError):
        return (rpc.failure(outcome, member.id, v2=member.v2),)
    return rpc.result(member, outcome.value, _degraded(outcome))


def _degraded(answer: Answer) -> bytes:
    return rpc.degraded_member(answer.source, answer.age) if answer.degraded else b""


def _mark(headers: dict[str, str], answers: list[Answer]) -> None:
    worst = max(answers, key=lambda answer: _BADNESS[answer.source], default=None)
    if worst is None or not worst.degraded:
        return
    headers["X-Verus-Degraded"] = worst.source
    ages = [answer.age for answer in answers if answer.degraded and answer.age is not None]
    headers[hdrs.AGE] = str(int(max(ages, default=0.0)))


def _json(parts: tuple[bytes, ...], headers: dict[str, str]) -> web.Response:
    headers[hdrs.CONTENT_TYPE] = "application/json"
    if sum(map(len, parts)) <= SMALL:
        return web.Response(body=b"".join(parts), headers=headers)
    return web.Response(body=Parts(parts), headers=headers)
