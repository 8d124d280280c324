"""Who sent a request and from where, for the routes that ask."""

from typing import Final

from aiohttp import web

from verus_gateway.address import Address, Addresses
from verus_gateway.auth import Caller, Headers
from verus_gateway.errors import InvalidRequest, InvalidToken, RateLimited, RpcError
from verus_gateway.web.keys import ADDRESSES, AUTHENTICATOR, LIMITER

FREE_SIZE: Final = 8_192
"""Bytes of a body; each time as many more cost as much as a call."""
USED_UP: Final = "your allowance is used up for now"
"""What a caller over its rate is told."""


async def caller_of(request: web.Request, body: bytes = b"") -> Caller:
    """Return who sent *request*.

    Args:
        request: Its headers show the credentials.
        body: Of the request, byte for byte; some credentials are a signature over it.

    Raises:
        InvalidRequest: two kinds of credentials.
        InvalidToken: the credentials are not good.
    """
    authenticator = request.app[AUTHENTICATOR]
    known = authenticator.recognise(request.headers)
    return known or await authenticator.identify(request.headers, body)


async def visitor(request: web.Request, body: bytes = b"") -> Caller:
    """Return who sent *request*, which is no call; credentials that are not good are charged.

    Raises:
        InvalidRequest: two kinds of credentials.
        InvalidToken: the credentials are not good.
        RateLimited: nor is there an allowance left to try others.
    """
    try:
        return await caller_of(request, body)
    except (InvalidRequest, InvalidToken) as error:
        raise turned_away(request, error) from None


async def permitted(request: web.Request, scope: str, body: bytes = b"") -> Caller:
    """Return who sent *request*, and may do what *scope* stands for.

    Raises:
        InvalidRequest: two kinds of credentials.
        LoginRequired: no credentials, or no good ones.
        RateLimited: too many of them were not good.
        ScopeMissing: they do not grant it.
    """
    caller = await visitor(request, body)
    caller.require(scope)
    return caller


def turned_away(request: web.Request, error: RpcError) -> RpcError:
    """Charge *request*, which is refused as a whole, as a call; return what its sender is told."""
    wait = request.app[LIMITER].take(sender_of(request), address_of(request).group)
    return RateLimited(USED_UP, "rate", wait) if wait else error


def charge_size(request: web.Request, size: int) -> None:
    """Charge the sender of a large body for the work of reading it, before that is done.

    A megabyte of brackets takes as long to read as a thousand calls take to answer.

    Raises:
        RateLimited: the allowance does not suffice.
    """
    cost = size // FREE_SIZE
    if cost:
        address = address_of(request).group
        wait = request.app[LIMITER].take(sender_of(request), address, cost)
        if wait:
            raise RateLimited(USED_UP, "rate", wait)


def sender_of(request: web.Request) -> Caller:
    """Return who sent *request* as far as that is known without work; a stranger where it is not."""
    authenticator = request.app[AUTHENTICATOR]
    return authenticator.recognise(request.headers) or authenticator.stranger


def address_of(request: web.Request) -> Address:
    """Return where *request* comes from: its peer, or the client that a trusted proxy names."""
    return address_from(request.app[ADDRESSES], request.remote or "", request.headers)


def address_from(addresses: Addresses, peer: str, headers: Headers) -> Address:
    """Return where a request comes from that *peer* sent with *headers*."""
    if not addresses.proxied:
        return addresses.client(peer)
    return addresses.client(peer, ",".join(headers.getall(addresses.header, ())))
