"""Commands about single blocks."""

from typing import Final

from verus_gateway.simulator.blocks import VERSION, Block
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    boolean,
    given,
    integer,
    text,
)
from verus_gateway.simulator.methods.control import proofroot
from verus_gateway.simulator.methods.rawtransactions import transaction_members
from verus_gateway.simulator.univalue import Json, Number, amount

HASH_LENGTH: Final = 64
VERBOSITY: Final = range(3)
_INT32_DIGITS: Final = 10


def getblockhash(node: Node, params: list[Json]) -> Json:
    """Return the hash at a height given as a number."""
    return _at(node.chain, integer(params[0])).hash


def getblock(node: Node, params: list[Json]) -> Json:
    """Return a block by its hash, or by its height as text; a JSON number is refused."""
    asked = text(params[0])
    verbosity = 1
    if given(params, 1):
        number = isinstance(params[1], Number)
        verbosity = integer(params[1]) if number else int(boolean(params[1]))
    if len(asked) < HASH_LENGTH:
        asked = by_height(node.chain, asked).hash
    if verbosity not in VERBOSITY:
        raise RpcError(INVALID_PARAMETER, "Verbosity must be in range from 0 to 2")
    block = by_hash(node.chain, asked)
    if not verbosity:
        return block.raw.hex()
    return _block(node.chain, block, whole=verbosity == VERBOSITY[-1])


def getblockheader(node: Node, params: list[Json]) -> Json:
    """Return the header of the block with this hash, as an object or as hex."""
    asked = text(params[0])
    verbose = not given(params, 1) or boolean(params[1])
    block = by_hash(node.chain, asked)
    return _header(node.chain, block) if verbose else block.header.hex()


def _at(chain: Chain, height: int) -> Block:
    try:
        return chain.at(height)
    except IndexError:
        raise RpcError(INVALID_PARAMETER, "Block height out of range") from None


def by_height(chain: Chain, asked: str) -> Block:
    """Return the active block at a height given as text.

    Raises:
        RpcError: -8 where it is no height, or outside the chain.
    """
    if not (asked.isascii() and asked.isdigit() and len(asked) <= _INT32_DIGITS):
        raise RpcError(INVALID_PARAMETER, "Invalid block height parameter")
    return _at(chain, int(asked))


def by_hash(chain: Chain, asked: str) -> Block:
    """Return the block with a hash, active or abandoned.

    Raises:
        RpcError: -5 where there is none.
    """
    block = chain.block(asked.lower())
    if block is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Block not found")
    return block


def links(chain: Chain, block: Block) -> dict[str, Json]:
    """Name the neighbours of a block, as far as it has some."""
    names: dict[str, Json] = {"previousblockhash": block.previous} if block.height else {}
    following = chain.following(block)
    return names if following is None else names | {"nextblockhash": following.hash}


def _kind(block: Block) -> dict[str, Json]:
    if block.minted:
        target = block.field("postarget").hex()
        return {"validationtype": "stake", "postarget": f"{'0' * 16}{target[16:]}"}
    return {"validationtype": "work"}


def _block(chain: Chain, block: Block, *, whole: bool) -> dict[str, Json]:
    each = block.transactions
    txs = [transaction_members(chain, tx) if whole else tx.txid for tx in each]
    return (
        {"hash": block.hash}
        | _kind(block)
        | {
            "confirmations": chain.confirmations(block),
            "size": len(block.raw),
            "height": block.height,
            "version": VERSION,
            "merkleroot": block.merkleroot,
            "segid": -2,
            "finalsaplingroot": block.saplingroot,
            "tx": txs,
        }
        | _work(block)
        | {
            "anchor": block.field("anchor").hex(),
            "blocktype": "minted" if block.minted else "mined",
            "valuePools": [_pool("sprout"), _pool("sapling")],
        }
        | links(chain, block)
        | {"proofroot": proofroot(chain, block), "prevmmrroot": block.field("mmr").hex()}
    )


def _work(block: Block) -> dict[str, Json]:
    return {
        "time": block.time,
        "nonce": block.nonce,
        "solution": block.solution.hex(),
        "bits": f"{block.bits:08x}",
        "difficulty": block.difficulty,
        "chainwork": f"{block.work:064x}",
        "chainstake": f"{block.stake:064x}",
    }


def _pool(name: str) -> dict[str, Json]:
    return {
        "id": name,
        "monitored": True,
        "chainValue": amount(0),
        "chainValueZat": 0,
        "valueDelta": amount(0),
        "valueDeltaZat": 0,
    }


def _header(chain: Chain, block: Block) -> dict[str, Json]:
    return (
        {"hash": block.hash, "calchash": block.hash}
        | _kind(block)
        | {
            "confirmations": chain.confirmations(block),
            "height": block.height,
            "version": VERSION,
            "merkleroot": block.merkleroot,
            "finalsaplingroot": block.saplingroot,
        }
        | _work(block)
        | {
            "segid": -2,
            "previousstateroot": block.field("previousstateroot").hex(),
            "blockmmrroot": block.field("mmr").hex(),
        }
        | links(chain, block)
    )


BLOCKS: Final = (
    Command(
        name="getblock",
        usage='"hash|height" ( verbosity )',
        does="Returns a block as hex (0), as an object (1), or with its transactions (2).",
        takes=(
            ('"hash|height"', "(string, required) the block's hash, or its height as text"),
            ("verbosity", "(numeric, optional, default=1) 0, 1 or 2; true is 1, false is 0"),
        ),
        least=1,
        most=2,
        example='"1000" 1',
        run=getblock,
    ),
    Command(
        name="getblockhash",
        usage="index",
        does="Returns the hash of the block at a height of the best chain.",
        takes=(("index", "(numeric, required) the block height"),),
        least=1,
        most=1,
        example="1000",
        run=getblockhash,
    ),
    Command(
        name="getblockheader",
        usage='"hash" ( verbose )',
        does="Returns a block's header, as an object, or as hex where verbose is false.",
        takes=(
            ('"hash"', "(string, required) the block's hash"),
            ("verbose", "(boolean, optional, default=true) false for hex"),
        ),
        least=1,
        most=2,
        example='"hash" false',
        run=getblockheader,
    ),
)
