"""Addresses: base58check with verusd's version bytes."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

KEY_HASH: Final = 60
"""Version byte of an R-address."""
SCRIPT_HASH: Final = 85
"""Version byte of a b-address."""
IDENTITY: Final = 102
"""Version byte of an i-address."""

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_CHECK: Final = 4
_SIZE: Final = 21


@lru_cache(maxsize=4096)
def encode(version: int, payload: bytes) -> str:
    """Write *payload* (20 bytes) under *version* as base58check."""
    body = bytes([version]) + payload
    body += _checksum(body)
    number = int.from_bytes(body)
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(body) - len(body.lstrip(b"\0"))) + digits


@lru_cache(maxsize=4096)
def decode(text: str) -> tuple[int, bytes]:
    """Read an address back into its version byte and its 20 bytes.

    Raises:
        ValueError: a foreign character, a wrong length, or a wrong checksum.
    """
    number = 0
    for character in text:
        number = number * 58 + _ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    body = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)
    if len(body) != _SIZE + _CHECK or _checksum(body[:_SIZE]) != body[_SIZE:]:
        raise ValueError(f"{text!r} is no address")
    return body[0], body[1:_SIZE]


def _checksum(body: bytes) -> bytes:
    return sha256(sha256(body).digest()).digest()[:_CHECK]
