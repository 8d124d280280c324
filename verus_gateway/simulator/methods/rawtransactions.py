"""Commands about single transactions."""

from typing import Final

from verus_gateway.simulator.blocks import Block
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    DESERIALIZATION_ERROR,
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    TYPE_ERROR,
    Command,
    Family,
    Node,
    RpcError,
    given,
    integer,
    text,
)
from verus_gateway.simulator.mempool import Refused
from verus_gateway.simulator.transactions import (
    VERSION,
    VERSION_GROUP,
    Input,
    Transaction,
    assembly,
    payee,
    read,
)
from verus_gateway.simulator.univalue import Json, Number, amount

NOT_FOUND: Final = "No information available about transaction"
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_TYPES: Final = {
    type(None): "null",
    bool: "bool",
    Number: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def script_members(script: bytes) -> dict[str, Json]:
    """Describe an output's script."""
    address = payee(script)
    kind = "nonstandard" if address is None else "pubkeyhash"
    shape: dict[str, Json] = {"type": kind, "spendableoutput": address is not None}
    if address is not None:
        shape |= {"reqSigs": 1, "addresses": [address]}
    return shape | {"asm": assembly(script), "hex": script.hex()}


def transaction_members(chain: Chain, transaction: Transaction) -> dict[str, Json]:
    """Describe a transaction without its block, as ``decoderawtransaction`` does."""
    return {
        "txid": transaction.txid,
        "overwintered": True,
        "version": VERSION,
        "versiongroupid": f"{VERSION_GROUP:08x}",
        "locktime": transaction.locktime,
        "expiryheight": transaction.expiry,
        "vin": [_input(chain, transaction, spent) for spent in transaction.inputs],
        "vout": [_output(chain, transaction, n) for n in range(len(transaction.outputs))],
        "vjoinsplit": [],
        "valueBalance": amount(0),
        "valueBalanceZat": 0,
        "vShieldedSpend": [],
        "vShieldedOutput": [],
    }


def _input(chain: Chain, transaction: Transaction, spent: Input) -> dict[str, Json]:
    if transaction.coinbase:
        return {"coinbase": spent.script.hex(), "sequence": spent.sequence}
    shape: dict[str, Json] = {
        "txid": spent.txid,
        "vout": spent.n,
        "scriptSig": {"asm": assembly(spent.script), "hex": spent.script.hex()},
    }
    spend = chain.ledger.spends.get((spent.txid, spent.n))
    if spend is not None:
        value = spend.coin.value
        shape |= {"value": amount(value), "valueSat": value, "address": spend.coin.address}
    return shape | {"sequence": spent.sequence}


def _output(chain: Chain, transaction: Transaction, n: int) -> dict[str, Json]:
    paid = transaction.outputs[n]
    shape: dict[str, Json] = {
        "value": amount(paid.value),
        "valueZat": paid.value,
        "valueSat": paid.value,
        "n": n,
        "scriptPubKey": script_members(paid.script),
    }
    spend = chain.ledger.spends.get((transaction.txid, n))
    if spend is not None:
        shape |= {"spentTxId": spend.txid, "spentIndex": spend.n, "spentHeight": spend.height}
    return shape


def _place(chain: Chain, block: Block) -> dict[str, Json]:
    return {
        "blockhash": block.hash,
        "height": block.height,
        "confirmations": chain.confirmations(block),
        "time": block.time,
        "blocktime": block.time,
    }


def getrawtransaction(node: Node, params: list[Json]) -> Json:
    """Return a transaction from the memory pool or a block, as hex or as an object."""
    txid = params[0] if isinstance(params[0], str) else ""
    if not txid or not set(txid) <= _HEX:
        message = f"parameter 1 must be hexadecimal string (not '{txid}')"
        raise RpcError(INVALID_PARAMETER, message)
    verbose = given(params, 1) and integer(params[1]) != 0
    found = node.chain.find(txid.lower())
    if found is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, NOT_FOUND)
    transaction, block = found
    if not verbose:
        return transaction.raw.hex()
    shape = {"hex": transaction.raw.hex()} | transaction_members(node.chain, transaction)
    return shape if block is None else shape | _place(node.chain, block)


def decoderawtransaction(node: Node, params: list[Json]) -> Json:
    """Describe a transaction given as hex."""
    return transaction_members(node.chain, _decode(_typed(params)))


def sendrawtransaction(node: Node, params: list[Json]) -> Json:
    """Put a transaction into the memory pool and return its id."""
    transaction = _decode(_typed(params))
    try:
        return node.chain.send(transaction, now=node.now())
    except Refused as refused:
        raise RpcError(refused.code, refused.message) from None


def _typed(params: list[Json]) -> str:
    for value, expected in zip(params, (str, bool), strict=False):
        if not isinstance(value, expected):
            kinds = f"Expected type {_TYPES[expected]}, got {_TYPES[type(value)]}"
            raise RpcError(TYPE_ERROR, kinds)
    return text(params[0])


def _decode(digits: str) -> Transaction:
    try:
        return read(bytes.fromhex(digits))
    except ValueError:
        raise RpcError(DESERIALIZATION_ERROR, "TX decode failed") from None


FAMILY: Final = Family(
    "rawtransactions",
    (
        Command(
            name="decoderawtransaction",
            usage='"hexstring"',
            does="Returns a JSON object representing the serialized, hex-encoded transaction.",
            takes=(('"hexstring"', "(string, required) the transaction"),),
            least=1,
            most=1,
            example='"hexstring"',
            run=decoderawtransaction,
        ),
        Command(
            name="getrawtransaction",
            usage='"txid" ( verbose )',
            does="Returns the raw transaction data: hex, or an object where verbose is not 0.",
            takes=(
                ('"txid"', "(string, required) the transaction id"),
                ("verbose", "(numeric, optional, default=0) 0 for hex, other for an object"),
            ),
            least=1,
            most=2,
            example='"mytxid" 1',
            run=getrawtransaction,
        ),
        Command(
            name="sendrawtransaction",
            usage='"hexstring" ( allowhighfees )',
            does="Submits a raw transaction (serialized, hex-encoded) to the node.",
            takes=(
                ('"hexstring"', "(string, required) the transaction"),
                ("allowhighfees", "(boolean, optional, default=false) allow high fees"),
            ),
            least=1,
            most=2,
            example='"signedhex"',
            run=sendrawtransaction,
        ),
    ),
)
