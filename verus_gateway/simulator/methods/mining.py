"""Commands about rewards and work."""

from typing import Final

from verus_gateway.simulator.blocks import VERSION
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Family,
    Node,
    RpcError,
    check_types,
    given,
    integer,
    members,
)
from verus_gateway.simulator.mempool import Waiting
from verus_gateway.simulator.methods.network import RELAY_FEE
from verus_gateway.simulator.payments import FEE
from verus_gateway.simulator.univalue import Json, Number, amount

AVERAGED: Final = 120
"""Blocks that rates are measured over."""
SOLUTION_HEAD: Final = 72
"""Bytes of a solution that a template sets."""


def getblocksubsidy(node: Node, params: list[Json]) -> Json:
    """Return what a block may newly create."""
    height = integer(params[0]) if given(params, 0) else node.chain.height
    if height < 0:
        raise RpcError(INVALID_PARAMETER, "Block height out of range")
    return {"miner": amount(node.chain.parameters.subsidy(height))}


def getmininginfo(node: Node, _params: list[Json]) -> Json:
    """Describe mining; the simulated daemon does none itself."""
    chain = node.chain
    tip = chain.tip
    return {
        "blocks": tip.height,
        "currentblocksize": len(tip.raw),
        "currentblocktx": len(tip.transactions) - 1,
        "averageblockfees": amount(FEE * (len(tip.transactions) - 1)),
        "difficulty": tip.difficulty,
        "stakingsupply": amount(chain.ledger.supply(tip.height)),
        "errors": "",
        "genproclimit": -1,
        "localhashps": 0.0,
        "networkhashps": int(tip.difficulty),
        "pooledtx": len(chain.mempool),
        "testnet": chain.parameters.testnet,
        "chain": "main",
        "generate": False,
        "staking": False,
        "numthreads": 0,
        "mergemining": 0,
    }


def getnetworkhashps(node: Node, params: list[Json]) -> Json:
    """Estimate the hashes a second over a number of blocks, 120 unless told."""
    chain = node.chain
    asked = [integer(each) for each in params]
    count = asked[0] if asked else AVERAGED
    height = asked[1] if len(asked) > 1 else -1
    last = chain.at(height) if 0 <= height <= chain.height else chain.tip
    span = min(last.height, AVERAGED if count <= 0 else count)
    if not span:
        return 0
    first = chain.at(last.height - span)
    return (last.work - first.work) // (last.time - first.time)


def getblocktemplate(node: Node, params: list[Json]) -> Json:
    """Describe the next block as a miner would build it; the simulated daemon takes none."""
    asked = members(params[0]) if given(params, 0) else {}
    if asked.get("mode", "template") != "template":
        raise RpcError(INVALID_PARAMETER, "Invalid mode")
    chain = node.chain
    tip, height = chain.tip, chain.height + 1
    waiting = list(chain.mempool.waiting.values())
    at = {entry.transaction.txid: n for n, entry in enumerate(waiting, 1)}
    fees = sum(entry.fee for entry in waiting)
    target = tip.bits & 0xFFFFFF
    return {
        "capabilities": ["proposal"],
        "version": VERSION,
        "previousblockhash": tip.hash,
        "finalsaplingroothash": tip.saplingroot,
        "solution": tip.solution[:SOLUTION_HEAD].hex(),
        "transactions": [_template(entry, at) for entry in waiting],
        "coinbaseaux": {"flags": ""},
        "coinbasevalue": chain.parameters.subsidy(height) + fees,
        "longpollid": f"{tip.hash}{len(waiting)}",
        "target": f"{target << 8 * ((tip.bits >> 24) - 3):064x}",
        "mintime": tip.time + 1,
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "00000000ffffffff",
        "sigoplimit": 60000,
        "sizelimit": 2000000,
        "curtime": max(int(node.now()), tip.time + 1),
        "bits": f"{tip.bits:08x}",
        "height": height,
    }


def _template(entry: Waiting, at: dict[str, int]) -> dict[str, Json]:
    return {
        "data": entry.transaction.raw.hex(),
        "hash": entry.transaction.txid,
        "depends": sorted({at[s.txid] for s in entry.transaction.inputs if s.txid in at}),
        "fee": entry.fee,
        "sigops": len(entry.transaction.outputs),
    }


def estimatefee(_node: Node, params: list[Json]) -> Json:
    """Return the fee a kilobyte; the blocks are never full, so it is the least one relayed."""
    check_types(params, Number)
    return amount(RELAY_FEE)


def estimatepriority(_node: Node, params: list[Json]) -> Json:
    """Return -1: a daemon whose blocks are never full has no estimate."""
    check_types(params, Number)
    return -1


_WINDOW: Final = (
    ("blocks", "(numeric, optional, default=120) how many blocks, -1 for the default"),
    ("height", "(numeric, optional, default=-1) the newest of them, -1 for the tip"),
)
_WITHIN: Final = (("nblocks", "(numeric) the number of blocks"),)

FAMILY: Final = Family(
    "mining",
    (
        Command(
            name="getblocktemplate",
            usage='( "jsonrequestobject" )',
            does="Returns data needed to construct a block to work on.",
            takes=(('"jsonrequestobject"', "(object, optional) as in BIP 22"),),
            most=1,
            run=getblocktemplate,
        ),
        *(
            Command(
                name=name,
                usage="( blocks height )",
                does=f"Returns the estimated network {what} per second.",
                takes=_WINDOW,
                most=2,
                example="120",
                run=getnetworkhashps,
            )
            for name, what in (("getnetworkhashps", "hashes"), ("getnetworksolps", "solutions"))
        ),
        Command(
            name="getblocksubsidy",
            usage="height",
            does="Returns the block reward at a height, the tip's where none is given.",
            takes=(("height", "(numeric, optional) the block height"),),
            most=1,
            example="1000",
            run=getblocksubsidy,
        ),
        Command(
            name="getmininginfo",
            does="Returns an object containing mining-related information.",
            run=getmininginfo,
        ),
    ),
)

ESTIMATES: Final = tuple(
    Command(
        name=name,
        usage="nblocks",
        does=f"Estimates the approximate {what} needed to begin confirmation within nblocks.",
        takes=_WITHIN,
        least=1,
        most=1,
        example="6",
        run=run,
    )
    for name, what, run in (
        ("estimatefee", "fee per kilobyte", estimatefee),
        ("estimatepriority", "priority of a transaction without fee", estimatepriority),
    )
)
