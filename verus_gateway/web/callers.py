"""Who sent a request and from where, for the routes that ask."""

from aiohttp import web

from verus_gateway.address import Address, Addresses
from verus_gateway.auth import Caller, Headers
from verus_gateway.web.keys import ADDRESSES, AUTHENTICATOR


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


async def permitted(request: web.Request, scope: str, body: bytes = b"") -> Caller:
    """Return who sent *request*, and may do what *scope* stands for.

    Raises:
        InvalidRequest: two kinds of credentials.
        LoginRequired: no credentials, or no good ones.
        ScopeMissing: they do not grant it.
    """
    caller = await caller_of(request, body)
    caller.require(scope)
    return caller


def address_of(request: web.Request) -> Address:
    """Return where *request* comes from: its peer, or the client that a trusted proxy names."""
    return address_from(request.app[ADDRESSES], request.remote or "", request.headers)


def address_from(addresses: Addresses, peer: str, headers: Headers) -> Address:
    """Return where a request comes from that *peer* sent with *headers*."""
    if not addresses.proxied:
        return addresses.client(peer)
    return addresses.client(peer, ",".join(headers.getall(addresses.header, ())))
