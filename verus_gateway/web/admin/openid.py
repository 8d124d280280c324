"""Sign-in by an OpenID provider: authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0 section 3.1 and Discovery 1.0, RFC 7636. What the flow must remember is
derived from one random text in a cookie of the browser that began it; nothing is kept here, so
that strangers who begin flows fill no memory, and a flow that another browser began is worth
nothing in this one.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec
from aiohttp import encode_basic_auth
from authlib.oidc.core.claims import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from yarl import URL

Wall: TypeAlias = Callable[[], float]

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""How an ID token may be signed: with a key that only the provider has."""
TIMEOUT: Final = 5.0
"""Seconds for one answer of the provider."""
LARGEST: Final = 262_144
"""Bytes of one answer of the provider."""
LASTS: Final = 3600.0
"""Seconds for which the provider's description is good."""
PAUSE: Final = 30.0
"""Seconds between two looks at the provider's keys because of a key that is not known."""
LEEWAY: Final = 30
"""Seconds by which the provider's clock may differ from ours."""


class SignInFailed(Exception):
    """The provider did not sign anybody in; the text is for the audit log alone."""


class Described(msgspec.Struct, frozen=True):
    """What the provider says of itself (Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Exchanged(msgspec.Struct, frozen=True):
    """The answer of the token endpoint."""

    id_token: str
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """The gateway as the provider knows it.

    Attributes:
        issuer: The provider's.
        client_id: Ours there.
        client_secret: Ours there.
        redirect_uri: Where the provider sends browsers back to.
        claim: Of the ID token, says who it is.
        allowed: Its values that may sign in.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    claim: str
    allowed: frozenset[str]

    def __repr__(self) -> str:
        return f"<Client {self.client_id} of {self.issuer}>"


class OpenId:
    """Signs operators in by a provider.

    Args:
        client: The gateway as the provider knows it.
        wall: Seconds since 1970.
    """

    def __init__(self, client: Client, wall: Wall = time.time) -> None:
        self._client = client
        self._wall = wall
        self._turn = asyncio.Lock()
        self._described: Described | None = None
        self._keys: KeySet | None = None
        self._described_at = 0.0
        self._keys_at = 0.0
        self._failed_at = 0.0

    async def way(self, seed: str) -> str:
        """Return the URL that a browser is sent to; *seed* is the random text in its cookie.

        Raises:
            SignInFailed: the provider does not say where that is.
        """
        described = await self._description()
        challenge = _url64(hashlib.sha256(_derived("verifier", seed).encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": "openid email" if self._client.claim.startswith("email") else "openid profile",
            "state": _derived("state", seed),
            "nonce": _derived("nonce", seed),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(URL(described.authorization_endpoint).update_query(query))

    async def identify(self, seed: str, state: str, code: str) -> str:
        """Return who came back with *code*.

        Raises:
            SignInFailed: the state is another one's, or the provider signed nobody in who may.
        """
        if not hmac.compare_digest(state.encode(), _derived("state", seed).encode()):
            raise SignInFailed("the state is not this browser's")
        described = await self._description()
        exchanged = await self._exchange(described, code, _derived("verifier", seed))
        claims = await self._claims(described, exchanged, _derived("nonce", seed))
        return self._who(claims)

    def _who(self, claims: CodeIDToken) -> str:
        value = claims.get(self._client.claim)
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list):
            raise SignInFailed(f"the ID token has no claim {self._client.claim}")
        allowed = sorted(self._client.allowed.intersection(map(str, given)))
        if not allowed:
            raise SignInFailed(f"this {self._client.claim} is not among those allowed")
        if self._client.claim == "email" and claims.get("email_verified") is not True:
            raise SignInFailed("the provider did not verify the email address")
        return allowed[0] if isinstance(value, str) else f"{claims['sub']} ({allowed[0]})"

    async def _claims(self, described: Described, exchanged: Exchanged, nonce: str) -> CodeIDToken:
        try:
            token = await self._verified(described, exchanged.id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self._client.issuer},
                    "aud": {"essential": True, "value": self._client.client_id},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._client.client_id,
                    "access_token": exchanged.access_token,
                },
            )
            claims.validate(now=int(self._wall()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInFailed(f"the ID token is not good: {error}") from None
        return claims

    async def _verified(self, described: Described, text: str) -> jwt.Token:
        if self._keys is None:
            self._keys = await self._fetched_keys(described)
        try:
            return jwt.decode(text, self._keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # The provider may have turned its keys: one more look, not for each bad token.
            if self._wall() - self._keys_at < PAUSE:
                raise
        self._keys = await self._fetched_keys(described)
        return jwt.decode(text, self._keys, algorithms=list(ALGORITHMS))

    async def _fetched_keys(self, described: Described) -> KeySet:
        raw = await self._answer("GET", described.jwks_uri)
        self._keys_at = self._wall()
        try:
            return KeySet.import_key_set(msgspec.json.decode(raw))
        except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError):
            raise SignInFailed("the provider's keys cannot be read") from None

    async def _exchange(self, described: Described, code: str, verifier: str) -> Exchanged:
        raw = await self._answer(
            "POST",
            described.token_endpoint,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._client.redirect_uri,
                "code_verifier": verifier,
            },
            headers={
                "Authorization": encode_basic_auth(
                    self._client.client_id, self._client.client_secret
                )
            },
        )
        try:
            return msgspec.json.decode(raw, type=Exchanged)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SignInFailed("the token endpoint gave no ID token") from None

    async def _description(self) -> Described:
        async with self._turn:  # one look for all who wait, also where it fails
            now = self._wall()
            if self._described is not None and now - self._described_at < LASTS:
                return self._described
            if now - self._failed_at < TIMEOUT:
                raise SignInFailed("the provider did not answer just now")
            self._failed_at = now
            described = await self._discovered()
            self._described, self._described_at, self._failed_at = described, now, 0.0
            return described

    async def _discovered(self) -> Described:
        issuer = self._client.issuer
        raw = await self._answer("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            described = msgspec.json.decode(raw, type=Described)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SignInFailed("the provider's description cannot be read") from None
        if described.issuer != issuer:
            raise SignInFailed("the provider describes another issuer")
        return described

    async def _answer(self, method: str, url: str, **more: Any) -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, allow_redirects=False, **more) as response,
            ):
                if response.status != 200:  # noqa: PLR2004  OK
                    raise SignInFailed(f"the provider answered {response.status}")
                raw = await response.content.read(LARGEST + 1)
                while len(raw) <= LARGEST and not response.content.at_eof():
                    raw += await response.content.read(LARGEST + 1 - len(raw))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SignInFailed(f"the provider did not answer: {type(error).__name__}") from None
        if len(raw) > LARGEST:
            raise SignInFailed("the provider's answer is too large")
        return raw


def _derived(purpose: str, seed: str) -> str:
    return _url64(hashlib.sha256(f"{purpose}:{seed}".encode()).digest())


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
