"""JSON as verusd's UniValue reads and writes it."""

import json  # noqa: TID251  first duplicate key must win, as in UniValue
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeAlias

Json: TypeAlias = Any

COIN: Final = 100_000_000
"""Satoshis in one coin."""
SUSPECT_NESTING: Final = 200
"""Brackets in a body from which on nesting is checked by writing the value once."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number a client sent, with its digits as written."""

    text: str


def amount(satoshis: int) -> Decimal:
    """Turn satoshis into coins; `write` prints all eight decimals."""
    return Decimal(satoshis) / COIN


def parse(body: bytes) -> Json:
    """Read one JSON text; of equal keys in one object the first counts.

    Numbers become `Number`, objects dict, arrays list.

    Raises:
        ValueError: not UTF-8, not JSON, an unpaired surrogate, or nested too deeply for us
            (UniValue knows no limit).
    """
    text = body.decode()
    try:
        value = _decoder.decode(text)
        if "\\u" in text or text.count("[") + text.count("{") > SUSPECT_NESTING:
            write(value).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def write(value: Json) -> str:  # noqa: C901, PLR0911  one case and one return a JSON type
    """Print *value* without spaces, members in their order.

    Decimals are money and get eight decimals; floats get the 16 digits of a C++ stream.

    Raises:
        TypeError: a type that has no place in JSON.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Number():
            return value.text
        case int():
            return str(value)
        case Decimal():
            return f"{value:.8f}"
        case float():
            return f"{value:.16g}"
        case dict():
            members = (f"{write(key)}:{write(member)}" for key, member in value.items())
            return "{" + ",".join(members) + "}"
        case list() | tuple():
            return "[" + ",".join(write(item) for item in value) + "]"
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")


def _first(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_first, parse_int=Number, parse_float=Number, parse_constant=_refuse
)
