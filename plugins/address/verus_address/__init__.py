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

# The example exists on the simulated chain, so that whoever reads it can run it.
EXAMPLE_ADDRESS = "RCmEAsdzsbVVaA4qPcHc8xp294MVdYBTZB"
EXAMPLE = {"addresses": [EXAMPLE_ADDRESS]}
EXAMPLE_KEY = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
EXAMPLE_SHIELDED = "zs1z7rejlpsa98s2rrrfkwmaxu53e4ue0ulcrw0h4x5g8jl04tak0d3mm47vdtahatqrlkngh9sly"
ADDRESSES = array(ADDRESS, most=1000)
STATIC = 86400.0
"""Seconds: the answer depends on the text alone, its form on verusd's version and its wallet."""


def of_addresses(optional: Mapping[str, Kind]) -> Kind:
    """Return the kind of the one object that verusd's address index takes.

    verusd also takes a single address as text; it becomes the object here, so that both
    spellings share one answer.
    """
    alone = turned(ADDRESS, lambda address: {"addresses": [address]})
    return either(members({"addresses": ADDRESSES}, optional), alone)


RANGE = {"start": HEIGHT, "end": HEIGHT}
NAMES = {"friendlynames": BOOLEAN, "verbosity": integer(low=0, high=2)}

METHODS = (
    method(
        "getaddressbalance",
        required("query", of_addresses(NAMES), example=EXAMPLE),
        summary="Balance of addresses, by currency.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=2,
    ),
    method(
        "getaddressdeltas",
        required("query", of_addresses(NAMES | RANGE | {"chaininfo": BOOLEAN}), example=EXAMPLE),
        summary="Every change of addresses' balances.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getaddressmempool",
        required("query", of_addresses(NAMES | RANGE | {"chaininfo": BOOLEAN}), example=EXAMPLE),
        summary="Changes of addresses' balances that wait for a block.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=Stale(60),
        cost=2,
    ),
    method(
        "getaddresstxids",
        required("query", of_addresses(RANGE), example=EXAMPLE),
        summary="Ids of the transactions that touch addresses.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getaddressutxos",
        required("query", of_addresses(NAMES | {"chaininfo": BOOLEAN}), example=EXAMPLE),
        summary="Unspent outputs of addresses, as of the newest block.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "createmultisig",
        required("nrequired", integer("a number of signatures", low=1, high=16), example=1),
        required("keys", array(either(HEX, ADDRESS), most=16), example=[EXAMPLE_KEY]),
        summary="Address and script that need several signatures.",
        scope=READ,
        ttl=STATIC,  # not for ever: a key given by its address is looked up in the wallet
        fallback=Stale(STATIC),
    ),
    method(
        "validateaddress",
        required("address", text(longest=256), example=EXAMPLE_ADDRESS),  # says what is wrong
        summary="Whether a text is an address, and what kind.",
        scope=READ,
        ttl=TIP,  # of an identity it tells the state and the keys, which a block may change
        fallback=Stale(STATIC),
    ),
    method(
        "z_validateaddress",
        required("zaddr", text(longest=256), example=EXAMPLE_SHIELDED),
        summary="Whether a text is a shielded address, and what kind.",
        scope=READ,
        ttl=STATIC,
        fallback=Stale(STATIC),
    ),
)
