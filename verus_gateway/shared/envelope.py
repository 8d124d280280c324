"""A kept answer as it stands in Redis, where anybody may have written anything.

    magic and version 3 · flags 1 · wall time of sending 8 · bytes of the value 4
    · bytes of the tip 1 · tip · body · digest 16

The body is the value, compressed where the flag says so. The digest covers the name under
which it stands and everything before it; with a key it is a message authentication code
(keyed BLAKE2b, RFC 7693), and nobody without the key can make one. What does not fit in every
respect is no envelope: it raises `Broken`, whatever it is.
"""

import hmac
import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

MAGIC: Final = b"VG\x01"
"""Two letters and the version; another version is another gateway's, and a miss."""
COMPRESSED: Final = 1
PAYS_FROM: Final = 2_048
"""Bytes of a value from which compressing is tried; see docs/decisions for the figures."""
PAYS_UNDER: Final = 0.8
"""Share of its bytes under which the compressed form is kept."""
LEVEL: Final = 1
SIZE: Final = 16
"""Bytes of the digest."""

_HEAD: Final = struct.Struct(">3sBdIB")
_LONGEST_TIP: Final = 255


class Broken(Exception):
    """What stands there is no envelope of ours: poisoned, cut off, foreign or too large."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What an envelope holds.

    Attributes:
        value: The result's JSON text.
        sent_at: When its call was sent, in seconds since 1970 on the sender's clock.
        tip: The hash of the newest block heard of then.
    """

    value: bytes
    sent_at: float
    tip: str


class Envelopes:
    """Seals and opens.

    Args:
        key: Of the digests; empty where Redis is trusted.
        most: Bytes of one value, at most, on the way in and out.
    """

    def __init__(self, key: bytes, most: int) -> None:
        self._key = key[:64]
        self.most = most

    def seal(self, name: bytes, letter: Letter) -> bytes:
        """Return *letter* as it is to stand under *name*."""
        tip = letter.tip.encode()[:_LONGEST_TIP]
        body, flags = _pressed(letter.value)
        head = _HEAD.pack(MAGIC, flags, letter.sent_at, len(letter.value), len(tip))
        sealed = head + tip + body
        return sealed + self._digest(name, sealed)

    def open(self, name: bytes, text: bytes) -> Letter:
        """Return what *text*, found under *name*, holds.

        Raises:
            Broken: it was not sealed by one of us, or not for this name.
        """
        if len(text) < _HEAD.size + SIZE:
            raise Broken("too short")
        sealed, digest = text[:-SIZE], text[-SIZE:]
        magic, flags, sent_at, size, tip_size = _HEAD.unpack_from(sealed)
        if magic != MAGIC:
            raise Broken("another version")
        if size > self.most:
            raise Broken("too large")
        if not hmac.compare_digest(digest, self._digest(name, sealed)):
            raise Broken("the digest is wrong")
        start = _HEAD.size + tip_size
        value = _unpressed(sealed[start:], size) if flags & COMPRESSED else sealed[start:]
        if len(value) != size:
            raise Broken("not as long as it says")
        return Letter(value, sent_at, sealed[_HEAD.size : start].decode("ascii", "replace"))

    def _digest(self, name: bytes, sealed: bytes) -> bytes:
        return blake2b(
            len(name).to_bytes(4, "big") + name + sealed, digest_size=SIZE, key=self._key
        ).digest()


def _pressed(value: bytes) -> tuple[bytes, int]:
    if len(value) >= PAYS_FROM:
        pressed = zlib.compress(value, LEVEL)
        if len(pressed) < len(value) * PAYS_UNDER:
            return pressed, COMPRESSED
    return value, 0


def _unpressed(body: bytes, size: int) -> bytes:
    press = zlib.decompressobj()
    try:
        return press.decompress(body, size + 1)  # never more than was promised
    except zlib.error as error:
        raise Broken("not compressed as it says") from error
