"""What a command is: a row with its help text, its parameter count and its function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.transactions import MAX_MONEY
from verus_gateway.simulator.univalue import COIN, Json, Number

MISC_ERROR: Final = -1
TYPE_ERROR: Final = -3
INVALID_ADDRESS_OR_KEY: Final = -5
WALLET_ERROR: Final = -4
INVALID_PARAMETER: Final = -8
DESERIALIZATION_ERROR: Final = -22
IN_WARMUP: Final = -28
INTERNAL_ERROR: Final = -32603
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
PARSE_ERROR: Final = -32700

_INT32: Final = range(-(1 << 31), 1 << 31)
_AMOUNT_DIGITS: Final = 20
_HASH_DIGITS: Final = 64
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_TYPES: Final = {
    type(None): "null",
    bool: "bool",
    Number: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class RpcError(Exception):
    """An error the daemon answers with; the HTTP status follows from *code*."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True, kw_only=True)
class Node:
    """What commands look at and change.

    Attributes:
        chain: The chain.
        now: The clock, Unix seconds.
        connections: Peers it claims to have.
        stopping: Whether ``stop`` was executed.
    """

    chain: Chain
    now: Callable[[], float]
    connections: int = 8
    stopping: bool = False


Run: TypeAlias = Callable[[Node, list[Json]], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One row of a family's table.

    Attributes:
        name: As clients call it.
        usage: What stands behind the name on the first line of its help.
        does: One sentence for its help.
        takes: Name, type and meaning of each parameter, for its help.
        least: Parameters it must have.
        most: Parameters it may have.
        example: Arguments for the examples in its help, as on a command line.
        run: The function; it gets parameters whose count is right.
    """

    name: str
    does: str
    run: Run
    usage: str = ""
    takes: Sequence[tuple[str, str]] = ()
    least: int = 0
    most: int = 0
    example: str = ""

    @property
    def synopsis(self) -> str:
        """The first line of its help."""
        return f"{self.name} {self.usage}".rstrip()

    @property
    def help(self) -> str:
        """The whole text, which is also the error for a wrong number of parameters."""
        lines = [self.synopsis, "", self.does, ""]
        if self.takes:
            lines.append("Arguments:")
            for number, (name, meaning) in enumerate(self.takes, 1):
                lines.append(f"{number}. {name:<24} {meaning}")
            lines.append("")
        arguments = ", ".join(self.example.split())
        request = (
            f'{{"jsonrpc": "1.0", "id":"curltest", "method": "{self.name}", '
            f'"params": [{arguments}] }}'
        )
        lines += ["Examples:", f"> verus {self.name} {self.example}"]
        lines.append(
            f"> curl --user myusername --data-binary '{request}' "
            "-H 'content-type: text/plain;' http://127.0.0.1:27486/"
        )
        return "\n".join(lines) + "\n"

    def execute(self, node: Node, params: list[Json]) -> Json:
        """Run it.

        Raises:
            RpcError: -1 with the help text where the count is wrong, or what the function raises.
        """
        if not self.least <= len(params) <= self.most:
            raise RpcError(MISC_ERROR, self.help)
        return self.run(node, params)


@dataclass(frozen=True, slots=True)
class Family:
    """The commands of one category, as ``help`` groups them."""

    category: str
    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Table:
    """All commands the daemon knows."""

    families: Sequence[Family]
    by_name: Mapping[str, Command] = field(init=False)

    def __post_init__(self) -> None:
        rows = {row.name: row for family in self.families for row in family.commands}
        object.__setattr__(self, "by_name", rows)

    def overview(self) -> str:
        """Return the first lines of all helps, by category."""
        blocks = []
        for family in sorted(self.families, key=lambda family: family.category):
            names = sorted(family.commands, key=lambda row: row.name)
            title = f"== {family.category.capitalize()} =="
            blocks.append("\n".join([title, *(row.synopsis for row in names)]))
        return "\n\n".join(blocks)


def text(value: Json) -> str:
    """Return *value* where it is a string."""
    if isinstance(value, str):
        return value
    raise RpcError(MISC_ERROR, "JSON value is not a string as expected")


def boolean(value: Json) -> bool:
    """Return *value* where it is true or false."""
    if isinstance(value, bool):
        return value
    raise RpcError(MISC_ERROR, "JSON value is not a boolean as expected")


def integer(value: Json) -> int:
    """Return *value* where it is a whole number of 32 bits, written without a fraction."""
    if not isinstance(value, Number):
        raise RpcError(MISC_ERROR, "JSON value is not an integer as expected")
    digits = value.text.removeprefix("-")
    if not digits.isdigit() or len(digits) > len("2147483648") or int(value.text) not in _INT32:
        raise RpcError(MISC_ERROR, "JSON integer out of range")
    return int(value.text)


def members(value: Json) -> dict[str, Json]:
    """Return *value* where it is an object."""
    if isinstance(value, dict):
        return value
    raise RpcError(MISC_ERROR, "JSON value is not an object as expected")


def given(params: list[Json], at: int) -> bool:
    """Whether the optional parameter *at* is there."""
    return len(params) > at


def truth(value: Json) -> bool:
    """Read an optional switch leniently, as the daemon's own uni_get_bool does."""
    if isinstance(value, Number):
        return value.text not in {"0", "-0"}
    return value is True or value in ("true", "1")


def elements(value: Json) -> list[Json]:
    """Return *value* where it is an array."""
    if isinstance(value, list):
        return value
    raise RpcError(MISC_ERROR, "JSON value is not an array as expected")


def check_types(params: list[Json], *expected: type) -> None:
    """Refuse parameters of other types, as the daemon's RPCTypeCheck does."""
    for value, kind in zip(params, expected, strict=False):
        if not isinstance(value, kind):
            message = f"Expected type {_TYPES[kind]}, got {_TYPES[type(value)]}"
            raise RpcError(TYPE_ERROR, message)


def satoshis(value: Json) -> int:
    """Return an amount of coins in satoshis, given as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, Number | str):
        raise RpcError(TYPE_ERROR, "Amount is not a number or string")
    digits = value.text if isinstance(value, Number) else value
    try:
        coins = Decimal(digits)
    except ArithmeticError:
        raise RpcError(TYPE_ERROR, "Invalid amount") from None
    if not coins.is_finite() or coins.adjusted() > _AMOUNT_DIGITS or coins * COIN % 1:
        raise RpcError(TYPE_ERROR, "Invalid amount")
    if not 0 <= coins * COIN <= MAX_MONEY:
        raise RpcError(TYPE_ERROR, "Amount out of range")
    return int(coins * COIN)


def hash_named(value: Json, name: str) -> str:
    """Return a hash of 64 digits; *name* is what the daemon calls the parameter."""
    digits = value if isinstance(value, str) else ""
    if not digits or not set(digits) <= _HEX:
        raise RpcError(INVALID_PARAMETER, f"{name} must be hexadecimal string (not '{digits}')")
    return digits.lower().zfill(_HASH_DIGITS)


def hex_named(value: Json, name: str) -> bytes:
    """Return bytes given in hex, of any length; *name* as for `hash_named`."""
    digits = value if isinstance(value, str) else ""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        message = f"{name} must be hexadecimal string (not '{digits}')"
        raise RpcError(INVALID_PARAMETER, message) from None
