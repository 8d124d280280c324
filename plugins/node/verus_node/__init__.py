"""The node itself: mining, fees, peers and traffic."""

from verus_gateway.plugin import (
    ADMIN,
    HEIGHT,
    MEMPOOL,
    OBJECT,
    PUBLIC,
    READ,
    TIP,
    Stale,
    integer,
    method,
    optional,
    required,
)

BLOCKS = integer("a number of blocks", low=-1, high=2**31 - 1)
WITHIN = integer("a number of blocks", low=1, high=1000)

METHODS = (
    method(
        "getblocksubsidy",
        optional("height", HEIGHT),
        summary="What a block pays its miner.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getblocktemplate",
        optional("request", OBJECT),
        summary="A block to be mined.",
        scope=READ,
        retry=True,
        cost=20,
    ),
    method(
        "getconnectioncount",
        summary="Number of the node's peers.",
        scope=PUBLIC,
        ttl=MEMPOOL,
        fallback=Stale(300),
    ),
    method(
        "getnetworkhashps",
        optional("blocks", BLOCKS),
        optional("height", BLOCKS),
        summary="The network's hashes a second.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getnetworksolps",
        optional("blocks", BLOCKS),
        optional("height", BLOCKS),
        summary="The network's solutions a second.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "estimatefee",
        required("nblocks", WITHIN),
        summary="Fee a kilobyte to be in a block soon.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
    ),
    method(
        "estimatepriority",
        required("nblocks", WITHIN),
        summary="Priority to be in a block soon without a fee.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
    ),
    method(
        "getdeprecationinfo",
        summary="Until when the node's version is good.",
        scope=ADMIN,
        retry=True,
    ),
    method(
        "getnettotals",
        summary="The node's traffic.",
        scope=ADMIN,
        retry=True,
    ),
    method(
        "getpeerinfo",
        summary="The node's peers.",
        scope=ADMIN,
        retry=True,
    ),
    method(
        "listbanned",
        summary="Peers the node refuses.",
        scope=ADMIN,
        retry=True,
    ),
)
