"""Blocks, mempool and the state of the chain and of the node."""

from collections.abc import Iterator

from verus_gateway.plugin import (
    BOOLEAN,
    FLAG,
    FOREVER,
    HASH,
    HEIGHT,
    HEIGHT_TEXT,
    MEMPOOL,
    PUBLIC,
    READ,
    TIP,
    Daemon,
    Json,
    Params,
    Stale,
    array,
    decode,
    either,
    integer,
    members,
    method,
    optional,
    required,
    spelled,
    text,
    turned,
)

# The examples exist on the simulated chain, so that whoever reads them can run them.
EXAMPLE_BLOCK = "75e8dcd185d3ae291f002fb58c9085c4d3562dd95ec0d0687296b2b79da803fd"
EXAMPLE_TXID = "730f6384a659f121d11eb60383218d10e02cd26fe6482911373c8ed999096bc9"

# verusd wants a height as text; clients of the family send a number as often.
HEIGHT_AS_TEXT = either(HEIGHT_TEXT, turned(HEIGHT, str))
BLOCK = either(HASH, HEIGHT_AS_TEXT)
TIME = integer("seconds since 1970", low=0, high=2**32 - 1)
VERBOSITY = either(integer("0, 1 or 2", low=0, high=2, short=True), BOOLEAN)
COMMAND = text("a command's name", pattern="[A-Za-z0-9_]*", longest=64)
BLOCKS = integer("a number of blocks", low=1, high=2**31 - 1)
QUALIFIERS = members(
    {},
    {
        "include": array(text(longest=256), most=100),
        "exclude": array(text(longest=256), most=100),
        "expiresbefore": HEIGHT,
        "expiresafter": HEIGHT,
        "fulltxes": BOOLEAN,
    },
)


def is_hex_of_a_block(params: Params) -> bool:
    """Tell whether a block's bytes are asked for by their hash: those can never change."""
    by_hash = len(params[0]) == len(EXAMPLE_BLOCK)
    return by_hash and len(params) > 1 and params[1] == 0


def is_hex_of_a_transaction(params: Params) -> bool:
    """Tell whether a transaction's bytes are asked for: its id is their hash."""
    return len(params) == 1 or params[1] == 0


async def help_text(daemon: Daemon, command: str = "") -> Json:
    """Return verusd's text for one command, or its list less what is not offered here."""
    if not command:
        text = str(decode(await daemon.call("help")))
        return "\n".join(_offered(daemon, text.splitlines()))
    if not daemon.offers(command):
        return f"help: unknown command: {command}"
    return await daemon.call("help", command)


def _offered(daemon: Daemon, lines: list[str]) -> Iterator[str]:
    heading = ""
    for line in lines:
        if line.startswith("=="):
            heading = line
        elif line and daemon.offers(line.split()[0]):
            if heading:
                yield heading
            heading = ""
            yield line


METHODS = (
    method(
        "getinfo",
        summary="State of the node and of its chain.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getblockchaininfo",
        summary="State of the chain, its upgrades and value pools.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getblockcount",
        summary="Height of the newest block.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getbestblockhash",
        summary="Hash of the newest block.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getdifficulty",
        summary="Proof-of-work difficulty, as a multiple of the least.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getmempoolinfo",
        summary="Size of the mempool.",
        scope=PUBLIC,
        ttl=MEMPOOL,
        fallback=Stale(300),
    ),
    method(
        "getnetworkinfo",
        summary="State of the node's network.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getmininginfo",
        summary="State of mining and staking.",
        scope=PUBLIC,
        ttl=MEMPOOL,  # pooledtx counts what waits
        fallback=Stale(3600),
    ),
    method(
        "getchaintips",
        summary="All known tips of the block tree, abandoned branches too.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
    ),
    method(
        "getblockhash",
        required("height", HEIGHT, example=5),
        summary="Hash of the block at a height.",
        scope=READ,
        ttl=TIP,  # moves with a reorganisation only, but the tip tells of those
        fallback=Stale(86400),
    ),
    method(
        "getblock",
        required("block", BLOCK, example=EXAMPLE_BLOCK),
        optional("verbosity", VERBOSITY, example=1),
        summary="A block by hash or height: hex, ids of its transactions, or all of them.",
        scope=READ,
        ttl=TIP,  # confirmations and nextblockhash move with the tip
        ttl_if=((FOREVER, is_hex_of_a_block),),
        fallback=Stale(86400),
        cost=2,
    ),
    method(
        "getblockheader",
        required("hash", HASH, example=EXAMPLE_BLOCK),
        optional("verbose", BOOLEAN, example=True),
        summary="A block's header by hash.",
        scope=READ,
        ttl=TIP,  # confirmations and nextblockhash move with the tip
        ttl_if=((FOREVER, is_hex_of_a_block),),
        fallback=Stale(86400),
    ),
    method(
        "getrawmempool",
        optional("verbose", BOOLEAN, example=True),
        optional("qualifiers", QUALIFIERS),
        summary="Transactions that wait for a block.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=Stale(60),
        cost=2,
    ),
    method(
        "getrawtransaction",
        required("txid", HASH, example=EXAMPLE_TXID),
        optional("verbose", FLAG, example=1),
        summary="A transaction by id: hex, or decoded.",
        scope=READ,
        ttl=MEMPOOL,  # the decoded form carries confirmations; one in the mempool may yet go
        ttl_if=((FOREVER, is_hex_of_a_transaction),),
        fallback=Stale(86400),
    ),
    method(
        "coinsupply",
        optional("height", HEIGHT_AS_TEXT, example=5),  # verusd takes a number for 0
        summary="Coins in existence at a height.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getblockdeltas",
        required("hash", HASH, example=EXAMPLE_BLOCK),
        summary="Every change of a balance in a block.",
        scope=READ,
        ttl=TIP,  # confirmations move with the tip
        fallback=Stale(86400),
        cost=5,
    ),
    method(
        "getblockhashes",
        required("high", TIME, example=2_000_000_000),
        required("low", TIME, example=1_500_000_000),
        optional("options", members({}, {"noOrphans": BOOLEAN, "logicalTimes": BOOLEAN})),
        summary="Hashes of the blocks made between two moments.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getchaintxstats",
        optional("nblocks", spelled(BLOCKS), example=5),
        optional("blockhash", HASH),
        summary="Number and rate of transactions.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
        cost=2,
    ),
    method(
        "gettxoutsetinfo",
        summary="Statistics of all unspent outputs.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(86400),
        cost=100,  # verusd reads its whole set for each
    ),
    method(
        "getsaplingtree",
        required("n", HEIGHT_AS_TEXT, example="5"),
        summary="State of the Sapling commitment tree at a height.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(86400),
        cost=2,
    ),
    method(
        "z_gettreestate",
        required("block", BLOCK, example="5"),
        summary="State of the commitment trees at a block.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(86400),
        cost=2,
    ),
    method(
        "help",
        optional("command", COMMAND, example="getblock"),
        summary="The daemon's own help text.",
        scope=PUBLIC,
        ttl=3600,
        fallback=Stale(86400),
        handler=help_text,
    ),
)
