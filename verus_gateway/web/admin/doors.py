"""``/admin/login`` and ``/admin/logout``: who comes in, by which door, and who leaves."""

import secrets
from typing import Final

from aiohttp import web

from verus_gateway import audit
from verus_gateway.attempts import WINDOW
from verus_gateway.web.admin.office import OFFICE, Refused
from verus_gateway.web.admin.openid import OpenId, SignInFailed
from verus_gateway.web.admin.password import PasswordDoor, TooBusy
from verus_gateway.web.admin.sessions import ACCOUNT, SESSION, begin, cookie_name
from verus_gateway.web.admin.shield import (
    LOGIN,
    form_cookie,
    form_of,
    own_form,
    see,
    token_of,
)
from verus_gateway.web.admin.view import render
from verus_gateway.web.callers import address_of

routes = web.RouteTableDef()
password_routes = web.RouteTableDef()
openid_routes = web.RouteTableDef()

WRONG: Final = "The name or the password is wrong."
TOO_MANY: Final = "Too many attempts. Wait a quarter of an hour."
BUSY: Final = "Too many people sign in at this moment. Try again."
PROVIDER: Final = "The provider did not sign you in."
FLOW_SECONDS: Final = 600
"""Seconds in which a sign-in by a provider has to come back."""


@routes.get("/login")
async def login(request: web.Request) -> web.Response:
    """Show the ways in."""
    if ACCOUNT in request[SESSION]:
        return see("/admin")
    return _login(request)


@routes.post("/logout")
async def logout(request: web.Request) -> web.Response:
    """End the session, here and in the browser."""
    await own_form(request)
    session = request[SESSION]
    audit.note("signed out", who=session[ACCOUNT], address=address_of(request).text)
    session.invalidate()
    return see(LOGIN)


@password_routes.post("/login")
async def sign_in(request: web.Request) -> web.Response:
    """Sign in by name and password."""
    office = request.app[OFFICE]
    seed = request.cookies.get(form_cookie(request), "")
    form = await form_of(request, token_of(seed) if seed else "")
    account, password = form.get("account", "").strip(), form.get("password", "")
    door = office.password
    assert door is not None  # noqa: S101  the route exists where the door does
    who = account if account == door.account else "an unknown name"  # it may be a password
    await _admit(request, account, who)
    if not await _opens(request, door, account, password):
        audit.refuse("sign-in refused", who=who, address=address_of(request).text, why="wrong")
        return _login(request, status=403, problem=WRONG)
    await office.attempts.forgive(account, address_of(request).group)
    _begin(request, account, "password")
    return see("/admin")


@openid_routes.get("/login/openid")
async def leave(request: web.Request) -> web.Response:
    """Send the browser to the provider."""
    office, seed = request.app[OFFICE], secrets.token_urlsafe(32)
    try:
        way = await _provider(request).way(seed)
    except SignInFailed as failed:
        audit.refuse(
            "sign-in refused", who="openid", address=address_of(request).text, why=str(failed)
        )
        return _login(request, status=502, problem=PROVIDER)
    response = see(way)
    response.set_cookie(
        _flow_cookie(request),
        seed,
        max_age=FLOW_SECONDS,
        secure=office.secure,
        httponly=True,
        samesite="Lax",  # the provider sends the browser back: a Strict cookie would stay away
    )
    return response


@openid_routes.get("/login/openid/callback")
async def arrive(request: web.Request) -> web.Response:
    """Take the browser back from the provider."""
    await _admit(request, "openid", "openid")
    seed = request.cookies.get(_flow_cookie(request), "")
    try:
        account = await _identified(request, seed)
    except SignInFailed as failed:
        audit.refuse(
            "sign-in refused", who="openid", address=address_of(request).text, why=str(failed)
        )
        response = _login(request, status=403, problem=PROVIDER)
    else:
        await request.app[OFFICE].attempts.forgive("openid", address_of(request).group)
        _begin(request, account, "openid")
        # No redirect: the browser would count it as the provider's and hold back the cookie.
        response = render(request, "arrived.html")
    _forget(request, response, _flow_cookie(request))
    return response


async def _identified(request: web.Request, seed: str) -> str:
    query = request.query
    if not seed:
        raise SignInFailed("this browser began no sign-in")
    if "error" in query:
        raise SignInFailed(f"the provider said {query['error'][:64]}")
    return await _provider(request).identify(seed, query.get("state", ""), query.get("code", ""))


def _provider(request: web.Request) -> OpenId:
    provider = request.app[OFFICE].openid
    assert provider is not None  # noqa: S101  the route exists where the provider does
    return provider


async def _admit(request: web.Request, account: str, who: str) -> None:
    if await request.app[OFFICE].attempts.admit(account, address_of(request).group):
        return
    audit.refuse(
        "sign-in refused", who=who, address=address_of(request).text, why="too many attempts"
    )
    raise Refused(429, "Too many attempts", TOO_MANY, retry_after=int(WINDOW))


async def _opens(request: web.Request, door: PasswordDoor, account: str, password: str) -> bool:
    try:
        return await door.opens(account, password)
    except TooBusy:
        audit.refuse(
            "sign-in refused", who="anybody", address=address_of(request).text, why="too busy"
        )
        raise Refused(503, "Too many sign-ins", BUSY, retry_after=5) from None


def _begin(request: web.Request, account: str, method: str) -> None:
    begin(request, account, method)
    audit.note("signed in", who=account, address=address_of(request).text, why=method)


def _login(request: web.Request, *, status: int = 200, problem: str = "") -> web.Response:
    office = request.app[OFFICE]
    seed = request.cookies.get(form_cookie(request)) or secrets.token_urlsafe(32)
    response = render(
        request,
        "login.html",
        status=status,
        csrf=token_of(seed),
        openid=office.label if office.openid else "",
        password=office.password is not None,
        problem=problem,
    )
    response.set_cookie(
        form_cookie(request), seed, secure=office.secure, httponly=True, samesite="Strict"
    )
    return response


def _flow_cookie(request: web.Request) -> str:
    return cookie_name("verus-admin-openid", secure=request.app[OFFICE].secure)


def _forget(request: web.Request, response: web.Response, name: str) -> None:
    secure = request.app[OFFICE].secure
    response.set_cookie(name, "", max_age=0, secure=secure, httponly=True, samesite="Lax")
