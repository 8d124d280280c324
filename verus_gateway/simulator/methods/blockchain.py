"""Commands about blocks, the tip, the memory pool and the supply."""

from typing import Final

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    Command,
    Family,
    Node,
    boolean,
    given,
    integer,
    text,
)
from verus_gateway.simulator.ledger import MATURITY
from verus_gateway.simulator.methods.blockindex import INDEX
from verus_gateway.simulator.methods.blocks import BLOCKS
from verus_gateway.simulator.methods.proofs import PROOFS
from verus_gateway.simulator.methods.rawtransactions import script_members
from verus_gateway.simulator.transactions import VERSION
from verus_gateway.simulator.univalue import Json, Number, amount

BRANCH_ID: Final = "76b809bb"
"""The rules in force: Sapling."""


def getbestblockhash(node: Node, _params: list[Json]) -> Json:
    """Return the tip's hash."""
    return node.chain.tip.hash


def getblockcount(node: Node, _params: list[Json]) -> Json:
    """Return the tip's height."""
    return node.chain.height


def getdifficulty(node: Node, _params: list[Json]) -> Json:
    """Return the tip's difficulty, a double."""
    return node.chain.tip.difficulty


def getblockchaininfo(node: Node, _params: list[Json]) -> Json:
    """Describe the chain; ``verificationprogress`` is 1 whatever happens, as in verusd."""
    chain = node.chain
    tip = chain.tip
    return {
        "chain": "test" if chain.parameters.testnet else "main",
        "name": chain.parameters.name,
        "chainid": chain.parameters.chainid,
        "blocks": tip.height,
        "headers": tip.height,
        "bestblockhash": tip.hash,
        "difficulty": tip.difficulty,
        "verificationprogress": 1.0,
        "chainwork": f"{tip.work:064x}",
        "chainstake": f"{tip.stake:064x}",
        "pruned": False,
        "size_on_disk": sum(len(chain.at(n).transactions) for n in range(tip.height + 1)) * 512,
        "commitments": 0,
        "valuePools": [_pool("sprout"), _pool("sapling")],
        "softforks": [
            _softfork(chain, *fork) for fork in (("bip34", 2), ("bip66", 3), ("bip65", 4))
        ],
        "upgrades": {
            "5ba81b19": _upgrade("Overwinter"),
            BRANCH_ID: _upgrade("Sapling"),
        },
        "consensus": {"chaintip": BRANCH_ID, "nextblock": BRANCH_ID},
    }


def _pool(name: str) -> dict[str, Json]:
    return {"id": name, "monitored": True, "chainValue": amount(0), "chainValueZat": 0}


def _softfork(chain: Chain, name: str, version: int) -> dict[str, Json]:
    window = 4000
    found = min(window, chain.height + 1)
    states = {
        word: {
            "status": found >= required,
            "found": found,
            "required": required,
            "window": window,
        }
        for word, required in (("enforce", 750), ("reject", 950))
    }
    return {"id": name, "version": version} | states


def _upgrade(name: str) -> dict[str, Json]:
    return {
        "name": name,
        "activationheight": 0,
        "status": "active",
        "info": f"See https://z.cash/upgrade/{name.lower()}.html for details.",
    }


def getchaintips(node: Node, _params: list[Json]) -> Json:
    """List the ends of all branches; abandoned ones are ``valid-fork``."""
    return [
        {
            "height": block.height,
            "hash": block.hash,
            "branchlen": length,
            "status": "valid-fork" if length else "active",
        }
        for block, length in node.chain.tips()
    ]


def getmempoolinfo(node: Node, _params: list[Json]) -> Json:
    """Measure the memory pool."""
    sizes = [len(each.transaction.raw) for each in node.chain.mempool.waiting.values()]
    return {"size": len(sizes), "bytes": sum(sizes), "usage": sum(sizes) * 3}


def getrawmempool(node: Node, params: list[Json]) -> Json:
    """List what waits: ids, or an object by id."""
    waiting = node.chain.mempool.waiting
    if not given(params, 0) or not boolean(params[0]):
        return list(waiting)
    return {
        txid: {
            "size": len(each.transaction.raw),
            "fee": amount(each.fee),
            "time": each.time,
            "height": each.height,
            "startingpriority": 0.0,
            "currentpriority": 0.0,
            "depends": sorted({s.txid for s in each.transaction.inputs if s.txid in waiting}),
        }
        for txid, each in waiting.items()
    }


def gettxout(node: Node, params: list[Json]) -> Json:
    """Describe an unspent output, or answer null; waiting transactions count unless refused."""
    chain = node.chain
    outpoint = (text(params[0]), integer(params[1]))
    pool = chain.mempool
    include = not given(params, 2) or boolean(params[2])
    coin = chain.ledger.unspent.get(outpoint)
    if include and pool.reserved(outpoint):
        return None
    if coin is not None:
        depth = chain.height - coin.height + 1
        return _txout(chain, depth, coin.value, coin.script, coinbase=coin.coinbase)
    waiting = pool.waiting.get(outpoint[0]) if include else None
    if waiting is None or not 0 <= outpoint[1] < len(waiting.transaction.outputs):
        return None
    paid = waiting.transaction.outputs[outpoint[1]]
    return _txout(chain, 0, paid.value, paid.script, coinbase=False)


def _txout(
    chain: Chain, depth: int, value: int, script: bytes, *, coinbase: bool
) -> dict[str, Json]:
    return {
        "bestblock": chain.tip.hash,
        "confirmations": depth,
        "value": amount(value),
        "scriptPubKey": script_members(script),
        "version": VERSION,
        "coinbase": coinbase,
    }


def coinsupply(node: Node, params: list[Json]) -> Json:
    """Sum up all coins at a height; errors are results here, as in verusd."""
    chain = node.chain
    height = chain.height
    if given(params, 0):
        asked = params[0].text if isinstance(params[0], Number) else text(params[0])
        height = int(asked) if asked.isdigit() and len(asked) < len("2147483648") else 0
    if not 0 < height <= chain.height:
        return {"error": "invalid height"}
    supply = chain.ledger.supply(height)
    young = range(max(0, height - MATURITY + 1), height + 1)
    immature = sum(chain.at(n).transactions[0].outputs[0].value for n in young)
    return {
        "result": "success",
        "coin": chain.parameters.name,
        "height": height,
        "supply": amount(supply),
        "immature": amount(immature),
        "zfunds": amount(0),
        "total": amount(supply),
    }


FAMILY: Final = Family(
    "blockchain",
    (
        *BLOCKS,
        *INDEX,
        *PROOFS,
        Command(
            name="coinsupply",
            usage="<height>",
            does="Returns the coin supply at a block height, the tip's where none is given.",
            takes=(("height", "(integer, optional) the block height"),),
            most=1,
            example="420",
            run=coinsupply,
        ),
        Command(
            name="getbestblockhash",
            does="Returns the hash of the newest block of the best chain.",
            run=getbestblockhash,
        ),
        Command(
            name="getblockchaininfo",
            does="Returns an object with the state of block chain processing.",
            run=getblockchaininfo,
        ),
        Command(
            name="getblockcount",
            does="Returns the number of blocks in the best chain.",
            run=getblockcount,
        ),
        Command(
            name="getchaintips",
            does="Returns the ends of all known branches, the main chain's and abandoned ones.",
            run=getchaintips,
        ),
        Command(
            name="getdifficulty",
            does="Returns the proof-of-work difficulty as a multiple of the minimum.",
            run=getdifficulty,
        ),
        Command(
            name="getmempoolinfo",
            does="Returns details on the memory pool.",
            run=getmempoolinfo,
        ),
        Command(
            name="getrawmempool",
            usage="( verbose )",
            does="Returns the ids of all transactions in the memory pool.",
            takes=(("verbose", "(boolean, optional, default=false) true for an object by id"),),
            most=2,
            example="true",
            run=getrawmempool,
        ),
        Command(
            name="gettxout",
            usage='"txid" n ( includemempool )',
            does="Returns details about an unspent transaction output.",
            takes=(
                ('"txid"', "(string, required) the transaction id"),
                ("n", "(numeric, required) the number of the output"),
                ("includemempool", "(boolean, optional) whether waiting transactions count"),
            ),
            least=2,
            most=3,
            example='"txid" 1',
            run=gettxout,
        ),
    ),
)
