"""The node itself: mining, fees, peers and traffic."""

from verus_gateway.plugin import (
    ADDRESS,
    ADMIN,
    HEIGHT,
    MEMPOOL,
    PUBLIC,
    READ,
    TIP,
    Stale,
    array,
    integer,
    mapping,
    members,
    method,
    number,
    optional,
    required,
    text,
)

BLOCKS = integer("a number of blocks", low=-1, high=2**31 - 1)
WITHIN = integer("a number of blocks", low=1, high=1000)
# No longpollid: a long poll holds one of verusd's few threads until the next block. No
# proposal: verusd would check a whole block for it.
TEMPLATE = members(
    {},
    {
        "mode": text("template", pattern="template"),
        "capabilities": array(text(longest=64), most=32),
        "miningdistribution": mapping(ADDRESS, number("a share", low=0), most=100),
    },
)

METHODS = (
    method(
        "getblocksubsidy",
        optional("height", HEIGHT, example=5),
        summary="What a block pays its miner.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getblocktemplate",
        optional("jsonrequestobject", TEMPLATE),
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
        optional("blocks", BLOCKS, example=5),
        optional("height", BLOCKS, example=-1),
        summary="The network's hashes a second.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getnetworksolps",
        optional("blocks", BLOCKS, example=5),
        optional("height", BLOCKS, example=-1),
        summary="The network's solutions a second.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "estimatefee",
        required("nblocks", WITHIN, example=6),
        summary="Fee a kilobyte to be in a block soon.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
    ),
    method(
        "estimatepriority",
        required("nblocks", WITHIN, example=6),
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
