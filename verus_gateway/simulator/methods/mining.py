"""Commands about rewards and work."""

from typing import Final

from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Family,
    Node,
    RpcError,
    given,
    integer,
)
from verus_gateway.simulator.payments import FEE
from verus_gateway.simulator.univalue import Json, amount


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


FAMILY: Final = Family(
    "mining",
    (
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
