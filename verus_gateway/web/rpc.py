"""``POST /``: JSON-RPC over HTTP, single calls and batches."""

import asyncio
from time import perf_counter
from typing import Final

from aiohttp import hdrs, web

from verus_gateway import rpc
from verus_gateway.auth import Caller
from verus_gateway.errors import (
    BodyTimeout,
    BodyTooLarge,
    InternalError,
    NoSuchPath,
    RpcError,
    WrongMediaType,
)
from verus_gateway.pipeline import UNKNOWN, Answer, Miss
from verus_gateway.web.callers import caller_of
from verus_gateway.web.keys import CHAINS, COUNTS, LIMITS, Limits, Served
from verus_gateway.web.parts import Parts
from verus_gateway.web.refusal import refusal

routes = web.RouteTableDef()

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
    limits = request.app[LIMITS]
    served = request.app[CHAINS].get(request.match_info.get("chain", ""))
    if served is None:
        raise NoSuchPath("no chain has this name")
    _check_media_type(request)
    body = await _body(request, limits)
    message = served.forms.decode(body, limits.batch)
    try:
        caller = await caller_of(request, body)
    except RpcError as error:
        return _unidentified(served, message, error)
    if isinstance(message, list):
        request.app[COUNTS].batches += 1
        return await _batch(served, message, caller, limits)
    return await _single(served, message, caller)


def _unidentified(
    served: Served, message: rpc.Member | list[rpc.Member], error: RpcError
) -> web.Response:
    """Refuse a request whose credentials are not good, as a whole, also where it is a batch.

    Whoever shows credentials means to be somebody: to answer what a stranger may ask would
    hide from the client that its token has ended.
    """
    served.counts.error(UNKNOWN, error)
    if isinstance(message, list):
        return refusal(error)
    return refusal(error, message.id, v2=message.v2)


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


async def _body(request: web.Request, limits: Limits) -> bytes:
    length = request.content_length
    if length is not None and length > limits.body:
        raise BodyTooLarge(f"a body has at most {limits.body} bytes")
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await request.read()
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {limits.body_seconds:g} s") from None


async def _single(served: Served, call: rpc.Member, caller: Caller) -> web.Response:
    outcome = await _outcome(served, call, caller)
    if isinstance(call, rpc.Call) and call.notification:
        return web.Response(status=204)
    if isinstance(outcome, RpcError):
        return refusal(outcome, call.id, v2=call.v2)
    headers = {"Cache-Status": _CACHE_STATUS[outcome.source]}
    _mark(headers, [outcome])
    return _json(_rendered(call, outcome), headers)


async def _batch(
    served: Served, members: list[rpc.Member], caller: Caller, limits: Limits
) -> web.Response:
    outcomes = await asyncio.gather(*(_outcome(served, member, caller) for member in members))
    parts: list[bytes] = []
    left = limits.batch_results
    for member, outcome in zip(members, outcomes, strict=True):
        if isinstance(member, rpc.Call) and member.notification:
            continue
        left -= len(outcome.value) if isinstance(outcome, Answer) else 0
        parts.append(b"," if parts else b"[")
        parts += _rendered(member, outcome if left >= 0 else _OVERFULL)
    if not parts:
        return web.Response(status=204)
    parts.append(b"]")
    headers: dict[str, str] = {}
    _mark(headers, [outcome for outcome in outcomes if isinstance(outcome, Answer)])
    return _json(tuple(parts), headers)


def _rendered(member: rpc.Member, outcome: Answer | RpcError) -> tuple[bytes, ...]:
    if isinstance(outcome, RpcError):
        return (rpc.failure(outcome, member.id, v2=member.v2),)
    return rpc.result(member, outcome.value, _degraded(outcome))


async def _outcome(served: Served, member: rpc.Member, caller: Caller) -> Answer | RpcError:
    """Return the answer or the error of one call, counted."""
    counts, pipeline = served.counts, served.pipeline
    if isinstance(member, rpc.Refusal):
        counts.error(UNKNOWN, member.error)
        return member.error
    began = perf_counter()
    try:
        answer = pipeline.look(member, caller)
        if isinstance(answer, Miss):
            answer = await pipeline.fetch(answer)
    except RpcError as error:
        method = pipeline.label(member.method)
        counts.error(method, error)
        counts.call(method, "error", perf_counter() - began)
        return error
    counts.call(member.method, answer.source, perf_counter() - began)
    return answer


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
