"""The plugin interface: the one module that a method plugin imports.

A plugin is a distribution with an entry point in the group ``verus_gateway.methods``
that names a tuple of `Method` rows. The columns of a row stand in the order in which a
call meets them. Names without a dot belong to verusd; a third party prefixes its own
(``acme.share``). What `__all__` lists is the contract.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw

from verus_gateway.errors import DaemonError, DaemonUnavailable, InvalidParams, RpcError
from verus_gateway.freshness import (
    FOREVER,
    MEMPOOL,
    TIP,
    Constant,
    Fallback,
    Stale,
    Ttl,
    UntilBlock,
)
from verus_gateway.kinds import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    CURRENCY,
    FLAG,
    HASH,
    HEIGHT,
    HEIGHT_TEXT,
    HEX,
    IDENTITY,
    INTEGER,
    OBJECT,
    SWITCH,
    TEXT,
    Json,
    Kind,
    array,
    either,
    integer,
    mapping,
    members,
    number,
    spelled,
    text,
    turned,
)
from verus_gateway.rows import (
    Daemon,
    Handler,
    Method,
    Param,
    Params,
    Scope,
    TtlIf,
    checked,
    optional,
    required,
)

__all__ = [
    "ADDRESS",
    "ADMIN",
    "AMOUNT",
    "BOOLEAN",
    "BROADCAST",
    "CURRENCY",
    "FLAG",
    "FOREVER",
    "HASH",
    "HEIGHT",
    "HEIGHT_TEXT",
    "HEX",
    "IDENTITY",
    "INTEGER",
    "MEMPOOL",
    "OBJECT",
    "PUBLIC",
    "READ",
    "SWITCH",
    "TEXT",
    "TIP",
    "WALLET",
    "WALLET_BUILD",
    "Constant",
    "Daemon",
    "DaemonError",
    "DaemonUnavailable",
    "InvalidParams",
    "Json",
    "Kind",
    "Method",
    "Params",
    "Raw",
    "RpcError",
    "Stale",
    "UntilBlock",
    "array",
    "decode",
    "either",
    "integer",
    "mapping",
    "members",
    "method",
    "number",
    "optional",
    "required",
    "spelled",
    "text",
    "turned",
]

ENTRY_POINT_GROUP: Final = "verus_gateway.methods"

PUBLIC: Final = "public"
"""Anybody may call it."""
READ: Final = "read"
"""Costs the daemon more, or says more than `PUBLIC` answers do."""
WALLET_BUILD: Final = "wallet-build"
"""Returns an unsigned transaction and spends nothing."""
BROADCAST: Final = "broadcast"
"""Hands something to the network: a write, sent at most once."""
ADMIN: Final = "admin"
"""Tells about the node itself: peers, traffic, bans."""
WALLET: Final = "wallet"
"""Touches the daemon's wallet; offered only where the configuration names the method."""


_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode(raw: Raw) -> Json:
    """Decode what verusd answered; numbers with a fraction become `decimal.Decimal`."""
    return _decoder.decode(raw)


def method(
    name: str,
    *params: Param,
    summary: str,
    accepts: Callable[[Params], bool] | None = None,
    scope: Scope,
    ttl: Ttl = 0,
    ttl_if: TtlIf = (),
    fallback: Fallback = None,
    cost: int = 1,
    retry: bool | None = None,
    handler: Handler | None = None,
) -> Method:
    """Declare one JSON-RPC method; what each column says stands at `Method`.

    Left out, *retry* is True for a row whose answers are kept in any way, and False for any other.

    Raises:
        ValueError: the row contradicts itself.
    """
    kept = fallback is not None or isinstance(ttl, UntilBlock) or ttl > 0
    return checked(
        Method(
            name=name,
            params=params,
            summary=summary,
            accepts=accepts,
            scope=scope,
            ttl=ttl,
            ttl_if=tuple(ttl_if),
            fallback=fallback,
            cost=cost,
            retry=kept if retry is None else retry,
            handler=handler,
        )
    )
