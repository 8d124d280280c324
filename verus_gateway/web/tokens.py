"""The routes of the token service: tokens, what became of them, and its public papers."""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from verus_gateway import audit
from verus_gateway.auth import Caller, anonymous
from verus_gateway.errors import RateLimited, Shed
from verus_gateway.issuer.asking import Asked, Fault, ask
from verus_gateway.issuer.grants import Said
from verus_gateway.web.callers import address_of
from verus_gateway.web.keys import LIMITER, LIMITS, MINT

routes = web.RouteTableDef()

LARGEST_FORM: Final = 16_384
"""Bytes of a form: a token has 8 KiB at most."""

PAUSE: Final = 1.0
"""Seconds after which a client may ask again while the clients are not known."""

_STRANGER: Final = anonymous(())
_NOT_KEPT: Final[dict[str, str]] = {hdrs.CACHE_CONTROL: "no-store", hdrs.PRAGMA: "no-cache"}
_KEPT: Final[dict[str, str]] = {hdrs.CACHE_CONTROL: "public, max-age=60"}


@routes.post("/oauth/token")
async def token(request: web.Request) -> web.Response:
    """Give a token to a client that shows its secret (RFC 6749 section 4.4)."""
    return await _answered(request, "token issued", request.app[MINT].grants.token)


@routes.post("/oauth/revoke")
async def revoke(request: web.Request) -> web.Response:
    """Take a token back (RFC 7009)."""
    return await _answered(request, "token revoked", request.app[MINT].grants.revocation)


@routes.post("/oauth/introspect")
async def introspect(request: web.Request) -> web.Response:
    """Say what a token says, as long as it is good (RFC 7662)."""
    return await _answered(request, "token looked at", request.app[MINT].grants.introspection)


@routes.get("/oauth/revocations")
async def revocations(request: web.Request) -> web.Response:
    """List what was revoked, signed, for gateways that share no memory with us."""
    wait = request.app[LIMITER].take(_STRANGER, address_of(request).group)
    if wait:
        return _failed(RateLimited("too many requests", "rate", wait))
    body = request.app[MINT].revoked()
    return web.Response(body=body, content_type="application/jwt")


@routes.get("/.well-known/jwks.json")
async def jwks(request: web.Request) -> web.Response:
    """Publish the keys, public parts only (RFC 7517)."""
    body = request.app[MINT].published()
    return web.Response(body=body, content_type="application/json", headers=_KEPT)


@routes.get("/.well-known/oauth-authorization-server")
async def metadata(request: web.Request) -> web.Response:
    """Describe the service (RFC 8414)."""
    body = msgspec.json.encode(request.app[MINT].metadata)
    return web.Response(body=body, content_type="application/json", headers=_KEPT)


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    """Say how the service is; asks nobody."""
    mint = request.app[MINT]
    status, code = ("healthy", 200) if mint.ready else ("unhealthy", 503)
    return _json(code, {"status": status, **mint.details()}, {})


async def _answered(
    request: web.Request, event: str, answer: Callable[[Asked], Said]
) -> web.Response:
    mint, limiter = request.app[MINT], request.app[LIMITER]
    address = address_of(request)
    asked: Asked | None = None
    try:
        _admit(request, _STRANGER, address.group)
        with limiter.inside_for(_STRANGER, address.group):
            asked = await _asked(request)
            said = await asyncio.to_thread(answer, asked)
        if said.issued:
            _admit(request, Caller(said.client, frozenset()), address.group)
        await mint.take_note(said)
    except Fault as fault:
        mint.refused += 1
        who = mint.known(asked.client) if asked else ""
        audit.refuse(f"no {event}", who=who, address=address.text, why=fault.error)
        return _refused(fault)
    except (RateLimited, Shed) as error:
        mint.throttled += 1
        return _failed(error)
    _write(event, said, address.text)
    return _json(said.status, said.body, _NOT_KEPT)


def _admit(request: web.Request, caller: Caller, address: str) -> None:
    if not request.app[MINT].ready:
        raise Shed("the clients are not known yet", retry_after=PAUSE)
    wait = request.app[LIMITER].take(caller, address)
    if wait:
        raise RateLimited("too many requests", "rate", wait)


async def _asked(request: web.Request) -> Asked:
    try:
        async with asyncio.timeout(request.app[LIMITS].body_seconds):
            body = await request.read()
    except TimeoutError:
        raise Fault("invalid_request", 408, "the form did not arrive in time") from None
    except web.HTTPRequestEntityTooLarge:
        raise Fault("invalid_request", 413, "the form is too large") from None
    if len(request.headers.getall(hdrs.AUTHORIZATION, ())) > 1:
        raise Fault("invalid_request", description="credentials in one way, not in two")
    headers = request.headers
    return ask(headers.get(hdrs.CONTENT_TYPE, ""), body, headers.get(hdrs.AUTHORIZATION, ""))


def _write(event: str, said: Said, address: str) -> None:
    claims = said.issued or said.revoked
    if claims is None:
        return
    audit.note(event, who=said.client or "", address=address, jti=claims.jti, scope=claims.scope)


def _refused(fault: Fault) -> web.Response:
    body = {"error": fault.error}
    if fault.description:
        body["error_description"] = fault.description
    headers = dict(_NOT_KEPT)
    if fault.error == "invalid_client":
        headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="verus-gateway", charset="UTF-8"'
    response = _json(fault.status, body, headers)
    if fault.status in {408, 413}:
        response.force_close()  # the rest of the body is not worth reading
    return response


def _failed(error: RateLimited | Shed) -> web.Response:
    pause = math.ceil(error.retry_after)
    headers = {**_NOT_KEPT, hdrs.RETRY_AFTER: str(pause)}
    body = {"error": "temporarily_unavailable", "error_description": error.message}
    return _json(error.status, body, headers)


def _json(status: int, body: dict[str, Any], headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers=headers,
    )
