"""The calls of one request, from the caller's allowance to their answers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from time import perf_counter
from typing import Final, TypeAlias

import msgspec

from verus_gateway import rpc
from verus_gateway.auth import Caller
from verus_gateway.errors import RateLimited, RpcError, Shed
from verus_gateway.limits import Limiter
from verus_gateway.outcomes import Answer, Miss
from verus_gateway.pipeline import UNKNOWN
from verus_gateway.tracing import Span, Trace
from verus_gateway.web.callers import USED_UP
from verus_gateway.web.keys import Served

Outcome: TypeAlias = Answer | RpcError

UNTRACED: Final = nullcontext()


class Visit(msgspec.Struct, frozen=True):
    """One request with calls.

    Attributes:
        served: What answers.
        limiter: What decides whether a call is begun.
        caller: Who calls.
        address: From where, as the limiter groups addresses.
        began: When, on `perf_counter`.
        trace: Makes the spans of its calls, where they are traced.
    """

    served: Served
    limiter: Limiter
    caller: Caller
    address: str
    began: float
    trace: Trace | None = None

    def charge(self, cost: int = 1) -> None:
        """Charge a call to the caller.

        Raises:
            RateLimited: the allowance does not suffice.
        """
        wait = self.limiter.take(self.caller, self.address, cost)
        if wait:
            raise RateLimited(USED_UP, "rate", wait)


class Waiting(msgspec.Struct, frozen=True):
    """A call that memory cannot answer."""

    call: rpc.Call
    miss: Miss
    span: Span | None = None


class Looked(msgspec.Struct, frozen=True):
    """A request whose calls were looked at: charged, and answered where that needs no waiting.

    Attributes:
        visit: The request.
        message: Its call, or its calls.
        outcomes: What came of each of them.
    """

    visit: Visit
    message: rpc.Member | list[rpc.Member]
    outcomes: "list[Outcome | Waiting]"


def look_at(visit: Visit, message: rpc.Member | list[rpc.Member]) -> Looked:
    """Look at every call of a request, in order; equal ones are looked up once."""
    if visit.trace is not None:
        return _look_traced(visit, visit.trace, message)
    if not isinstance(message, list):
        return Looked(visit, message, [look(visit, message)])
    found: dict[int, Answer] = {}
    return Looked(visit, message, [look(visit, member, found) for member in message])


def _look_traced(visit: Visit, trace: Trace, message: rpc.Member | list[rpc.Member]) -> Looked:
    found: dict[int, Answer] = {}
    outcomes: list[Outcome | Waiting] = []
    for member in message if isinstance(message, list) else [message]:
        named = UNKNOWN if isinstance(member, rpc.Refusal) else member.method
        span = trace.begin(visit.served.pipeline.label(named))
        outcome = look(visit, member, found)
        if isinstance(outcome, Waiting):
            outcome = Waiting(outcome.call, outcome.miss, span)
        else:
            span.end(outcome)
        outcomes.append(outcome)
    return Looked(visit, message, outcomes)


def look(
    visit: Visit, member: rpc.Member, found: "dict[int, Answer] | None" = None
) -> Outcome | Waiting:
    """Charge one call, and answer it where that needs no waiting; what is answered is counted.

    Args:
        visit: The request.
        member: The call.
        found: What equal calls of the request were answered, by the identity of their form.
    """
    began = perf_counter()
    if isinstance(member, rpc.Refusal):
        return _refused(visit, member)
    pipeline = visit.served.pipeline
    try:
        visit.charge(pipeline.cost(member.method))
        known = found.get(id(member.form)) if found else None
        answer = known or pipeline.look(member, visit.caller)
    except RpcError as error:
        return _failed(visit, member, error, began)
    if isinstance(answer, Miss):
        return Waiting(member, answer)
    if found is not None and member.form is not None:
        found[id(member.form)] = answer
    visit.served.counts.call(member.method, answer.source, perf_counter() - began)
    return answer


async def fetch(visit: Visit, waiting: Sequence[Waiting]) -> list[Outcome]:
    """Answer what waits, as much at once as the caller may; the rest takes turns.

    Where the caller has no place left, or nobody has, all of them are refused.
    """
    try:
        with visit.limiter.inside_for(visit.caller, visit.address, len(waiting)) as places:
            outcomes: dict[int, Outcome] = {}
            turns = enumerate(waiting)
            workers = (_work(visit, turns, outcomes, places) for _ in range(places))
            await asyncio.gather(*workers)
    except (RateLimited, Shed) as error:
        return [turned_away(visit, each, error) for each in waiting]
    return [outcomes[number] for number in range(len(waiting))]


async def fetch_one(visit: Visit, waiting: Waiting) -> Outcome:
    """Answer one call that waits."""
    try:
        with visit.limiter.inside_for(visit.caller, visit.address):
            return await _fetched(visit, waiting, waiting.miss)
    except (RateLimited, Shed) as error:
        return turned_away(visit, waiting, error)


async def fetch_all(looked: Looked) -> list[Outcome]:
    """Answer what waits of a request; return what came of each of its calls."""
    visit, waiting = looked.visit, [each for each in looked.outcomes if isinstance(each, Waiting)]
    if not isinstance(looked.message, list):
        fetched = iter([await fetch_one(visit, each) for each in waiting])
    else:
        fetched = iter(await fetch(visit, waiting) if waiting else ())
    return [next(fetched) if isinstance(each, Waiting) else each for each in looked.outcomes]


async def _work(
    visit: Visit, turns: Iterator[tuple[int, Waiting]], outcomes: dict[int, Outcome], places: int
) -> None:
    for number, each in turns:
        # Who had to wait for a place looks again: an equal call may have been answered meanwhile.
        late = number >= places
        outcomes[number] = await _fetched(visit, each, None if late else each.miss)


async def _fetched(visit: Visit, waiting: Waiting, miss: Miss | None) -> Outcome:
    if waiting.span is None:
        return await _asked(visit, waiting.call, miss)
    with waiting.span.current():
        outcome = await _asked(visit, waiting.call, miss)
    waiting.span.end(outcome)
    return outcome


def turned_away(visit: Visit, waiting: Waiting, error: RpcError) -> RpcError:
    """Count a call that had no place to wait in; return what it is told."""
    if waiting.span is not None:
        waiting.span.end(error)
    return _failed(visit, waiting.call, error, visit.began)


async def _asked(visit: Visit, call: rpc.Call, miss: Miss | None) -> Outcome:
    pipeline = visit.served.pipeline
    try:
        if miss is None:
            answer = await pipeline.answer(call, visit.caller)
        else:
            answer = await pipeline.fetch(miss)
    except RpcError as error:
        return ended(visit, call, error)
    return ended(visit, call, answer)


def ended(visit: Visit, call: rpc.Call, outcome: Outcome) -> Outcome:
    """Count a call that waited, and return how it ended."""
    if isinstance(outcome, RpcError):
        return _failed(visit, call, outcome, visit.began)
    visit.served.counts.call(call.method, outcome.source, perf_counter() - visit.began)
    return outcome


def _refused(visit: Visit, member: rpc.Refusal) -> RpcError:
    """Return the error of what is no call; it costs its sender as much as a call does."""
    error: RpcError = member.error
    try:
        visit.charge()
    except RateLimited as limited:
        error = limited
    visit.served.counts.error(UNKNOWN, error)
    return error


def _failed(visit: Visit, call: rpc.Call, error: RpcError, began: float) -> RpcError:
    method, counts = visit.served.pipeline.label(call.method), visit.served.counts
    counts.error(method, error)
    counts.call(method, "error", perf_counter() - began)
    return error
