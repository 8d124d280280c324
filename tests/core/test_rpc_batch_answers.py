import json
from decimal import Decimal

import pytest
from msgspec import Raw

from verus_gateway import rpc
from verus_gateway.errors import DaemonError, InvalidRequest, MethodNotFound, ParseError, Refused
from verus_gateway.rpc import Call, Refusal


def batch(body: bytes, max_batch: int = 100) -> list[rpc.Member]:
    message = rpc.decode(body, max_batch)
    assert isinstance(message, list)
    return message


# ---------------------------------------------------------------- batches


def test_a_batch_is_its_members_in_order() -> None:
    body = b'[{"method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":1}]'

    message = rpc.decode(body)

    assert message == [Call("a", None, b"1"), Call("b", None, b"1", v2=True)]


def test_an_empty_batch_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="empty batch"):
        rpc.decode(b"[]")


def test_a_batch_has_an_end() -> None:
    full = b"[" + b",".join([b'{"method":"a"}'] * 3) + b"]"

    assert len(batch(full, max_batch=3)) == 3
    with pytest.raises(InvalidRequest, match="at most 2 calls, this one 3"):
        rpc.decode(full, max_batch=2)


@pytest.mark.parametrize("bad", ["1", '"a"', "null", "[]", "{}", '{"method":1}', '{"id":{}}'])
def test_a_bad_member_stands_for_itself(bad: str) -> None:
    body = f'[{{"method":"a","id":1}},{bad},{{"method":"b","id":2}}]'.encode()

    first, second, third = batch(body)

    assert (first, third) == (Call("a", None, b"1"), Call("b", None, b"2"))
    assert isinstance(second, Refusal)
    assert (second.error.code, second.id) == (-32600, b"null")


def test_a_bad_member_keeps_its_id_and_its_dialect() -> None:
    body = b'[{"jsonrpc":"2.0","id":"x","method":1}]'

    [member] = batch(body)

    assert isinstance(member, Refusal)
    assert (member.id, member.v2) == (b'"x"', True)


def test_depth_is_bounded_in_a_batch_as_well() -> None:
    deep = b"[" * 65 + b"]" * 65

    with pytest.raises(ParseError, match="nested too deeply"):
        rpc.decode(b'[{"method":"a","params":%b}]' % deep)


# ---------------------------------------------------------------- answers


def test_a_2_0_answer_has_a_result_and_no_error() -> None:
    call = Call("a", None, b"7", v2=True)

    text = b"".join(rpc.result(call, b"1.50"))

    assert text == b'{"jsonrpc":"2.0","result":1.50,"id":7}'


def test_a_1_0_answer_has_both_members() -> None:
    text = b"".join(rpc.result(Call("a", None, b"7"), b"1.50"))

    assert text == b'{"result":1.50,"error":null,"id":7}'


@pytest.mark.parametrize("v2", [True, False])
def test_a_degraded_answer_says_so_beside_its_result(v2: bool) -> None:
    call = Call("a", None, b"7", v2=v2)

    text = b"".join(rpc.result(call, b"1", rpc.degraded_member("stale", 42.06)))

    assert json.loads(text)["degraded"] == {"source": "stale", "age": 42.1}
    assert json.loads(text)["result"] == 1


def test_a_constant_has_no_age() -> None:
    assert json.loads(rpc.degraded_member("default", None)) == {"source": "default"}


def test_a_2_0_error_has_no_result() -> None:
    text = rpc.failure(MethodNotFound('no "x"'), b"7", v2=True)

    assert json.loads(text) == {
        "jsonrpc": "2.0",
        "error": {"code": -32601, "message": 'no "x"'},
        "id": 7,
    }


def test_a_1_0_error_has_a_null_result() -> None:
    text = rpc.failure(Refused("gone", retry_after=2), b'"a"')

    assert json.loads(text) == {
        "result": None,
        "error": {
            "code": -32000,
            "message": "gone",
            "data": {"reason": "refused", "retry_after": 2},
        },
        "id": "a",
    }


def test_amounts_in_the_data_of_an_error_keep_their_digits() -> None:
    error = DaemonError("no", code=-6, data={"missing": Decimal("10000000000.12345678")})

    text = rpc.failure(error, b"1")

    assert b'"missing":10000000000.12345678' in text


# ---------------------------------------------------------------- requests, keys, values


def test_a_request_to_verusd_is_freshly_written() -> None:
    text = rpc.request(3, 'get"info', ["a:b", 1, Decimal("1.10"), True, None, {"b": []}])

    assert text == (
        b'{"jsonrpc":"1.0","id":3,"method":"get\\"info","params":["a:b",1,1.10,true,null,{"b":[]}]}'
    )


def test_the_canonical_text_tells_one_from_true_and_from_text() -> None:
    values = [1, Decimal("1.0"), True, "1", None, [1], {"1": 1}]

    assert len({rpc.canonical([value]) for value in values}) == len(values)


def test_the_canonical_text_tells_missing_from_null() -> None:
    assert len({rpc.canonical([]), rpc.canonical([None]), rpc.canonical([None, None])}) == 3


def test_the_canonical_text_knows_no_order_of_members() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}

    assert rpc.canonical([one]) == rpc.canonical([other])


def test_values_are_decoded_without_floats() -> None:
    assert rpc.value(b"[1e-8, 1]") == [Decimal("1E-8"), 1]


def test_what_the_daemon_said_is_passed_on_untouched() -> None:
    assert rpc.encode(Raw(b'{"a": 1.500}')) == b'{"a": 1.500}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        ([1, "a", True], b'[1,"a",true]'),
        ((1, 2), b"[1,2]"),
        ({"amount": Decimal("0.10")}, b'{"amount":0.10}'),
        ({"raw": Raw(b"1.500")}, b'{"raw":1.500}'),
        (10**30, b"1" + b"0" * 30),
        (0.5, b"0.5"),
    ],
)
def test_a_handler_may_return_any_json(value: object, text: bytes) -> None:
    assert rpc.encode(value) == text


def cycle() -> list[object]:
    made: list[object] = []
    made.append(made)
    return made


UNCARRIABLE = {
    "NaN": float("nan"),
    "infinity": {"a": [float("inf")]},
    "decimal NaN": (Decimal("NaN"),),
    "signalling NaN": Decimal("sNaN"),
    "bytes": b"a",
    "bytearray": [bytearray(b"a")],
    "memoryview": {"a": memoryview(b"a")},
    "cycle": cycle(),
    "stranger": object(),
    "lone surrogate": "\ud800",
    "lone surrogate in a key": {"\ud800": 1},
    "integer without end": 10**5000,
}


@pytest.mark.parametrize("value", UNCARRIABLE.values(), ids=UNCARRIABLE.keys())
def test_what_json_cannot_carry_is_said_to_be_so(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rpc.encode(value)
