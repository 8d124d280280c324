"""Commands about peers."""

from typing import Final

from verus_gateway.simulator.commands import Command, Family, Node
from verus_gateway.simulator.univalue import Json, amount

CLIENT_VERSION: Final = 2000753
PROTOCOL_VERSION: Final = 170010
RELAY_FEE: Final = 100
"""Satoshis a kilobyte."""


def getconnectioncount(node: Node, _params: list[Json]) -> Json:
    """Count the peers."""
    return node.connections


def getnetworkinfo(node: Node, _params: list[Json]) -> Json:
    """Describe the network side; the chain has no real peers."""
    networks = (("ipv4", False), ("ipv6", False), ("onion", True))
    return {
        "version": CLIENT_VERSION,
        "subversion": "/MagicBean:2.0.7-3/",
        "protocolversion": PROTOCOL_VERSION,
        "localservices": "0000000000000005",
        "timeoffset": 0,
        "connections": node.connections,
        "networks": [
            {
                "name": name,
                "limited": limited,
                "reachable": not limited,
                "proxy": "",
                "proxy_randomize_credentials": False,
            }
            for name, limited in networks
        ],
        "relayfee": amount(RELAY_FEE),
        "localaddresses": [
            {"address": "192.0.2.1", "port": node.chain.parameters.p2p_port, "score": 1}
        ],
        "warnings": "",
    }


FAMILY: Final = Family(
    "network",
    (
        Command(
            name="getconnectioncount",
            does="Returns the number of connections to other nodes.",
            run=getconnectioncount,
        ),
        Command(
            name="getnetworkinfo",
            does="Returns an object with the state of the peer-to-peer network.",
            run=getnetworkinfo,
        ),
    ),
)
