"""JSON-RPC bodies read slowly, by the standard library: what the gateway's reader is held to."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from json import scanner
from json.decoder import py_scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, Final, TypeAlias

from verus_gateway import rpc
from verus_gateway.errors import InvalidRequest, ParseError
from verus_gateway.rpc import Call, Member

DEEPEST: Final = 64
"""Arrays and objects in one another inside of ``params``."""
UNTOLD: Final = 150
"""Nesting from which on it is only promised that an answer comes, not which."""
LONGEST_ID: Final = 256
MOST_DIGITS: Final = 4_300
VERSIONS: Final = ("1.0", "1.1", "2.0")


class Refused(Exception):
    """The body is no JSON that one may read in one way only."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Text(str):
    """A string and how it is written."""

    __slots__ = ("written",)
    written: str


class Slow(json.JSONDecoder):
    """The library's decoder in Python, which remembers how numbers and strings are written."""

    def __init__(self) -> None:
        super().__init__(
            object_pairs_hook=_once,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
        )
        self.parse_string = _text
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]  # typeshed leaves it out


@dataclass(frozen=True)
class Outcome:
    """What came of a body.

    Attributes:
        kind: ``parse`` or ``request`` for a body that is refused as a whole, ``refused`` where
            either will do, ``read`` otherwise.
        members: Each member's reading, as text.
        single: Whether it was no batch.
    """

    kind: str
    members: tuple[str, ...] = ()
    single: bool = True


def expected(body: bytes, max_batch: int) -> Outcome | None:
    """Read *body*; None where it is nested so deeply that nothing in particular is promised."""
    try:
        message = _json(body)
        if _depth(message) > UNTOLD:
            return None
        if isinstance(message, dict):
            return Outcome("read", (_read(message),))
        if not isinstance(message, list) or not 0 < len(message) <= max_batch:
            _scalar(message)
            return Outcome("request")
        return Outcome("read", tuple(map(_read, message)), single=False)
    except RecursionError:
        return None
    except (Refused, ValueError, InvalidOperation):
        return Outcome("refused" if _is_too_many(body, max_batch) else "parse")


def _is_too_many(body: bytes, max_batch: int) -> bool:
    """Tell whether a body is a batch that is too large whatever else is wrong with it."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, list) and len(message) > max_batch


Decode: TypeAlias = Callable[[bytes, int], Member | list[Member]]


def actual(body: bytes, max_batch: int, decode: Decode = rpc.decode) -> Outcome:
    """Have the gateway read *body*; any exception but its two is a bug and goes through."""
    try:
        read = decode(body, max_batch)
    except ParseError:
        return Outcome("parse")
    except InvalidRequest:
        return Outcome("request")
    if isinstance(read, list):
        return Outcome("read", tuple(map(_said, read)), single=False)
    return Outcome("read", (_said(read),))


def one_by_one(body: bytes, max_batch: int) -> Outcome:
    """Have the gateway cut a batch into its members and read each, as it does with known ones."""
    try:
        members = [rpc.member(text) for text in rpc.split(body, max_batch)]
    except ParseError:
        return Outcome("parse")
    except InvalidRequest:
        return Outcome("request")
    return Outcome("read", tuple(map(_said, members)), single=False)


def _json(body: bytes) -> Any:
    text = body.decode()
    json.loads(text)  # in C, which refuses a few more things, such as blanks after \\u
    return Slow().decode(text)


def _text(text: str, at: int, strict: bool) -> tuple[Text, int]:
    value, end = py_scanstring(text, at, strict)
    read = Text(value)
    read.written = text[at - 1 : end]
    read.encode()  # half a surrogate pair is no text
    return read, end


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Refused
    "".join(dict(pairs)).encode()  # half a surrogate pair is no name
    return dict(pairs)


def _number(text: str) -> Number:
    if not text.isascii():  # the library's scanner in Python takes every script's digits
        raise Refused
    return Number(text)


def _no_number(text: str) -> None:
    raise Refused(text)


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, _inner(value)), default=0)


def _numbers(value: Any) -> Any:
    """Return *value* with its numbers read, exactly."""
    if isinstance(value, Number):
        if value.lstrip("-").isdigit():
            if len(value.lstrip("-")) > MOST_DIGITS:
                raise Refused
            return int(value)
        return Decimal(value)
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return value


def _scalar(value: Any) -> None:
    """Hold what stands where a call should to what its reader holds: here a number is a float."""
    read = _numbers(value)
    if isinstance(read, Decimal) and math.isinf(float(read)):
        raise Refused


def _read(message: Any) -> str:
    """Return a member's reading as text."""
    if not isinstance(message, dict):
        _scalar(message)
        return "refusal null False"
    version, method = _numbers(message.get("jsonrpc")), _numbers(message.get("method"))
    params, has_id = _numbers(message.get("params")), "id" in message
    if _depth(params) > DEEPEST:
        raise Refused
    id, v2 = message.get("id"), version == "2.0"
    known = "jsonrpc" not in message or _is_version(version)
    good_id = isinstance(id, Number | Text | None) and len(_id(id).encode()) <= LONGEST_ID
    callable_ = isinstance(method, str) and method != ""
    if known and good_id and callable_ and isinstance(params, dict | list | None):
        return f"call {method!r} {_shown(params)} {_id(id)} {v2} {v2 and not has_id}"
    return f"refusal {_id(id if good_id else None)} {v2}"


def _is_version(version: Any) -> bool:
    if isinstance(version, str):
        return version in VERSIONS
    return isinstance(version, int | Decimal) and (
        not isinstance(version, bool) and version in (1, Decimal("1.1"))
    )


def _id(id: Any) -> str:
    return id.written if isinstance(id, Text) else str(id or "null")


def _said(member: Member) -> str:
    id = member.id.decode()
    if isinstance(member, Call):
        shown = _shown(member.params)
        return f"call {member.method!r} {shown} {id} {member.v2} {member.notification}"
    return f"refusal {id} {member.v2}"


def _shown(value: Any) -> str:
    """Write a value so that 1, 1.0, True and "1" differ, and 1.0 and 1.00 too."""
    match value:
        case dict():
            inner = (f"{name!r}: {_shown(each)}" for name, each in sorted(value.items()))
            return "{" + ", ".join(inner) + "}"
        case list():
            return "[" + ", ".join(map(_shown, value)) + "]"
        case _:
            return f"{type(value).__name__} {value!r}"
