"""Balances, outputs and history by address."""

from collections.abc import Mapping

from verus_gateway.plugin import (
    ADDRESS,
    BOOLEAN,
    HEIGHT,
    HEX,
    MEMPOOL,
    READ,
    TIP,
    Kind,
    Stale,
    array,
    either,
    integer,
    members,
    method,
    required,
    text,
    turned,
)

ADDRESSES = array(ADDRESS, most=1000)
STATIC = 86400.0
"""Seconds: the answer depends on the text alone, its form on verusd's version."""


def of_addresses(optional: Mapping[str, Kind]) -> Kind:
    """Return the kind of the one object that verusd's address index takes.

    verusd also takes a single address as text; it becomes the object here, so that both
    spellings share one answer.
    """
    alone = turned(ADDRESS, lambda address: {"addresses": [address]})
    return either(members({"addresses": ADDRESSES}, optional), alone)


RANGE = {"start": HEIGHT, "end": HEIGHT}
NAMES = {"friendlynames": BOOLEAN, "verbosity": integer(low=0, high=1)}

METHODS = (
    method(
        "getaddressbalance",
        required("query", of_addresses(NAMES)),
        summary="Balance of addresses, by currency.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=2,
    ),
    method(
        "getaddressdeltas",
        required("query", of_addresses(NAMES | RANGE | {"chaininfo": BOOLEAN})),
        summary="Every change of addresses' balances.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getaddressmempool",
        required("query", of_addresses(NAMES)),
        summary="Changes of addresses' balances that wait for a block.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=Stale(60),
        cost=2,
    ),
    method(
        "getaddresstxids",
        required("query", of_addresses(RANGE)),
        summary="Ids of the transactions that touch addresses.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getaddressutxos",
        required("query", of_addresses(NAMES | {"chaininfo": BOOLEAN})),
        summary="Unspent outputs of addresses, as of the newest block.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "createmultisig",
        required("nrequired", integer("a number of signatures", low=1, high=16)),
        required("keys", array(either(HEX, ADDRESS), most=16)),
        summary="Address and script that need several signatures.",
        scope=READ,
        ttl=STATIC,
        fallback=Stale(STATIC),
    ),
    method(
        "validateaddress",
        required("address", text(longest=256)),  # it says itself what is wrong with the text
        summary="Whether a text is an address, and what kind.",
        scope=READ,
        ttl=STATIC,
        fallback=Stale(STATIC),
    ),
    method(
        "z_validateaddress",
        required("zaddr", text(longest=256)),
        summary="Whether a text is a shielded address, and what kind.",
        scope=READ,
        ttl=STATIC,
        fallback=Stale(STATIC),
    ),
)
