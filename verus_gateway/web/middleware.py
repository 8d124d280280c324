"""What is about HTTP and not about calls: request ids, headers, errors of last resort."""

import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from multidict import MultiMapping

from verus_gateway.errors import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    NoSuchPath,
    RpcError,
    WrongHttpMethod,
)
from verus_gateway.web.cors import allow
from verus_gateway.web.keys import COUNTS, DRAIN, LIMITS, REQUEST_ID
from verus_gateway.web.refusal import refusal

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Below: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""What a connection hands its requests to, below any middleware."""

SECURITY_HEADERS: Final = {
    "Server": "verus-gateway",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

VERSIONS: Final = (HttpVersion10, HttpVersion11)
NO_HTTP: Final = "this is no HTTP/1.1 request"

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_PREFIX: Final = secrets.token_hex(4)
numbers: Final = itertools.count(1)
"""Of the request ids that this process gives."""
ID_LINE: Final = f"X-Request-ID: {_PREFIX}-%x\r\n".encode()
"""The header of a request id as it is sent, with room for its number."""


@web.middleware
async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id, each response its headers, each failure a JSON-RPC body."""
    id = sane_id(request.headers) or new_id()
    request[REQUEST_ID] = id
    counts = request.app[COUNTS]
    counts.in_flight += 1
    try:
        response = await handler(request)
    except web.HTTPException as http:
        allowed = {name: text for name, text in http.headers.items() if name == hdrs.ALLOW}
        response = refusal(_translated(http), status=http.status, headers=allowed)
    except RpcError as error:
        response = refusal(error)
    except Exception as error:  # noqa: BLE001  it is logged
        response = broken(error, id)
    finally:
        counts.in_flight -= 1
    allow(request.path, request.headers, response, request.app[LIMITS].origins)
    dressed(response, id)
    if request.app[DRAIN].draining:
        response.force_close()
    counts.answered[response.status] += 1
    return response


def broken(error: Exception, id: str) -> web.Response:
    """Log what nobody foresaw; the client of request *id* learns no more than that."""
    log.error("request failed", exc_info=error, extra={"request_id": id})
    return refusal(InternalError("internal error", data={"incident": id}), status=500)


def dressed(response: web.StreamResponse, id: str = "") -> web.StreamResponse:
    """Give *response* the security headers and its request id, a new one where none is given."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-ID"] = id or new_id()
    return response


def sane_id(headers: MultiMapping[str]) -> str:
    """Return the caller's own request id; nothing where there is none, or none that is sane."""
    given = headers.get("X-Request-ID", "")
    return given if _SANE_ID.fullmatch(given) else ""


def new_id() -> str:
    """Return a request id that this process has not given yet."""
    return f"{_PREFIX}-{next(numbers):x}"


def _translated(http: web.HTTPException) -> RpcError:
    match http.status:
        case 404:
            return NoSuchPath("no such path; JSON-RPC is POST /")
        case 405:
            return WrongHttpMethod("this path does not take this HTTP method")
        case 413:
            return BodyTooLarge("the body is too large")
        case _:
            return InvalidRequest(f"HTTP {http.status}")


def worded(handler: Below) -> Below:
    """Return *handler*, with our own words for what is refused before any middleware.

    That is an ``Expect`` that aiohttp does not know: its own answer would quote it, and it
    stumbles over one that is no UTF-8. And it is a version in which no proxy would pass a
    request on: aiohttp takes a line without any for HTTP/0.9, whatever the method.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT)
        if request.version not in VERSIONS:
            error, status = InvalidRequest(NO_HTTP), HTTPStatus.BAD_REQUEST
        elif expected is None or expected.lower() == "100-continue":
            return await handler(request)
        else:
            error = InvalidRequest("the request expects what is not offered")
            status = HTTPStatus.EXPECTATION_FAILED
        response = refusal(error, status=status)
        response.force_close()
        return dressed(response)

    return handle
