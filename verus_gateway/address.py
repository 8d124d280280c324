"""Where a request comes from: the client's address, also behind proxies.

A header that names the client is believed only as far as proxies of our own wrote it. They
append, so it is read from its right end: the first address that is not one of theirs is the
client's. What stands further left anybody can have written.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Final, TypeAlias

import msgspec

Ip: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNIX: Final = "unix:"
"""Stands for the peer of a Unix socket, which has no address."""
LONGEST: Final = 1_024
"""Characters of a header that are looked at, from its right end."""
MOST_HOPS: Final = 16
"""Addresses of a header that are looked at."""
PREFIX: Final = 64
"""Bits of an IPv6 address that one subscriber has, at least (RFC 6177, RFC 4291 2.5.4)."""
REMEMBERED: Final = 4_096
"""Pairs of peer and header whose client is remembered."""


class Address(msgspec.Struct, frozen=True):
    """A client's address.

    Attributes:
        text: The address itself; `UNIX` for a Unix socket.
        group: What counts as one client: an IPv4 address, or an IPv6 network of 64 bits.
    """

    text: str
    group: str


class Addresses:
    """Tells the client of a request.

    Args:
        trusted: Networks of our own proxies; `UNIX` stands for all peers of a Unix socket.
        header: The one header that these proxies append to, ``X-Forwarded-For`` or
            ``Forwarded`` (RFC 7239). No other is read: a proxy passes on what it does not know.

    Raises:
        ValueError: one of *trusted* is no network.
    """

    def __init__(self, trusted: Iterable[str] = (), header: str = "X-Forwarded-For") -> None:
        names = set(trusted)
        self.header = header
        self.proxied = bool(names)
        self._unix = UNIX in names
        self._networks = tuple(ip_network(name) for name in sorted(names - {UNIX}))
        self.client = lru_cache(REMEMBERED)(self._client)
        """Return the `Address` for a peer and, where `proxied`, all values of the header."""

    def __repr__(self) -> str:
        return f"<Addresses behind {len(self._networks)} networks of proxies, by {self.header}>"

    def _client(self, peer: str, forwarded: str = "") -> Address:
        found = parse(peer)
        if found is None:
            trusted, address = self._unix, Address(UNIX, UNIX)
        else:
            trusted, address = self._is_ours(found), _address(found)
        for hop in self._hops(forwarded) if trusted else ():
            found = parse(hop)
            if found is None:
                break  # a proxy of ours did not write that: who is left of it is not known
            address = _address(found)
            if not self._is_ours(found):
                break
        return address

    def _hops(self, forwarded: str) -> list[str]:
        """Return the addresses that proxies wrote, the newest first."""
        # What is cut off at the left end may have lost its beginning: it is not looked at.
        whole = len(forwarded) <= LONGEST
        written = forwarded[-LONGEST:].split(",")[0 if whole else 1 :][-MOST_HOPS:]
        hops = reversed(written)
        return [_for(hop) if self.header == "Forwarded" else hop.strip() for hop in hops]

    def _is_ours(self, address: Ip) -> bool:
        return any(
            address.version == network.version and address in network for network in self._networks
        )


def parse(text: str) -> Ip | None:
    """Return the address in *text*, without port, brackets and zone; None where there is none.

    An IPv4 address that an IPv6 socket saw (``::ffff:192.0.2.1``) is that IPv4 address.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _address(found: Ip) -> Address:
    text = str(found)
    if found.version == 4:  # noqa: PLR2004  IP's version
        return Address(text, text)
    return Address(text, str(ip_interface(f"{text}/{PREFIX}").network))


def _for(element: str) -> str:
    """Return what ``for=`` says in one element of ``Forwarded``; nothing where it is missing."""
    for pair in element.split(";"):
        name, _, said = pair.strip().partition("=")
        if name.lower() == "for":
            return said.strip('"')
    return ""
