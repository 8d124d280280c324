"""Bytes as verusd serialises them: sizes, words, amounts and texts, read and written."""

import struct
from typing import Final, NoReturn

_WORD: Final = 0xFD
_SHORT: Final = 1 << 16


class Reader:
    """Takes one piece after another from serialised bytes.

    Every method raises ValueError where the bytes end too early.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next *count* bytes."""
        piece = self._raw[self._at : self._at + count]
        if len(piece) != count:
            _truncated()
        self._at += count
        return piece

    def rest(self) -> bytes:
        """Return what is left, without taking it."""
        return self._raw[self._at :]

    def word(self) -> int:
        """Take 32 bits, the lowest byte first."""
        return int.from_bytes(self.take(4), "little")

    def amount(self) -> int:
        """Take 64 signed bits, the lowest byte first."""
        return int.from_bytes(self.take(8), "little", signed=True)

    def size(self) -> int:
        """Take a size in one, three, five or nine bytes."""
        first = self.take(1)[0]
        if first < _WORD:
            return first
        return int.from_bytes(self.take(2 << (first - _WORD)), "little")

    def blob(self) -> bytes:
        """Take a size, and as many bytes."""
        return self.take(self.size())


def size(count: int) -> bytes:
    """Write a size in its shortest form."""
    if count < _WORD:
        return bytes([count])
    if count < _SHORT:
        return b"\xfd" + struct.pack("<H", count)
    return b"\xfe" + struct.pack("<I", count)


def blob(data: bytes) -> bytes:
    """Write the size of *data*, and *data*."""
    return size(len(data)) + data


def word(number: int) -> bytes:
    """Write 32 bits, the lowest byte first."""
    return struct.pack("<I", number)


def amount(satoshis: int) -> bytes:
    """Write 64 signed bits, the lowest byte first."""
    return struct.pack("<q", satoshis)


def _truncated() -> NoReturn:
    raise ValueError("truncated")
