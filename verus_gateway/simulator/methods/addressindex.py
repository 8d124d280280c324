"""Commands about addresses: balances, outputs and histories."""

from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    Command,
    Family,
    Node,
    RpcError,
    integer,
    members,
    text,
    truth,
)
from verus_gateway.simulator.ledger import Delta
from verus_gateway.simulator.univalue import Json, Number, amount

_INDEXED: Final = frozenset({base58.KEY_HASH, base58.SCRIPT_HASH, base58.IDENTITY})


def getaddressbalance(node: Node, params: list[Json]) -> Json:
    """Sum up what addresses own and ever received, waiting transactions left out."""
    deltas = _deltas(node, params[0])
    balance = sum(delta.satoshis for delta in deltas)
    received = sum(delta.satoshis for delta in deltas if not delta.spending)
    shape: dict[str, Json] = {"balance": balance, "received": received}
    if received:
        chainid = node.chain.parameters.chainid
        shape["currencybalance"] = {chainid: amount(balance)}
        shape["currencyreceived"] = {chainid: amount(received)}
        shape |= _names(node, params[0])
    return shape


def getaddressutxos(node: Node, params: list[Json]) -> Json:
    """List unspent outputs, oldest first; with ``chaininfo`` the tip they belong to."""
    chain = node.chain
    coins = [coin for address in _addresses(params[0]) for coin in chain.ledger.coins(address)]
    coins.sort(key=lambda coin: coin.height)
    utxos = [
        {
            "address": coin.address,
            "txid": coin.txid,
            "outputIndex": coin.n,
            "isspendable": 1,
            "script": coin.script.hex(),
            "satoshis": coin.value,
            "height": coin.height,
            "blocktime": chain.at(coin.height).time,
        }
        for coin in coins
    ]
    if isinstance(params[0], dict) and truth(params[0].get("chaininfo")):
        return {"utxos": utxos, "hash": chain.tip.hash, "height": chain.height}
    return utxos


def getaddressdeltas(node: Node, params: list[Json]) -> Json:
    """List every change of addresses, within ``start`` and ``end`` where both are given."""
    bounds = _bounds(members(params[0]))
    shapes = [_delta(node, delta, params[0]) for delta in _deltas(node, params[0])]
    if bounds is None or not truth(params[0].get("chaininfo")):
        return shapes
    if bounds[1] > node.chain.height:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Start or end is outside chain range")
    ends = [{"hash": node.chain.at(height).hash, "height": height} for height in bounds]
    return {"deltas": shapes, "start": ends[0], "end": ends[1]}


def getaddresstxids(node: Node, params: list[Json]) -> Json:
    """List the ids of all transactions that touched addresses, oldest first."""
    places = {(delta.height, delta.position, delta.txid) for delta in _deltas(node, params[0])}
    return [txid for _, _, txid in sorted(places)]


def _delta(node: Node, delta: Delta, asked: dict[str, Json]) -> dict[str, Json]:
    shape: dict[str, Json] = {
        "satoshis": delta.satoshis,
        "txid": delta.txid,
        "index": delta.n,
        "blockindex": delta.position,
        "height": delta.height,
        "spending": delta.spending,
        "address": delta.address,
        "blocktime": delta.time,
    }
    if delta.satoshis:
        shape["currencyvalues"] = {node.chain.parameters.chainid: amount(delta.satoshis)}
        shape |= _names(node, asked)
    return shape


def _names(node: Node, asked: Json) -> dict[str, Json]:
    if isinstance(asked, dict) and truth(asked.get("friendlynames")):
        constants = node.chain.parameters
        return {"currencynames": {constants.chainid: constants.name}}
    return {}


def _deltas(node: Node, asked: Json) -> list[Delta]:
    bounds = _bounds(asked) if isinstance(asked, dict) else None
    found = [each for address in _addresses(asked) for each in node.chain.ledger.deltas(address)]
    if bounds is None:
        return found
    return [delta for delta in found if bounds[0] <= delta.height <= bounds[1]]


def _bounds(asked: dict[str, Json]) -> tuple[int, int] | None:
    start, end = asked.get("start"), asked.get("end")
    if not isinstance(start, Number) or not isinstance(end, Number):
        return None
    first, last = integer(start), integer(end)
    if first <= 0 or last <= 0:
        message = "Start and end is expected to be greater than zero"
        raise RpcError(INVALID_ADDRESS_OR_KEY, message)
    if last < first:
        message = "End value is expected to be greater than start"
        raise RpcError(INVALID_ADDRESS_OR_KEY, message)
    return first, last


def _addresses(asked: Json) -> list[str]:
    if isinstance(asked, str):
        return [_address(asked, "Invalid address")]
    listed = members(asked).get("addresses")
    if not isinstance(listed, list):
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Addresses is expected to be an array")
    return [_address(text(each), "Invalid addresses") for each in listed]


def _address(address: str, complaint: str) -> str:
    try:
        known = base58.decode(address)[0] in _INDEXED
    except ValueError:
        known = False
    if not known:
        raise RpcError(INVALID_ADDRESS_OR_KEY, complaint)
    return address


_ADDRESSES: Final = (
    "addresses",
    '(object, required) {"addresses": ["address", ...], "friendlynames": bool}',
)
_RANGE: Final = (
    "addresses",
    '(object, required) {"addresses": [...], "start": n, "end": n, "chaininfo": bool}',
)
_EXAMPLE: Final = '{"addresses":["address"]}'

FAMILY: Final = Family(
    "addressindex",
    (
        Command(
            name="getaddressbalance",
            does="Returns the balance of one or more addresses.",
            takes=(_ADDRESSES,),
            least=1,
            most=1,
            example=_EXAMPLE,
            run=getaddressbalance,
        ),
        Command(
            name="getaddressdeltas",
            does="Returns all changes of one or more addresses.",
            takes=(_RANGE,),
            least=1,
            most=1,
            example=_EXAMPLE,
            run=getaddressdeltas,
        ),
        Command(
            name="getaddresstxids",
            does="Returns the ids of all transactions of one or more addresses.",
            takes=(_RANGE,),
            least=1,
            most=1,
            example=_EXAMPLE,
            run=getaddresstxids,
        ),
        Command(
            name="getaddressutxos",
            does="Returns all unspent outputs of one or more addresses.",
            takes=(_ADDRESSES,),
            least=1,
            most=1,
            example=_EXAMPLE,
            run=getaddressutxos,
        ),
    ),
)
