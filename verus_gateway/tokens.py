"""The form of access tokens (RFC 9068): minted by the token service, read by the gateway.

Reading follows RFC 8725: the key decides the algorithm, the header may hold nothing but
``alg``, ``typ`` and ``kid``, and whatever two readers could understand differently (duplicate
members, padding, odd base64) is refused.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from verus_gateway import rpc
from verus_gateway.errors import ParseError
from verus_gateway.jwks import Key, SigningKey

TYPE: Final = "at+jwt"
TYPES: Final = frozenset({TYPE, f"application/{TYPE}"})
LONGEST: Final = 8_192
"""Characters of a token."""
MOST_OPENED: Final = 64
"""Arrays and objects of a header, claims or a list: how deep a parser goes differs with Python's
version, so this is counted before one is asked."""
SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
"""One word of a scope (RFC 6749 section 3.3)."""

Flaw: TypeAlias = Literal[
    "malformed",
    "algorithm",
    "type",
    "unknown_key",
    "signature",
    "claims",
    "issuer",
    "audience",
    "expired",
    "not_yet",
    "lifetime",
    "revoked",
]
"""Why a token is not good: for metrics and our own log, never for who shows it."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
_Date: TypeAlias = int | float


class BadToken(Exception):
    """A token is not good; *flaw* says why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


class Claims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says (RFC 9068 section 2.2), dates in seconds since 1970.

    Attributes:
        iss: Who made it.
        sub: Whom it is about.
        aud: Whom it is for.
        client_id: Whom it was given to.
        exp: When it ends.
        iat: When it was made.
        jti: Its number.
        nbf: When it begins.
        scope: What it permits, words with spaces between.
        rate_class: Which limits are its bearer's; our own.
    """

    iss: Annotated[str, Meta(min_length=1, max_length=512)]
    sub: _Name
    aud: str | list[str]
    client_id: _Name
    exp: _Date
    iat: _Date
    jti: _Name
    nbf: _Date | None = None
    scope: str = ""
    rate_class: Annotated[str, Meta(min_length=1, max_length=64)] = "default"

    @property
    def scopes(self) -> frozenset[str]:
        """What it permits."""
        return frozenset(self.scope.split(" ")) - {""}


class Rules(Struct, frozen=True, kw_only=True):
    """Whose tokens are good, and for how long.

    Attributes:
        issuer: Who must have made them.
        audience: Whom they must be for.
        leeway: Seconds by which clocks may differ.
        lifetime: Seconds between a token's beginning and its end, at most.
    """

    issuer: str
    audience: str
    leeway: float
    lifetime: float


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    typ: str
    kid: _Name


Find: TypeAlias = Callable[[str], Key | None]


def mint(key: SigningKey, claims: Claims) -> str:
    """Return the token that says *claims*, signed by *key*."""
    return signed(key, TYPE, msgspec.json.encode(claims))


def read(token: str, find: Find, rules: Rules, now: float) -> Claims:
    """Return what *token* says, if it is good.

    Dates are finite: JSON has no other numbers, and msgspec refuses those beyond a double.

    Args:
        token: As it was shown.
        find: The key of a name, None where there is none.
        rules: Whose tokens are good.
        now: Seconds since 1970.

    Raises:
        BadToken: it is not.
    """
    if len(token) > LONGEST:
        raise BadToken("malformed")
    claims: Claims = _decoded(opened(token, TYPES, find), Claims, "claims")
    _check(claims, rules, now)
    return claims


def signed(key: SigningKey, typ: str, payload: bytes) -> str:
    """Return *payload* in the compact form of RFC 7515, of this type."""
    header = msgspec.json.encode(_Header(alg=key.alg, typ=typ, kid=key.kid))
    body = f"{_encoded(header)}.{_encoded(payload)}"
    return f"{body}.{_encoded(key.sign(body.encode()))}"


def opened(token: str, types: frozenset[str], find: Find) -> bytes:
    """Return the payload of a compact form whose signature is good.

    Raises:
        BadToken: it is not good, or not of one of *types*.
    """
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise BadToken("malformed")
    head, body, signature = (_bytes(part) for part in parts.groups())
    header: _Header = _decoded(head, _Header, "malformed")
    if header.typ not in types:
        raise BadToken("type")
    key = find(header.kid)
    if key is None:
        raise BadToken("unknown_key")
    if header.alg != key.alg:
        raise BadToken("algorithm")
    if not key.verifies(token.rpartition(".")[0].encode(), signature):
        raise BadToken("signature")
    return body


def _check(claims: Claims, rules: Rules, now: float) -> None:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != rules.issuer:
        raise BadToken("issuer")
    if rules.audience not in audience:
        raise BadToken("audience")
    if not all(SCOPE.fullmatch(scope) for scope in claims.scopes):
        raise BadToken("claims")
    begins = max(claims.iat, claims.iat if claims.nbf is None else claims.nbf)
    if begins > now + rules.leeway:
        raise BadToken("not_yet")
    if claims.exp <= now - rules.leeway:
        raise BadToken("expired")
    if not 0 < claims.exp - claims.iat <= rules.lifetime:
        raise BadToken("lifetime")


def _decoded(text: bytes, kind: Any, flaw: Flaw) -> Any:
    if text.count(b"[") + text.count(b"{") > MOST_OPENED:
        raise BadToken(flaw)
    try:
        rpc.refuse_duplicate_keys(text)
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, ParseError, ValueError, RecursionError):
        raise BadToken(flaw) from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    """Decode base64url that is written in the one form there is (RFC 4648 section 3.5)."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise BadToken("malformed") from None
    if _encoded(data) != part:
        raise BadToken("malformed")
    return data
