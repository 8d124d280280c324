"""What holds for every page: headers, whose form it is, and that somebody is signed in."""

import hashlib
import hmac
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from verus_gateway import audit
from verus_gateway.web.admin.office import OFFICE, Refused
from verus_gateway.web.admin.sessions import ACCOUNT, CSRF, SESSION, cookie_name
from verus_gateway.web.admin.view import render
from verus_gateway.web.body import read
from verus_gateway.web.callers import address_of

Form: TypeAlias = dict[str, str]

PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOGIN: Final = "/admin/login"
LARGEST_FORM: Final = 8_192
"""Bytes of a form."""
MOST_FIELDS: Final = 16
WATCH: Final = "watch"
"""In the query: the page looks by itself, nobody has clicked."""


@web.middleware
async def shield(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through who may, and give what comes back its headers."""
    try:
        response = await _let_in(request, handler)
    except Refused as refused:
        response = render(
            request,
            "refused.html",
            status=refused.status,
            heading=refused.heading,
            problem=refused.problem,
        )
        if refused.retry_after:
            response.headers[hdrs.RETRY_AFTER] = str(refused.retry_after)
    response.headers.update(PAGE_HEADERS)
    return response


async def _let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == hdrs.METH_POST and not is_own(request, request.app[OFFICE].origin):
        audit.refuse(
            "form refused", who=_who(request), address=address_of(request).text, why="origin"
        )
        raise Refused(403, "Not from here", "This form was sent by a page of another origin.")
    if not is_open(request.path):
        if ACCOUNT not in request[SESSION]:
            return see(LOGIN)
        if WATCH not in request.query:
            await request.app[OFFICE].sessions.touch(request[SESSION])
    return await handler(request)


def is_open(path: str) -> bool:
    """Tell whether *path* is for people who are not signed in, too."""
    return path == LOGIN or path.startswith((f"{LOGIN}/", "/admin/static/"))


def is_own(request: web.Request, origin: str) -> bool:
    """Tell whether a page of ours sent the request.

    Browsers say from where a form comes. With our own ``Referrer-Policy: no-referrer`` they say
    ``Origin: null`` for our own forms as well, so that null needs the word of ``Sec-Fetch-Site``,
    which no page can forge.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in {None, "same-origin"}:
        return False
    given = request.headers.get(hdrs.ORIGIN)
    if given in {None, "null"}:
        return site is not None
    if origin:
        return given == origin
    return given in {f"http://{request.host}", f"https://{request.host}"}


async def form_of(request: web.Request, csrf: str) -> Form:
    """Return the fields of a form that carries *csrf*, the token that it was given.

    Raises:
        Refused: it is no form, or carries another token.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(415, "No form", "This is sent as a form.")
    raw = await read(request, LARGEST_FORM)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise Refused(400, "No form", "The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(400, "No form", "A field of the form came twice.")
    if not csrf or not hmac.compare_digest(fields.get("csrf", "").encode(), csrf.encode()):
        audit.refuse(
            "form refused", who=_who(request), address=address_of(request).text, why="csrf"
        )
        raise Refused(403, "Form too old", "Load the page again and repeat what you did.")
    return fields


async def own_form(request: web.Request) -> Form:
    """Return the fields of a form of the session's.

    Raises:
        Refused: it is none.
    """
    return await form_of(request, request[SESSION][CSRF])


def token_of(seed: str) -> str:
    """Return the token of a sign-in form; *seed* is the random text in its browser's cookie."""
    return hashlib.sha256(f"form:{seed}".encode("utf-8", "surrogatepass")).hexdigest()


def form_cookie(request: web.Request) -> str:
    """Return the name of the cookie that a sign-in form belongs to."""
    return cookie_name("verus-admin-form", secure=request.app[OFFICE].secure)


def see(place: str) -> web.Response:
    """Send the browser to *place*, a path of ours."""
    return web.Response(status=303, headers={hdrs.LOCATION: place})


def _who(request: web.Request) -> str:
    return str(request[SESSION].get(ACCOUNT, "nobody"))
