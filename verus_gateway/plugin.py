"""The plugin interface: the one module that a method plugin imports.

A plugin is a distribution with an entry point in the group ``verus_gateway.methods``
that names a tuple of `Method` rows. The columns of a row stand in the order in which a
call meets them. Names without a dot belong to verusd; a third party prefixes its own
(``acme.share``). What `__all__` lists is the contract.
"""

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise, takewhile
from typing import Final, Protocol, TypeAlias

import msgspec
from msgspec import Raw

from verus_gateway.errors import DaemonError, DaemonUnavailable, InvalidParams, RpcError
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
    Mismatch,
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

Scope: TypeAlias = str
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


@dataclass(frozen=True, slots=True)
class UntilBlock:
    """An answer is good until the next block.

    Attributes:
        within: And for so many seconds at most; ``[cache] tip_max_age`` bounds it too.
    """

    within: float = math.inf


Ttl: TypeAlias = float | UntilBlock
"""Seconds an answer may be served again, or `TIP`, `MEMPOOL` or `FOREVER`; 0 never."""
TIP: Final = UntilBlock()
"""Good until the next block."""
MEMPOOL: Final = UntilBlock(within=2.0)
"""Good until the next block, for two seconds at most: it depends on the mempool as well."""
FOREVER: Final = math.inf
"""Content-addressed: the answer to these parameters can never change."""


_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode(raw: Raw) -> Json:
    """Decode what verusd answered; numbers with a fraction become `decimal.Decimal`."""
    return _decoder.decode(raw)


class Daemon(Protocol):
    """What a handler may ask of verusd."""

    async def call(self, method: str, *params: Json) -> Raw:
        """Return verusd's result, still encoded.

        Raises:
            DaemonError: verusd answered with an error.
            DaemonUnavailable: verusd gave no answer; let it pass, the row's fallback needs it.
        """
        ...

    def offers(self, method: str) -> bool:
        """Tell whether this gateway offers *method* to its clients at all."""
        ...


Params: TypeAlias = tuple[Json, ...]
Handler: TypeAlias = Callable[..., Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Stale:
    """While verusd is away, serve the last good answer if it is not older than this.

    Attributes:
        within: Seconds since the daemon gave the answer.
    """

    within: float


@dataclass(frozen=True, slots=True)
class Constant:
    """While verusd is away, serve this value.

    Attributes:
        value: Any JSON value; encoded once when the row is loaded.
    """

    value: Json


Fallback: TypeAlias = Stale | Constant | None


@dataclass(frozen=True, slots=True)
class Param:
    """One named parameter of a row; *example* is None where there is none."""

    name: str
    kind: Kind
    required: bool
    example: Json = None


def required(name: str, kind: Kind, *, example: Json = None) -> Param:
    """Declare a parameter that every call must give; *example* is a value for the OpenRPC document."""
    return Param(name, kind, required=True, example=example)


def optional(name: str, kind: Kind, *, example: Json = None) -> Param:
    """Declare a parameter that a call may leave out; all behind it may then be left out too."""
    return Param(name, kind, required=False, example=example)


TtlIf: TypeAlias = Sequence[tuple[Ttl, Callable[[Params], bool]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One JSON-RPC method and everything the gateway must know about it; made by `method`."""

    name: str
    params: tuple[Param, ...]
    summary: str
    accepts: Callable[[Params], bool] | None
    scope: Scope
    ttl: Ttl
    ttl_if: TtlIf
    fallback: Fallback
    cost: int
    retry: bool
    handler: Handler | None

    def lasts(self, params: Params) -> Ttl:
        """Return how long the answer to these parameters may be served again."""
        for ttl, applies in self.ttl_if:
            if applies(params):
                return ttl
        return self.ttl

    def example(self) -> list[Json] | None:
        """Return the parameters of an example call, or None where one lacks its example."""
        values = [param.example for param in takewhile(_has_example, self.params)]
        whole = len(values) >= sum(param.required for param in self.params)
        return values if whole and (values or self.accepts is None) else None

    def read(self, given: list[Json] | dict[str, Json] | None) -> Params:
        """Return the parameters as verusd takes them, in order.

        Raises:
            InvalidParams: wrong count, name or kind; the message names the parameter.
        """
        values = self._positions(given)
        fewest = sum(param.required for param in self.params)
        if not fewest <= len(values) <= len(self.params):
            raise InvalidParams(f"{self.usage()}: {len(values)} parameters given")
        params = tuple(
            self._read(position, param, value)
            for position, (param, value) in enumerate(zip(self.params, values, strict=False))
        )
        if self.accepts is not None and not self.accepts(params):
            raise InvalidParams(f"{self.name} is not offered with these parameters")
        return params

    def usage(self) -> str:
        """Return the call in one line: ``getblock block [verbosity]``."""
        words = (param.name if param.required else f"[{param.name}]" for param in self.params)
        return " ".join((self.name, *words))

    async def run(self, daemon: Daemon, params: Params) -> Json:
        """Answer a call whose parameters have been read."""
        if self.handler is None:
            return await daemon.call(self.name, *params)
        return await self.handler(daemon, *params)

    def _positions(self, given: list[Json] | dict[str, Json] | None) -> list[Json]:
        if given is None:
            return []
        if isinstance(given, list):
            return given
        names = [param.name for param in self.params]
        unknown = sorted(given.keys() - set(names))
        if unknown:
            raise InvalidParams(f"{self.usage()}: no parameter is named {unknown[0]!r:.64}")
        last = max((names.index(name) for name in given), default=-1)
        missing = [name for name in names[: last + 1] if name not in given]
        if missing:
            raise InvalidParams(f"{self.usage()}: parameter {missing[0]!r} is missing")
        return [given[name] for name in names[: last + 1]]

    def _read(self, position: int, param: Param, value: Json) -> Json:
        try:
            return param.kind.read(value)
        except Mismatch as wrong:
            raise InvalidParams(
                f"{self.name}: parameter {position + 1} ({param.name}{wrong.where}) "
                f"must be {wrong.expected}, not {wrong.found}"
            ) from None


def _has_example(param: Param) -> bool:
    return param.example is not None


LONGEST_NAME: Final = 64
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)


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
    """Declare one JSON-RPC method.

    Args:
        name: What clients write in ``"method"``; letters, digits and ``_``, dots between words.
        params: The parameters in verusd's order, by `required` and `optional`.
        summary: One line for the method table and the OpenRPC document.
        accepts: A last word on the parameters, for what kinds cannot say.
        scope: What the caller must hold: `PUBLIC`, `READ`, `WALLET_BUILD`, `BROADCAST`, `ADMIN`,
            `WALLET` or a third party's own word.
        ttl: Seconds for which an answer may be served again, `TIP`, `MEMPOOL`, `FOREVER`, or 0
            for never.
        ttl_if: For particular parameters another ttl than *ttl*: pairs of a ttl and a function
            that tells of parameters, as `read` returns them, whether it applies; the first counts.
        fallback: What to serve while verusd is away: `Stale`, `Constant`, or None for an error.
        cost: How much of a caller's allowance one call uses, 1 or more.
        retry: Whether asking twice is harmless. False means a write: sent at most once, never
            shared between callers, and -32001 if the answer is lost. Left out, a row whose
            answers are kept in any way is harmless, and any other is a write.
        handler: ``async def handler(daemon, *params)`` answers the call; without one, verusd does.

    Raises:
        ValueError: the row contradicts itself.
    """
    if _NAME.fullmatch(name) is None or len(name) > LONGEST_NAME:
        raise ValueError(f"{name[:64]!r} is not a method name")
    if not summary or "\n" in summary:
        raise ValueError(f"{name}: the summary must be one line")
    _check_params(name, params)
    kept = fallback is not None or isinstance(ttl, UntilBlock) or ttl > 0
    harmless = kept if retry is None else retry
    _check_columns(name, ttl, fallback, cost=cost, retry=harmless)
    for other, _ in ttl_if:
        _check_columns(name, other, fallback, cost=cost, retry=harmless)
        if (other == 0) is not (ttl == 0):
            raise ValueError(f"{name}: an answer is kept for some parameters and not for others")
    made = Method(
        name=name,
        params=params,
        summary=summary,
        accepts=accepts,
        scope=scope,
        ttl=ttl,
        ttl_if=tuple(ttl_if),
        fallback=fallback,
        cost=cost,
        retry=harmless,
        handler=handler,
    )
    _check_example(made)
    return made


def _check_params(name: str, params: tuple[Param, ...]) -> None:
    names = [param.name for param in params]
    if len(set(names)) < len(names):
        raise ValueError(f"{name}: two parameters share a name")
    if any(later.required and not earlier.required for earlier, later in pairwise(params)):
        raise ValueError(f"{name}: a required parameter stands behind an optional one")


def _check_example(made: Method) -> None:
    given = made.example()
    if given is None:
        return
    try:
        made.read(given)
    except InvalidParams as wrong:
        raise ValueError(f"{made.name}: the example is no call: {wrong.message}") from wrong


def _check_columns(name: str, ttl: Ttl, fallback: Fallback, *, cost: int, retry: bool) -> None:
    seconds = ttl.within if isinstance(ttl, UntilBlock) else ttl
    if not seconds >= 0:
        raise ValueError(f"{name}: ttl must be 0 or more seconds")
    if isinstance(fallback, Stale) and not fallback.within > 0:
        raise ValueError(f"{name}: Stale needs a positive number of seconds")
    if cost < 1:
        raise ValueError(f"{name}: cost must be 1 or more")
    if not retry and (seconds > 0 or fallback is not None):
        raise ValueError(f"{name}: a write (retry=False) has no ttl and no fallback")
