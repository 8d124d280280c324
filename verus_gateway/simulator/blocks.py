"""Blocks: what they hold, and the fields that follow from it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, shake_256
from typing import Final

from verus_gateway.simulator.transactions import NOWHERE, Transaction, digest

VERSION: Final = 65540
SPACING: Final = 60
"""Seconds between two blocks of the history that exists at the start."""

_POW_LIMIT: Final = 0x200F0F0F
_MANTISSA: Final = 0xFFFFFF
_SOLUTION: Final = 1344
HEADER_SIZE: Final = 4 + 3 * 32 + 8 + 32 + 3 + _SOLUTION
"""Bytes of a serialised header."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block, with the accumulated work and stake of the chain below it.

    ``time`` is not under the hash: the same seed makes the same hashes whenever it runs.
    """

    height: int
    hash: str
    previous: str
    merkleroot: str
    time: int
    bits: int
    work: int
    stake: int
    minted: bool
    transactions: tuple[Transaction, ...]

    @property
    def difficulty(self) -> float:
        """The proof-of-work difficulty, a plain double as in verusd."""
        share = (_POW_LIMIT & _MANTISSA) / (self.bits & _MANTISSA)
        return share * 256.0 ** ((_POW_LIMIT >> 24) - (self.bits >> 24))

    @property
    def nonce(self) -> str:
        """32 bytes in hex."""
        return self.field("nonce").hex()

    @property
    def saplingroot(self) -> str:
        """The root of the shielded commitments, of which there are none."""
        return sha256(b"no commitments").hexdigest()

    @property
    def solution(self) -> bytes:
        """1344 bytes that look like a solution."""
        return shake_256(f"{self.hash} solution".encode()).digest(_SOLUTION)

    @property
    def header(self) -> bytes:
        """The header in the form verusd serialises it."""
        roots = (self.previous, self.merkleroot, self.saplingroot)
        parts = [struct.pack("<i", VERSION)]
        parts += [bytes.fromhex(root)[::-1] for root in roots]
        parts.append(struct.pack("<II", self.time, self.bits))
        parts += [bytes.fromhex(self.nonce)[::-1], b"\xfd", struct.pack("<H", _SOLUTION)]
        return b"".join([*parts, self.solution])

    @property
    def raw(self) -> bytes:
        """The whole block, serialised."""
        count = len(self.transactions)
        prefix = bytes([count]) if count < 0xFD else b"\xfd" + struct.pack("<H", count)  # noqa: PLR2004  the format's own bound
        return b"".join([self.header, prefix, *(each.raw for each in self.transactions)])

    def field(self, name: str) -> bytes:
        """Return 32 bytes that belong to this block under *name*."""
        return sha256(f"{self.hash} {name}".encode()).digest()


def forge(
    below: Block | None, transactions: Sequence[Transaction], *, time: int, salt: str
) -> Block:
    """Put *transactions* into the block above *below*; *salt* sets apart blocks of one height."""
    height = 0 if below is None else below.height + 1
    previous = NOWHERE if below is None else below.hash
    root = merkle([transaction.txid for transaction in transactions])
    name = digest(f"{previous}{root}{salt}".encode())
    dice = int(name[:8], 16)
    bits = 0x1B010000 | dice & 0xFFFF
    work = (1 << 256) // ((bits & _MANTISSA) << 192)
    return Block(
        height=height,
        hash=name,
        previous=previous,
        merkleroot=root,
        time=time,
        bits=bits,
        work=work + (0 if below is None else below.work),
        stake=work // 2 + (0 if below is None else below.stake),
        minted=height > 0 and dice >> 16 & 1 == 1,
        transactions=tuple(transactions),
    )


def merkle(txids: Sequence[str]) -> str:
    """Return the root over *txids*, an odd one paired with itself."""
    level = [bytes.fromhex(txid)[::-1] for txid in txids]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [sha256(sha256(left + right).digest()).digest() for left, right in pairs]
    return level[0][::-1].hex()
