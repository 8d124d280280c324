"""``RateLimit`` and ``RateLimit-Policy``: how the caller stands (draft-ietf-httpapi-ratelimit-headers-11)."""

import math
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Final

from verus_gateway.auth import Caller
from verus_gateway.limits import Limiter

RATE_LIMIT: Final = "RateLimit"
POLICY: Final = "RateLimit-Policy"


def tell(
    headers: MutableMapping[str, str],
    limiter: Limiter,
    caller: Caller,
    address: str,
    retry_after: float = 0.0,
) -> None:
    """Add both headers, unless the caller has no limits.

    The quota unit is the cost of a call: 1 for most. The window is what an empty bucket needs
    to be full; it fills evenly, not at the window's end.

    Args:
        headers: Of the response.
        limiter: Asked.
        caller: Who called.
        address: From where.
        retry_after: Seconds after which a refused call may come again; the draft wants the
            effective window to end no later.
    """
    quota = limiter.quota(caller, address)
    if quota is None:
        return
    headers[POLICY] = _policy(quota.name, int(quota.burst), math.ceil(quota.window))
    window = math.ceil(retry_after or quota.full_in)
    headers[RATE_LIMIT] = _standing(quota.name, int(quota.left), window)


def lines(limiter: Limiter, caller: Caller, address: str) -> bytes:
    """Return what `tell` adds for a call that was not refused, as it is sent."""
    quota = limiter.quota(caller, address)
    if quota is None:
        return b""
    return _lines(
        quota.name,
        int(quota.burst),
        math.ceil(quota.window),
        int(quota.left),
        math.ceil(quota.full_in),
    )


@lru_cache(4096)
def _lines(name: str, burst: int, window: int, left: int, full_in: int) -> bytes:
    policy, standing = _policy(name, burst, window), _standing(name, left, full_in)
    return f"{POLICY}: {policy}\r\n{RATE_LIMIT}: {standing}\r\n".encode()


@lru_cache(64)
def _policy(name: str, burst: int, seconds: int) -> str:
    return f'"{name}";q={burst};w={seconds}'


@lru_cache(4096)
def _standing(name: str, left: int, seconds: int) -> str:
    return f'"{name}";r={left};t={seconds}'
