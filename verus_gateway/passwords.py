"""Secrets that are shown again, kept as scrypt hashes (RFC 7914) and compared in constant time.

A hash is ``scrypt:LN:R:P:SALT:KEY``: scrypt's three costs (the first as a power of two), then
salt and key in base64url without padding.
"""

import base64
import binascii
import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from typing import Final

LN, R, P = 15, 8, 3
"""32 MiB and a quarter of a second: OWASP's password storage cheat sheet, its third choice."""
MOST_MEMORY: Final = 256 * 1024 * 1024
"""Bytes that one comparison may take."""
MOST_LN: Final = 20
MOST_PARALLEL: Final = 16
SALT: Final = 16
"""Bytes of a salt."""
KEY: Final = 32
"""Bytes of a key."""
SHORTEST: Final = 12
"""Characters of a password that people choose."""


@dataclass(frozen=True, slots=True)
class Hash:
    """A secret's hash, and what it cost.

    Attributes:
        ln: The power of two that is scrypt's N.
        r: Its block size.
        p: Its parallelisation.
        salt: `SALT` bytes or more.
        key: `KEY` bytes or more.
    """

    ln: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<Hash scrypt, N=2^{self.ln}, r={self.r}, p={self.p}>"

    def __str__(self) -> str:
        return f"scrypt:{self.ln}:{self.r}:{self.p}:{_text(self.salt)}:{_text(self.key)}"

    @property
    def cheap(self) -> bool:
        """Whether guessing costs less than with the costs of today."""
        return bool(self.p * self.r * 2**self.ln < P * R * 2**LN)

    def fits(self, secret: str) -> bool:
        """Tell whether *secret* is the one; takes as long either way."""
        return hmac.compare_digest(_key(secret, self), self.key)


def hashed(secret: str, salt: bytes, *, ln: int = LN, r: int = R, p: int = P) -> Hash:
    """Return the hash of *secret*; *salt* is `SALT` random bytes."""
    bare = Hash(ln, r, p, salt, bytes(KEY))
    return Hash(ln, r, p, salt, _key(secret, bare))


def read(text: str) -> Hash:
    """Return the hash that *text* stands for.

    Raises:
        ValueError: it is none, or one that would cost too much to compare with.
    """
    parts = text.strip().split(":")
    if len(parts) != 6 or parts[0] != "scrypt":  # noqa: PLR2004  the form above
        raise ValueError("is no hash as `verus-gateway admin hash-password` makes them")
    try:
        ln, r, p = (int(part) for part in parts[1:4])
        salt, key = (_bytes(part) for part in parts[4:])
    except (ValueError, binascii.Error):
        raise ValueError("is a hash that was cut or changed") from None
    if not (0 < ln <= MOST_LN and r > 0 and 0 < p <= MOST_PARALLEL):
        raise ValueError("is a hash with costs out of range")
    if 128 * r * 2**ln > MOST_MEMORY:
        raise ValueError("is a hash that takes too much memory")
    if len(salt) < SALT or len(key) < KEY:
        raise ValueError("is a hash that was cut or changed")
    return Hash(ln, r, p, salt, key)


def _key(secret: str, hash: Hash) -> bytes:
    # Normal form C: the same letters typed on another machine are the same password.
    return hashlib.scrypt(
        unicodedata.normalize("NFC", secret).encode("utf-8", "surrogatepass"),
        salt=hash.salt,
        n=2**hash.ln,
        r=hash.r,
        p=hash.p,
        maxmem=2 * MOST_MEMORY,
        dklen=len(hash.key),
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
