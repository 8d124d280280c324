"""Sessions of operators: aiohttp-session over a shelf, ended by the server.

Two values make a session: what it holds, written once at sign-in, and that it was seen, written
at each click. Only the second is ever written again, so a click that is late by a moment cannot
bring back a session that was ended. The shelf knows an id's digest only: whoever reads the
shelf holds no session.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp_session import AbstractStorage, Session

from verus_gateway.shelf import Shelf

Wall: TypeAlias = Callable[[], float]

SESSION: Final = web.RequestKey("SESSION", Session)

ACCOUNT: Final = "account"
CSRF: Final = "csrf"
METHOD: Final = "method"


class Kept(msgspec.Struct, frozen=True):
    """What the shelf holds of a session.

    Attributes:
        created: Seconds since 1970.
        ends: Seconds since 1970, whatever happens.
        values: What the session holds.
    """

    created: int
    ends: float
    values: dict[str, str]


def cookie_name(name: str, *, secure: bool) -> str:
    """Return a cookie's name: with ``__Host-`` no other host or plain page can set it."""
    return f"__Host-{name}" if secure else name


class Sessions(AbstractStorage):
    """Keeps sessions on a shelf.

    Args:
        shelf: Where.
        secure: Whether the cookie is for https and loopback only, as it should be.
        idle: Seconds without a click that end a session.
        longest: Seconds after which it ends in any case.
        wall: Seconds since 1970.
    """

    def __init__(
        self, shelf: Shelf, *, secure: bool, idle: float, longest: float, wall: Wall = time.time
    ) -> None:
        super().__init__(
            cookie_name=cookie_name("verus-admin", secure=secure),
            secure=secure,
            httponly=True,
            samesite="Strict",
        )
        self._shelf = shelf
        self._idle = idle
        self._longest = longest
        self._wall = wall

    async def load_session(self, request: web.Request) -> Session:
        """Return the session of the request's cookie, a new one where it has none that lives."""
        id = self.load_cookie(request)
        kept = await self._find(id) if id else None
        if kept is None:
            return await self.new_session()
        data: Any = {"created": kept.created, "session": dict(kept.values)}
        return Session(id, data=data, new=False)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Keep a session that began, forget one that was ended, and end the one before it."""
        before = self.load_cookie(request)
        if before:
            await self._end(before)
        if session.empty:
            self.save_cookie(response, "")
            return
        id = secrets.token_urlsafe(32)
        now = self._wall()
        values = {name: str(value) for name, value in session.items()}
        kept = msgspec.json.encode(Kept(int(now), now + self._longest, values))
        await self._shelf.put(f"session:{_digest(id)}", kept, self._longest)
        await self._shelf.put(f"session-seen:{_digest(id)}", b"", self._idle)
        self.save_cookie(response, id)

    def save_cookie(
        self, response: web.StreamResponse, cookie_data: str, *, max_age: int | None = None
    ) -> None:
        """Set the cookie until the browser closes, or take it away where there are no data."""
        params: dict[str, Any] = {**self.cookie_params}
        params["max_age"] = max_age if cookie_data else 0
        response.set_cookie(self.cookie_name, cookie_data, **params)

    async def touch(self, session: Session) -> None:
        """Note a click: the session is not idle."""
        await self._shelf.put(f"session-seen:{_digest(str(session.identity))}", b"", self._idle)

    async def _find(self, id: str) -> Kept | None:
        raw = await self._shelf.get(f"session:{_digest(id)}")
        seen = await self._shelf.get(f"session-seen:{_digest(id)}")
        if raw is None or seen is None:
            return None
        kept = msgspec.json.decode(raw, type=Kept)
        return kept if self._wall() < kept.ends else None

    async def _end(self, id: str) -> None:
        await self._shelf.drop(f"session:{_digest(id)}")
        await self._shelf.drop(f"session-seen:{_digest(id)}")


def with_sessions(sessions: Sessions) -> Middleware:
    """Return the middleware that gives each request its session and keeps what changed.

    aiohttp-session's own keeps its things under text keys, of which aiohttp 3.14 warns.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[SESSION] = before = await sessions.load_session(request)
        response = await handler(request)
        session = request[SESSION]
        if session is not before or (session.empty and not before.new):
            await sessions.save_session(request, response, session)
        return response

    return middleware


def begin(request: web.Request, account: str, method: str) -> None:
    """Sign somebody in: a new session with a new id, in the place of any other."""
    session = Session(None, data=None, new=True)
    session[ACCOUNT] = account
    session[METHOD] = method
    session[CSRF] = secrets.token_urlsafe(32)
    request[SESSION] = session


def _digest(id: str) -> str:
    return hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
