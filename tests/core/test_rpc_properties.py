import json
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verus_gateway import rpc
from verus_gateway.errors import InvalidRequest, ParseError
from verus_gateway.rpc import Call

settings.register_profile(
    "core",
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    suppress_health_check=list(HealthCheck),
)
bounded = settings(settings.get_profile("core"))

LETTERS = st.sampled_from('abmx:,{}[]" \\/\n\té€\U0001f600')
TEXTS = st.lists(LETTERS, max_size=6).map("".join)
NUMBERS = st.sampled_from(
    [
        0,
        1,
        -1,
        2**63,
        2**64,
        1180591620717411303424,
        Decimal("1E-8"),
        Decimal("10000000000.12345678"),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["1.0", "2.0", "3.0", 2, None]),
        "method": st.one_of(st.sampled_from(["getinfo", ""]), SCALARS),
        "params": st.one_of(
            st.lists(VALUES, max_size=3), st.dictionaries(TEXTS, VALUES, max_size=3), SCALARS
        ),
        "id": st.one_of(NUMBERS, TEXTS, VALUES),
        "x": VALUES,
    },
)
MESSAGES = st.one_of(MEMBERS, st.lists(st.one_of(MEMBERS, VALUES), max_size=3), VALUES)


class Doubled(Exception):
    """The reference found a key that comes twice."""


def written(value: Any) -> str:
    """Write JSON with every digit of a Decimal."""
    match value:
        case dict():
            members = (f"{json.dumps(name)}: {written(each)}" for name, each in value.items())
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Doubled
    return dict(pairs)


def reference(body: bytes) -> Any:
    """Read *body* as the standard library does; None for what it cannot read."""
    return json.loads(body.decode(), parse_float=Decimal, object_pairs_hook=once)


def ours(body: bytes) -> Any:
    """Read *body* with the gateway's decoder; an exception other than these two is a bug."""
    try:
        return rpc.decode(body)
    except (ParseError, InvalidRequest) as error:
        return error


def agrees(member: Any, said: Any) -> bool:
    """Tell whether an accepted member says what the reference read."""
    if not isinstance(member, Call):
        return True
    return bool(
        member.method == said["method"]
        and written(member.params) == written(said.get("params"))
        and member.v2 == (said.get("jsonrpc") == "2.0")
    )


@bounded
@given(MESSAGES)
def test_what_is_written_is_what_is_read(message: Any) -> None:
    body = written(message).encode()

    read = ours(body)

    assert not isinstance(read, ParseError)
    members = read if isinstance(read, list) else [read]
    said = message if isinstance(message, list) else [message]
    if not isinstance(read, InvalidRequest):
        assert all(agrees(*pair) for pair in zip(members, said, strict=True))


@bounded
@given(MESSAGES, st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=2)), max_size=3))
def test_no_bytes_are_read_in_another_way_than_the_standard_library_does(
    message: Any, changes: list[tuple[int, bytes]]
) -> None:
    body = written(message).encode()
    for place, bytes_ in changes:
        at = place % (len(body) + 1)
        body = body[:at] + bytes_ + body[at + 1 :]

    read = ours(body)

    if not isinstance(read, ParseError):
        said = reference(body)  # raises where the library refuses what we took
        if isinstance(read, Call):
            assert agrees(read, said)


NAMES = st.sampled_from(["method", "params", "id", "jsonrpc", "a", "a:b", ""])
PLACES = st.sampled_from(
    ["%s", '{"method":"m","params":[%s]}', '[{"method":"m"},%s]', '{"method":"m","x":{"y":[%s]}}']
)


@bounded
@given(NAMES, TEXTS, TEXTS, PLACES, st.booleans())
def test_a_doubled_key_is_never_read(
    name: str, one: str, other: str, place: str, escaped: bool
) -> None:
    again = "".join(f"\\u{ord(letter):04x}" for letter in name) if escaped else name
    doubled = f'{{"{name}":{json.dumps(one)},"{again}":{json.dumps(other)}}}'

    read = ours((place % doubled).encode())

    assert isinstance(read, ParseError)


@bounded
@given(st.lists(VALUES, max_size=4))
def test_equal_canonical_texts_are_equal_parameters(params: list[Any]) -> None:
    text = rpc.canonical(params)

    assert json.loads(text, parse_float=Decimal) == params
    assert rpc.canonical(rpc.value(text)) == text
