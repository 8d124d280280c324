"""Transparent transactions in the Sapling format: their bytes and their ids."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from verus_gateway.simulator.stream import Reader, amount, blob, size, word

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
        return bool(self.inputs) and self.inputs[0].txid == NOWHERE


def digest(data: bytes) -> str:
    """Hash twice with SHA-256, written as verusd writes ids: last byte first."""
    return sha256(sha256(data).digest()).digest()[::-1].hex()


def build(
    inputs: Sequence[Input], outputs: Sequence[Output], *, expiry: int = 0, locktime: int = 0
) -> Transaction:
    """Serialise a transaction and name it."""
    parts = [_HEADER, size(len(inputs))]
    for spent in inputs:
        parts += (bytes.fromhex(spent.txid)[::-1], word(spent.n))
        parts += (blob(spent.script), word(spent.sequence))
    parts.append(size(len(outputs)))
    for paid in outputs:
        parts += (amount(paid.value), blob(paid.script))
    parts += (word(locktime), word(expiry), _TAIL)
    raw = b"".join(parts)
    return Transaction(digest(raw), raw, tuple(inputs), tuple(outputs), locktime, expiry)


def read(raw: bytes) -> Transaction:
    """Read a serialised transaction back.

    Raises:
        ValueError: truncated, trailing bytes, another version, or shielded parts, which the
            simulated chain does not have.
    """
    reader = Reader(raw)
    if reader.take(len(_HEADER)) != _HEADER:
        raise ValueError("not a Sapling transaction")
    inputs = [_input(reader) for _ in range(reader.size())]
    outputs = [_output(reader) for _ in range(reader.size())]
    locktime, expiry = reader.word(), reader.word()
    if reader.rest() != _TAIL:
        raise ValueError("shielded parts or trailing bytes")
    if not all(0 <= paid.value <= MAX_MONEY for paid in outputs):
        raise ValueError("an amount out of range")
    again = build(inputs, outputs, expiry=expiry, locktime=locktime)
    if again.raw != raw:
        raise ValueError("a size not written in its shortest form")
    return again


def _input(reader: Reader) -> Input:
    txid = reader.take(32)[::-1].hex()
    n = reader.word()
    return Input(txid, n, reader.blob(), reader.word())


def _output(reader: Reader) -> Output:
    return Output(reader.amount(), reader.blob())
