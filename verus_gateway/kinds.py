"""What a parameter may be: its check, its conversion and its JSON Schema, in one value.

A `Kind` is made by the functions below and combined by `either`, `array`,
`members` and `mapping`. Its ``read`` takes a decoded JSON value (`str`, `int`, `Decimal`, `bool`,
`None`, `list`, `dict`; never `float`) and returns it as verusd takes it, or raises
`Mismatch`. Nothing here echoes a client's value: a message names the JSON type only.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A decoded JSON value; every number with a fraction or exponent is a `decimal.Decimal`."""

LONGEST_TEXT: Final = 2_097_152
"""Characters: a raw transaction of verusd's largest block, in hex."""


_TYPES: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    Decimal: "a number with a fraction or exponent",
    str: "a string",
    list: "an array",
}


class Mismatch(ValueError):
    """A value is not of the expected kind; *where* is the path inside the parameter.

    *found* says in words what came instead, the JSON type where nothing more is to be said.
    """

    def __init__(self, expected: str, value: Json, where: str = "", found: str = "") -> None:
        self.expected = expected
        self.value = value
        self.where = where
        self.found = found or json_type(value)
        super().__init__(f"{where} must be {expected}, not {self.found}".strip())

    def inside(self, where: str) -> "Mismatch":
        """Return the same mismatch seen from one level further out."""
        return Mismatch(self.expected, self.value, where + self.where, self.found)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of JSON value.

    Attributes:
        expected: Completes the sentence "must be …".
        schema: The JSON Schema of accepted values.
        read: Checks and converts a value, or raises `Mismatch`.
    """

    expected: str
    schema: Mapping[str, Json]
    read: Callable[[Json], Json]


def json_type(value: Json) -> str:
    """Name the JSON type of *value* with its article, for messages."""
    return _TYPES.get(type(value), "an object")


def text(expected: str = "a string", *, pattern: str = "", longest: int = LONGEST_TEXT) -> Kind:
    """Return the kind of strings of at most *longest* characters that match *pattern* whole."""
    compiled = re.compile(pattern, re.ASCII) if pattern else None

    def read(value: Json) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise Mismatch(expected, value)
        if compiled is not None and compiled.fullmatch(value) is None:
            raise Mismatch(expected, value)
        return value

    schema: dict[str, Json] = {"type": "string", "maxLength": longest}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return Kind(expected, schema, read)


def integer(
    expected: str = "an integer", *, low: int = -(2**63), high: int = 2**63 - 1, short: bool = False
) -> Kind:
    """Return the kind of integers from *low* to *high*; *short* says the range in the message."""
    said = expected if short else f"{expected} from {low} to {high}"

    def read(value: Json) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Mismatch(said, value)
        return value

    return Kind(said, {"type": "integer", "minimum": low, "maximum": high}, read)


def number(expected: str = "a number", *, low: int | None = None) -> Kind:
    """Return the kind of numbers from *low* up: integers pass for amounts, digits are kept."""

    def read(value: Json) -> int | Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise Mismatch(expected, value)
        if low is not None and value < low:
            raise Mismatch(expected, value)
        return value

    schema: dict[str, Json] = {"type": "number"}
    if low is not None:
        schema["minimum"] = low
    return Kind(expected, schema, read)


def boolean() -> Kind:
    """Return the kind of ``true`` and ``false``; 0 and 1 are numbers."""
    expected = "true or false"

    def read(value: Json) -> bool:
        if not isinstance(value, bool):
            raise Mismatch(expected, value)
        return value

    return Kind(expected, {"type": "boolean"}, read)


def either(*kinds: Kind) -> Kind:
    """Return the kind of what any of *kinds* accepts, tried in order."""
    expected = " or ".join(kind.expected for kind in kinds)

    def read(value: Json) -> Json:
        for kind in kinds:
            try:
                return kind.read(value)
            except Mismatch:
                continue
        raise Mismatch(expected, value)

    return Kind(expected, {"anyOf": [dict(kind.schema) for kind in kinds]}, read)


def array(of: Kind, *, most: int = 1000) -> Kind:
    """Return the kind of arrays of at most *most* values of one kind."""
    expected = f"an array of at most {most}"

    def read(value: Json) -> list[Json]:
        if not isinstance(value, list) or len(value) > most:
            raise Mismatch(expected, value)
        return [_within(of, item, f"[{position}]") for position, item in enumerate(value)]

    return Kind(expected, {"type": "array", "maxItems": most, "items": dict(of.schema)}, read)


def members(
    required: Mapping[str, Kind] | None = None, optional: Mapping[str, Kind] | None = None
) -> Kind:
    """Return the kind of objects with these members and no others.

    An optional member that is null counts as left out, as it does for verusd.
    """
    must = dict(required or {})
    may = dict(optional or {})
    known = must | may
    expected = "an object with " + (", ".join(known) or "no members")

    def read(value: Json) -> dict[str, Json]:
        if not isinstance(value, dict):
            raise Mismatch(expected, value)
        missing = next((name for name in must if name not in value), None)
        if missing is not None:
            raise Mismatch(expected, value, found=f"one without {missing}")
        if not value.keys() <= known.keys():
            raise Mismatch(expected, value, found="one with another member")
        return {
            name: _within(known[name], item, f".{name}")
            for name, item in value.items()
            if item is not None or name in must
        }

    properties = {name: dict(kind.schema) for name, kind in must.items()}
    for name, kind in may.items():
        properties[name] = {"anyOf": [dict(kind.schema), {"type": "null"}]}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(must),
        "additionalProperties": False,
    }
    return Kind(expected, schema, read)


def mapping(keys: Kind, values: Kind, *, most: int = 1000) -> Kind:
    """Return the kind of objects of at most *most* members whose names the caller chooses."""
    expected = f"an object of at most {most} members, each named by {keys.expected}"

    def read(value: Json) -> dict[str, Json]:
        if not isinstance(value, dict) or len(value) > most:
            raise Mismatch(expected, value)
        try:
            names = [keys.read(name) for name in value]
        except Mismatch:
            raise Mismatch(expected, value) from None
        items = (_within(values, item, ".*") for item in value.values())
        return dict(zip(names, items, strict=True))

    schema = {
        "type": "object",
        "maxProperties": most,
        "propertyNames": dict(keys.schema),
        "additionalProperties": dict(values.schema),
    }
    return Kind(expected, schema, read)


_SPELLED: Final = re.compile(r"true|false|-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?", re.ASCII)


def spelled(kind: Kind) -> Kind:
    """Return *kind* with its booleans and numbers taken as text too: ``"5"`` is 5.

    verusd's own command line sends them so, and verusd takes both forms. What is handed on
    is the value, so that both are one call and one answer.
    """

    def read(value: Json) -> Json:
        if not isinstance(value, str) or _SPELLED.fullmatch(value) is None:
            return kind.read(value)
        try:
            return kind.read(_said(value))
        except Mismatch:
            raise Mismatch(kind.expected, value) from None

    words = {"type": "string", "pattern": f"^(?:{_SPELLED.pattern})$"}
    return Kind(kind.expected, {"anyOf": [dict(kind.schema), words]}, read)


def _said(text: str) -> bool | int | Decimal:
    if text in {"true", "false"}:
        return text == "true"
    return Decimal(text) if "." in text else int(text)


def turned(kind: Kind, into: Callable[[Json], Json]) -> Kind:
    """Return *kind* with what it reads handed on *into* another form: ``turned(HEIGHT, str)``."""

    def read(value: Json) -> Json:
        return into(kind.read(value))

    return Kind(kind.expected, kind.schema, read)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    return value


def _within(kind: Kind, value: Json, where: str) -> Json:
    try:
        return kind.read(value)
    except Mismatch as mismatch:
        raise mismatch.inside(where) from None


TEXT: Final = text()
BOOLEAN: Final = boolean()
INTEGER: Final = integer()
AMOUNT: Final = spelled(number("an amount of 0 or more", low=0))
HASH: Final = text("64 hexadecimal digits", pattern="[0-9a-fA-F]{64}", longest=64)
HEX: Final = text("hexadecimal digits, two a byte", pattern="(?:[0-9a-fA-F]{2})*")
HEIGHT: Final = integer("a block height", low=0, high=2**31 - 1)
HEIGHT_TEXT: Final = text(
    "a block height in decimal digits", pattern="0|[1-9][0-9]{0,9}", longest=10
)
_NAME: Final = r"[^\x00-\x1f\x7f/:*?\"<>|]{1,255}"
ADDRESS: Final = text(
    "an address (R…, b…, i…, zs…) or an identity's name with @",
    pattern=rf"[1-9A-HJ-NP-Za-km-z]{{26,36}}|z[a-z0-9]{{10,120}}|{_NAME}@",
    longest=256,
)
IDENTITY: Final = text("an identity's i-address or its name with @", pattern=_NAME, longest=256)
CURRENCY: Final = text("a currency's name or i-address", pattern=_NAME, longest=256)
OBJECT: Final = Kind("an object", {"type": "object"}, _object)
_BIT: Final = integer("0 or 1", low=0, high=1, short=True)
FLAG: Final = turned(either(_BIT, BOOLEAN), int)
"""Handed on as 0 or 1, where verusd wants a number."""
SWITCH: Final = turned(either(BOOLEAN, _BIT), bool)
"""Handed on as true or false, where verusd wants a boolean."""
