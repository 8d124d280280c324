"""Commands that look at many blocks, or at all that a block changed."""

from hashlib import sha256
from typing import Final

from verus_gateway.simulator.blocks import VERSION
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    given,
    hash_named,
    integer,
    members,
    text,
    truth,
)
from verus_gateway.simulator.methods.blocks import by_hash, by_height, links
from verus_gateway.simulator.scripts import payee
from verus_gateway.simulator.transactions import Transaction
from verus_gateway.simulator.univalue import Json, amount

MONTH: Final = 30 * 24 * 60
"""Blocks in a month."""
MEDIAN: Final = 11
"""Blocks whose times the median is taken of."""
HASH_LENGTH: Final = 64
EMPTY_TREE: Final = "000000"
"""The state of a tree that holds no commitments."""
_COIN_OVERHEAD: Final = 44


def getblockdeltas(node: Node, params: list[Json]) -> Json:
    """List what every transaction of a block took from and gave to addresses."""
    chain = node.chain
    block = by_hash(chain, text(params[0]))
    if not chain.active(block):
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Block is an orphan")
    recent = range(max(0, block.height - MEDIAN + 1), block.height + 1)
    times = sorted(chain.at(n).time for n in recent)
    return {
        "hash": block.hash,
        "confirmations": chain.confirmations(block),
        "size": len(block.raw),
        "height": block.height,
        "version": VERSION,
        "merkleroot": block.merkleroot,
        "deltas": [_deltas(chain, each, n) for n, each in enumerate(block.transactions)],
        "time": block.time,
        "mediantime": times[len(times) // 2],
        "nonce": block.nonce,
        "bits": f"{block.bits:08x}",
        "difficulty": block.difficulty,
        "chainwork": f"{block.work:064x}",
    } | links(chain, block)


def _deltas(chain: Chain, transaction: Transaction, position: int) -> dict[str, Json]:
    inputs = []
    for n, spent in enumerate(() if transaction.coinbase else transaction.inputs):
        coin = chain.ledger.spends[spent.txid, spent.n].coin
        inputs.append(
            {
                "address": coin.address,
                "satoshis": -coin.value,
                "index": n,
                "prevtxid": spent.txid,
                "prevout": spent.n,
            }
        )
    paid = [(n, output, payee(output.script)) for n, output in enumerate(transaction.outputs)]
    outputs = [
        {"address": address, "satoshis": output.value, "index": n}
        for n, output, address in paid
        if address is not None
    ]
    return {"txid": transaction.txid, "index": position, "inputs": inputs, "outputs": outputs}


def getblockhashes(node: Node, params: list[Json]) -> Json:
    """List the blocks made from *low* on and before *high*, oldest first."""
    chain = node.chain
    high, low = integer(params[0]), integer(params[1])
    blocks = [chain.at(n) for n in range(chain.height + 1)]
    found = [block for block in blocks if low <= block.time < high]
    if given(params, 2) and truth(members(params[2]).get("logicalTimes")):
        return [{"blockhash": block.hash, "logicalts": block.time} for block in found]
    return [block.hash for block in found]


def getchaintxstats(node: Node, params: list[Json]) -> Json:
    """Count transactions, in all and over a number of blocks up to one."""
    chain = node.chain
    block = chain.tip
    if given(params, 1):
        block = by_hash(chain, hash_named(params[1], "blockhash"))
        if not chain.active(block):
            raise RpcError(INVALID_PARAMETER, "Block is not in main chain")
    window = max(0, min(MONTH, block.height - 1))
    if given(params, 0):
        window = integer(params[0])
        if window < 0 or (window > 0 and window >= block.height):
            message = "Invalid block count: should be between 0 and the block's height - 1"
            raise RpcError(INVALID_PARAMETER, message)
    counts = [len(chain.at(n).transactions) for n in range(block.height + 1)]
    shape: dict[str, Json] = {
        "time": block.time,
        "txcount": sum(counts),
        "window_final_block_hash": block.hash,
        "window_block_count": window,
    }
    if window:
        count, seconds = sum(counts[-window:]), block.time - chain.at(block.height - window).time
        shape |= {"window_tx_count": count, "window_interval": seconds, "txrate": count / seconds}
    return shape


def gettxoutsetinfo(node: Node, _params: list[Json]) -> Json:
    """Sum up all unspent outputs."""
    chain = node.chain
    coins = sorted(chain.ledger.unspent.values(), key=lambda coin: coin.outpoint)
    hashed = sha256()
    for coin in coins:
        hashed.update(f"{coin.txid} {coin.n} {coin.value} ".encode() + coin.script)
    return {
        "height": chain.height,
        "bestblock": chain.tip.hash,
        "transactions": len({coin.txid for coin in coins}),
        "txouts": len(coins),
        "bytes_serialized": sum(len(coin.script) + _COIN_OVERHEAD for coin in coins),
        "hash_serialized": hashed.hexdigest(),
        "total_amount": amount(sum(coin.value for coin in coins)),
    }


def getsaplingtree(node: Node, params: list[Json]) -> Json:
    """Return the state of the commitment tree at a height given as text; it is always empty."""
    block = by_height(node.chain, text(params[0]))
    return {
        "network": "test" if node.chain.parameters.testnet else "main",
        "height": block.height,
        "hash": block.hash,
        "time": block.time,
        "tree": EMPTY_TREE,
    }


def z_gettreestate(node: Node, params: list[Json]) -> Json:
    """Return the state of both commitment trees at a block; they are always empty."""
    asked = text(params[0])
    chain = node.chain
    block = by_hash(chain, asked) if len(asked) == HASH_LENGTH else by_height(chain, asked)
    if not chain.active(block):
        message = "Requested block is not part of the main chain"
        raise RpcError(INVALID_PARAMETER, message)
    return {
        "hash": block.hash,
        "height": block.height,
        "time": block.time,
        "sprout": _tree(sha256(b"no joinsplits").hexdigest()),
        "sapling": _tree(block.saplingroot),
    }


def _tree(root: str) -> dict[str, Json]:
    return {"commitments": {"finalRoot": root, "finalState": EMPTY_TREE}}


INDEX: Final = (
    Command(
        name="getblockdeltas",
        usage='"blockhash"',
        does="Returns the changes of balances in a block of the best chain.",
        takes=(('"hash"', "(string, required) the block hash"),),
        least=1,
        most=1,
        example='"hash"',
        run=getblockdeltas,
    ),
    Command(
        name="getblockhashes",
        usage="high low ( options )",
        does="Returns the hashes of blocks within a range of times.",
        takes=(
            ("high", "(numeric, required) the newer block timestamp"),
            ("low", "(numeric, required) the older block timestamp"),
            ("options", '(object, optional) {"noOrphans": bool, "logicalTimes": bool}'),
        ),
        least=2,
        most=3,
        example="1231614698 1231024505",
        run=getblockhashes,
    ),
    Command(
        name="getchaintxstats",
        usage="( nblocks blockhash )",
        does="Computes statistics about the number and rate of transactions.",
        takes=(
            ("nblocks", "(numeric, optional) the number of blocks in the window"),
            ('"blockhash"', "(string, optional) the block that ends the window"),
        ),
        most=2,
        example="100",
        run=getchaintxstats,
    ),
    Command(
        name="getsaplingtree",
        usage='"n"',
        does="Returns the state of the Sapling commitment tree at a height.",
        takes=(('"n"', "(string, required) the height"),),
        least=1,
        most=1,
        example='"100"',
        run=getsaplingtree,
    ),
    Command(
        name="gettxoutsetinfo",
        does="Returns statistics about the unspent transaction output set.",
        run=gettxoutsetinfo,
    ),
    Command(
        name="z_gettreestate",
        usage='"hash|height"',
        does="Returns information about the given block's tree state.",
        takes=(('"hash|height"', "(string, required) the block's hash, or its height as text"),),
        least=1,
        most=1,
        example='"100"',
        run=z_gettreestate,
    ),
)
