"""One row: a method, its parameters, and everything that it declares about its answers."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Final, Protocol, TypeAlias

from msgspec import Raw

from verus_gateway.errors import InvalidParams
from verus_gateway.freshness import Fallback, Stale, Ttl, UntilBlock
from verus_gateway.kinds import Json, Kind, Mismatch

Scope: TypeAlias = str
Params: TypeAlias = tuple[Json, ...]
Handler: TypeAlias = Callable[..., Awaitable[Json]]
TtlIf: TypeAlias = Sequence[tuple[Ttl, Callable[[Params], bool]]]

LONGEST_NAME: Final = 64
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One JSON-RPC method and everything the gateway must know about it; made by `method`.

    Attributes:
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
            shared between callers, and -32001 if the answer is lost.
        handler: ``async def handler(daemon, *params)`` answers the call; without one, verusd does.
    """

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
        count, most = len(values), len(self.params)
        # What is required stands before what is not.
        if count > most or (count < most and self.params[count].required):
            raise InvalidParams(f"{self.usage()}: {count} parameters given")
        params = tuple(
            [
                self._read(position, param, value)
                for position, (param, value) in enumerate(zip(self.params, values, strict=False))
            ]
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


def checked(row: Method) -> Method:
    """Return *row* itself.

    Raises:
        ValueError: it contradicts itself.
    """
    if _NAME.fullmatch(row.name) is None or len(row.name) > LONGEST_NAME:
        raise ValueError(f"{row.name[:64]!r} is not a method name")
    if not row.summary or "\n" in row.summary:
        raise ValueError(f"{row.name}: the summary must be one line")
    _check_params(row)
    _check_columns(row, row.ttl)
    for ttl, _ in row.ttl_if:
        _check_columns(row, ttl)
        if (ttl == 0) is not (row.ttl == 0):
            raise ValueError(
                f"{row.name}: an answer is kept for some parameters and not for others"
            )
    _check_example(row)
    return row


def _check_params(row: Method) -> None:
    names = [param.name for param in row.params]
    if len(set(names)) < len(names):
        raise ValueError(f"{row.name}: two parameters share a name")
    if any(later.required and not earlier.required for earlier, later in pairwise(row.params)):
        raise ValueError(f"{row.name}: a required parameter stands behind an optional one")


def _check_columns(row: Method, ttl: Ttl) -> None:
    seconds = ttl.within if isinstance(ttl, UntilBlock) else ttl
    if not seconds >= 0:
        raise ValueError(f"{row.name}: ttl must be 0 or more seconds")
    if isinstance(row.fallback, Stale) and not row.fallback.within > 0:
        raise ValueError(f"{row.name}: Stale needs a positive number of seconds")
    if row.cost < 1:
        raise ValueError(f"{row.name}: cost must be 1 or more")
    if not row.retry and (seconds > 0 or row.fallback is not None):
        raise ValueError(f"{row.name}: a write (retry=False) has no ttl and no fallback")


def _check_example(row: Method) -> None:
    given = row.example()
    if given is None:
        return
    try:
        row.read(given)
    except InvalidParams as wrong:
        raise ValueError(f"{row.name}: the example is no call: {wrong.message}") from wrong
