"""Transparent transactions in the Sapling format: their bytes, their ids, their scripts."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, NoReturn, TypeAlias

from verus_gateway.simulator import base58

Outpoint: TypeAlias = tuple[str, int]
"""A transaction's id, and the number of one of its outputs."""

NOWHERE: Final = "0" * 64
"""The transaction a coinbase claims to spend."""
COINBASE_INDEX: Final = 0xFFFFFFFF
VERSION: Final = 4
VERSION_GROUP: Final = 0x892F2085
MAX_MONEY: Final = 21_000_000_000_000_000_00

_HEADER: Final = struct.pack("<II", VERSION | 1 << 31, VERSION_GROUP)
_TAIL: Final = bytes(8 + 3)
"""No value balance, no shielded spends, no shielded outputs, no join splits."""
_PAY: Final = (b"\x76\xa9\x14", b"\x88\xac")
_PAY_SIZE: Final = 25
_OPCODES: Final = {
    0x6A: "OP_RETURN",
    0x75: "OP_DROP",
    0x76: "OP_DUP",
    0x87: "OP_EQUAL",
    0x88: "OP_EQUALVERIFY",
    0xA9: "OP_HASH160",
    0xAC: "OP_CHECKSIG",
    0xCC: "OP_CHECKCRYPTOCONDITION",
}
_LONGEST_PUSH: Final = 75
_WORD: Final = 0xFD


@dataclass(frozen=True, slots=True)
class Input:
    """What a transaction spends."""

    txid: str
    n: int
    script: bytes
    sequence: int = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class Output:
    """What a transaction pays, in satoshis."""

    value: int
    script: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction with its serialised bytes and the id that follows from them."""

    txid: str
    raw: bytes
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    locktime: int
    expiry: int

    @property
    def coinbase(self) -> bool:
        """Whether it pays a block's reward."""
        return self.inputs[0].txid == NOWHERE


def digest(data: bytes) -> str:
    """Hash twice with SHA-256, written as verusd writes ids: last byte first."""
    return sha256(sha256(data).digest()).digest()[::-1].hex()


def build(
    inputs: Sequence[Input], outputs: Sequence[Output], *, expiry: int = 0, locktime: int = 0
) -> Transaction:
    """Serialise a transaction and name it."""
    parts = [_HEADER, _size(len(inputs))]
    for spent in inputs:
        parts += (bytes.fromhex(spent.txid)[::-1], struct.pack("<I", spent.n))
        parts += (_size(len(spent.script)), spent.script, struct.pack("<I", spent.sequence))
    parts.append(_size(len(outputs)))
    for paid in outputs:
        parts += (struct.pack("<q", paid.value), _size(len(paid.script)), paid.script)
    parts += (struct.pack("<II", locktime, expiry), _TAIL)
    raw = b"".join(parts)
    return Transaction(digest(raw), raw, tuple(inputs), tuple(outputs), locktime, expiry)


def read(raw: bytes) -> Transaction:
    """Read a serialised transaction back.

    Raises:
        ValueError: truncated, trailing bytes, another version, or shielded parts, which the
            simulated chain does not have.
    """
    reader = _Reader(raw)
    if reader.take(len(_HEADER)) != _HEADER:
        raise ValueError("not a Sapling transaction")
    inputs = [reader.input() for _ in range(reader.size())]
    outputs = [reader.output() for _ in range(reader.size())]
    locktime, expiry = reader.word(), reader.word()
    if reader.rest() != _TAIL:
        raise ValueError("shielded parts or trailing bytes")
    if not inputs or not outputs:
        raise ValueError("no inputs or no outputs")
    if not all(0 <= paid.value <= MAX_MONEY for paid in outputs):
        raise ValueError("an amount out of range")
    again = build(inputs, outputs, expiry=expiry, locktime=locktime)
    if again.raw != raw:
        raise ValueError("a size not written in its shortest form")
    return again


@lru_cache(maxsize=4096)
def pay(address: str) -> bytes:
    """Return the script that pays an R-address.

    Raises:
        ValueError: not a valid R-address.
    """
    version, payload = base58.decode(address)
    if version != base58.KEY_HASH:
        raise ValueError(f"{address} is no R-address")
    return _PAY[0] + payload + _PAY[1]


@lru_cache(maxsize=4096)
def payee(script: bytes) -> str | None:
    """Return the R-address a script pays, or None where it pays no key hash."""
    if len(script) == _PAY_SIZE and script.startswith(_PAY[0]) and script.endswith(_PAY[1]):
        return base58.encode(base58.KEY_HASH, script[3:-2])
    return None


def assembly(script: bytes) -> str:
    """Write a script in words, as verusd's ``asm`` members do."""
    words: list[str] = []
    at = 0
    while at < len(script):
        code = script[at]
        at += 1
        if 0 < code <= _LONGEST_PUSH:
            words.append(script[at : at + code].hex())
            at += code
        else:
            words.append(_OPCODES.get(code, "OP_UNKNOWN"))
    return " ".join(words)


def _size(count: int) -> bytes:
    if count < _WORD:
        return bytes([count])
    if count < 1 << 16:
        return b"\xfd" + struct.pack("<H", count)
    return b"\xfe" + struct.pack("<I", count)


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._raw[self._at : self._at + count]
        if len(piece) != count:
            _truncated()
        self._at += count
        return piece

    def rest(self) -> bytes:
        return self._raw[self._at :]

    def word(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def size(self) -> int:
        first = self.take(1)[0]
        if first < _WORD:
            return first
        return int.from_bytes(self.take(2 << (first - _WORD)), "little")

    def input(self) -> Input:
        txid = self.take(32)[::-1].hex()
        n = self.word()
        return Input(txid, n, self.take(self.size()), self.word())

    def output(self) -> Output:
        value = int.from_bytes(self.take(8), "little", signed=True)
        return Output(value, self.take(self.size()))


def _truncated() -> NoReturn:
    raise ValueError("truncated")
