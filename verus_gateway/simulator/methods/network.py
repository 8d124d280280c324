"""Commands about peers."""

from typing import Final

from verus_gateway.simulator.commands import Command, Family, Node
from verus_gateway.simulator.univalue import Json, amount

CLIENT_VERSION: Final = 2000753
PROTOCOL_VERSION: Final = 170010
SUBVERSION: Final = "/MagicBean:2.0.7-3/"
DEPRECATION_HEIGHT: Final = 6_000_000
SENT: Final = 900
"""Bytes sent to a peer for each block, of which nobody keeps count."""
RECEIVED: Final = 2600
"""Bytes received from a peer for each block."""
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
        "subversion": SUBVERSION,
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


def getpeerinfo(node: Node, _params: list[Json]) -> Json:
    """Describe the peers; there are as many as the daemon claims to have."""
    now, chain = int(node.now()), node.chain
    return [
        {
            "id": n,
            "addr": f"192.0.2.{n + 1}:{chain.parameters.p2p_port}",
            "services": "0000000000000005",
            "tls_established": True,
            "tls_verified": False,
            "lastsend": now,
            "lastrecv": now,
            "bytessent": SENT * (chain.height + 1),
            "bytesrecv": RECEIVED * (chain.height + 1),
            "conntime": chain.at(0).time,
            "timeoffset": 0,
            "pingtime": 0.05,
            "version": PROTOCOL_VERSION,
            "subver": SUBVERSION,
            "inbound": False,
            "startingheight": chain.height,
            "banscore": 0,
            "synced_headers": chain.height,
            "synced_blocks": chain.height,
            "inflight": [],
            "addr_processed": 0,
            "addr_rate_limited": 0,
            "whitelisted": False,
        }
        for n in range(node.connections)
    ]


def getnettotals(node: Node, _params: list[Json]) -> Json:
    """Sum up the traffic with all peers."""
    blocks = (node.chain.height + 1) * node.connections
    return {
        "totalbytesrecv": RECEIVED * blocks,
        "totalbytessent": SENT * blocks,
        "timemillis": int(node.now() * 1000),
    }


def getdeprecationinfo(_node: Node, _params: list[Json]) -> Json:
    """Tell until which height this version is good."""
    return {
        "version": CLIENT_VERSION,
        "subversion": SUBVERSION,
        "deprecationheight": DEPRECATION_HEIGHT,
    }


def listbanned(_node: Node, _params: list[Json]) -> Json:
    """List the peers that are refused: none."""
    return []


FAMILY: Final = Family(
    "network",
    (
        Command(
            name="getdeprecationinfo",
            does="Returns an object containing current version and deprecation block height.",
            run=getdeprecationinfo,
        ),
        Command(
            name="getnettotals",
            does="Returns information about network traffic.",
            run=getnettotals,
        ),
        Command(
            name="getpeerinfo",
            does="Returns data about each connected network node.",
            run=getpeerinfo,
        ),
        Command(name="listbanned", does="Lists all banned addresses.", run=listbanned),
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
