import json
from decimal import Decimal

import pytest

from verus_gateway import rpc
from verus_gateway.errors import InvalidRequest, ParseError
from verus_gateway.rpc import Call, Refusal


def one(body: bytes) -> Call:
    message = rpc.decode(body)
    assert isinstance(message, Call)
    return message


def refused(body: bytes) -> Refusal:
    message = rpc.decode(body)
    assert isinstance(message, Refusal)
    return message


def call_with(**members: str) -> bytes:
    texts = {"method": '"getinfo"'} | members
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}").encode()


# ---------------------------------------------------------------- dialects


@pytest.mark.parametrize(
    ("members", "v2"),
    [
        ({}, False),
        ({"jsonrpc": '"1.0"'}, False),
        ({"jsonrpc": '"1.1"'}, False),
        ({"jsonrpc": '"2.0"'}, True),
    ],
)
def test_a_call_may_speak_any_version_of_the_family(members: dict[str, str], v2: bool) -> None:
    call = one(call_with(id="1", **members))

    assert call.v2 is v2


@pytest.mark.parametrize("version", ['"3.0"', '"2"', "2.0", "2", "null", "true", "[]", '["2.0"]'])
def test_any_other_version_is_refused_under_its_id(version: str) -> None:
    refusal = refused(call_with(jsonrpc=version, id="7"))

    assert (refusal.error.code, refusal.id, refusal.v2) == (-32600, b"7", False)


@pytest.mark.parametrize("method", ["1", "null", "true", "{}", "[]", '""'])
def test_a_method_that_is_no_name_is_refused(method: str) -> None:
    refusal = refused(call_with(jsonrpc='"2.0"', id="7", method=method))

    assert (refusal.error.code, refusal.id, refusal.v2) == (-32600, b"7", True)


@pytest.mark.parametrize("body", [b"{}", b'{"jsonrpc":"2.0"}', b'{"params":[]}'])
def test_a_call_that_names_no_method_and_no_id_is_refused_under_null(body: bytes) -> None:
    refusal = refused(body)

    answer = json.loads(rpc.failure(refusal.error, refusal.id, v2=refusal.v2))
    assert answer["error"]["code"] == -32600
    assert answer["id"] is None


# ---------------------------------------------------------------- params


@pytest.mark.parametrize(
    ("params", "read"),
    [("[]", []), ('["a",1]', ["a", 1]), ("{}", {}), ('{"a":1}', {"a": 1}), ("null", None)],
)
def test_params_are_an_array_an_object_or_null(params: str, read: object) -> None:
    call = one(call_with(params=params))

    assert call.params == read


def test_params_may_be_missing() -> None:
    assert one(call_with()).params is None


@pytest.mark.parametrize("params", ["1", '"a"', "true", "false", "0", '""'])
def test_any_other_params_are_refused(params: str) -> None:
    refusal = refused(call_with(params=params, id='"x"'))

    assert (refusal.error.code, refusal.id) == (-32600, b'"x"')


@pytest.mark.parametrize(
    "amount",
    ["1E-8", "0.1", "10000000000.12345678", "1180591620717411303424", "0.10", "-0.1"],
)
def test_amounts_reach_the_daemon_to_the_digit(amount: str) -> None:
    call = one(call_with(params=f"[{amount}]"))

    sent = rpc.request(1, "x", call.params or [])
    assert json.loads(sent, parse_float=str, parse_int=str)["params"] == [amount]


def test_numbers_with_a_fraction_become_decimals() -> None:
    call = one(call_with(params="[1e-8, 1.5, 1, true]"))

    assert call.params == [Decimal("1E-8"), Decimal("1.5"), 1, True]
    assert [type(value) for value in call.params] == [Decimal, Decimal, int, bool]


# ---------------------------------------------------------------- ids

IDS = [
    "0",
    "-0",
    "1",
    "18446744073709551616",
    "1180591620717411303424",
    "1.0",
    "1.50e1",
    "1E400",
    "-1",
    '""',
    '"abc"',
    r'"a\"b\\cé\/"',
    '"schlüssel"',
    "null",
]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("v2", [True, False])
def test_an_id_comes_back_exactly_as_written(id: str, v2: bool) -> None:
    version = '"2.0"' if v2 else '"1.0"'

    call = one(call_with(jsonrpc=version, id=id))

    assert call.id.decode() == id
    assert b"".join(rpc.result(call, b"1")).endswith(f'"id":{id}}}'.encode())
    assert rpc.failure(InvalidRequest("x"), call.id, v2=v2).endswith(f'"id":{id}}}'.encode())


@pytest.mark.parametrize("id", ["true", "false", "[]", "[1]", "{}", '{"a":1}'])
def test_an_id_of_another_type_is_refused_under_null(id: str) -> None:
    refusal = refused(call_with(id=id, jsonrpc='"2.0"'))

    assert (refusal.error.code, refusal.id, refusal.v2) == (-32600, b"null", True)


def test_an_id_has_an_end() -> None:
    longest = '"' + "x" * (rpc.MAX_ID - 2) + '"'

    assert one(call_with(id=longest)).id.decode() == longest
    assert refused(call_with(id=longest[:-1] + 'x"')).id == b"null"


@pytest.mark.parametrize(
    ("members", "notification"),
    [
        ({"jsonrpc": '"2.0"'}, True),
        ({"jsonrpc": '"2.0"', "id": "null"}, False),
        ({"jsonrpc": '"1.0"'}, False),
        ({"jsonrpc": '"1.1"'}, False),
        ({}, False),
    ],
)
def test_only_a_2_0_call_without_an_id_is_a_notification(
    members: dict[str, str], notification: bool
) -> None:
    call = one(call_with(**members))

    assert call.notification is notification
    assert call.id == b"null"


# ---------------------------------------------------------------- strictness

NOT_JSON = {
    "nothing": b"",
    "space": b" \n",
    "syntax": b'{"method":',
    "trailing text": b'{"method":"a"} x',
    "trailing comma": b'{"method":"a",}',
    "single quotes": b"{'method':'a'}",
    "comment": b'{"method":"a"}//',
    "NaN": b'{"method":"a","params":[NaN]}',
    "Infinity": b'{"method":"a","params":[Infinity]}',
    "-Infinity": b'{"method":"a","params":[-Infinity]}',
    "NaN in an unknown member": b'{"method":"a","x":NaN}',
    "NaN as id": b'{"method":"a","id":NaN}',
    "leading zero": b'{"method":"a","params":[01]}',
    "bare point": b'{"method":"a","params":[1.]}',
    "control character": b'{"method":"a\nb"}',
    "byte order mark": b'\xef\xbb\xbf{"method":"a"}',
    "UTF-16": '{"method":"a"}'.encode("utf-16"),
    "not UTF-8": b'{"method":"\xff"}',
    "not UTF-8 in an unknown member": b'{"method":"a","x":"\xff"}',
    "not UTF-8 in the id": b'{"method":"a","id":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"method":"a","id":"\xed\xa0\x80"}',
    "lone high surrogate": rb'{"method":"a","params":["\ud800"]}',
    "lone low surrogate": rb'{"method":"a","params":["\udc00"]}',
    "lone surrogate in the id": rb'{"method":"a","id":"\ud800"}',
    "bad escape": rb'{"method":"a","x":"\q"}',
    "exponent beyond any decimal": b'{"method":"a","params":[1e99999999999999999999]}',
    "more digits than an integer may have": b'{"method":"a","params":[' + b"1" * 5000 + b"]}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_strict_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        rpc.decode(body)

    assert (caught.value.code, caught.value.status) == (-32700, 400)
    assert "\n" not in caught.value.message


TWICE = {
    "method": b'{"method":"dumpprivkey","method":"getinfo"}',
    "method, escaped": rb'{"method":"dumpprivkey","m\u0065thod":"getinfo"}',
    "id": b'{"method":"a","id":1,"id":2}',
    "unknown member": b'{"method":"a","x":1,"x":2}',
    "in params": b'{"method":"a","params":{"b":1,"b":2}}',
    "in params, escaped": rb'{"method":"a","params":[{"b":1,"\u0062":2}]}',
    "deep in params": b'{"method":"a","params":[[{"a":[{"b":1,"b":1}]}]]}',
    "in an unknown member": b'{"method":"a","x":[{"b":1,"b":2}]}',
    "in the id": b'{"method":"a","id":{"b":1,"b":2}}',
    "beside colons in strings": b'{"method":"a:b","params":[{"b":":","b":":::"}]}',
    "in a member of a batch": b'[{"method":"a"},{"method":"b","method":"c"}]',
    "in what is no call of a batch": b'[[{"a":1,"a":2}],{"method":"a"}]',
    "empty name": b'{"method":"a","params":[{"":1,"":2}]}',
}


@pytest.mark.parametrize("body", TWICE.values(), ids=TWICE.keys())
def test_a_key_that_comes_twice_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(ParseError, match="duplicate key"):
        rpc.decode(body)


def test_colons_in_strings_are_no_duplicate_keys() -> None:
    call = one(b'{"method":"a","params":["::",{":":"a:b","b":{}}],"x:y":{"z":":"}}')

    assert call.params == ["::", {":": "a:b", "b": {}}]


def test_params_nest_as_deep_as_said_and_no_deeper() -> None:
    deep = "[" * rpc.MAX_DEPTH + "]" * rpc.MAX_DEPTH
    deeper = '[{"a":' * 32 + "[]" + "}]" * 32

    assert one(call_with(params=deep)).params is not None
    with pytest.raises(ParseError, match="nested too deeply"):
        rpc.decode(call_with(params=deeper))


@pytest.mark.parametrize("place", ["params", "x", "id"])
def test_a_tower_of_brackets_is_a_parse_error_wherever_it_stands(place: str) -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        rpc.decode(call_with(**{place: "[" * 100_000 + "]" * 100_000}))


def test_the_look_for_duplicate_keys_ends_where_the_stack_does() -> None:
    # The first decoder may nest deeper than the one that knows about duplicate keys.
    with pytest.raises(ParseError, match="nested too deeply"):
        rpc.refuse_duplicate_keys(b"[" * 100_000 + b"]" * 100_000)


# ---------------------------------------------------------------- no call


@pytest.mark.parametrize("body", [b"1", b'"getinfo"', b"null", b"true", b"1.5"])
def test_what_is_neither_object_nor_array_is_an_invalid_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rpc.decode(body)

    assert (caught.value.code, caught.value.status) == (-32600, 400)
