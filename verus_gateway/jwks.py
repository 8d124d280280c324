"""Keys that sign tokens: made, read, and bound to one algorithm each.

The name of a key (``kid``) is its RFC 7638 thumbprint. A set (RFC 7517 section 5) that comes
from elsewhere is taken key by key: whatever is weak, symmetric or misused is left out.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Algorithm: TypeAlias = Literal["ES256", "RS256", "EdDSA"]
Jose: TypeAlias = ECKey | RSAKey | OKPKey

RSA_BITS: Final = 2048
MOST: Final = 64
"""Keys of one set that are looked at."""
LONGEST_NAME: Final = 128
"""Characters of a key's name."""

_KINDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256",),
    ("RSA", ""): ("RS256",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
"""From type and curve to the algorithms that a key may be bound to; the first by default."""
# RFC 9864 calls Ed25519 what RFC 8037 calls EdDSA; verifiers in the field know the older name.
_ALGORITHMS: Final = {
    name: JWSRegistry.algorithms[name] for names in _KINDS.values() for name in names
}


class Key:
    """A public key and the one algorithm that it verifies.

    Args:
        jose: The key.
        kid: Its name.
        alg: The algorithm.
    """

    def __init__(self, jose: Jose, kid: str, alg: str) -> None:
        self.kid = kid
        self.alg = alg
        self._jose: Any = jose
        self._algorithm = _ALGORITHMS[alg]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kid} {self.alg}>"

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Tell whether *signature* is this key's over *message*."""
        return bool(self._algorithm.verify(message, signature, self._jose))

    def published(self) -> dict[str, Any]:
        """Return the public parts as a JWK."""
        public = self._jose.as_dict(private=False)
        return {**public, "use": "sig", "alg": self.alg, "kid": self.kid}


class SigningKey(Key):
    """A private key."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over *message*."""
        return bytes(self._algorithm.sign(message, self._jose))

    def stored(self) -> dict[str, Any]:
        """Return all parts, the private ones too, as a JWK."""
        private = self._jose.as_dict(private=True)
        return {**private, "use": "sig", "alg": self.alg, "kid": self.kid}


_MAKERS: Final[Mapping[Algorithm, Callable[[], Jose]]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "RS256": lambda: RSAKey.generate_key(RSA_BITS),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}


def make(alg: Algorithm) -> SigningKey:
    """Return a new key for *alg*."""
    jose = _MAKERS[alg]()
    return SigningKey(jose, jose.thumbprint(), alg)


def restored(jwk: Mapping[str, Any]) -> SigningKey:
    """Return the key that `SigningKey.stored` gave.

    Raises:
        ValueError: it is none, or is weak, or has another name than its own.
    """
    key = _read(jwk, SigningKey)
    if key is None or "d" not in jwk or _thumbprint(key) != key.kid:
        raise ValueError("no signing key")
    return key


def published(keys: Iterable[Key]) -> bytes:
    """Return the set of *keys*, public parts only, as JSON."""
    return msgspec.json.encode({"keys": [key.published() for key in keys]})


KeyT = TypeVar("KeyT", bound=Key)
_TYPES: Final[Mapping[str, type[ECKey] | type[RSAKey] | type[OKPKey]]] = {
    "EC": ECKey,
    "RSA": RSAKey,
    "OKP": OKPKey,
}


class _Set(msgspec.Struct, frozen=True):
    keys: list[Any]


def read_set(text: bytes) -> dict[str, Key]:
    """Return the usable keys of a set by their names; of two with one name the first.

    Raises:
        ValueError: *text* is no set.
    """
    try:
        listed = msgspec.json.decode(text, type=_Set).keys
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise ValueError("no set of keys (RFC 7517)") from None
    found: dict[str, Key] = {}
    for jwk in listed[:MOST]:
        key = _read(jwk, Key) if isinstance(jwk, dict) and "d" not in jwk else None
        if key is not None:
            found.setdefault(key.kid, key)
    return found


def _read(jwk: Mapping[str, Any], kind: type[KeyT]) -> KeyT | None:
    """Return the key if it is one that may verify tokens."""
    alg, kid = _alg(jwk), jwk.get("kid")
    if alg is None or not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_NAME:
        return None
    try:
        jose = _TYPES[jwk["kty"]].import_key(dict(jwk))
        key = kind(jose, kid, alg)
        key.published()  # a point that is not on its curve shows itself here
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def _alg(jwk: Mapping[str, Any]) -> str | None:
    """Return the algorithm that a JWK is for, None where it is not for verifying tokens."""
    kind = (jwk.get("kty"), jwk.get("crv", ""))
    names = next((names for known, names in _KINDS.items() if known == kind), ())
    meant = jwk.get("use", "sig") == "sig" and jwk.get("key_ops", ["verify"]) == ["verify"]
    strong = "RS256" not in names or _bits(jwk.get("n")) >= RSA_BITS
    alg = jwk.get("alg", names[0] if names else None)
    return alg if meant and strong and alg in names else None


def _bits(number: Any) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(f"{number}==")).bit_length()
    except ValueError:
        return 0


def _thumbprint(key: Key) -> str:
    return str(key._jose.thumbprint())  # noqa: SLF001  its own module
