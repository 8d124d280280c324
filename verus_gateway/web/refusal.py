"""How an error becomes a response, whatever it refuses: body, status, headers."""

import math
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from verus_gateway import rpc
from verus_gateway.errors import (
    InvalidToken,
    LoginRequired,
    RateLimited,
    RpcError,
    ScopeMissing,
    Shed,
)

CHALLENGE: Final = 'Bearer realm="verus-gateway"'


def refusal(
    error: RpcError,
    id: bytes = rpc.NULL,
    *,
    v2: bool = False,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return *error* as the answer to a request.

    Args:
        error: What was wrong.
        id: The call's id where a call could be read.
        v2: Whether the caller speaks JSON-RPC 2.0.
        status: In place of the error's own.
        headers: Beside those that the error asks for.
    """
    response = web.Response(
        body=rpc.failure(error, id, v2=v2),
        status=error.status if status is None else status,
        content_type="application/json",
        headers=_headers(error) | dict(headers or {}),
    )
    if response.status in {408, 413}:
        response.force_close()  # the rest of the body is not worth reading
    return response


def _headers(error: RpcError) -> dict[str, str]:
    """Return what RFC 6750 section 3 and RFC 6585 section 4 ask for."""
    match error:
        case InvalidToken():
            return {hdrs.WWW_AUTHENTICATE: f'{CHALLENGE}, error="invalid_token"'}
        case LoginRequired():
            return {hdrs.WWW_AUTHENTICATE: CHALLENGE}
        case ScopeMissing():
            return {hdrs.WWW_AUTHENTICATE: f'{CHALLENGE}, error="insufficient_scope"'}
        case RateLimited() | Shed():
            return {hdrs.RETRY_AFTER: str(max(1, math.ceil(error.retry_after)))}
        case _:
            return {}
