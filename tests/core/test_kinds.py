from decimal import Decimal
from typing import Any

import pytest

from verus_gateway.kinds import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    CURRENCY,
    FLAG,
    HASH,
    HEIGHT,
    HEIGHT_TEXT,
    HEX,
    IDENTITY,
    INTEGER,
    LONGEST_TEXT,
    OBJECT,
    SWITCH,
    TEXT,
    Kind,
    Mismatch,
    array,
    either,
    integer,
    json_type,
    mapping,
    members,
    number,
    spelled,
    text,
    turned,
)

TXID = "aB" * 32
PAIR = members({"txid": HASH, "vout": HEIGHT}, {"sequence": INTEGER})

ACCEPTED: list[tuple[Kind, list[Any]]] = [
    (TEXT, ["", "a", "ü", "x" * LONGEST_TEXT]),
    (BOOLEAN, [True, False]),
    (INTEGER, [0, -1, 2**63 - 1, -(2**63)]),
    (AMOUNT, [0, 1, Decimal("1E-8"), Decimal("10000000000.12345678"), 2**70]),
    (HASH, [TXID, "0" * 64]),
    (HEX, ["", "00", "aBcD"]),
    (HEIGHT, [0, 2**31 - 1]),
    (HEIGHT_TEXT, ["0", "1", "2800000", "9999999999"]),
    (ADDRESS, ["RXL3YXG2ceaB6C5hfJcN4fvmLH2C34knhA", "zs1" + "q" * 75, "i" * 34, "Verus Coin@"]),
    (IDENTITY, ["iJhCezBExJHvtyH3fGhNnt2NhU4Ztkf2yq", "mike@", "a.b@"]),
    (CURRENCY, ["VRSC", "Bridge.vETH", "iJhCezBExJHvtyH3fGhNnt2NhU4Ztkf2yq"]),
    (OBJECT, [{}, {"a": [1]}]),
    (either(HASH, HEIGHT), [TXID, 5]),
    (array(HEIGHT, most=2), [[], [1], [1, 2]]),
    (PAIR, [{"txid": TXID, "vout": 0}, {"txid": TXID, "vout": 0, "sequence": 1}]),
    (members(), [{}]),
    (mapping(HASH, HEIGHT, most=1), [{}, {TXID: 5}]),
    (number(), [1, Decimal("1.0"), -1]),
    (spelled(BOOLEAN), [True]),
    (text(pattern="a|bc"), ["a", "bc"]),
]
REFUSED: list[tuple[Kind, list[Any]]] = [
    (TEXT, [1, None, True, [], {}, "x" * (LONGEST_TEXT + 1)]),
    (BOOLEAN, [0, 1, "true", None]),
    (INTEGER, [True, "1", Decimal("1.0"), 2**63, -(2**63) - 1, None]),
    (AMOUNT, [True, "one", "1e8", "1.", None, [1], -1, "-1", Decimal("-0.1")]),
    (HASH, ["", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + "\n", "\uff10" * 64, 5]),
    (HEX, ["0", "0g", "00\n", 0]),
    (HEIGHT, [-1, 2**31, True, "5", Decimal(5)]),
    (HEIGHT_TEXT, ["", "00", "01", "-1", "1.0", "1\n", "\u0661", "12345678901", 5]),
    (
        ADDRESS,
        ["", "R", "a/b@", "@", "\x00@", "x" * 256 + "@", "RXL3YXG2ceaB6C5hfJcN4fvmLH2C34k0hA"],
    ),
    (IDENTITY, ["", "a/b", "a:b", 'a"b', "a\nb", "x" * 257]),
    (CURRENCY, ["", "a*b", "a<b", 5]),
    (OBJECT, [[], "{}", None]),
    (either(HASH, HEIGHT), ["5", -1, None]),
    (array(HEIGHT, most=2), [[1, 2, 3], [-1], ["1"], (1,), "1", None]),
    (PAIR, [{}, {"txid": TXID}, {"txid": TXID, "vout": "0"}, {"txid": TXID, "vout": 0, "x": 1}]),
    (members(), [{"a": 1}, [], None]),
    (PAIR, [{"txid": None, "vout": 0}]),
    (mapping(HASH, HEIGHT, most=1), [{"a": 5}, {TXID: "a"}, {TXID: 5, "0" * 64: 5}, [], None]),
    (spelled(HEIGHT), ["-1", "1.0", "05", "", "true", "2147483648", "\u0661", None]),
    (spelled(BOOLEAN), ["1", "yes", "True", 1]),
    (number(), [False, "1"]),
    (text(pattern="a|bc"), ["ac", "abc", "b", ""]),
    (text(pattern=r"\d+"), ["\u0661", "\uff10"]),
]


@pytest.mark.parametrize(("kind", "values"), ACCEPTED)
def test_a_kind_hands_on_what_it_accepts(kind: Kind, values: list[Any]) -> None:
    for value in values:
        read = kind.read(value)

        assert read == value
        assert type(read) is type(value)


@pytest.mark.parametrize(("kind", "values"), REFUSED)
def test_a_kind_refuses_what_it_does_not_say(kind: Kind, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(Mismatch):
            kind.read(value)


@pytest.mark.parametrize(
    ("kind", "value", "handed_on"),
    [
        (FLAG, 0, 0),
        (FLAG, 1, 1),
        (FLAG, True, 1),
        (FLAG, False, 0),
        (SWITCH, 0, False),
        (SWITCH, 1, True),
        (SWITCH, True, True),
        (turned(HEIGHT, str), 5, "5"),
        (spelled(HEIGHT), "5", 5),
        (spelled(BOOLEAN), "false", False),
        (spelled(BOOLEAN), "true", True),
        (AMOUNT, "1", 1),
        (AMOUNT, "0.10", Decimal("0.10")),
        (PAIR, {"txid": TXID, "vout": 0, "sequence": None}, {"txid": TXID, "vout": 0}),
        (array(turned(HEIGHT, str)), [5, 6], ["5", "6"]),
        (members({"a": turned(HEIGHT, str)}), {"a": 5}, {"a": "5"}),
    ],
)
def test_what_is_turned_is_handed_on_as_verusd_wants_it(
    kind: Kind, value: Any, handed_on: Any
) -> None:
    read = kind.read(value)

    assert read == handed_on
    assert type(read) is type(handed_on)


@pytest.mark.parametrize("value", [2, -1, "1", None, Decimal(1)])
def test_a_flag_is_0_or_1_or_a_boolean(value: Any) -> None:
    for kind in (FLAG, SWITCH):
        with pytest.raises(Mismatch):
            kind.read(value)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (HEIGHT, "5", "must be a block height from 0 to 2147483647, not a string"),
        (integer("0 or 1", low=0, high=1, short=True), 2, "must be 0 or 1, not an integer"),
        (TEXT, None, "must be a string, not null"),
        (AMOUNT, True, "must be an amount of 0 or more, not a boolean"),
        (spelled(HEIGHT), "-5", "must be a block height from 0 to 2147483647, not a string"),
        (
            mapping(HASH, HEIGHT, most=2),
            {"a": 1},
            (
                "must be an object of at most 2 members, each named by 64 hexadecimal digits, "
                "not an object"
            ),
        ),
        (
            BOOLEAN,
            Decimal("1.5"),
            "must be true or false, not a number with a fraction or exponent",
        ),
        (array(HEIGHT, most=3), {}, "must be an array of at most 3, not an object"),
        (members(), [], "must be an object with no members, not an array"),
        (
            PAIR,
            {"vout": 1},
            "must be an object with txid, vout, sequence, not one without txid",
        ),
        (
            members(),
            {"secret": 1},
            "must be an object with no members, not one with another member",
        ),
        (PAIR, 1, "must be an object with txid, vout, sequence, not an integer"),
        (either(BOOLEAN, TEXT), 1, "must be true or false or a string, not an integer"),
    ],
)
def test_a_mismatch_says_what_was_expected_and_what_came(
    kind: Kind, value: Any, message: str
) -> None:
    with pytest.raises(Mismatch) as caught:
        kind.read(value)

    assert str(caught.value) == message


def test_texts_are_as_long_as_verusd_may_want_them() -> None:
    kinds = (TEXT, HASH, HEIGHT_TEXT, ADDRESS, IDENTITY, CURRENCY)

    assert [kind.schema["maxLength"] for kind in kinds] == [2_097_152, 64, 10, 256, 256, 256]


def test_arrays_and_objects_hold_a_thousand_values_unless_said_otherwise() -> None:
    assert array(BOOLEAN).schema["maxItems"] == 1_000
    assert mapping(TEXT, BOOLEAN).schema["maxProperties"] == 1_000


def test_a_flag_says_what_it_may_be_in_few_words() -> None:
    assert FLAG.expected == "0 or 1 or true or false"


def test_a_kind_stays_as_it_is() -> None:
    kind: Any = HASH

    with pytest.raises(AttributeError):
        kind.read = str
    assert not hasattr(kind, "__dict__")


def test_a_mismatch_says_where_it_is() -> None:
    kind = array(members({"outputs": array(HEIGHT)}))

    with pytest.raises(Mismatch) as caught:
        kind.read([{"outputs": []}, {"outputs": [1, 2, "3"]}])

    assert caught.value.where == "[1].outputs[2]"


def test_a_mismatch_never_repeats_the_value() -> None:
    with pytest.raises(Mismatch) as caught:
        HASH.read("my wallet's passphrase")

    assert "passphrase" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "an integer"),
        (Decimal("1.5"), "a number with a fraction or exponent"),
        ("a", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_json_types_have_names(value: Any, name: str) -> None:
    assert json_type(value) == name


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (BOOLEAN, {"type": "boolean"}),
        (number(low=0), {"type": "number", "minimum": 0}),
        (
            spelled(BOOLEAN),
            {
                "anyOf": [
                    {"type": "boolean"},
                    {
                        "type": "string",
                        "pattern": r"^(?:true|false|-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?)$",
                    },
                ]
            },
        ),
        (
            mapping(BOOLEAN, number(), most=3),
            {
                "type": "object",
                "maxProperties": 3,
                "propertyNames": {"type": "boolean"},
                "additionalProperties": {"type": "number"},
            },
        ),
        (OBJECT, {"type": "object"}),
        (integer(low=1, high=2), {"type": "integer", "minimum": 1, "maximum": 2}),
        (text(longest=3), {"type": "string", "maxLength": 3}),
        (
            text(longest=3, pattern="a|b"),
            {"type": "string", "maxLength": 3, "pattern": "^(?:a|b)$"},
        ),
        (array(BOOLEAN, most=3), {"type": "array", "maxItems": 3, "items": {"type": "boolean"}}),
        (either(BOOLEAN, number()), {"anyOf": [{"type": "boolean"}, {"type": "number"}]}),
        (turned(BOOLEAN, str), {"type": "boolean"}),
        (
            members({"a": BOOLEAN}, {"b": number()}),
            {
                "type": "object",
                "properties": {
                    "a": {"type": "boolean"},
                    "b": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                },
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_kind_has_its_json_schema(kind: Kind, schema: dict[str, Any]) -> None:
    assert kind.schema == schema
