"""What a command is: a row with its help text, its parameter count and its function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.univalue import Json, Number

MISC_ERROR: Final = -1
TYPE_ERROR: Final = -3
INVALID_ADDRESS_OR_KEY: Final = -5
INVALID_PARAMETER: Final = -8
DESERIALIZATION_ERROR: Final = -22
IN_WARMUP: Final = -28
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
PARSE_ERROR: Final = -32700

_INT32: Final = range(-(1 << 31), 1 << 31)


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
