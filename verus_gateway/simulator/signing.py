"""What verusd signs for whom: digests of messages, and the signatures of identities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from verus_gateway.simulator import curve
from verus_gateway.simulator.identities import Identity
from verus_gateway.simulator.scripts import owner
from verus_gateway.simulator.stream import Reader, blob, size, word

PREFIX: Final = b"Verus signed data:\n"
"""In front of everything that is signed."""
SHA256: Final = 5
"""verusd's number of the hash that signatures are made with here."""
OLD, NEW = 1, 2
_LONGEST: Final = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """What a signature of the newer form also covers."""

    keys: Sequence[bytes] = ()
    names: Sequence[str] = ()
    hashes: Sequence[bytes] = ()
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of an identity at a height, by one or several of its keys."""

    height: int
    seals: tuple[bytes, ...]
    version: int = OLD
    bound: Bound = field(default_factory=Bound)

    def pack(self) -> bytes:
        """Serialise it as verusd does, before base64."""
        kind = [] if self.version == OLD else [bytes([SHA256])]
        parts = [bytes([self.version]), *kind, word(self.height), size(len(self.seals))]
        return b"".join([*parts, *map(blob, self.seals)])


def read(raw: bytes) -> Signature | None:
    """Read a serialised signature of an identity, or return None."""
    reader = Reader(raw)
    try:
        version = reader.take(1)[0]
        if version not in {OLD, NEW} or (version == NEW and reader.take(1)[0] != SHA256):
            return None
        height, count = reader.word(), reader.size()
        if not 0 < count <= _LONGEST:
            return None
        seals = tuple(reader.blob() for _ in range(count))
    except ValueError:
        return None
    return None if reader.rest() else Signature(height, seals, version)


def message_digest(message: bytes) -> bytes:
    """Return the digest of a message, its size in front of it."""
    return sha256(blob(message)).digest()


def address_digest(digest: bytes) -> bytes:
    """Return what the key of an R-address signs for a message's *digest*."""
    return sha256(blob(PREFIX) + digest).digest()


def identity_digest(signature: Signature, identity: bytes, system: bytes, digest: bytes) -> bytes:
    """Return what the keys of an identity sign for a message's *digest*."""
    rest = system + word(signature.height) + identity
    if signature.version == OLD:
        return sha256(blob(PREFIX) + rest + digest).digest()
    bound = signature.bound
    covered = _several(bound.keys) + _several([blob(n.encode()) for n in bound.names])
    covered += _several(bound.hashes)
    prefix = blob(bound.prefix) if bound.prefix else b""
    return sha256(covered + rest + prefix + digest).digest()


def _several(items: Sequence[bytes]) -> bytes:
    return size(len(items)) + b"".join(sorted(items)) if items else b""


def signers_of(seals: Iterable[bytes], digest: bytes) -> set[str] | None:
    """Return the R-addresses whose keys made *seals*, or None where one is nobody's."""
    keys = [curve.recover(seal, digest) for seal in seals]
    return None if None in keys else {owner(key) for key in keys if key is not None}


def complete(signature: Signature, identity: Identity, digest: bytes) -> bool:
    """Whether enough keys of an identity, and no others, signed a message's *digest*."""
    made = identity_digest(signature, identity.id, identity.system, digest)
    found = signers_of(signature.seals, made)
    known = found is not None and found <= set(identity.primaries) and not identity.revoked
    return known and len(found or ()) >= identity.minimum
