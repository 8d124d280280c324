"""Proofs that transactions are in a block: a partial Merkle tree, as Bitcoin serialises it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from verus_gateway.simulator.stream import Reader, blob, size, word


@dataclass(slots=True)
class _Tree:
    """A walk over the tree: the bits and hashes that it writes, or reads."""

    count: int
    bits: list[bool] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    at: int = 0
    used: int = 0

    @property
    def height(self) -> int:
        return max(0, self.count - 1).bit_length()

    def width(self, height: int) -> int:
        return (self.count + (1 << height) - 1) >> height

    def hash(self, leaves: Sequence[bytes], height: int, at: int) -> bytes:
        if not height:
            return leaves[at]
        left = self.hash(leaves, height - 1, at * 2)
        last = at * 2 + 1 >= self.width(height - 1)
        return _pair(left, left if last else self.hash(leaves, height - 1, at * 2 + 1))

    def write(self, leaves: Sequence[bytes], wanted: Sequence[bool], height: int, at: int) -> None:
        within = any(wanted[at << height : (at + 1) << height])
        self.bits.append(within)
        if not height or not within:
            self.hashes.append(self.hash(leaves, height, at))
            return
        self.write(leaves, wanted, height - 1, at * 2)
        if at * 2 + 1 < self.width(height - 1):
            self.write(leaves, wanted, height - 1, at * 2 + 1)

    def read(self, height: int, at: int) -> bytes:
        if self.at >= len(self.bits):
            raise ValueError("too few bits")
        within = self.bits[self.at]
        self.at += 1
        if not height or not within:
            if self.used >= len(self.hashes):
                raise ValueError("too few hashes")
            name = self.hashes[self.used]
            self.used += 1
            if within:
                self.found.append(name[::-1].hex())
            return name
        left = self.read(height - 1, at * 2)
        last = at * 2 + 1 >= self.width(height - 1)
        return _pair(left, left if last else self.read(height - 1, at * 2 + 1))


def prove(txids: Sequence[str], wanted: frozenset[str]) -> bytes:
    """Return the proof that the *wanted* ones of a block's *txids* are in it."""
    leaves = [bytes.fromhex(txid)[::-1] for txid in txids]
    tree = _Tree(len(txids))
    tree.write(leaves, [txid in wanted for txid in txids], tree.height, 0)
    packed = bytearray((len(tree.bits) + 7) // 8)
    for n, bit in enumerate(tree.bits):
        packed[n // 8] |= bit << n % 8
    return b"".join([word(len(txids)), size(len(tree.hashes)), *tree.hashes, blob(bytes(packed))])


def check(proof: bytes) -> tuple[str, list[str]]:
    """Return the Merkle root that a proof leads to, and the ids of the transactions it proves.

    Raises:
        ValueError: it is none, or has more than it needs.
    """
    reader = Reader(proof)
    tree = _Tree(reader.word())
    tree.hashes = [reader.take(32) for _ in range(reader.size())]
    packed = reader.blob()
    tree.bits = [bool(packed[n // 8] >> n % 8 & 1) for n in range(len(packed) * 8)]
    if not tree.count or reader.rest():
        raise ValueError("no transactions, or trailing bytes")
    root = tree.read(tree.height, 0)
    if tree.used != len(tree.hashes) or (tree.at + 7) // 8 != len(packed):
        raise ValueError("more than is needed")
    return root[::-1].hex(), tree.found


def _pair(left: bytes, right: bytes) -> bytes:
    return sha256(sha256(left + right).digest()).digest()
