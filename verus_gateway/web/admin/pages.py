"""``/admin``: the page for a browser, and the reset of a breaker by a form."""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import web

import verus_gateway
from verus_gateway import audit
from verus_gateway.web.admin.breakers import LONGEST_REASON, told
from verus_gateway.web.admin.office import OFFICE, Refused
from verus_gateway.web.admin.sessions import ACCOUNT, CSRF, SESSION
from verus_gateway.web.admin.shield import WATCH, own_form, see
from verus_gateway.web.admin.view import WORDS, render
from verus_gateway.web.callers import address_of

routes = web.RouteTableDef()

SHORTEST_REASON: Final = 3
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@routes.get("")
async def board(request: web.Request) -> web.Response:
    """Show everything."""
    return _board(request)


@routes.post("/reset")
async def reset(request: web.Request) -> web.Response:
    """Close the breaker of a chain, for a reason."""
    form = await own_form(request)
    account, chain = request[SESSION][ACCOUNT], form.get("chain", "")
    reason = " ".join(form.get("reason", "").split())
    desk = request.app[OFFICE].desk
    if chain not in desk.chains:
        raise Refused(400, "No such chain", "No chain has this name.")
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        problem = f"A reason has {SHORTEST_REASON} to {LONGEST_REASON} characters."
        return _board(request, status=400, refused_chain=chain, problem=problem)
    desk.reset(chain, told(reason, account))
    audit.note(
        "breaker reset", who=account, address=address_of(request).text, why=reason, chains=chain
    )
    return see(f"/admin?done={chain}")


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.Response:
    """Return one of the page's few files."""
    name = request.match_info["name"]
    body = _files().get(name)
    if body is None:
        raise Refused(404, "Not found", "There is no such page.")
    return web.Response(body=body, content_type=TYPES[Path(name).suffix], charset="utf-8")


@cache
def _files() -> dict[str, bytes]:
    folder = files("verus_gateway.web.admin").joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _board(
    request: web.Request, *, status: int = 200, refused_chain: str = "", problem: str = ""
) -> web.Response:
    desk, session = request.app[OFFICE].desk, request[SESSION]
    done = request.query.get("done", "")
    return render(
        request,
        "board.html",
        status=status,
        account=session[ACCOUNT],
        callers=desk.near(),
        chains=desk.told(),
        csrf=session[CSRF],
        done=done if done in desk.chains else "",
        instances=desk.instances(),
        methods=desk.methods(),
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        problem=problem,
        refused_chain=refused_chain,
        state=desk.state,
        version=verus_gateway.__version__,
        watch=WATCH in request.query,
        words=WORDS,
    )
