"""`Forms`: calls that were read before read the same, whatever their id."""

from typing import Any

import pytest
from core.doubles import ANY, Gateway
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway import rpc
from verus_gateway.auth import Caller
from verus_gateway.errors import InvalidRequest, RpcError, ScopeMissing
from verus_gateway.forms import LONGEST, MOST, Form, Forms
from verus_gateway.outcomes import Answer, Miss
from verus_gateway.plugin import Json
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeDaemon

CALL = b'{"jsonrpc":"2.0","id":%b,"method":"getinfo","params":[]}'
FORMS = [
    CALL,
    b'{"method": "echo", "params": [[1, 2.50]], "id": %b}',
    b'{"method":"echo","params":[{"id":%b}],"id":1}',
    b'{"method":"echo","params":[{"id":1}],"id":%b}',
    b'{"method":"echo","params":["\\"id\\":%b,"],"id":1}',
    b'{"method":"\xc3\xa9","params":[],"id":%b}',
    b'{"method":"\xc3","params":[],"id":%b}',
    b'{"id":1,"id":%b,"method":"getinfo"}',
    b'{"id":%b,"method":"getinfo","method":"stop"}',
    b'{"id":%b,"method":"getinfo"}}',
    b'{"id":%b,"method":7}',
    b'[{"id":%b,"method":"getinfo"},7,{"id":2,"method":"getinfo"},[]]',
    b' {"id":%b,"method":"getinfo"}',
    b'{"id" : %b ,"method":"getinfo"}',
    b'{"method":"getinfo","params":{"id":%b}}',
    b'"\\"id\\":%b,"',
    b'{"id":%b,"method":"getinfo","params":[190706185,527190461]}',
]
IDS = [b"0", b"7", b"123456789012345678", b'"a-b_C"', b"01", b"-1", b"1.5", b"null", b'"\\u0041"']


def said(decode: Any, body: bytes) -> object:
    """Return what *decode* says of *body*, comparable."""
    try:
        message = decode(body)
    except RpcError as error:
        return type(error)
    return [_said(each) for each in message] if isinstance(message, list) else _said(message)


def _said(member: rpc.Member) -> object:
    if isinstance(member, Call):
        return member.method, repr(member.params), member.id, member.v2, member.notification
    return type(member.error), member.id, member.v2


def read(forms: Forms, body: bytes) -> Call:
    """Read *body*, which is one good call."""
    call = forms.decode(body)
    assert isinstance(call, Call)
    return call


@pytest.mark.parametrize("form", FORMS)
def test_a_call_reads_the_same_each_time_it_comes(form: bytes) -> None:
    forms = Forms()

    for id in IDS * 3:
        body = form % id
        assert said(forms.decode, body) == said(rpc.decode, body), body


@given(
    st.lists(
        st.tuples(
            st.sampled_from(FORMS),
            st.sampled_from(IDS),
            st.integers(0, 90),
            st.binary(max_size=2),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_damaged_calls_read_the_same_among_known_ones(damaged: list[Any]) -> None:
    forms = Forms()

    for _ in range(3):
        for form, id, at, noise in damaged:
            whole = form % id
            for body in (whole, whole[:at] + noise + whole[at + len(noise) :]):
                assert said(forms.decode, body) == said(rpc.decode, body), body


def test_a_form_is_known_from_its_second_time_on() -> None:
    forms = Forms()

    assert forms.find(CALL % b"1") is None
    second = forms.find(CALL % b"2")
    third = forms.find(CALL % b'"x"')

    assert second is not None
    assert third is not None
    assert (second.id, third.id) == (b"2", b'"x"')
    assert second.form is third.form


def test_what_was_no_call_is_not_tried_again() -> None:
    forms = Forms()
    body = b'{"method":"echo","params":[{"id":7}],"x":1}'

    for _ in range(3):
        assert forms.find(body) is None

    assert [form.plain for form in forms._forms.values()] == [False]


def test_forms_are_bounded_in_number_and_the_oldest_goes_first() -> None:
    forms = Forms()

    for number in range(MOST + 10):
        forms.find(b'{"id":1,"method":"a%d"}' % number)
    kept = [forms.find(b'{"id":1,"method":"a%d"}' % number) is not None for number in (10, 2057)]

    assert len(forms) == MOST == 2_048
    assert kept == [True, True]
    assert forms.find(b'{"id":1,"method":"a9"}') is None


@pytest.mark.parametrize(("length", "kept"), [(512, 1), (513, 0)])
def test_a_form_is_as_long_as_it_may_be_and_no_longer(length: int, kept: int) -> None:
    forms, around = Forms(), len(b'{\0,"method":""}')

    forms.find(b'{"id":12345,"method":"%b"}' % (b"x" * (length - around)))

    assert LONGEST == 512
    assert len(forms) == kept


def test_a_batch_has_a_hundred_calls_unless_said_otherwise() -> None:
    batch = [b"[" + b",".join([CALL % b"1"] * calls) + b"]" for calls in (100, 101)]

    assert isinstance(Forms().decode(batch[0]), list)
    with pytest.raises(InvalidRequest, match="at most 100 calls"):
        Forms().decode(batch[1])


def test_the_calls_of_a_batch_are_known_one_by_one() -> None:
    forms = Forms()
    batch = b'[{"id":1,"method":"a"},{"id":2,"method":"b"}]'

    for _ in range(2):
        forms.decode(batch)

    assert len(forms) == 2
    assert forms.find(b'{"id":3,"method":"b"}') is not None


def test_a_call_with_ids_inside_of_it_is_known_by_the_first() -> None:
    forms, body = Forms(), b'{"id":%b,"method":"echo","params":[{"id":1},{"id":2}]}'
    for _ in range(2):
        forms.find(body % b"7")
    [form] = forms._forms.values()
    form.made = "made"

    assert forms.known(body % b"8") == (form, b"8")


@pytest.mark.parametrize("v2", [True, False])
def test_what_was_made_of_a_form_is_known_by_its_bytes(v2: bool) -> None:
    forms, body = Forms(), CALL if v2 else CALL.replace(b"2.0", b"1.0")
    known = [forms.known(body % b"1")]
    for id in (b"1", b"2"):
        forms.find(body % id)
        known.append(forms.known(body % id))
    [form] = forms._forms.values()
    form.made = "made"

    assert known == [None, None, None]
    assert forms.known(body % b'"x"') == (form, b'"x"')
    assert forms.known(body.replace(b"getinfo", b"stop") % b"1") is None
    assert forms.known(b'{"method":"getinfo"}') is None
    assert (form.v2, Form().v2) == (v2, False)


async def test_a_known_call_is_answered_as_the_first_one() -> None:
    gateway, forms = Gateway(FakeDaemon({"echo": [1]})), Forms()
    body = b'{"id":%d,"method":"echo","params":[[5]]}'
    outcomes = []
    for number in range(4):
        call = read(forms, body % number)
        outcomes.append(await gateway.pipeline.answer(call, ANY))

    assert [(each.value, each.source) for each in outcomes] == [
        (b"[1]", "daemon"),
        (b"[1]", "cache"),
        (b"[1]", "cache"),
        (b"[1]", "cache"),
    ]


async def test_a_known_call_is_refused_to_who_may_not_make_it() -> None:
    gateway, forms = Gateway(FakeDaemon({"echo": [1]})), Forms()
    nobody = Caller("x", frozenset())
    for number in range(3):
        gateway.pipeline.look(read(forms, CALL % b"%d" % number), ANY)

    with pytest.raises(ScopeMissing):
        gateway.pipeline.look(read(forms, CALL % b"3"), nobody)


def test_the_document_of_methods_is_made_for_each_caller() -> None:
    gateway, forms = Gateway(FakeDaemon()), Forms()
    for number in range(3):
        call = read(forms, b'{"id":%d,"method":"rpc.discover"}' % number)
        assert gateway.pipeline.look(call, Caller("x", frozenset({"a"}))) == Answer(
            b'["a"]', "cache"
        )


def test_a_handler_that_changes_its_parameters_changes_no_later_call() -> None:
    gateway, forms = Gateway(FakeDaemon()), Forms()
    seen: list[Json] = []
    for number in range(4):
        call = read(forms, b'{"id":%d,"method":"echo","params":[[1]]}' % number)
        miss = gateway.pipeline.look(call, ANY)
        assert isinstance(miss, Miss)
        assert isinstance(miss.params[0], list)
        seen.append(list(miss.params[0]))
        miss.params[0].append(2)

    assert seen == [[1]] * 4


def test_a_batch_behind_white_space_has_no_more_calls_than_another() -> None:
    batch = b"[" + b",".join([CALL % b"1"] * 3) + b"]"

    for body in (batch, b" " + batch):
        with pytest.raises(InvalidRequest, match="at most 2 calls"):
            Forms().decode(body, 2)
