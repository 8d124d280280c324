"""Commands about the daemon itself."""

from collections.abc import Callable
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.blocks import SPACING, Block
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import Command, Family, Node, given, text
from verus_gateway.simulator.methods.network import CLIENT_VERSION, PROTOCOL_VERSION, RELAY_FEE
from verus_gateway.simulator.payments import FEE
from verus_gateway.simulator.univalue import Json, amount

NOTARIZATION_DEPTH: Final = 10
"""Blocks between the tip and the newest notarized one."""


def proofroot(chain: Chain, block: Block) -> dict[str, Json]:
    """Return what notaries sign about *block*."""
    return {
        "version": 1,
        "type": 1,
        "systemid": chain.parameters.chainid,
        "height": block.height,
        "stateroot": block.field("stateroot").hex(),
        "blockhash": block.hash,
        "power": f"{block.stake & (1 << 128) - 1:032x}{block.work & (1 << 128) - 1:032x}",
    }


def getinfo(node: Node, _params: list[Json]) -> Json:
    """Describe the daemon; ``tiptime`` and ``longestchain`` are what readiness looks at."""
    chain = node.chain
    constants = chain.parameters
    tip = chain.tip
    info: dict[str, Json] = {
        "VRSCversion": "1.2.17",
        "version": CLIENT_VERSION,
        "protocolversion": PROTOCOL_VERSION,
        "chainid": constants.chainid,
        "notarychainid": base58.encode(base58.IDENTITY, constants.notary),
        "name": constants.name,
        "notarizedroot": proofroot(chain, chain.at(max(0, tip.height - NOTARIZATION_DEPTH))),
        "walletversion": 60000,
        "blocks": tip.height,
        "longestchain": tip.height,
        "timeoffset": 0,
        "tiptime": tip.time,
        "nextblocktime": tip.time + SPACING,
        "connections": node.connections,
        "proxy": "",
        "difficulty": tip.difficulty,
        "testnet": constants.testnet,
        "keypoololdest": chain.at(0).time,
        "keypoolsize": 101,
        "paytxfee": amount(FEE),
        "tls_established": node.connections,
        "tls_verified": 0,
        "relayfee": amount(RELAY_FEE),
        "errors": "",
        "CCid": 1,
        "p2pport": constants.p2p_port,
        "rpcport": constants.rpc_port,
        "magic": constants.magic,
        "premine": constants.premine,
    }
    return info | _eras(chain) | {"veruspos": 50}


def _eras(chain: Chain) -> dict[str, Json]:
    eras = chain.parameters.eras
    count: dict[str, Json] = {"eras": len(eras)} if len(eras) > 1 else {}
    return count | {
        "reward": ",".join(str(era.reward) for era in eras),
        "halving": ",".join(str(era.halving) for era in eras),
        "decay": ",".join(str(era.decay) for era in eras),
        "endsubsidy": ",".join(str(era.end) for era in eras),
    }


def stop(node: Node, _params: list[Json]) -> Json:
    """Note that somebody could stop the daemon; the simulated one keeps running."""
    node.stopping = True
    return f"{node.chain.parameters.name} server stopping"


def family(help_for: Callable[[str], str]) -> Family:
    """Return the table; *help_for* gives the text of one command, or of all for ""."""

    def explain(_node: Node, params: list[Json]) -> Json:
        return help_for(text(params[0]) if given(params, 0) else "")

    return Family(
        "control",
        (
            Command(
                name="getinfo",
                does="Returns an object containing various state info.",
                run=getinfo,
            ),
            Command(
                name="help",
                usage='( "command" )',
                does="Lists all commands, or returns the help of one.",
                takes=(('"command"', "(string, optional) the command to explain"),),
                most=1,
                run=explain,
            ),
            Command(name="stop", does="Stops the server.", most=1, run=stop),
        ),
    )
