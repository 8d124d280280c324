from typing import Any

import pytest

import verus_chain
from verus_gateway import registry, rpc
from verus_gateway.auth import Caller
from verus_gateway.breaker import Breaker, Rules
from verus_gateway.cache import Cache
from verus_gateway.forbidden import FORBIDDEN
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import (
    ADMIN,
    BROADCAST,
    PUBLIC,
    READ,
    WALLET,
    WALLET_BUILD,
    Constant,
    InvalidParams,
    Json,
    Method,
    Params,
    Stale,
    UntilBlock,
)
from verus_gateway.registry import Registry, Row
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeClock, FakeDaemon, find, run
from verus_gateway.tip import Tip

SCOPES = {PUBLIC, READ, WALLET_BUILD, BROADCAST, ADMIN, WALLET}
SPENDS_NOTHING = {PUBLIC, READ, ADMIN}


def every_row() -> list[Row]:
    """Return all installed rows, those of the wallet too."""
    points = list(registry.installed())
    wallet = [row.name for point in points for row in point.load() if row.scope == WALLET]
    return list(registry.load(points, wallet))


ROWS = every_row()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.method.name) for row in ROWS])
def test_a_row_is_as_rows_should_be(row: Row) -> None:
    method = row.method

    assert method.summary[0].isupper()
    assert method.summary.endswith(".")
    assert len(method.summary) <= 100
    assert method.scope in SCOPES
    assert method.name not in FORBIDDEN
    check_names(row)
    check_params(method)
    check_freshness(method)


def check_names(row: Row) -> None:
    """A name without a dot is verusd's own, and only our families declare those."""
    assert ("." in row.method.name) is not row.origin.startswith("verus-")
    assert "." not in row.method.name or row.method.handler is not None


def check_params(method: Method) -> None:
    """Each parameter has a name of its own, a sentence and a schema, and required ones come first."""
    names = [param.name for param in method.params]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.isidentifier() for name in names)
    needed = [param.required for param in method.params]
    assert needed == sorted(needed, reverse=True)
    for param in method.params:
        assert param.kind.expected
        assert rpc.value(rpc.encode(dict(param.kind.schema))) == param.kind.schema


@pytest.mark.parametrize("row", [pytest.param(row, id=row.method.name) for row in ROWS])
def test_a_row_has_an_example_in_values_that_json_carries(row: Row) -> None:
    example = row.method.example()

    assert example is not None
    assert rpc.value(rpc.encode(example)) == example


def check_freshness(method: Method) -> None:
    """A write is kept in no way and costs more than a look; a look may be asked for twice."""
    seconds = method.ttl.within if isinstance(method.ttl, UntilBlock) else method.ttl
    assert seconds >= 0
    if not method.retry:
        assert seconds == 0
        assert method.fallback is None
        assert method.scope not in SPENDS_NOTHING
        assert method.cost > 1
    if method.scope in {BROADCAST, WALLET, WALLET_BUILD}:
        assert not method.retry
    if method.scope == WALLET_BUILD:
        assert method.accepts is not None
    if isinstance(method.fallback, Stale):
        assert method.fallback.within >= seconds or isinstance(method.ttl, UntilBlock)
    if isinstance(method.fallback, Constant):
        rpc.encode(method.fallback.value)


def test_every_scope_that_is_checked_has_a_row_or_belongs_to_the_wallet() -> None:
    used = {row.method.scope for row in ROWS}

    assert used <= SCOPES
    assert {PUBLIC, READ, BROADCAST, WALLET_BUILD} <= used


# ---------------------------------------------------------------- nothing is spent

BUILDERS = [row.method for row in ROWS if row.method.scope == WALLET_BUILD]


@pytest.mark.parametrize("method", BUILDERS, ids=lambda method: method.name)
def test_a_call_that_builds_a_transaction_must_ask_to_have_it_back(method: Method) -> None:
    accepts = method.accepts
    assert accepts is not None
    longest = len(method.params)

    flags = [
        place
        for place in range(longest)
        if accepts(tuple(number == place for number in range(longest)))
    ]
    refused: list[Params] = [(), (False,) * longest, (1,) * longest, ("true",) * longest]

    assert len(flags) == 1
    assert not any(accepts(params) for params in refused)


# ---------------------------------------------------------------- the chain's own rows


def read(name: str, *params: Json) -> Params:
    return find(verus_chain.METHODS, name).read(list(params))


HASH = "0" * 63 + "a"


@pytest.mark.parametrize(
    ("name", "params", "handed_on"),
    [
        ("getblock", (5,), ("5",)),
        ("getblock", ("5", 1), ("5", 1)),
        ("getblock", (HASH, True), (HASH, True)),
        ("getblock", (0, 2), ("0", 2)),
        ("getblockhash", (5,), (5,)),
        ("getsaplingtree", (5,), ("5",)),
        ("z_gettreestate", (5,), ("5",)),
        ("getrawtransaction", (HASH, True), (HASH, 1)),
        ("getrawtransaction", (HASH, 0), (HASH, 0)),
        ("getblockhashes", (2, 1, {"noOrphans": True}), (2, 1, {"noOrphans": True})),
    ],
)
def test_parameters_are_handed_on_as_verusd_takes_them(
    name: str, params: tuple[Json, ...], handed_on: Params
) -> None:
    taken = read(name, *params)

    assert taken == handed_on
    assert [type(each) for each in taken] == [type(each) for each in handed_on]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("getblock", ()),
        ("getblock", (-1,)),
        ("getblock", ("latest",)),
        ("getblock", (5, 3)),
        ("getblock", (5, "1")),
        ("getblock", (True,)),
        ("getblockhash", ("5",)),
        ("getinfo", (1,)),
        ("help", ("../etc",)),
        ("getrawtransaction", (HASH, 2)),
        ("getblockhashes", (2, 1, {"unknown": True})),
    ],
)
def test_other_parameters_are_refused(name: str, params: tuple[Json, ...]) -> None:
    with pytest.raises(InvalidParams):
        read(name, *params)


async def test_help_names_a_section_once_and_lines_before_any_too() -> None:
    text = "getinfo\n== Blockchain ==\ngetblock height\n\ngetblockcount\n== Wallet ==\nstop"
    daemon = FakeDaemon({"help": text, "getinfo": 1, "getblock": 1, "getblockcount": 1})

    shown = await run(find(verus_chain.METHODS, "help"), daemon)

    assert shown == "getinfo\n== Blockchain ==\ngetblock height\ngetblockcount"


async def test_a_height_as_number_and_as_text_is_one_call_and_one_answer() -> None:
    daemon, clock = FakeDaemon({"getblock": {"height": 5}}), FakeClock()
    header = {"hash": "a", "height": 5, "time": 1}
    looked_at = FakeDaemon({"getbestblockhash": "a", "getblockheader": header})
    tip = Tip(looked_at, interval=1, clock=clock)
    await tip.poll()
    row = find(verus_chain.METHODS, "getblock")
    settings: dict[str, Any] = {
        "chain": "VRSC",
        "timeout": 60.0,
        "largest": 1_000,
        "discover": lambda _: b"",
        "breaker": Breaker(Rules()),
    }
    pipeline = Pipeline(
        Registry({"getblock": Row(row, "verus-chain")}),
        Cache(max_size=10_000, max_entry_size=1_000, tip_max_age=60, clock=clock),
        tip,
        daemon,
        **settings,
    )
    reader = Caller(None, frozenset({READ}))

    answers = [
        await pipeline.answer(Call("getblock", given), reader)
        for given in ([5], ["5"], {"block": 5}, {"block": "5"})
    ]

    assert [answer.source for answer in answers] == ["daemon", "cache", "cache", "cache"]
    assert daemon.asked == [("getblock", ("5",))]
