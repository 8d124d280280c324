"""RIPEMD-160, which not every build of OpenSSL has, and the hash that ids are made of."""

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Final

_WORD: Final = 0xFFFFFFFF
_BLOCK: Final = 64
_START: Final[tuple[int, ...]] = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)

_LEFT_WORDS: Final = (
    "0123456789abcdef74d1a6f3c0952eb83ae49f812706db5c19ba08c4d37fe56240597c2ae138b6fd"
)
_RIGHT_WORDS: Final = (
    "5e7092b4d6f81a3c6b370d5aef8c4912f5137e69b8c2a04d86413bf05c2d97aecfa4158762de039b"
)
_LEFT_TURNS: Final = (
    "befc5879bdef6798768db97f7cf9b7dcbd67e9dfe8d65c75bcefef989e56865c9f5b68dc5cdeb856"
)
_RIGHT_TURNS: Final = (
    "899bdff5778beec69df7c89b77c76fdb97fb866ecd5edd75f58bee6e69c9c5f885c9c5e68d65fdbb"
)
_LEFT_ADDED: Final = (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
_RIGHT_ADDED: Final = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000)
_MIXERS: Final[tuple[Callable[[int, int, int], int], ...]] = (
    lambda x, y, z: x ^ y ^ z,
    lambda x, y, z: (x & y) | (~x & z),
    lambda x, y, z: (x | ~y) ^ z,
    lambda x, y, z: (x & z) | (y & ~z),
    lambda x, y, z: x ^ (y | ~z),
)


def hash160(data: bytes) -> bytes:
    """Hash with SHA-256, then RIPEMD-160: 20 bytes, what addresses and ids are made of."""
    return ripemd160(sha256(data).digest())


def ripemd160(data: bytes) -> bytes:
    """Return the 20 bytes of RIPEMD-160 (Dobbertin, Bosselaers, Preneel, 1996)."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % _BLOCK) + struct.pack("<Q", len(data) * 8)
    state = _START
    for at in range(0, len(padded), _BLOCK):
        state = _compress(state, struct.unpack("<16I", padded[at : at + _BLOCK]))
    return struct.pack("<5I", *state)


def _compress(state: tuple[int, ...], words: tuple[int, ...]) -> tuple[int, ...]:
    left = _line(state, words, _LEFT_WORDS, _LEFT_TURNS, _LEFT_ADDED, _MIXERS)
    right = _line(state, words, _RIGHT_WORDS, _RIGHT_TURNS, _RIGHT_ADDED, _MIXERS[::-1])
    order = (1, 2, 3, 4, 0)
    return tuple(state[n] + left[(n + 1) % 5] + right[(n + 2) % 5] & _WORD for n in order)


def _line(  # noqa: PLR0917  what sets one of the two lines apart from the other
    state: tuple[int, ...],
    words: tuple[int, ...],
    order: str,
    turns: str,
    added: tuple[int, ...],
    mixers: tuple[Callable[[int, int, int], int], ...],
) -> tuple[int, ...]:
    a, b, c, d, e = state
    for step in range(80):
        mixed = mixers[step // 16](b, c, d)
        total = a + mixed + words[int(order[step], 16)] + added[step // 16]
        a, b, c, d, e = e, _turn(total, int(turns[step], 16)) + e & _WORD, b, _turn(c, 10), d
    return a, b, c, d, e


def _turn(word: int, by: int) -> int:
    word &= _WORD
    return (word << by | word >> (32 - by)) & _WORD
