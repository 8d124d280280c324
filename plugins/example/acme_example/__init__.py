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

EXAMPLE = "533df29b9bfc5f4a676ad8f8726b25ccdb21f6e400d64bcf510e999a51bd4964"
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
