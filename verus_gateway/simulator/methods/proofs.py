"""Commands that prove where a transaction is, and tell what spent an output."""

from typing import Final

from verus_gateway.simulator import proof
from verus_gateway.simulator.blocks import HEADER_SIZE, Block
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    MISC_ERROR,
    Command,
    Node,
    RpcError,
    elements,
    given,
    hash_named,
    hex_named,
    integer,
    members,
)
from verus_gateway.simulator.univalue import Json, Number

_PREVIOUS: Final = slice(4, 36)
_ROOT: Final = slice(36, 68)


def gettxoutproof(node: Node, params: list[Json]) -> Json:
    """Prove that transactions are in a block: its header and a partial Merkle tree, as hex."""
    chain = node.chain
    wanted: set[str] = set()
    for each in elements(params[0]):
        txid = hash_named(each, "txid")
        if txid in wanted:
            message = f"Invalid parameter, duplicated txid: {txid}"
            raise RpcError(INVALID_PARAMETER, message)
        wanted.add(txid)
    if not wanted:
        raise RpcError(INVALID_PARAMETER, "Parameter 'txids' cannot be empty")
    if given(params, 1):
        block = chain.block(hash_named(params[1], "blockhash"))
        if block is None:
            raise RpcError(INVALID_ADDRESS_OR_KEY, "Block not found")
    else:
        block = _holding(chain, wanted)
    txids = [transaction.txid for transaction in block.transactions]
    if not wanted <= set(txids):
        message = "(Not all) transactions not found in specified block"
        raise RpcError(INVALID_ADDRESS_OR_KEY, message)
    return (block.header + proof.prove(txids, frozenset(wanted))).hex()


def _holding(chain: Chain, wanted: set[str]) -> Block:
    blocks = [chain.ledger.located.get(txid) for txid in sorted(wanted)]
    found = next((block for block in blocks if block is not None), None)
    if found is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Transaction not yet in block")
    return found


def verifytxoutproof(node: Node, params: list[Json]) -> Json:
    """Return the ids that a proof commits to; none where it does not lead to its block."""
    raw = hex_named(params[0], "proof")
    try:
        root, found = proof.check(raw[HEADER_SIZE:])
    except ValueError:
        raise RpcError(MISC_ERROR, "CDataStream::read(): end of data: iostream error") from None
    if raw[_ROOT][::-1].hex() != root:
        return []
    block = _below(node.chain, raw[_PREVIOUS][::-1].hex())
    if block is None or block.header != raw[:HEADER_SIZE]:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Block not found in chain")
    return found


def _below(chain: Chain, previous: str) -> Block | None:
    known = chain.block(previous)
    return chain.at(0) if known is None else chain.following(known)


def getspentinfo(node: Node, params: list[Json]) -> Json:
    """Tell which input spends an output."""
    asked = members(params[0])
    txid, index = asked.get("txid"), asked.get("index")
    if not isinstance(txid, str) or not isinstance(index, Number):
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Invalid txid or index")
    spend = node.chain.ledger.spends.get((txid.lower(), integer(index)))
    if spend is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Unable to get spent info")
    return {"txid": spend.txid, "index": spend.n, "height": spend.height}


PROOFS: Final = (
    Command(
        name="getspentinfo",
        usage='{"txid":"id","index":n}',
        does="Returns the transaction and input that spend an output.",
        takes=(("output", "(object, required) the output"),),
        least=1,
        most=1,
        example='{"txid":"id","index":0}',
        run=getspentinfo,
    ),
    Command(
        name="gettxoutproof",
        usage='["txid",...] ( blockhash )',
        does="Returns a hex-encoded proof that transactions were included in a block.",
        takes=(
            ('"txids"', "(array, required) the transactions"),
            ('"blockhash"', "(string, optional) the block to look in"),
        ),
        least=1,
        most=2,
        example='["mytxid"]',
        run=gettxoutproof,
    ),
    Command(
        name="verifytxoutproof",
        usage='"proof"',
        does="Returns the transactions a proof commits to, if its block is in the best chain.",
        takes=(('"proof"', "(string, required) the proof that gettxoutproof made"),),
        least=1,
        most=1,
        example='"proof"',
        run=verifytxoutproof,
    ),
)
