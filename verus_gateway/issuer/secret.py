"""Secrets of clients: made here, shown once, kept as hashes.

A secret is 256 random bits, so guessing is hopeless whatever the hash costs. It costs less than
a password's, so that a hundred requests do not take the machine.
"""

import secrets
from typing import Final

from verus_gateway import passwords

LN, R, P = 14, 8, 1
"""16 MiB and some 40 ms."""
LONGEST: Final = 256
"""Characters of a secret that are compared."""
NONE: Final = f"scrypt:{LN}:{R}:{P}:{'A' * 22}:{'A' * 43}"
"""A hash that no secret fits."""


def make() -> str:
    """Return a new secret."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return the hash of *secret* as it is kept."""
    salt = secrets.token_bytes(passwords.SALT)
    return str(passwords.hashed(secret, salt, ln=LN, r=R, p=P))


def fits(secret: str, hash: str) -> bool:
    """Tell whether *secret* is the one behind *hash*; takes as long either way."""
    same = passwords.read(hash).fits(secret[:LONGEST])
    return same and len(secret) <= LONGEST


def check(hash: str) -> None:
    """Let a hash pass that secrets can be compared with.

    Raises:
        ValueError: it was cut or changed, or would cost too much.
    """
    passwords.read(hash)
