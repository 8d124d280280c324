"""Whatever a client sends as a parameter, the refusal says what was expected and repeats little."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verus_gateway import registry
from verus_gateway.errors import InvalidParams
from verus_gateway.plugin import Method

MARK = "Ж"  # in no message of ours
MOST_REPEATED = 64
LONGEST_MESSAGE = 700

bounded = settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HOSTILE_TEXT = st.sampled_from([MARK * 5, MARK * 5000, MARK + "\x00\n'\"", MARK * 70 + "@", "1e9"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**400, Decimal("1.5"), Decimal("1E+400")]),
    HOSTILE_TEXT,
)
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from([MARK * 100, "address", "addresses", "data", "txid", "amount"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
ROWS = [row.method for row in registry.load(registry.installed())]
WITH_PARAMS = [row for row in ROWS if row.params]


def refusal(row: Method, given: list[Any] | dict[str, Any]) -> str | None:
    """Return the message with which *row* refuses, None where it takes the call."""
    try:
        row.read(given)
    except InvalidParams as wrong:
        return wrong.message
    return None


def check(message: str, row: Method) -> None:
    """A message names the method, repeats little, and is short."""
    assert message.startswith(row.name)
    assert message.count(MARK) <= MOST_REPEATED
    assert len(message) <= LONGEST_MESSAGE
    assert message.isprintable()


@pytest.mark.parametrize("row", WITH_PARAMS, ids=lambda row: row.name)
def test_a_hostile_parameter_is_refused_in_words_of_ours(row: Method) -> None:
    @bounded
    @given(value=HOSTILE, data=st.data())
    def hold(value: Any, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(row.params) - 1))
        call = [*(row.example() or [None] * len(row.params))[:place], value]
        message = refusal(row, call)
        if message is not None:
            check(message, row)

    hold()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("name", [MARK * 5000, "\x00" * 70, "\U000e0001" * 70, ""])
def test_a_hostile_name_is_refused_and_repeated_in_part(row: Method, name: str) -> None:
    message = refusal(row, {name: 1})

    assert message is not None
    check(message, row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_too_many_parameters_are_counted_and_not_repeated(row: Method) -> None:
    message = refusal(row, [MARK] * 200)

    assert message == f"{row.usage()}: 200 parameters given"


@pytest.mark.parametrize("row", WITH_PARAMS, ids=lambda row: row.name)
@pytest.mark.parametrize("value", [None, True, -1, Decimal("1.5"), [[]], {MARK: 1}])
def test_a_refused_first_parameter_is_named(row: Method, value: Any) -> None:
    message = refusal(row, [value, *(row.example() or [])[1:]])

    if message is not None and "parameters given" not in message:
        assert f"parameter 1 ({row.params[0].name}" in message
        assert " must be " in message
        assert ", not " in message
