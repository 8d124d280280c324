"""A third party's own method: how many confirmations a transaction still needs."""

from verus_gateway.plugin import (
    HASH,
    PUBLIC,
    Constant,
    Daemon,
    InvalidParams,
    Json,
    decode,
    integer,
    method,
    optional,
    required,
)

EXAMPLE = "730f6384a659f121d11eb60383218d10e02cd26fe6482911373c8ed999096bc9"
DEPTH = integer("a number of confirmations", low=1, high=1000)


async def settled(daemon: Daemon, txid: str, depth: int = 10) -> Json:
    """Compare the transaction's confirmations with the depth asked for."""
    transaction = decode(await daemon.call("getrawtransaction", txid, 1))
    if not isinstance(transaction, dict):
        raise InvalidParams(f"acme.settled: {txid} is no transaction")
    confirmations = int(transaction.get("confirmations", 0))
    return {
        "txid": txid,
        "confirmations": confirmations,
        "missing": max(0, depth - confirmations),
        "settled": confirmations >= depth,
    }


METHODS = (
    method(
        "acme.settled",
        required("txid", HASH, example=EXAMPLE),
        optional("depth", DEPTH, example=10),
        summary="Whether a transaction has enough confirmations.",
        scope=PUBLIC,
        ttl=5,
        fallback=Constant(None),
        handler=settled,
    ),
)
