"""VerusIDs: what one holds, its bytes in an output, and its versions on the chain."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeAlias

from verus_gateway.simulator import base58
from verus_gateway.simulator.ledger import Coin, Ledger
from verus_gateway.simulator.names import Named
from verus_gateway.simulator.scripts import Smart, smart, understand
from verus_gateway.simulator.stream import Reader, blob, size, word

KIND: Final = 14
"""verusd's evaluation code of an output that is an identity."""
REVOKED: Final = 0x8000
LOCKED: Final = 2
ACTIVE_CURRENCY: Final = 1
VERSION: Final = 3
_KEY: Final = 20
_HASH: Final = 32

Multimap: TypeAlias = tuple[tuple[bytes, tuple[bytes, ...]], ...]
"""Values by VDXF key, several for one key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Named):
    """One version of an identity.

    Attributes:
        primaries: R-addresses that may sign for it.
        minimum: How many of them must.
        revocation, recovery: Ids that may revoke and recover it.
        system: Id of the chain it lives on.
        flags: `REVOKED`, `LOCKED` and `ACTIVE_CURRENCY`.
        contents: Hashes by VDXF key.
        multimap: Data by VDXF key.
        timelock: Height from which it may spend, or blocks to wait where `LOCKED`.
        version: Of its form.
    """

    primaries: tuple[str, ...]
    revocation: bytes
    recovery: bytes
    system: bytes
    minimum: int = 1
    flags: int = 0
    contents: tuple[tuple[bytes, bytes], ...] = ()
    multimap: Multimap = ()
    timelock: int = 0
    version: int = VERSION

    @property
    def revoked(self) -> bool:
        """Whether it may do nothing but be recovered."""
        return bool(self.flags & REVOKED)

    @property
    def script(self) -> bytes:
        """The script of the output that is this version of it."""
        return smart(Smart(KIND, self.address, pack(self)))


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an identity, and the output it is in."""

    identity: Identity
    coin: Coin


def pack(identity: Identity) -> bytes:
    """Serialise an identity as verusd does."""
    keys = [blob(base58.decode(address)[1]) for address in identity.primaries]
    parts = [word(identity.version), word(identity.flags), size(len(keys)), *keys]
    parts += [word(identity.minimum), identity.parent, blob(identity.name.encode())]
    parts.append(size(len(identity.multimap)))
    for key, values in identity.multimap:
        parts += [key, size(len(values)), *map(blob, values)]
    parts.append(size(len(identity.contents)))
    parts += [key + value for key, value in identity.contents]
    parts += [identity.revocation, identity.recovery, size(0), identity.system]
    return b"".join([*parts, word(identity.timelock)])


def unpack(raw: bytes) -> Identity:
    """Read a serialised identity back.

    Raises:
        ValueError: truncated, a name that is no text, or a form other than the newest.
    """
    reader = Reader(raw)
    version, flags = reader.word(), reader.word()
    if version != VERSION:
        raise ValueError("another version")
    keys = [reader.blob() for _ in range(reader.size())]
    minimum, parent, name = reader.word(), reader.take(_KEY), reader.blob().decode()
    multimap = tuple(
        (reader.take(_KEY), tuple(reader.blob() for _ in range(reader.size())))
        for _ in range(reader.size())
    )
    contents = tuple((reader.take(_KEY), reader.take(_HASH)) for _ in range(reader.size()))
    revocation, recovery = reader.take(_KEY), reader.take(_KEY)
    if reader.size() or any(len(key) != _KEY for key in keys):
        raise ValueError("shielded addresses, or addresses that are no key hashes")
    return Identity(
        name=name,
        parent=parent,
        primaries=tuple(base58.encode(base58.KEY_HASH, key) for key in keys),
        revocation=revocation,
        recovery=recovery,
        system=reader.take(_KEY),
        minimum=minimum,
        flags=flags,
        contents=contents,
        multimap=multimap,
        timelock=reader.word(),
    )


@lru_cache(maxsize=4096)
def held_by(script: bytes) -> Identity | None:
    """Return the identity that an output is a version of, or None."""
    found = understand(script)
    if found is None or found.kind != KIND:
        return None
    try:
        identity = unpack(found.payload)
    except ValueError:
        return None
    return identity if identity.address == found.address else None


def history(ledger: Ledger, address: str) -> list[Version]:
    """Return all versions of the identity with an i-address, oldest first."""
    return list(_versions(ledger.ever(address)))


def current(ledger: Ledger) -> list[Version]:
    """Return the newest version of every identity, in the order of their outputs."""
    return list(_versions(ledger.held(KIND)))


def with_content(identity: Identity, key: bytes, value: bytes) -> Identity:
    """Return *identity* with one more hash in its contents, in place of an older one."""
    contents = dict(identity.contents) | {key: value}
    return replace(identity, contents=tuple(sorted(contents.items())))


def _versions(coins: Iterable[Coin]) -> Iterable[Version]:
    for coin in coins:
        identity = held_by(coin.script)
        if identity is not None:
            yield Version(identity, coin)
