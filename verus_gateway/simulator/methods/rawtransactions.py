"""Commands about single transactions."""

from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.blocks import Block
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    DESERIALIZATION_ERROR,
    INVALID_ADDRESS_OR_KEY,
    Command,
    Node,
    RpcError,
    check_types,
    given,
    hash_named,
    integer,
)
from verus_gateway.simulator.identities import held_by
from verus_gateway.simulator.mempool import Refused
from verus_gateway.simulator.methods.forms import amounts, identity_members
from verus_gateway.simulator.scripts import assembly, payee, understand
from verus_gateway.simulator.tokens import SPENDABLE, tokens
from verus_gateway.simulator.transactions import (
    VERSION,
    VERSION_GROUP,
    Input,
    Transaction,
    read,
)
from verus_gateway.simulator.univalue import Json, amount

NOT_FOUND: Final = "No information available about transaction"


def script_members(script: bytes) -> dict[str, Json]:
    """Describe an output's script."""
    address = payee(script)
    kinds = {base58.KEY_HASH: "pubkeyhash", base58.SCRIPT_HASH: "scripthash"}
    kind = "nonstandard"
    if address is not None:
        kind = kinds.get(base58.decode(address)[0], "cryptocondition")
    held = understand(script)
    spendable = address is not None and (held is None or held.kind in SPENDABLE)
    shape: dict[str, Json] = {"type": kind} | _held(script) | {"spendableoutput": spendable}
    if address is not None:
        shape |= {"reqSigs": 1, "addresses": [address]}
    return shape | {"asm": assembly(script), "hex": script.hex()}


def _held(script: bytes) -> dict[str, Json]:
    identity, values = held_by(script), tokens(script)
    if identity is not None:
        return {"identityprimary": identity_members(identity)}
    if values:
        return {"reserveoutput": {"version": 1, "currencyvalues": amounts(values)}}
    return {}


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
    txid = hash_named(params[0], "parameter 1")
    verbose = given(params, 1) and integer(params[1]) != 0
    found = node.chain.find(txid)
    if found is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, NOT_FOUND)
    transaction, block = found
    if not verbose:
        return transaction.raw.hex()
    shape = {"hex": transaction.raw.hex()} | transaction_members(node.chain, transaction)
    return shape if block is None else shape | _place(node.chain, block)


def decoderawtransaction(node: Node, params: list[Json]) -> Json:
    """Describe a transaction given as hex."""
    check_types(params, str, bool)
    return transaction_members(node.chain, decode(params[0]))


def sendrawtransaction(node: Node, params: list[Json]) -> Json:
    """Put a transaction into the memory pool and return its id."""
    check_types(params, str, bool)
    transaction = decode(params[0])
    try:
        return node.chain.send(transaction, now=node.now())
    except Refused as refused:
        raise RpcError(refused.code, refused.message) from None


def decode(digits: str) -> Transaction:
    """Read a transaction given as hex.

    Raises:
        RpcError: -22 where it is none.
    """
    try:
        return read(bytes.fromhex(digits))
    except ValueError:
        raise RpcError(DESERIALIZATION_ERROR, "TX decode failed") from None


COMMANDS: Final = (
    Command(
        name="decoderawtransaction",
        usage='"hexstring" ( iswitness )',
        does="Returns a JSON object representing the serialized, hex-encoded transaction.",
        takes=(
            ('"hexstring"', "(string, required) the transaction"),
            ("iswitness", "(boolean, optional) without effect"),
        ),
        least=1,
        most=2,
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
)
