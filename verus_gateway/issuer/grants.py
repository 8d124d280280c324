"""Who gets which token: Authlib's authorization server (RFC 6749, 7009, 7662) on our parts.

Synchronous and slow, because scrypt is: meant for a thread. Authlib is used for what the RFCs
decide, and four of its habits are turned off: it writes issued tokens to the debug log, tells
an unknown client from a wrong secret, grants less than was asked without saying so, and wants
a switch in the environment for plain HTTP.
"""

import secrets
import time
from typing import Any, Final

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from msgspec import Struct, to_builtins

from verus_gateway import tokens
from verus_gateway.issuer import secret
from verus_gateway.issuer.asking import Asked, Fault
from verus_gateway.issuer.clients import Client, Clients
from verus_gateway.issuer.keyring import Keyring
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import Clock
from verus_gateway.tokens import SCOPE, BadToken, Claims, Rules

METHODS: Final = ("client_secret_basic", "client_secret_post")
GRANT: Final = "client_credentials"
ADMIN: Final = "admin"
"""Who holds this scope may ask about tokens of others, and revoke them."""

_NOBODY: Final = Client(id="-", secret=secret.NONE, scopes=(), disabled=True)
_URI: Final = "https://tokens/"
"""Not the real one: whether TLS is needed says the configuration, not Authlib's environment."""


class Terms(Struct, frozen=True, kw_only=True):
    """What all tokens have in common.

    Attributes:
        issuer: Who makes them.
        audience: Whom they are for.
        lifetime: Seconds, where the client has no other.
        longest: Seconds, at most.
    """

    issuer: str
    audience: str
    lifetime: float
    longest: float


class Said(Struct, frozen=True):
    """The answer to one request, and what is to be written down.

    Attributes:
        status: Of HTTP.
        body: A JSON object.
        client: Who asked; None where that could not be shown.
        issued: What the new token says.
        revoked: What the token said that is to be revoked.
    """

    status: int
    body: dict[str, Any]
    client: str | None = None
    issued: Claims | None = None
    revoked: Claims | None = None


class Grants:
    """Answers the three questions that clients ask.

    Args:
        terms: What all tokens have in common.
        keys: What signs them.
        clients: Who may get them.
        revocations: What was taken back.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        terms: Terms,
        keys: Keyring,
        clients: Clients,
        revocations: Revocations,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._terms = terms
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._clients = clients
        self._server = _Server(self)

    def token(self, asked: Asked) -> Said:
        """Answer ``POST /oauth/token``."""
        request = _Request(asked)
        return _said(request, self._server.create_token_response(request))

    def revocation(self, asked: Asked) -> Said:
        """Answer ``POST /oauth/revoke``; what is `revoked` the caller has to see to."""
        request = _Request(asked)
        return _said(request, self._server.create_endpoint_response("revocation", request))

    def introspection(self, asked: Asked) -> Said:
        """Answer ``POST /oauth/introspect``."""
        request = _Request(asked)
        return _said(request, self._server.create_endpoint_response("introspection", request))

    def find(self, id: str) -> "_Party":
        """Return the client, or one that no secret fits and that takes as long to find out."""
        return _Party(self._clients.find(id[:64]) or _NOBODY)

    def mint(self, client: Client, scopes: list[str]) -> tuple[str, Claims]:
        """Return a new token of *client*."""
        terms, now = self._terms, float(int(self._clock()))
        lifetime = min(client.lifetime or terms.lifetime, terms.longest)
        claims = Claims(
            iss=terms.issuer,
            sub=client.id,
            aud=terms.audience,
            client_id=client.id,
            exp=int(now + lifetime),
            iat=int(now),
            jti=secrets.token_urlsafe(16),
            scope=" ".join(scopes),
            rate_class=client.rate_class,
        )
        return tokens.mint(self._keys.active, claims), claims

    def read(self, token: str) -> "_Token | None":
        """Return what a token of ours says, None where it is not good (any more)."""
        terms = self._terms
        rules = Rules(
            issuer=terms.issuer, audience=terms.audience, leeway=0, lifetime=terms.longest
        )
        try:
            claims = tokens.read(token, self._keys.find, rules, self._clock())
        except BadToken:
            return None
        owner = self._clients.find(claims.client_id)
        gone = owner is None or owner.disabled or self._revocations.known(claims.jti)
        return _Token(claims, gone=gone)


def _said(request: "_Request", answered: tuple[int, dict[str, Any]]) -> Said:
    status, body = answered
    client = None if request.client is None else request.client.client.id
    if body.get("error") == "invalid_client":
        raise Fault("invalid_client", 401)
    if "error" in body:
        # Always 400 (RFC 6749 section 5.2): Authlib has 401 for an unsupported type of token.
        raise Fault(body["error"], 400, body.get("error_description", ""))
    return Said(status, body, client, request.issued, request.revoked)


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, asked: Asked) -> None:
        super().__init__("POST", _URI, headers={})
        self.asked = asked
        self.payload = BasicOAuth2Payload(asked.form)
        self.issued: Claims | None = None
        self.revoked: Claims | None = None

    @property
    def form(self) -> dict[str, str]:
        return self.asked.form


class _Party:
    """A client as Authlib wants it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def check_client_secret(self, shown: str) -> bool:
        return secret.fits(shown, self.client.secret) and not self.client.disabled

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib's
        return method in METHODS

    def check_grant_type(self, grant: str) -> bool:
        return grant == GRANT

    @property
    def admin(self) -> bool:
        return ADMIN in self.client.scopes


class _Token:
    """A token as Authlib wants it."""

    def __init__(self, claims: Claims, *, gone: bool) -> None:
        self.claims = claims
        self._gone = gone

    def check_client(self, party: _Party) -> bool:
        return self.claims.client_id == party.client.id or party.admin

    def is_expired(self) -> bool:
        return False  # such a token was not read

    def is_revoked(self) -> bool:
        return self._gone


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib ships no types
    def __init__(self, grants: Grants) -> None:
        super().__init__()
        self.grants = grants
        self.query_client = grants.find
        self.register_client_auth_method(METHODS[0], _authenticated)
        self.register_grant(_Grant)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(
        self,
        status: int,
        body: dict[str, Any],
        headers: object,  # noqa: ARG002  Authlib's
    ) -> tuple[int, dict[str, Any]]:
        return status, body

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Tell nobody: what is to be written down is in `Said`."""


def _authenticated(query_client: Any, request: _Request) -> _Party | None:
    asked = request.asked
    if not asked.client or not asked.secret:
        return None
    party: _Party = query_client(asked.client)
    return party if party.check_client_secret(asked.secret) else None


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[:1]  # ours looks at both ways in one

    def validate_requested_scope(self) -> None:
        words = set(self.request.payload.data.get("scope", "").split(" ")) - {""}
        if not all(SCOPE.fullmatch(word) for word in words):
            raise InvalidScopeError
        if not words <= set(self.request.client.client.scopes):
            raise InvalidScopeError

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        client: Client = self.request.client.client
        words = set(self.request.payload.data.get("scope", "").split(" ")) - {""}
        granted = [scope for scope in client.scopes if scope in words or not words]
        token, claims = self.server.grants.mint(client, granted)
        self.request.issued = claims
        body = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(claims.exp - claims.iat),
            "scope": claims.scope,
        }
        return 200, body, self.TOKEN_RESPONSE_HEADER


class _Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib ships no types
    CLIENT_AUTH_METHODS = METHODS[:1]

    def query_token(self, token: str, hint: str | None) -> _Token | None:  # noqa: ARG002  Authlib's
        found: _Token | None = self.server.grants.read(token)
        return found

    def revoke_token(self, token: _Token, request: _Request) -> None:
        request.revoked = token.claims


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]  # Authlib ships no types
    CLIENT_AUTH_METHODS = METHODS[:1]

    def query_token(self, token: str, hint: str | None) -> _Token | None:  # noqa: ARG002  Authlib's
        found: _Token | None = self.server.grants.read(token)
        return found

    def check_permission(self, token: _Token, client: _Party, request: _Request) -> bool:  # noqa: ARG002  Authlib's
        return token.check_client(client)

    def introspect_token(self, token: _Token) -> dict[str, Any]:
        said: dict[str, Any] = to_builtins(token.claims)
        return {"active": True, "token_type": "Bearer", **said}
