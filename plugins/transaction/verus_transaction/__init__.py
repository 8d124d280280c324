"""Raw transactions: build, decode, prove and broadcast."""

from verus_gateway.plugin import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    BROADCAST,
    CURRENCY,
    FOREVER,
    HASH,
    HEIGHT,
    HEX,
    INTEGER,
    MEMPOOL,
    READ,
    TIP,
    Stale,
    array,
    either,
    integer,
    mapping,
    members,
    method,
    optional,
    required,
    spelled,
    text,
)

# The examples exist on the simulated chain, so that whoever reads them can run them.
EXAMPLE_TXID = "fa9e8a00dbf34a9239bbc2a27b507e8865a86726eb4b328a488057fe36d730bf"
EXAMPLE_SPENT = "ac5b0d653abb0881b6d04158b2f88011abffe7d9fe114fae8a3d4abd03fec09a"
EXAMPLE_ADDRESS = "RCmEAsdzsbVVaA4qPcHc8xp294MVdYBTZB"
EXAMPLE_HEX = (
    "0400008085202f89010000000000000000000000000000000000000000000000000000000000000000ffffffff1701"
    "0c1457a8e08975bf801ddc9122cc82fcb055189b9974ffffffff016d8bb902000000001976a9142635c55a4d5ce25f"
    "f1b0f8842194a23a0dde97ab88ac00000000000000000000000000000000000000"
)
EXAMPLE_SCRIPT = "76a9142635c55a4d5ce25ff1b0f8842194a23a0dde97ab88ac"
EXAMPLE_UNFUNDED = (
    f"0400008085202f890001809698000000000019{EXAMPLE_SCRIPT}00000000000000000000000000000000000000"
)
INDEX = integer("an output's number", low=0, high=2**31 - 1)
INPUT = members({"txid": HASH, "vout": INDEX}, {"sequence": INTEGER})
SPENT = members({"txid": HASH, "voutnum": INDEX})
OUTPUTS = mapping(ADDRESS, either(AMOUNT, mapping(CURRENCY, AMOUNT, most=100)))

METHODS = (
    method(
        "createrawtransaction",
        required("inputs", array(INPUT, most=1000), example=[{"txid": EXAMPLE_TXID, "vout": 0}]),
        required("outputs", OUTPUTS, example={EXAMPLE_ADDRESS: 1}),
        optional("locktime", INTEGER),
        optional("expiryheight", HEIGHT),
        summary="An unsigned transaction of inputs and outputs.",
        scope=READ,
        ttl=TIP,  # without an expiry height, the next block's is built in
        fallback=None,
        cost=2,
    ),
    method(
        "fundrawtransaction",
        required("hexstring", HEX, example=EXAMPLE_UNFUNDED),
        required(
            "objectarray", array(SPENT, most=1000), example=[{"txid": EXAMPLE_TXID, "voutnum": 0}]
        ),
        required("changeaddress", ADDRESS, example=EXAMPLE_ADDRESS),
        optional("explicitfee", AMOUNT),
        summary="A transaction funded from given outputs; asks no wallet.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=None,
        cost=5,
    ),
    method(
        "decoderawtransaction",
        required("hex", HEX, example=EXAMPLE_HEX),
        optional("iswitness", spelled(BOOLEAN)),
        summary="A transaction's hex, decoded.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
        cost=2,
    ),
    method(
        "decodescript",
        required("hex", HEX, example=EXAMPLE_SCRIPT),
        optional("iswitness", spelled(BOOLEAN)),
        summary="A script's hex, decoded.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
    ),
    method(
        "sendrawtransaction",
        required("hexstring", HEX, example=EXAMPLE_HEX),
        summary="Hand a signed transaction to the network.",
        scope=BROADCAST,
        cost=10,
    ),
    method(
        "gettxout",
        required("txid", HASH, example=EXAMPLE_TXID),
        required("n", INDEX, example=0),
        optional("includemempool", BOOLEAN, example=True),
        summary="An unspent output, or null.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=Stale(60),
    ),
    method(
        "gettxoutproof",
        required("txids", array(HASH, most=1000), example=[EXAMPLE_TXID]),
        optional("blockhash", HASH),
        summary="Proof that transactions are in a block.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(86400),
        cost=5,
    ),
    method(
        "verifytxoutproof",
        required("proof", HEX, example="00"),
        summary="The transactions that a proof commits to.",
        scope=READ,
        ttl=TIP,  # the block must be in the best chain
        fallback=None,
        cost=2,
    ),
    method(
        "getspentinfo",
        required(
            "output",
            members({"txid": HASH, "index": INDEX}),
            example={"txid": EXAMPLE_SPENT, "index": 0},
        ),
        summary="The input that spends an output.",
        scope=READ,
        ttl=MEMPOOL,  # verusd looks into the mempool first
        fallback=Stale(3600),
        cost=2,
    ),
    method(
        "convertpassphrase",
        required("walletpassphrase", text(longest=1024), example="a passphrase of Agama"),
        summary="Keys of an Agama passphrase; a secret: never logged, never kept.",
        scope=READ,
        retry=True,
        cost=5,
    ),
)
