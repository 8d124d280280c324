"""A small OpenID provider over real HTTP, as strict as OpenID Connect Core 1.0 asks it to be.

It signs everybody in at once; what it says of them, and how it breaks, the test decides.
"""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiohttp import BasicAuth, web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT, SECRET = "gateway", "a-secret-made-up-for-tests"


class Provider:
    """What it says, and what it was asked.

    Attributes:
        claims: Of the next ID token, in the place of or beside its own; None takes one away.
        break_with: From path to the response that is given in the place of the right one.
        asked: The queries of its authorization endpoint.
    """

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.alg = "ES256"
        self.sign_with: ECKey | OctKey | None = None
        self.claims: dict[str, Any] = {"email": "ada@example.org", "email_verified": True}
        self.described: dict[str, Any] = {}
        self.break_with: dict[str, web.Response] = {}
        self.paths: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}

    def application(self) -> web.Application:
        """Return its routes."""
        app = web.Application(middlewares=[self._broken])
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/jwks", self._jwks)
        return app

    @web.middleware
    async def _broken(self, request: web.Request, handler: Any) -> Any:
        self.paths.append(request.path)
        return self.break_with.get(request.path) or await handler(request)

    async def _configuration(self, _: web.Request) -> web.Response:
        endpoints = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return web.json_response(endpoints | self.described)

    async def _authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        if query["response_type"] != "code" or query["client_id"] != CLIENT:
            return web.Response(status=400)
        if "openid" not in query["scope"].split() or query["code_challenge_method"] != "S256":
            return web.Response(status=400)
        code = f"code-{len(self.asked)}"
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        raise web.HTTPFound(f"{query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        login = BasicAuth.decode(request.headers.get("Authorization", ""))
        query = self._codes.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            query is None
            or (login.login, login.password) != (CLIENT, SECRET)
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != query["redirect_uri"]
            or challenge != query["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {"access_token": "opaque", "token_type": "Bearer", "id_token": self._id_token(query)}
        )

    def _id_token(self, query: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "1001",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
        } | self.claims
        said = {name: value for name, value in claims.items() if value is not None}
        key = self.sign_with or self.key
        return jwt.encode({"alg": self.alg, "kid": self.key.kid}, said, key, algorithms=[self.alg])

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Run a provider on a port of its own."""
    made = Provider()
    runner = web.AppRunner(made.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
