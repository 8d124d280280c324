"""The JSON-RPC envelope: bytes to calls, answers to bytes. No I/O, no policy.

Strict where parsers differ (RFC 8259 leaves duplicate keys open: verusd's UniValue takes
the first, Python the last), exact where money is at stake: an id is kept as the bytes the
client wrote, fractions are `Decimal`, integers have any size up to 4300 digits.
"""

import json  # noqa: TID251  its object_pairs_hook is the only duplicate-key check at C speed
import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from verus_gateway.errors import InvalidRequest, ParseError, RpcError
from verus_gateway.kinds import Json

MAX_DEPTH: Final = 64
"""Arrays and objects inside ``params``, one in another."""
MAX_ID: Final = 256
"""Bytes of an ``id`` as written."""
VERSIONS: Final = frozenset({"1.0", "1.1", "2.0", 1, Decimal("1.1")})
"""As text, and as the numbers (1, 1.0, 1.1) that some clients of the family send."""

NULL: Final = b"null"


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call as the client sent it.

    Attributes:
        method: The name, not yet looked up.
        params: By position, by name, or None where there are none.
        id: The JSON text of the id, byte for byte; ``null`` where there is none.
        v2: Whether the caller speaks JSON-RPC 2.0.
        notification: A 2.0 call without an id: it gets no answer.
        form: What is known of calls with these bytes; see `forms`. None where nothing is.
    """

    method: str
    params: list[Json] | dict[str, Json] | None = None
    id: bytes = NULL
    v2: bool = False
    notification: bool = False
    form: Any = None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """What stands in a call's place when it is no call: the error, and how to address it."""

    error: RpcError
    id: bytes = NULL
    v2: bool = False


Member: TypeAlias = Call | Refusal


class _Envelope(msgspec.Struct, gc=False):
    jsonrpc: Any = UNSET
    id: Raw = Raw(b"")
    method: Any = UNSET
    params: Any = UNSET


_Scalar: TypeAlias = str | int | float | bool | None
_Message: TypeAlias = _Envelope | list[_Envelope | list[Any] | _Scalar] | _Scalar

_decoder: Final = msgspec.json.Decoder(_Message, float_hook=Decimal)
_splitter: Final = msgspec.json.Decoder(list[Raw])
_one: Final = msgspec.json.Decoder(_Envelope | list[Any] | _Scalar, float_hook=Decimal)
_values: Final = msgspec.json.Decoder(float_hook=Decimal)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_canonical: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")


def decode(body: bytes, max_batch: int = 100) -> Member | list[Member]:
    """Read one call, or a batch in which each bad member stands as its `Refusal`.

    Raises:
        ParseError: not UTF-8, not JSON, a duplicate key at any level, or nested too deeply.
        InvalidRequest: neither an object nor an array, an empty batch, or one over *max_batch*.
    """
    message = _decoded(_decoder, body)
    if isinstance(message, _Envelope):
        if body.count(b":") != _keys_of(message):
            refuse_duplicate_keys(body)
        return _member(message)
    if not isinstance(message, list):
        raise InvalidRequest("a call is an object, a batch is an array of them")
    return _batch(body, message, max_batch)


def split(body: bytes, max_batch: int) -> list[bytes]:
    """Cut a batch into its members' texts, each for `member` to read.

    Raises:
        ParseError, InvalidRequest: as `decode`.
    """
    texts: list[Raw] = _decoded(_splitter, body)
    _check_size(len(texts), max_batch)
    return [bytes(text) for text in texts]


def member(text: bytes) -> Member:
    """Read one call, or a member of a batch.

    Raises:
        ParseError: as `decode`.
    """
    message = _decoded(_one, text)
    if text.count(b":") != _keys_of(message):
        refuse_duplicate_keys(text)
    return _member(message)


def _decoded(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except RecursionError:
        raise ParseError("nested too deeply") from None
    except InvalidOperation:
        raise ParseError("a number's exponent is out of range") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParseError(f"not JSON: {_first_line(error)}") from None


def _check_size(calls: int, max_batch: int) -> None:
    if not calls:
        raise InvalidRequest("empty batch")
    if calls > max_batch:
        raise InvalidRequest(f"a batch has at most {max_batch} calls, this one {calls}")


def _batch(body: bytes, message: list[Any], max_batch: int) -> list[Member]:
    _check_size(len(message), max_batch)
    if body.count(b":") != sum(map(_keys_of, message)):
        refuse_duplicate_keys(body)
    return [_member(each) for each in message]


def _keys_of(message: Any) -> int:
    """Count the members that decoding kept.

    Each member has one colon outside strings, so as many colons as members proves that no
    key came twice; more colons prove nothing (they may stand in strings) and call for the
    slower check.
    """
    if not isinstance(message, _Envelope):
        return -1
    own = (message.jsonrpc is not UNSET) + (message.method is not UNSET)
    own += (message.params is not UNSET) + (len(bytes(message.id)) > 0)
    return own + _inner_keys(message.params, 0)


_HOLDERS: Final = (dict, list)  # `dict | list` would be made anew for each value


def _inner_keys(value: Any, depth: int) -> int:
    if isinstance(value, dict):
        inner: Iterable[Any] = value.values()
        keys = len(value)
    elif isinstance(value, list):
        inner, keys = value, 0
    else:
        return 0
    if depth >= MAX_DEPTH:
        raise ParseError("nested too deeply")
    for each in inner:
        if isinstance(each, _HOLDERS):
            keys += _inner_keys(each, depth + 1)
    return keys


def refuse_duplicate_keys(body: bytes) -> None:
    """Go through JSON once more for its keys alone.

    Raises:
        ParseError: a key comes twice in one object, or it is nested too deeply.
        ValueError: it is no JSON in UTF-8.
    """
    try:
        _strict.decode(body.decode())
    except RecursionError:
        raise ParseError("nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ParseError("duplicate key")


def _no_value(text: str) -> None:
    """Take a number's place: only keys matter here."""


_strict: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_no_value, parse_float=_no_value
)


def _member(message: Any) -> Member:
    if not isinstance(message, _Envelope):
        return Refusal(InvalidRequest("a call is an object"))
    version = message.jsonrpc
    v2 = version == "2.0"
    id = bytes(message.id)
    try:
        _check_id(id)
        method, params = message.method, message.params
        if version is not UNSET and not _is_version(version):
            _invalid('"jsonrpc" is "1.0", "1.1", "2.0" or missing')
        if not isinstance(method, str) or not method:
            _invalid('"method" is a string')
        if params is UNSET or params is None:
            params = None
        elif not isinstance(params, list | dict):
            _invalid('"params" is an array or an object')
    except InvalidRequest as error:
        return Refusal(error, (id if _is_id(id) else b"") or NULL, v2)
    return Call(method, params, id or NULL, v2, v2 and not id)


def _is_version(version: Any) -> bool:
    return isinstance(version, str | int | Decimal) and (
        version in VERSIONS and not isinstance(version, bool)
    )


def _invalid(message: str) -> NoReturn:
    raise InvalidRequest(message)


def _check_id(id: bytes) -> None:
    if not _is_id(id):
        _invalid(f'"id" is a string, a number or null, at most {MAX_ID} bytes long')


def _is_id(id: bytes) -> bool:
    return not id or (len(id) <= MAX_ID and id[0] in b'"-0123456789n')


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def result(call: Member, value: bytes, degraded: bytes = b"") -> tuple[bytes, bytes, bytes]:
    """Return the answer to *call* in three parts, so that a large *value* need not be copied.

    Args:
        call: What is answered; its id and dialect are taken over.
        value: The result's JSON text.
        degraded: The JSON text of the ``degraded`` member, or nothing.
    """
    front, back = around(v2=call.v2, degraded=degraded)
    return front, value, b"%b%b}" % (back, call.id)


def around(*, v2: bool, degraded: bytes = b"") -> tuple[bytes, bytes]:
    """Return what stands before a result, and between it and the id, which a brace follows.

    Args:
        v2: Whether the caller speaks JSON-RPC 2.0.
        degraded: As in `result`.
    """
    extra = b',"degraded":' + degraded if degraded else b""
    if v2:
        return b'{"jsonrpc":"2.0","result":', extra + b',"id":'
    return b'{"result":', b',"error":null%b,"id":' % extra


def failure(error: RpcError, id: bytes = NULL, *, v2: bool = False) -> bytes:
    """Return *error* as the answer to the call with this id."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    text = _encoder.encode(body)
    if v2:
        return b'{"jsonrpc":"2.0","error":%b,"id":%b}' % (text, id)
    return b'{"result":null,"error":%b,"id":%b}' % (text, id)


def degraded_member(source: str, age: float | None) -> bytes:
    """Return the JSON text of the ``degraded`` member; *age* in seconds, None for a constant."""
    if age is None:
        return b'{"source":"%b"}' % source.encode()
    return b'{"source":"%b","age":%.1f}' % (source.encode(), age)


def request(number: int, method: str, params: Iterable[Json]) -> bytes:
    """Return a request to verusd, freshly written: never the client's bytes."""
    return b'{"jsonrpc":"1.0","id":%d,"method":%b,"params":%b}' % (
        number,
        _encoder.encode(method),
        _encoder.encode(list(params)),
    )


def canonical(params: Iterable[Json]) -> bytes:
    """Return parameters as one text: equal for equal calls; 1, 1.0, true and "1" differ."""
    return _canonical.encode(list(params))


def value(text: bytes | Raw) -> Json:
    """Decode a JSON value, fractions as `Decimal`."""
    return _values.decode(text)


def encode(value: Json) -> bytes:
    """Encode what a handler returned; a `Raw` is passed on untouched.

    Raises:
        ValueError: JSON cannot carry it (NaN, infinity, bytes, a cycle, an unknown type).
    """
    if isinstance(value, Raw):
        return bytes(value)
    try:
        _refuse_uncarriable(value)
        return _encoder.encode(value)
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"JSON cannot carry it: {_first_line(error)}") from None


def _refuse_uncarriable(value: Json) -> None:
    match value:
        case float() | Decimal() if not math.isfinite(value):
            raise ValueError(f"JSON cannot carry it: {value}")
        case bytes() | bytearray() | memoryview():
            raise ValueError("JSON cannot carry it: bytes")
        case dict():
            for each in value.values():
                _refuse_uncarriable(each)
        case list() | tuple():
            for each in value:
                _refuse_uncarriable(each)
        case _:
            pass
