"""Signatures on secp256k1 that tell the key they were made with; for keys that guard nothing."""

from functools import lru_cache
from hashlib import sha256
from hmac import new as hmac
from typing import Final, TypeAlias

Point: TypeAlias = tuple[int, int, int]
"""Jacobian coordinates; the third is 0 for the point at infinity."""

_P: Final = 2**256 - 2**32 - 977
_N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    1,
)
_COMPACT: Final = 65
_HEADER: Final = 31
"""First byte of a signature by a compressed key, before its two bits."""


@lru_cache(maxsize=256)
def public_key(secret: bytes) -> bytes:
    """Return the compressed public key of a secret key, 33 bytes."""
    x, y = _affine(_multiply(_G, int.from_bytes(secret) % _N))
    return bytes([2 + (y & 1)]) + x.to_bytes(32)


def sign(secret: bytes, digest: bytes) -> bytes:
    """Sign 32 bytes: 65 bytes from which `recover` gives the public key (RFC 6979 nonces)."""
    key = int.from_bytes(secret) % _N
    nonce = _nonce(secret, digest)
    x, y = _affine(_multiply(_G, nonce))
    s = pow(nonce, -1, _N) * (int.from_bytes(digest) + x * key) % _N
    odd = y & 1
    if s > _N // 2:
        s, odd = _N - s, odd ^ 1
    return bytes([_HEADER + odd]) + x.to_bytes(32) + s.to_bytes(32)


def recover(signature: bytes, digest: bytes) -> bytes | None:
    """Return the compressed public key that signed *digest*, or None where none can have."""
    if len(signature) != _COMPACT or not _HEADER <= signature[0] < _HEADER + 2:
        return None
    r, s = int.from_bytes(signature[1:33]), int.from_bytes(signature[33:])
    point = _lift(r, odd=signature[0] - _HEADER)
    if point is None or not (0 < r < _N and 0 < s < _N):
        return None
    inverse = pow(r, -1, _N)
    base = _multiply(_G, -int.from_bytes(digest) * inverse % _N)
    found = _add(base, _multiply(point, s * inverse % _N))
    if not found[2]:
        return None
    x, y = _affine(found)
    return bytes([2 + (y & 1)]) + x.to_bytes(32)


def valid(key: bytes) -> bool:
    """Whether *key* is a compressed public key."""
    compressed = len(key) == 33 and key[0] in {2, 3}  # noqa: PLR2004  one byte and a coordinate
    return compressed and _lift(int.from_bytes(key[1:]), odd=key[0] - 2) is not None


def _lift(x: int, *, odd: int) -> Point | None:
    square = (x * x * x + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if x >= _P or y * y % _P != square:
        return None
    return x, y if y & 1 == odd else _P - y, 1


def _nonce(secret: bytes, digest: bytes) -> int:
    value, key = b"\1" * 32, bytes(32)
    for mark in (b"\0", b"\1"):
        key = hmac(key, value + mark + secret + digest, sha256).digest()
        value = hmac(key, value, sha256).digest()
    return int.from_bytes(hmac(key, value, sha256).digest()) % _N


def _multiply(point: Point, times: int) -> Point:
    total = (0, 1, 0)
    while times:
        if times & 1:
            total = _add(total, point)
        point = _double(point)
        times >>= 1
    return total


def _double(point: Point) -> Point:
    x, y, z = point
    square = y * y % _P
    middle = 4 * x * square % _P
    slope = 3 * x * x % _P
    doubled = (slope * slope - 2 * middle) % _P
    return doubled, (slope * (middle - doubled) - 8 * square * square) % _P, 2 * y * z % _P


def _add(one: Point, other: Point) -> Point:
    if not one[2] or not other[2]:
        return other if not one[2] else one
    first, second = one[2] ** 2 % _P, other[2] ** 2 % _P
    u, v = one[0] * second % _P, other[0] * first % _P
    s, t = one[1] * second * other[2] % _P, other[1] * first * one[2] % _P
    if u == v:
        return _double(one) if s == t else (0, 1, 0)
    h, r = v - u, t - s
    cube = h * h * h % _P
    x = (r * r - cube - 2 * u * h * h) % _P
    return x, (r * (u * h * h - x) - s * cube) % _P, h * one[2] * other[2] % _P


def _affine(point: Point) -> tuple[int, int]:
    inverse = pow(point[2], -1, _P)
    return point[0] * inverse**2 % _P, point[1] * inverse**3 % _P
