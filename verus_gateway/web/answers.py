"""How answers become a response: the pieces of its body, the headers that say what they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web

from verus_gateway import rpc
from verus_gateway.errors import InternalError, RateLimited, RpcError, Shed
from verus_gateway.outcomes import Answer
from verus_gateway.web.calls import Looked, Outcome
from verus_gateway.web.parts import Parts
from verus_gateway.web.quotas import tell
from verus_gateway.web.refusal import refusal

SMALL: Final = 65_536
"""Bytes of a result up to which head, result and tail are joined into one write."""

_CACHE_STATUS: Final = {
    "cache": "verus-gateway; hit",
    "daemon": "verus-gateway; fwd=miss",
    "stale": "verus-gateway; fwd=stale",
    "default": "verus-gateway; fwd=miss; detail=default",
}
_OVERFULL: Final = InternalError("the results of this batch are too large together")


def rendered(member: rpc.Member, outcome: Outcome) -> tuple[bytes, ...]:
    """Return what one call is told, in pieces."""
    if isinstance(outcome, RpcError):
        return (rpc.failure(outcome, member.id, v2=member.v2),)
    degraded = rpc.degraded_member(outcome.source, outcome.age) if outcome.degraded else b""
    return rpc.result(member, outcome.value, degraded)


def joined(
    members: Sequence[rpc.Member], outcomes: Sequence[Outcome], most: int
) -> tuple[bytes, ...]:
    """Return what a batch is told, in pieces; none where nobody waits for an answer.

    Args:
        members: The calls.
        outcomes: What came of each.
        most: Bytes of all results; what comes after them is told so instead.
    """
    parts: list[bytes] = []
    for member, outcome in zip(members, outcomes, strict=True):
        if isinstance(member, rpc.Call) and member.notification:
            continue
        most -= len(outcome.value) if isinstance(outcome, Answer) else 0
        parts.append(b"," if parts else b"[")
        parts += rendered(member, outcome if most >= 0 else _OVERFULL)
    if parts:
        parts.append(b"]")
    return tuple(parts)


def described(answer: Answer) -> dict[str, str]:
    """Return the headers of a single call's answer."""
    return {"Cache-Status": _CACHE_STATUS[answer.source], **marked((answer,))}


def marked(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Return the headers that say how degraded the answers are, as the worst of them is."""
    degraded = [each for each in outcomes if isinstance(each, Answer) and each.degraded]
    if not degraded:
        return {}
    worst = "default" if any(each.source == "default" for each in degraded) else "stale"
    ages = [each.age for each in degraded if each.age is not None]
    return {"X-Verus-Degraded": worst, hdrs.AGE: str(int(max(ages, default=0.0)))}


def told(looked: Looked, outcomes: Sequence[Outcome], most: int) -> web.Response:
    """Return the response to a request.

    Args:
        looked: The request.
        outcomes: What came of each of its calls.
        most: Bytes of all results of a batch.
    """
    visit, message = looked.visit, looked.message
    if isinstance(message, list):
        parts, headers = joined(message, outcomes, most), marked(outcomes)
        tell(headers, visit.limiter, visit.caller, visit.address)
        return response(parts, headers) if parts else web.Response(status=204, headers=headers)
    (outcome,) = outcomes
    if isinstance(message, rpc.Call) and message.notification:
        made = web.Response(status=204)
    elif isinstance(outcome, RpcError):
        made = refusal(outcome, message.id, v2=message.v2)
    else:
        made = response(rendered(message, outcome), described(outcome))
    tell(made.headers, visit.limiter, visit.caller, visit.address, pause(outcome))
    return made


def pause(outcome: Outcome) -> float:
    """Return the seconds after which a refused call may come again."""
    return outcome.retry_after if isinstance(outcome, RateLimited | Shed) else 0.0


def sent(headers: Mapping[str, str]) -> bytes:
    """Return headers as they are sent."""
    return "".join(f"{name}: {text}\r\n" for name, text in headers.items()).encode()


def response(parts: tuple[bytes, ...], headers: dict[str, str]) -> web.Response:
    """Return the response that is told in *parts*."""
    headers[hdrs.CONTENT_TYPE] = "application/json"
    if sum(map(len, parts)) <= SMALL:
        return web.Response(body=b"".join(parts), headers=headers)
    return web.Response(body=Parts(parts), headers=headers)
