"""Commands about transfers on their way: pending ones, exports, imports and deposits."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from verus_gateway.simulator.commands import (
    Command,
    Node,
    given,
    integer,
    truth,
)
from verus_gateway.simulator.currencies import baskets
from verus_gateway.simulator.ledger import Coin
from verus_gateway.simulator.market import (
    EXPORT_AT,
    IMPORT,
    STATE_AT,
    TRANSFER_FEE,
    Transfer,
    pending,
    read_transfer,
    states,
)
from verus_gateway.simulator.methods.currencyforms import currency_asked, notarization_members
from verus_gateway.simulator.methods.forms import amounts, iaddress
from verus_gateway.simulator.scripts import understand
from verus_gateway.simulator.tokens import RESERVE_DEPOSIT, tokens
from verus_gateway.simulator.transactions import Transaction
from verus_gateway.simulator.univalue import Json, amount

NOT_FOUND: Final = "Invalid chain name or chain ID"
NEVER_ENDS: Final = 2**31 - 1
KEY_HASH: Final = 2
"""verusd's number of a destination that is a key hash."""


def getpendingtransfers(node: Node, params: list[Json]) -> Json:
    """List the transfers in blocks that wait for their import."""
    coins = [each for basket in _asked(node, params) for each in pending(node.chain.ledger, basket)]
    found = [(coin, read_transfer(coin.script)) for coin in coins]
    return [
        {
            "currencyid": coin.address,
            "height": coin.height,
            "txid": coin.txid,
            "n": coin.n,
            "valueout": amount(coin.value),
            "reservetransfer": transfer_members(node, transfer),
        }
        for coin, transfer in found
        if transfer is not None
    ]


def transfer_members(node: Node, transfer: Transfer) -> dict[str, Json]:
    """Describe a transfer."""
    return {
        "version": 1,
        "currencyvalues": {transfer.wish.source: amount(transfer.wish.satoshis)},
        "flags": 3,
        "convert": True,
        "feecurrencyid": node.chain.parameters.chainid,
        "fees": amount(TRANSFER_FEE),
        "destinationcurrencyid": transfer.wish.target,
        "destination": {"address": transfer.receiver, "type": KEY_HASH},
    }


def getexports(node: Node, params: list[Json]) -> Json:
    """List the exports to a basket between two heights, with what they carried."""
    low, high = _range(params, 1)
    return [
        {
            "height": coin.height,
            "txid": coin.txid,
            "txoutnum": EXPORT_AT,
            "exportinfo": _export(node, coin, transfers),
            "transfers": [transfer_members(node, each) for each in transfers],
        }
        for coin, transfers in _imports(node, params)
        if low <= coin.height <= high
    ]


def getimports(node: Node, params: list[Json]) -> Json:
    """List the imports into a basket between two heights, with the state they led to."""
    low, high = _range(params, 1)
    return [
        _import(node, coin, transfers)
        for coin, transfers in _imports(node, params)
        if low <= coin.height <= high
    ]


def getlastimportfrom(node: Node, params: list[Json]) -> Json:
    """Describe the newest import and the notarization that it made."""
    found = sorted(_imports(node, params), key=lambda each: each[0].height)
    if not found:
        return {}
    coin, transfers = found[-1]
    shape = _import(node, coin, transfers)
    return {
        "lastimport": shape["import"],
        "lastimportutxo": {"txid": coin.txid, "voutnum": coin.n},
        "lastconfirmednotarization": shape["importnotarization"],
        "lastconfirmedutxo": {"txid": coin.txid, "voutnum": STATE_AT},
    }


def getreservedeposits(node: Node, params: list[Json]) -> Json:
    """Sum up what backs a basket; with its outputs where asked."""
    chain = node.chain
    basket = currency_asked(node, params[0], NOT_FOUND)
    coins = [each for each in chain.ledger.held(RESERVE_DEPOSIT) if each.address == basket]
    values: dict[str, int] = {}
    for coin in coins:
        held = {chain.parameters.chainid: coin.value} | dict(tokens(coin.script))
        for currency, satoshis in held.items():
            values[currency] = values.get(currency, 0) + satoshis
    if not given(params, 1) or not truth(params[1]):
        return amounts(values)
    utxos = [
        {"txid": coin.txid, "voutnum": coin.n, "values": amounts(tokens(coin.script))}
        for coin in coins
    ]
    return {"values": amounts(values), "utxos": utxos}


def _asked(node: Node, params: list[Json]) -> list[str]:
    chainid = node.chain.parameters.chainid
    wanted = currency_asked(node, params[0], NOT_FOUND) if given(params, 0) else chainid
    known = baskets(node.chain.parameters)
    if wanted == chainid:
        return [each.address for each in known]
    return [each.address for each in known if wanted in {each.address, iaddress(each.parent)}]


def _range(params: list[Json], at: int) -> tuple[int, int]:
    low, high = (integer(params[n]) if given(params, n) else 0 for n in (at, at + 1))
    return low, high if high > 0 else NEVER_ENDS


def _imports(node: Node, params: list[Json]) -> Iterator[tuple[Coin, list[Transfer]]]:
    for basket in _asked(node, params):
        for coin in node.chain.ledger.ever(basket):
            found = understand(coin.script)
            if found is not None and found.kind == IMPORT:
                yield coin, _transfers(node, _transaction(node, coin))


def _transaction(node: Node, coin: Coin) -> Transaction:
    block = node.chain.at(coin.height)
    return next(each for each in block.transactions if each.txid == coin.txid)


def _transfers(node: Node, transaction: Transaction) -> list[Transfer]:
    scripts = (node.chain.output((spent.txid, spent.n)).script for spent in transaction.inputs)
    found = map(read_transfer, scripts)
    return [transfer for transfer in found if transfer is not None]


def _hash(transfers: list[Transfer]) -> str:
    return sha256(b"".join(each.script for each in transfers)).hexdigest()


def _totals(transfers: list[Transfer]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for each in transfers:
        totals[each.wish.source] = totals.get(each.wish.source, 0) + each.wish.satoshis
    return totals


def _export(node: Node, coin: Coin, transfers: list[Transfer]) -> dict[str, Json]:
    chainid = node.chain.parameters.chainid
    first = min(
        node.chain.ledger.spends[spent.txid, spent.n].coin.height
        for spent in _transaction(node, coin).inputs
    )
    return {
        "version": 1,
        "flags": 1,
        "sourcesystemid": chainid,
        "hashtransfers": _hash(transfers),
        "destinationsystemid": chainid,
        "destinationcurrencyid": coin.address,
        "sourceheightstart": first,
        "sourceheightend": coin.height - 1,
        "numinputs": len(transfers),
        "totalamounts": amounts(_totals(transfers)),
        "totalfees": {chainid: amount(TRANSFER_FEE * len(transfers))},
    }


def _import(node: Node, coin: Coin, transfers: list[Transfer]) -> dict[str, Json]:
    chain = node.chain
    transaction = _transaction(node, coin)
    basket = str(coin.address)
    history = states(chain.ledger, basket)
    at = next(n for n, (_, each) in enumerate(history) if each.txid == coin.txid)
    paid: dict[str, int] = {}
    for output in transaction.outputs[EXPORT_AT + 1 :]:
        held = dict(tokens(output.script)) or {chain.parameters.chainid: output.value}
        for currency, satoshis in held.items():
            paid[currency] = paid.get(currency, 0) + satoshis
    return {
        "importheight": coin.height,
        "importtxid": coin.txid,
        "importvout": coin.n,
        "import": {
            "version": 1,
            "flags": 1,
            "sourcesystemid": chain.parameters.chainid,
            "sourceheight": coin.height - 1,
            "importcurrencyid": basket,
            "valuein": amounts(_totals(transfers)),
            "tokensout": amounts(paid),
            "numoutputs": len(transaction.outputs) - EXPORT_AT - 1,
            "hashtransfers": _hash(transfers),
            "exporttxid": coin.txid,
            "exporttxout": EXPORT_AT,
        },
        "importnotarization": notarization_members(node, history[at][0], history[at - 1][1]),
        "transfers": [transfer_members(node, each) for each in transfers],
    }


_CHAIN: Final = ('"chainname"', "(string, optional) the basket, or its system")
_HEIGHTS: Final = (
    ("heightstart", "(numeric, optional, default=0) the first height"),
    ("heightend", "(numeric, optional, default=0) the last height, 0 for the tip"),
)

TRANSFERS: Final = (
    Command(
        name="getexports",
        usage='"chainname" (heightstart) (heightend)',
        does="Returns the exports to a currency.",
        takes=(_CHAIN, *_HEIGHTS),
        least=1,
        most=3,
        example='"simpool"',
        run=getexports,
    ),
    Command(
        name="getimports",
        usage='"chainname" (startheight) (endheight)',
        does="Returns the imports into a currency.",
        takes=(_CHAIN, *_HEIGHTS),
        most=3,
        example='"simpool"',
        run=getimports,
    ),
    Command(
        name="getlastimportfrom",
        usage='"systemname"',
        does="Returns the last import from a system.",
        takes=(_CHAIN,),
        most=1,
        example='"VRSC"',
        run=getlastimportfrom,
    ),
    Command(
        name="getpendingtransfers",
        usage='"chainname"',
        does="Returns the transfers that wait for their import.",
        takes=(_CHAIN,),
        most=1,
        example='"simpool"',
        run=getpendingtransfers,
    ),
    Command(
        name="getreservedeposits",
        usage='"currencyname" (returnutxos)',
        does="Returns the deposits that back a currency.",
        takes=(
            ('"currencyname"', "(string, required) the basket"),
            ("returnutxos", "(boolean, optional, default=false) whether to list the outputs"),
        ),
        least=1,
        most=2,
        example='"simpool"',
        run=getreservedeposits,
    ),
)
