"""Ids that follow from names: identities, currencies and VDXF keys, as verusd derives them."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.ripemd import hash160

DATA_SEPARATOR: Final = "::"
"""Stands between a namespace and a key in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What has its id from its name: an identity or a currency.

    Attributes:
        name: Without its parent.
        parent: Id of the currency under which it was registered or defined.
    """

    name: str
    parent: bytes

    @property
    def id(self) -> bytes:
        """Its 20 bytes."""
        return child(self.name, self.parent)

    @property
    def address(self) -> str:
        """Its i-address."""
        return base58.encode(base58.IDENTITY, self.id)


@lru_cache(maxsize=4096)
def child(name: str, parent: bytes | None) -> bytes:
    """Return the 20 bytes of *name* under *parent*; a name without one is a chain's."""
    digest = _twice(name.lower().encode())
    return hash160(digest if parent is None else _twice(parent + digest))


def under(name: str, parent: bytes | None) -> bytes:
    """Return the 20 bytes of a dotted *name*, whose last part lies directly under *parent*."""
    for part in reversed(name.split(".")):
        parent = child(part, parent)
    return parent or b""


def data_key(name: str, namespace: bytes) -> bytes:
    """Return the 20 bytes of the VDXF key *name* in *namespace*."""
    return under(name, child(DATA_SEPARATOR, namespace))


def bound(key: bytes, *parts: bytes) -> bytes:
    """Bind *key* to further data: another key, a hash, a number."""
    for part in parts:
        key = hash160(_twice(key + part))
    return key


def _twice(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()
