"""No two different calls share a key, and every spelling of one call has the same."""

from decimal import Decimal
from typing import Any, TypeAlias

from core.test_rpc_properties import VALUES, bounded, written
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway import rpc
from verus_gateway.cache import key

NEAR: st.SearchStrategy[Any] = st.sampled_from(
    [
        0, 1, -1, True, False, None, "", "0", "1", "true", "null", "1.0", [], {}, [[]], [None], {"": None},
        Decimal("1.0"), Decimal("1.00"), Decimal("1E+1"), 10, Decimal(10), Decimal("-0.0"),
        "é", "e\u0301", "\0", "a\0b", {"a": 1, "b": 2}, {"a": 1, "b": "2"}, {"a": {"b": 2}}, [1, [2]], [[1], 2],
    ]
)  # fmt: skip
"""Values that a careless key would take for one another."""
PARAMS = st.lists(st.one_of(NEAR, VALUES), max_size=4)
NAMES = st.sampled_from(["getblock", "getblockhash", "getblock\0[1]", "getblock[", "g"])
CHAINS = st.sampled_from(["VRSC", "VRSCTEST", "vrsc"])

CALLS = st.tuples(CHAINS, NAMES, PARAMS)
Call: TypeAlias = tuple[str, str, list[Any]]


def shown(value: Any) -> str:
    """Write a value with its types, member by member, so that equal texts are equal calls."""
    match value:
        case dict():
            return "{" + ",".join(f"{name!r}:{shown(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(shown, value)) + "]"
        case bool() | None | str():
            return repr(value)
        case _:
            return f"number {written(value)}"


def escaped(letter: str) -> str:
    """Write a letter beyond ASCII as JSON's escapes."""
    units = letter.encode("utf-16-be").hex()
    at = range(0, len(units), 4)
    return letter if letter.isascii() else "".join(f"\\u{units[i : i + 4]}" for i in at)


@bounded
@given(CALLS, CALLS)
def test_two_calls_share_a_key_if_and_only_if_they_are_one_call(one: Call, other: Call) -> None:
    keys = [key(chain, name, rpc.canonical(params)) for chain, name, params in (one, other)]

    same = (*one[:2], shown(one[2])) == (*other[:2], shown(other[2]))
    assert (keys[0] == keys[1]) == same


@bounded
@given(PARAMS)
def test_neither_blanks_nor_the_order_of_members_nor_escapes_make_another_key(
    params: list[Any],
) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return [turned(each) for each in value] if isinstance(value, list) else value

    text = "".join(map(escaped, written(turned(params))))

    read = rpc.value(b" \n" + text.encode() + b"\t")

    assert isinstance(read, list)
    assert key("VRSC", "m", rpc.canonical(read)) == key("VRSC", "m", rpc.canonical(params))
