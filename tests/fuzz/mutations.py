"""Bytes damaged at random, most often where JSON and HTTP are touchy."""

import random
from collections.abc import Sequence
from typing import Final

LARGEST: Final = 1_500
"""Bytes of an input."""
JSON: Final = (
    *(bytes([each]) for each in b'{}[]",:\\-+.eE0123456789 \t\r\n\x00\x7f\x80\xc0\xed\xff/'),
    b'"id":', b'"method":', b'"params":', b'"jsonrpc":', b'"2.0"', b'"1.0"', b"1.1", b"1e0",
    b"null", b"true", b"false", b"NaN", b"-Infinity", b"1e400", b"1e99999999999999999999", b"-0",
    rb"\u0000", rb"\ud800", rb"\ude00", rb"\u0069d", b'"m\\u0065thod":', b'"getinfo"', b"[]", b"{}",
    b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80", "\u20ac\U0001f600".encode(),
    b"[" * 64, b"]" * 64, b'{"a":' * 63, b"}" * 63, b"9" * 300, b"18446744073709551616",
    b'{"id":1,"method":"m"}', b',"x":', b'{"a":1,"a":2}',
)  # fmt: skip

SETTLED: Final = b"\x1e"
"""Ends a segment; the next one comes once it was dealt with."""
AT_ONCE: Final = b"\x1f"
"""Ends a segment; the next one comes before it was dealt with."""
HTTP: Final = (
    SETTLED, SETTLED, SETTLED, AT_ONCE, AT_ONCE,
    *(bytes([each]) for each in b'\r\n\t :;,=0159aZ/%?{}[]"\x00\x0b\x0c\x7f\x80\xff'),
    b"\r\n\r\n", b"\n\n", b"\r", b"\r\n ", b"\r\n\t", b"GET ", b"PUT ", b"OPTIONS ", b"CONNECT a:1 ",
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/1.10", b"/chain/VRSC", b"/chain/", b"?a=b", b"//", b"%2f", b"#",
    b"\r\nContent-Length: 0", b"\r\nContent-Length: 61", b"\r\nContent-Length:", b"\r\nContent-Length: 1, 1", b"\r\nContent-Length: +61",
    b"\r\nTransfer-Encoding: chunked", b"\r\nTransfer-Encoding:\x0bchunked", b"0\r\n\r\n", b"3d\r\n", b"3d;a=b\r\n",
    b"\r\nConnection: close", b"\r\nConnection: keep-alive", b"\r\nConnection: close, keep-alive", b"\r\nConnection: upgrade\r\nUpgrade: h2c",
    b"\r\nKeep-Alive: timeout=1", b"\r\nExpect: 100-continue", b"\r\nExpect: x", b"\r\nTrailer: X", b"\r\nTE: trailers", b"\r\nUpgrade: websocket",
    b"\r\nContent-Encoding: gzip", b"\r\nContent-Type: application/json", b"\r\nContent-Type: text/plain; charset=utf-16", b"\r\nAccept-Encoding: gzip",
    b"\r\nOrigin: https://page.example", b"\r\nOrigin: null", b"\r\nX-Forwarded-For: 198.51.100.1", b"\r\nX-Forwarded-For: ::1, 203.0.113.9", b"\r\nForwarded: for=1",
    b"\r\nAuthorization: ~READ~", b"\r\nAuthorization: ~PUBLIC~", b"\r\nAuthorization: ~TIGHT~", b"\r\nAuthorization: Bearer x.y.z", b"\r\nAuthorization: Basic dTpw",
    b"\r\nX-App-ID: shop", b"\r\nX-Request-ID: a.b-c", b"\r\nX-Request-ID: a b", b"\r\nHost: gateway", b"\r\nHost: other", b"\r\nX: y", b"\r\nContent_Length: 1",
    b"getblockcount", b"getblockhash", b"getinfo", b"acme.now", b"acme.fails", b"stop", b"rpc.discover", b"[1]", b"[2]", b'"x"', b",", b"null",
    b'{"jsonrpc":"2.0","id":1,"method":"getblockcount"}', b'"jsonrpc":"2.0",', b'"id":7', b'"id": "a"',
)  # fmt: skip
"""Pieces of requests; a word between tildes stands for credentials."""


def damaged(
    chance: random.Random, text: bytes, other: bytes, pieces: Sequence[bytes] = JSON
) -> bytes:
    """Return *text* after a few changes, some of them with *pieces* or parts of *other*."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        match chance.randrange(7):
            case 0:
                text = text[:at] + chance.choice(pieces) + text[at:]
            case 1:
                text = text[:at] + chance.choice(pieces) + text[at + 1 :]
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
