"""Commands about addresses: balances, outputs and histories."""

from collections import Counter
from collections.abc import Iterable, Mapping
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
from verus_gateway.simulator.ledger import Coin, Delta
from verus_gateway.simulator.mempool import Waiting
from verus_gateway.simulator.methods.forms import amounts, path_of
from verus_gateway.simulator.scripts import payee, understand
from verus_gateway.simulator.tokens import SPENDABLE, tokens
from verus_gateway.simulator.transactions import Output
from verus_gateway.simulator.univalue import Json, Number

_INDEXED: Final = frozenset({base58.KEY_HASH, base58.SCRIPT_HASH, base58.IDENTITY})


def getaddressbalance(node: Node, params: list[Json]) -> Json:
    """Sum up what addresses own and ever received, waiting transactions left out."""
    deltas = _deltas(node, params[0])
    chainid = node.chain.parameters.chainid
    balance, received = Counter({chainid: 0}), Counter({chainid: 0})
    for delta in deltas:
        values = _of_delta(node, delta)
        balance.update(values)
        if not delta.spending:
            received.update(values)
    shape: dict[str, Json] = {"balance": balance[chainid], "received": received[chainid]}
    got = {currency: value for currency, value in received.items() if value}
    if got:
        shape["currencybalance"] = amounts({currency: balance[currency] for currency in got})
        shape["currencyreceived"] = amounts(got)
        shape |= _names(node, params[0], got)
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
            "isspendable": int(_spendable(coin)),
            "script": coin.script.hex(),
            "satoshis": coin.value,
            "height": coin.height,
            "blocktime": chain.at(coin.height).time,
        }
        | ({"currencyvalues": amounts(tokens(coin.script))} if tokens(coin.script) else {})
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


def getaddressmempool(node: Node, params: list[Json]) -> Json:
    """List the changes of addresses that wait for a block, in the order of their arrival."""
    asked, chain = params[0], node.chain
    wanted = set(_addresses(asked))
    verbose = isinstance(asked, dict) and truth(asked.get("verbosity"))
    found: list[Json] = []
    for entry in chain.mempool.waiting.values():
        found += [
            change
            for change in _waiting(node, entry, asked, verbose=verbose)
            if change["address"] in wanted
        ]
    return found


def _waiting(node: Node, entry: Waiting, asked: Json, *, verbose: bool) -> list[dict[str, Json]]:
    transaction, changes = entry.transaction, []
    for n, paid in enumerate(transaction.outputs):
        shape = _change(node, entry, (n, paid, 1), asked)
        changes.append((n, shape | {"spending": False}))
    for n, spent in enumerate(transaction.inputs):
        paid = node.chain.output((spent.txid, spent.n))
        shape = _change(node, entry, (n, paid, -1), asked)
        shape |= {"spending": True, "prevtxid": spent.txid, "prevout": spent.n}
        changes.append((n, shape | (_sent(node, entry) if verbose else {})))
    return [shape for _, shape in sorted(changes, key=lambda change: change[0])]


def _change(
    node: Node, entry: Waiting, change: tuple[int, Output, int], asked: Json
) -> dict[str, Json]:
    n, paid, sign = change
    shape: dict[str, Json] = {
        "address": payee(paid.script),
        "txid": entry.transaction.txid,
        "index": n,
        "satoshis": sign * paid.value,
        "timestamp": entry.time,
    }
    return shape | _values(node, _of_output(node, paid, sign), asked)


def _sent(node: Node, entry: Waiting) -> dict[str, Json]:
    sums: dict[str, Counter[str]] = {}
    for paid in entry.transaction.outputs:
        address = payee(paid.script)
        if address is not None:
            sums.setdefault(address, Counter()).update(_of_output(node, paid, 1))
    outputs = [
        {"addresses": address, "amounts": amounts({c: v for c, v in values.items() if v})}
        for address, values in sums.items()
    ]
    return {"sent": {"outputs": outputs}}


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
    return shape | _values(node, _of_delta(node, delta), asked)


def _values(node: Node, values: Mapping[str, int], asked: Json) -> dict[str, Json]:
    changed = {currency: value for currency, value in values.items() if value}
    if not changed:
        return {}
    return {"currencyvalues": amounts(changed)} | _names(node, asked, changed)


def _names(node: Node, asked: Json, values: Iterable[str]) -> dict[str, Json]:
    if isinstance(asked, dict) and truth(asked.get("friendlynames")):
        return {"currencynames": {currency: path_of(node, currency) for currency in values}}
    return {}


def _of_delta(node: Node, delta: Delta) -> dict[str, int]:
    sign = -1 if delta.spending else 1
    return _of_output(node, Output(sign * delta.satoshis, delta.script), sign)


def _of_output(node: Node, paid: Output, sign: int) -> dict[str, int]:
    held = {currency: sign * value for currency, value in tokens(paid.script).items()}
    return {node.chain.parameters.chainid: sign * paid.value} | held


def _spendable(coin: Coin) -> bool:
    held = understand(coin.script)
    return held is None or held.kind in SPENDABLE


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
            name="getaddressmempool",
            does="Returns all changes of one or more addresses that wait for a block.",
            takes=(_ADDRESSES,),
            least=1,
            most=1,
            example=_EXAMPLE,
            run=getaddressmempool,
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
