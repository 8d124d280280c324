"""``RateLimit`` and ``RateLimit-Policy``: how the caller stands (draft-ietf-httpapi-ratelimit-headers-11)."""

from collections.abc import MutableMapping
from functools import lru_cache
from math import ceil
from typing import Final

from verus_gateway.auth import Caller
from verus_gateway.buckets import Allowance, Bucket
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
    bucket = limiter.bucket(caller, address)
    if not bucket.depth:
        return
    left, full_in = bucket.left(limiter.now())
    headers[POLICY] = _policy(bucket.allowance)
    window = ceil(retry_after or full_in)
    headers[RATE_LIMIT] = _standing(bucket.allowance.name, int(left), window)


def lines(bucket: Bucket, now: float) -> bytes:
    """Return what `tell` adds for calls that were not refused, as it is sent."""
    if not bucket.depth:
        return b""
    left, full_in = bucket.left(now)
    return _lines(bucket.allowance, int(left), ceil(full_in))


def lines_at_once(bucket: Bucket, now: float) -> bytes:
    """Return `lines` for calls that were charged just *now*, and nothing since.

    What was full before them is told without arithmetic; so is one without limits, which always
    is.
    """
    return _after(bucket.allowance, bucket.last) if bucket.last else lines(bucket, now)


@lru_cache(256)
def _after(allowance: Allowance, cost: float) -> bytes:
    """Return how a caller stands whose bucket was full before it was charged *cost*."""
    if not allowance.depth:
        return b""
    return _lines(allowance, int(allowance.burst - cost), ceil(cost * allowance.pace))


@lru_cache(4096)
def _lines(allowance: Allowance, left: int, full_in: int) -> bytes:
    standing = _standing(allowance.name, left, full_in)
    return f"{POLICY}: {_policy(allowance)}\r\n{RATE_LIMIT}: {standing}\r\n".encode()


@lru_cache(64)
def _policy(allowance: Allowance) -> str:
    return f'"{allowance.name}";q={int(allowance.burst)};w={ceil(allowance.depth)}'


def _standing(name: str, left: int, seconds: int) -> str:
    return f'"{name}";r={left};t={seconds}'
