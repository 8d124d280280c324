"""Requests of the express lane that wait for verusd, one at a time on a connection.

The lane has looked at them; what is left to do is what the ordinary way does from there on,
by the same functions and without aiohttp's request, handler and response. While a request
waits, its connection is busy: what arrives meanwhile is taken up afterwards. A client that
goes away takes back what is still asked for it, but never a write.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any, Protocol, TypeAlias

from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time

from verus_gateway import rpc
from verus_gateway.auth import Headers
from verus_gateway.cache import Flight
from verus_gateway.errors import DaemonUnavailable, RateLimited, RpcError, Shed
from verus_gateway.limits import Places
from verus_gateway.outcomes import Answer
from verus_gateway.web.answers import marked, rendered, told
from verus_gateway.web.calls import Looked, Outcome, Waiting, ended, fetch_all, turned_away
from verus_gateway.web.cors import allow
from verus_gateway.web.keys import COUNTS, DRAIN, LIMITS
from verus_gateway.web.middleware import broken, dressed, new_id, sane_id
from verus_gateway.web.parts import Parts

Send: TypeAlias = Callable[..., bool]
"""Sends an answer from prepared headers, unless it is not one for them; tells whether."""


class Busy(Protocol):
    """A connection on which a request is under way."""

    def begin(self, leave: Callable[[], None]) -> None:
        """Be busy; *leave* is called if the client goes away meanwhile."""
        ...

    def answer(self, data: bytes, now: float) -> None:
        """Send a whole response, or the next piece of one; *now* is the time, monotonic."""
        ...

    def end(self, *, close: bool) -> None:
        """Be busy no longer; *close* ends the connection once everything is sent."""
        ...


class Waits:
    """Answers what the lane has looked at; one for all connections.

    Args:
        app: What the ordinary way serves.
    """

    def __init__(self, app: web.Application) -> None:
        self.counts = app[COUNTS]
        self.limits = app[LIMITS]
        self.drain = app[DRAIN]

    def take(self, line: Busy, headers: Headers, looked: Looked, send: Send) -> None:
        """See to it that a request is answered, now or later.

        Args:
            line: Its connection.
            headers: Of the request.
            looked: Its calls.
            send: Sends the answer to a single call with the lane's prepared headers.
        """
        _Wait(self, line, headers, looked, send).begin()


class _Wait:
    """One request."""

    __slots__ = (
        *("_common", "_flight", "_headers", "_left", "_line", "_looked", "_places", "_send"),
        *("_task", "_waiting"),
    )
    _places: Places
    _task: asyncio.Task[Any]
    _waiting: Waiting | None

    def __init__(
        self, common: Waits, line: Busy, headers: Headers, looked: Looked, send: Send
    ) -> None:
        self._common = common
        self._line = line
        self._headers = headers
        self._looked = looked
        self._send = send
        self._flight: Flight[Answer] | None = None
        self._left = False

    def begin(self) -> None:
        """Ask for what is not there yet; a single read needs no task beside that of its flight."""
        self._common.counts.in_flight += 1
        self._line.begin(self._leave)
        first = self._looked.outcomes[0]
        if (
            isinstance(first, Waiting)
            and first.miss.method.retry
            and not isinstance(self._looked.message, list)
        ):
            self._waiting = first
            self._board(first)
        else:
            self._waiting = None
            self._follow(asyncio.get_running_loop().create_task(fetch_all(self._looked)))

    def _board(self, waiting: Waiting) -> None:
        visit = self._looked.visit
        try:
            self._places = visit.limiter.inside_for(visit.caller, visit.address)
        except (RateLimited, Shed) as error:
            self._end(partial(list[Outcome], [turned_away(visit, waiting, error)]))
        else:
            self._flight = visit.served.pipeline.depart(waiting.miss)
            self._follow(self._flight.task)

    def _follow(self, task: "asyncio.Task[Any]") -> None:
        self._task = task
        task.add_done_callback(self._ready)

    def _ready(self, task: "asyncio.Task[Any]") -> None:
        error = None if task.cancelled() else task.exception()
        if self._left:  # maybe in this very moment: there is nobody to tell
            return
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.leave()
        if (
            flight is not None
            and self._waiting is not None
            and isinstance(error, DaemonUnavailable)
        ):
            fallback = self._looked.visit.served.pipeline.fall_back(self._waiting.miss, error)
            self._follow(asyncio.get_running_loop().create_task(fallback))
        else:
            self._end(partial(self._outcomes, task))

    def _outcomes(self, task: "asyncio.Task[Any]") -> Sequence[Outcome]:
        """Return what came of each call."""
        if self._waiting is None:
            fetched: list[Outcome] = task.result()
            return fetched
        self._places.leave()
        try:
            outcome: Outcome = task.result()
        except RpcError as error:
            outcome = error
        return [ended(self._looked.visit, self._waiting.call, outcome)]

    def _end(self, outcomes: Callable[[], Sequence[Outcome]]) -> None:
        try:
            close = self._tell(outcomes())
        except asyncio.CancelledError:  # the loop ends
            close = True
        except Exception as error:  # noqa: BLE001  it is logged
            id = sane_id(self._headers) or new_id()
            close = self._respond(broken(error, id), id)
        self._common.counts.in_flight -= 1
        self._line.end(close=close)

    def _leave(self) -> None:
        """Take back what only this client asked for: it went away."""
        self._left = True
        if self._flight is not None:
            self._flight.leave()
        else:
            self._task.cancel()
        if self._waiting is not None:
            self._places.leave()
        self._common.counts.in_flight -= 1

    def _tell(self, outcomes: Sequence[Outcome]) -> bool:
        """Send the response; return whether the connection ends with it."""
        message, first = self._looked.message, outcomes[0]
        if (
            isinstance(message, rpc.Call)
            and isinstance(first, Answer)
            and not message.notification
            and not self._common.drain.draining
        ):
            marks = marked((first,)) if first.degraded else {}
            if self._send(rendered(message, first), kind=first.source, marks=marks):
                return False
        return self._respond(told(self._looked, outcomes, self._common.limits.batch_results))

    def _respond(self, response: web.Response, id: str = "") -> bool:
        common = self._common
        allow("/", self._headers, response, common.limits.origins)
        dressed(response, id or sane_id(self._headers))
        if common.drain.draining:
            response.force_close()
        now = monotonic()
        for piece in _pieces(response):
            self._line.answer(piece, now)
        common.counts.answered[response.status] += 1
        common.counts.express_others += 1
        return response.keep_alive is False


def _pieces(response: web.Response) -> Sequence[bytes]:
    """Return *response* as aiohttp would send it to a client that keeps its connection."""
    body = response.body
    pieces: tuple[bytes, ...] = ()
    if isinstance(body, Parts):
        pieces = body.pieces
    elif isinstance(body, bytes):
        pieces = (body,)
    headers = response.headers
    if response.status != HTTPStatus.NO_CONTENT:
        headers[hdrs.CONTENT_LENGTH] = str(sum(map(len, pieces)))
    headers[hdrs.DATE] = rfc822_formatted_time()
    if response.keep_alive is False:
        headers[hdrs.CONNECTION] = "close"
    lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    top = f"HTTP/1.1 {response.status} {response.reason}\r\n{lines}\r\n".encode()
    return (top, *pieces) if len(pieces) > 1 else (b"".join((top, *pieces)),)
