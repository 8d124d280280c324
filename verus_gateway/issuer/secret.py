"""Secrets of clients: made here, shown once, kept as scrypt hashes (RFC 7914).

A secret is 256 random bits, so guessing is hopeless whatever the hash; scrypt's cost is chosen
so that a stolen file is of no use to whoever hopes that a secret was weak, and that a hundred
requests do not take a gigabyte.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Final

N, R, P = 2**14, 8, 1
"""16 MiB and some 40 ms."""
LONGEST: Final = 256
"""Characters of a secret that are compared."""


def make() -> str:
    """Return a new secret."""
    return secrets.token_urlsafe(32)


def hashed(secret: str, salt: bytes | None = None) -> str:
    """Return the hash of *secret*: ``scrypt:SALT:KEY``."""
    salt = secrets.token_bytes(16) if salt is None else salt
    return f"scrypt:{_text(salt)}:{_text(_key(secret, salt))}"


def fits(secret: str, hash: str) -> bool:
    """Tell whether *secret* is the one behind *hash*; takes as long either way."""
    _, salt, _ = hash.split(":")
    same = hmac.compare_digest(hashed(secret[:LONGEST], _bytes(salt)), hash)
    return same and len(secret) <= LONGEST


def _key(secret: str, salt: bytes) -> bytes:
    data = secret.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=N, r=R, p=P, maxmem=64 * 1024 * 1024, dklen=32)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
