import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Raw

from verus_gateway import plugin
from verus_gateway.errors import InvalidParams
from verus_gateway.plugin import (
    BOOLEAN,
    FOREVER,
    HASH,
    HEIGHT,
    MEMPOOL,
    PUBLIC,
    TEXT,
    TIP,
    Constant,
    Daemon,
    Json,
    Method,
    Stale,
    UntilBlock,
    array,
    decode,
    method,
    optional,
    required,
    turned,
)
from verus_gateway.rows import Param
from verus_gateway.testing import FakeDaemon


def row(*params: Param, **columns: Any) -> Method:
    return method("getblock", *params, **({"summary": "A block.", "scope": PUBLIC} | columns))


@pytest.fixture
def getblock() -> Method:
    return row(
        required("height", turned(HEIGHT, str)), optional("verbose", BOOLEAN), optional("x", TEXT)
    )


# ---------------------------------------------------------------- reading parameters


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([5], ("5",)),
        ([5, True], ("5", True)),
        ([5, True, "a"], ("5", True, "a")),
        ({"height": 5}, ("5",)),
        ({"verbose": True, "height": 5}, ("5", True)),
        ({"x": "a", "verbose": False, "height": 5}, ("5", False, "a")),
    ],
)
def test_parameters_are_read_by_position_or_by_name(
    getblock: Method, given: Any, read: tuple[Json, ...]
) -> None:
    assert getblock.read(given) == read


def test_no_parameters_are_no_parameters() -> None:
    bare = row()

    assert (bare.read(None), bare.read([]), bare.read({})) == ((), (), ())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "getblock height [verbose] [x]: 0 parameters given"),
        ([], "getblock height [verbose] [x]: 0 parameters given"),
        ({}, "getblock height [verbose] [x]: 0 parameters given"),
        ([1, True, "a", 4], "getblock height [verbose] [x]: 4 parameters given"),
        ({"height": 5, "hash": 1}, "getblock height [verbose] [x]: no parameter is named 'hash'"),
        ({"verbose": True}, "getblock height [verbose] [x]: parameter 'height' is missing"),
        ({"height": 5, "x": "a"}, "getblock height [verbose] [x]: parameter 'verbose' is missing"),
        (
            ["5"],
            "getblock: parameter 1 (height) must be a block height from 0 to 2147483647, not a string",
        ),
        ([5, None], "getblock: parameter 2 (verbose) must be true or false, not null"),
        (
            {"height": 5, "verbose": 1},
            "getblock: parameter 2 (verbose) must be true or false, not an integer",
        ),
    ],
)
def test_wrong_parameters_are_named(getblock: Method, given: Any, message: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        getblock.read(given)

    assert (caught.value.code, caught.value.message) == (-32602, message)


def test_a_mismatch_inside_a_parameter_says_where() -> None:
    nested = row(required("hashes", array(HASH)))

    with pytest.raises(InvalidParams, match=r"parameter 1 \(hashes\[1\]\) must be 64"):
        nested.read([["0" * 64, "x"]])


def test_a_name_without_end_is_not_repeated_whole(getblock: Method) -> None:
    with pytest.raises(InvalidParams) as caught:
        getblock.read({"n" * 10_000: 1})

    assert len(caught.value.message) < 200


def test_the_row_has_the_last_word() -> None:
    picky = row(optional("verbose", BOOLEAN), accepts=lambda params: params == (True,))

    assert picky.read([True]) == (True,)
    for given in ([False], []):
        with pytest.raises(InvalidParams, match="getblock is not offered with these parameters"):
            picky.read(given)


# ---------------------------------------------------------------- running


async def test_a_row_without_a_handler_asks_verusd_the_same(getblock: Method) -> None:
    daemon = FakeDaemon({"getblock": {"height": 5}})

    answer = await getblock.run(daemon, ("5", True))

    assert bytes(answer) == b'{"height":5}'
    assert daemon.asked == [("getblock", ("5", True))]


async def test_a_handler_gets_the_daemon_and_the_parameters() -> None:
    async def handler(daemon: Daemon, height: str, verbose: Json = None) -> Json:
        return [decode(await daemon.call("getblockcount")), height, verbose]

    handled = row(required("height", HEIGHT), optional("verbose", BOOLEAN), handler=handler)

    answer = await handled.run(FakeDaemon({"getblockcount": 7}), (5,))

    assert answer == [7, 5, None]


def test_what_verusd_says_is_decoded_without_floats() -> None:
    assert decode(Raw(b'{"amount":10000000000.12345678}')) == {
        "amount": Decimal("10000000000.12345678")
    }


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("columns", "harmless"),
    [
        ({}, False),
        ({"ttl": 1}, True),
        ({"ttl": TIP}, True),
        ({"ttl": MEMPOOL}, True),
        ({"ttl": FOREVER}, True),
        ({"fallback": Stale(1)}, True),
        ({"fallback": Constant(None)}, True),
        ({"retry": True}, True),
        ({"retry": False}, False),
        ({"ttl": TIP, "retry": True}, True),
    ],
)
def test_a_row_whose_answers_are_not_kept_is_a_write_unless_it_says_otherwise(
    columns: dict[str, Any], harmless: bool
) -> None:
    assert row(**columns).retry is harmless


@pytest.mark.parametrize(
    "name", ["", "1a", "get block", "a.", ".a", "a..b", "a-b", "é", "a\n", "a" * 65, "_a", "a.1"]
)
def test_a_name_is_letters_digits_and_dots_between_words(name: str) -> None:
    with pytest.raises(ValueError, match="is not a method name"):
        method(name, summary="x", scope=PUBLIC)


@pytest.mark.parametrize("name", ["a", "z_getTreeState2", "acme.share", "a.b.c", "a" * 64])
def test_good_names_are_taken(name: str) -> None:
    assert method(name, summary="x", scope=PUBLIC).name == name


BROKEN: dict[str, tuple[Callable[[], Method], str]] = {
    "no summary": (lambda: row(summary=""), "the summary must be one line"),
    "long summary": (lambda: row(summary="a\nb"), "the summary must be one line"),
    "same name": (
        lambda: row(required("a", TEXT), optional("a", TEXT)),
        "two parameters share a name",
    ),
    "order": (
        lambda: row(optional("a", TEXT), required("b", TEXT)),
        "a required parameter stands behind an optional one",
    ),
    "negative ttl": (lambda: row(ttl=-1), "ttl must be 0 or more"),
    "no ttl": (lambda: row(ttl=math.nan), "ttl must be 0 or more"),
    "negative within": (lambda: row(ttl=UntilBlock(-1)), "ttl must be 0 or more"),
    "empty stale": (lambda: row(fallback=Stale(0)), "Stale needs a positive number"),
    "stale for NaN": (lambda: row(fallback=Stale(math.nan)), "Stale needs a positive number"),
    "free": (lambda: row(cost=0), "cost must be 1 or more"),
    "kept write": (lambda: row(ttl=1, retry=False), "has no ttl and no fallback"),
    "write until a block": (lambda: row(ttl=TIP, retry=False), "has no ttl and no fallback"),
    "write with fallback": (
        lambda: row(fallback=Constant(1), retry=False),
        "has no ttl and no fallback",
    ),
}


@pytest.mark.parametrize(("made", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_row_that_contradicts_itself_is_not_made(made: Callable[[], Method], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made()


def test_a_forgotten_scope_is_a_type_error() -> None:
    columns: dict[str, Any] = {"summary": "x"}

    with pytest.raises(TypeError, match="scope"):
        method("a", **columns)


def test_a_misspelt_column_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="tll"):
        row(tll=5)


def test_a_row_is_immutable(getblock: Method) -> None:
    with pytest.raises(AttributeError):
        getblock.scope = "public"  # type: ignore[misc]


def test_everything_in_the_contract_exists_and_is_sorted() -> None:
    names = plugin.__all__

    assert all(hasattr(plugin, name) for name in names)
    assert len(set(names)) == len(names)


# ---------------------------------------------------------------- ttl by parameters, examples


def test_particular_parameters_have_a_ttl_of_their_own() -> None:
    told = row(
        optional("height", HEIGHT),
        ttl=TIP,
        ttl_if=((FOREVER, lambda params: params == (1,)), (MEMPOOL, bool)),
    )

    assert [told.lasts(params) for params in ((), (1,), (2,))] == [TIP, FOREVER, MEMPOOL]


def test_an_answer_is_kept_for_all_parameters_or_for_none() -> None:
    for ttl, other in ((0, TIP), (TIP, 0)):
        with pytest.raises(ValueError, match="kept for some parameters"):
            row(ttl=ttl, ttl_if=((other, bool),), retry=True)


def test_an_example_ends_where_a_parameter_has_none() -> None:
    told = row(
        required("hash", HASH, example="0" * 64),
        optional("a", BOOLEAN),
        optional("b", BOOLEAN, example=True),
    )

    assert told.example() == ["0" * 64]
    assert row().example() == []
    assert row(required("hash", HASH)).example() is None
    assert row(optional("a", BOOLEAN), accepts=bool).example() is None


def test_an_example_must_be_a_call() -> None:
    with pytest.raises(ValueError, match=r"getblock: the example is no call: .*\(hash\) must be"):
        row(required("hash", HASH, example="none"))
