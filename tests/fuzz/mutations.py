"""Bytes damaged at random, most often where JSON is touchy."""

import random
from typing import Final

LARGEST: Final = 1_500
"""Bytes of a body."""
PIECES: Final = (
    *(bytes([each]) for each in b'{}[]",:\\-+.eE0123456789 \t\r\n\x00\x7f\x80\xc0\xed\xff/'),
    b'"id":', b'"method":', b'"params":', b'"jsonrpc":', b'"2.0"', b'"1.0"', b"1.1", b"1e0",
    b"null", b"true", b"false", b"NaN", b"-Infinity", b"1e400", b"1e99999999999999999999", b"-0",
    rb"\u0000", rb"\ud800", rb"\ude00", rb"\u0069d", b'"m\\u0065thod":', b'"getinfo"', b"[]", b"{}",
    b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80", "\u20ac\U0001f600".encode(),
    b"[" * 64, b"]" * 64, b'{"a":' * 63, b"}" * 63, b"9" * 300, b"18446744073709551616",
    b'{"id":1,"method":"m"}', b',"x":', b'{"a":1,"a":2}',
)  # fmt: skip


def damaged(chance: random.Random, text: bytes, other: bytes) -> bytes:
    """Return *text* after a few changes, some of them with parts of *other*."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        match chance.randrange(7):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + chance.choice(PIECES) + text[at + 1 :]
            case 2:
                text = text[:at] + text[min(end, at + 8) :]
            case 3:
                text = text[:end] + text[at:end] + text[end:]
            case 4:
                start = chance.randrange(len(other) + 1)
                text = text[:at] + other[start : start + chance.randrange(1, 60)] + text[at:]
            case 5:
                text = text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
            case _:
                start = chance.randrange(len(other) + 1)
                text = text[:at] + other[start:]
    return text[:LARGEST]
