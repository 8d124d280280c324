"""Every row against verusd's own command tables and the types that the official gateway takes.

``verusd_methods.txt`` holds, a line a method, what verusd v1.2.16 documents: scope,
freshness, parameters in order (``?`` optional, ``:json`` taken as JSON on its own command
line and as text elsewhere, ``*`` without a usable name), and the official gateway's types
(``()`` none, ``-`` not offered there).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from verus_gateway import registry
from verus_gateway.freshness import Ttl
from verus_gateway.kinds import Kind, Mismatch
from verus_gateway.plugin import FOREVER, MEMPOOL, TIP, Method
from verus_gateway.rows import Param


@dataclass(frozen=True)
class Fact:
    """One line of the file."""

    name: str
    scope: str
    freshness: str
    params: tuple[str, ...]
    official: tuple[str, ...] | None

    def __str__(self) -> str:
        return self.name


def facts() -> Iterator[Fact]:
    """Read the file."""
    for line in (Path(__file__).parent / "verusd_methods.txt").read_text("utf-8").splitlines():
        name, scope, freshness, params, official = (part.strip() for part in line.split("|"))
        types = None if official == "-" else tuple(official.removeprefix("()").split())
        yield Fact(name, scope, freshness, tuple(params.split()), types)


FACTS = list(facts())
OFFICIAL = [fact for fact in FACTS if fact.official is not None]
ROWS = {row.method.name: row.method for row in registry.load(registry.installed())}

OTHER_FRESHNESS = {
    "createmultisig": "a key given by its address is looked up in the daemon's wallet",
    "createrawtransaction": "without an expiry height the next block's is built in",
    "getmininginfo": "its member pooledtx counts the mempool",
    "getspentinfo": "verusd looks into the mempool before its index",
    "validateaddress": "of an identity it tells the state and the keys",
    "verifytxoutproof": "the proof's block must be in the best chain",
}
NOT_OFFERED = {
    ("sendrawtransaction", "allowhighfees"): "a fee out of all proportion is a mistake",
    ("submitacceptednotarization", "sourceoffunds"): "the daemon's wallet would pay",
}
DEMANDED = {
    ("fundrawtransaction", "objectarray"): "without it the daemon's wallet chooses",
    ("fundrawtransaction", "changeaddress"): "without it the daemon's wallet makes one",
    ("recoveridentity", "returntx"): "without it the daemon's wallet signs and sends",
    ("registeridentity", "returntx"): "without it the daemon's wallet signs and sends",
    ("revokeidentity", "returntx"): "without it the daemon's wallet signs and sends",
    ("setidentitytimelock", "returntx"): "without it the daemon's wallet signs and sends",
    ("updateidentity", "returntx"): "without it the daemon's wallet signs and sends",
    ("sendcurrency", "minconf"): "it stands before the flag for a template",
    ("sendcurrency", "feeamount"): "it stands before the flag for a template",
    ("sendcurrency", "returntxtemplate"): "without it the daemon's wallet pays",
}
RENAMED = {
    ("createrawtransaction", "transactions"): "inputs",
    ("createrawtransaction", "addresses"): "outputs",
    ("getblockhash", "index"): "height",
}
"""verusd takes no names itself; clients that send some follow Bitcoin Core in these."""
OFFICIAL_ALONE = {
    ("decoderawtransaction", "iswitness"): "the official gateway passes it on",
    ("decodescript", "iswitness"): "the official gateway passes it on",
}


def test_the_file_is_whole() -> None:
    assert len(FACTS) == 89
    assert len(OFFICIAL) == 73


def test_the_rows_are_the_methods_of_the_file() -> None:
    assert {name for name in ROWS if "." not in name} == {fact.name for fact in FACTS}


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_scope_and_freshness_are_those_of_the_file_or_differ_with_a_reason(fact: Fact) -> None:
    row = ROWS[fact.name]

    assert row.scope == fact.scope
    assert (_word(row.ttl) == fact.freshness) is (fact.name not in OTHER_FRESHNESS)


def _word(ttl: Ttl) -> str:
    words = {TIP: "tip", MEMPOOL: "mempool", FOREVER: "forever", 0: "none"}
    return words.get(ttl, "static")


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_parameters_have_verusds_names_and_order(fact: Fact) -> None:
    row = ROWS[fact.name]
    theirs = [word.removesuffix(":json").removesuffix("?") for word in fact.params]

    expected = [
        RENAMED.get((fact.name, name), name)
        for name in theirs
        if (fact.name, name) not in NOT_OFFERED
    ]
    ours = [param.name for param in row.params if (fact.name, param.name) not in OFFICIAL_ALONE]

    assert len(ours) == len(expected)
    assert all(name in {own, "*"} for own, name in zip(ours, expected, strict=True))


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_what_verusd_lets_be_left_out_may_be_or_is_demanded_with_a_reason(fact: Fact) -> None:
    for param, word in _pairs(fact):
        optional = word.removesuffix(":json").endswith("?")
        demanded = (fact.name, param.name) in DEMANDED

        assert param.required is (not optional or demanded)


def _pairs(fact: Fact) -> list[tuple[Param, str]]:
    return list(zip(ROWS[fact.name].params, fact.params, strict=False))


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_what_verusd_takes_as_text_on_its_command_line_is_taken_as_text(fact: Fact) -> None:
    for param, word in _pairs(fact):
        if word.endswith(":json"):
            continue
        for value, text in ((1, "1"), (True, "true")):
            if _takes(param.kind, value):
                assert param.kind.read(text) == param.kind.read(value)


def _takes(kind: Kind, value: Any) -> bool:
    try:
        kind.read(value)
    except Mismatch:
        return False
    return True


@pytest.mark.parametrize(
    "name", [*OTHER_FRESHNESS, *(m for m, _ in NOT_OFFERED | DEMANDED | RENAMED)]
)
def test_a_difference_is_of_a_method_that_exists(name: str) -> None:
    assert name in ROWS


# ---------------------------------------------------------------- the official gateway's types

SAMPLES: dict[str, list[Any]] = {
    "getbestproofroot": [{"proofroots": []}],
    "getcurrencyconverters": ['{"convertto":"VRSC","fromcurrency":[],"amount":1,"slippage":0.1}'],
    "getcurrencystate": ["VRSC", "1,100,10", "VRSC"],
    "submitimports": [
        {
            "sourcesystemid": "vETH",
            "notarizationtxid": "ab" * 32,
            "notarizationtxoutnum": 0,
            "exports": [],
        }
    ],
}
_ANY = {"str": "bob@", "int": 1, "bool": True, "float": Decimal("0.0001"), "obj": {}, "arr": []}
_TYPES = {"str": str, "int": int, "bool": bool, "float": Decimal, "obj": dict, "arr": list}


def _calls(fact: Fact, **other: Any) -> Iterator[list[Any]]:
    """Yield calls with the official types: each length that the row allows."""
    row = ROWS[fact.name]
    types = fact.official or ()
    values = SAMPLES.get(fact.name) or [
        _sample(param, word, **other) for param, word in zip(row.params, types, strict=False)
    ]
    fewest = sum(param.required for param in row.params)
    for length in range(fewest, len(values) + 1):
        yield values[:length]


def _sample(param: Param, word: str, **other: Any) -> Any:
    if word in other:
        return other[word]
    if type(param.example) is _TYPES[word]:
        return param.example
    return str(param.example) if word == "str" and param.example else _ANY[word]


@pytest.mark.parametrize("fact", OFFICIAL, ids=str)
def test_what_the_official_gateway_takes_is_taken(fact: Fact) -> None:
    types = fact.official or ()

    assert len(types) <= len(ROWS[fact.name].params)
    for call in (*_calls(fact), *_calls(fact, float=1), *_calls(fact, float="0.0001")):
        ROWS[fact.name].read(call)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("getblock", [5]),
        ("getblock", ["5", True]),
        ("getcurrencystate", ["VRSC", 5]),
        ("getcurrencyconverters", ["VRSC", "Bridge.vETH", "vETH"]),
        ("registeridentity", [{}, True, Decimal("0.001"), ""]),
        ("updateidentity", [{"name": "alice"}, True]),
        ("revokeidentity", ["id@", True, False, Decimal("0.001"), ""]),
        ("setidentitytimelock", ["id@", {}, True, Decimal("0.001"), ""]),
        ("signdata", [{}]),
        ("sendcurrency", ["*", [{"currency": "VRSC", "amount": 1, "address": "a@"}], 1, 1, True]),
        (
            "sendcurrency",
            ["R*", [{"amount": 1, "via": None, "address": "0x" + "aB" * 20}], 1, "0.0001", "true"],
        ),
        ("getaddressmempool", [{"addresses": ["mike@"], "friendlynames": True, "verbosity": 1}]),
        ("estimateconversion", [{"currency": "a", "convertto": "b", "amount": 1, "via": None}]),
        ("listcurrencies", [{"systemtype": "pbaas", "converter": ["VRSC"]}, 1, 2]),
        ("getidentity", ["mike@", "1000", "true", "1000"]),
    ],
)
def test_calls_that_its_clients_make_are_taken(name: str, call: list[Any]) -> None:
    ROWS[name].read(call)


# ---------------------------------------------------------------- freshness by parameters

BLOCK = "0" * 63 + "a"
R_ADDRESS = "RHVR1MP2epqJ4eyUQXEUteuZStCWRuuDt3"


@pytest.mark.parametrize(
    ("name", "call", "ttl"),
    [
        ("getrawtransaction", [BLOCK], FOREVER),
        ("getrawtransaction", [BLOCK, 0], FOREVER),
        ("getrawtransaction", [BLOCK, False], FOREVER),
        ("getrawtransaction", [BLOCK, 1], MEMPOOL),
        ("getblock", [BLOCK, 0], FOREVER),
        ("getblock", [BLOCK, False], FOREVER),
        ("getblock", [BLOCK, 1], TIP),
        ("getblock", [BLOCK], TIP),
        ("getblock", ["5", 0], TIP),  # another block after a reorganisation
        ("getblockheader", [BLOCK, False], FOREVER),
        ("getblockheader", [BLOCK], TIP),
        ("getidentity", ["alice@"], TIP),
        ("getidentity", ["alice@", 5], TIP),
        ("getidentity", ["alice@", -1], MEMPOOL),
        ("getidentity", ["alice@", "-1"], MEMPOOL),
        ("getidentitycontent", ["alice@", 0, -1], MEMPOOL),
        ("getidentityhistory", ["alice@", 0, 0], TIP),
        ("verifymessage", [R_ADDRESS, "H=", "m"], FOREVER),
        ("verifymessage", ["alice@", "H=", "m"], TIP),
        ("verifymessage", ["i" + R_ADDRESS[1:], "H=", "m", True], TIP),
        ("verifyhash", [R_ADDRESS, "H=", "00"], FOREVER),
        ("verifysignature", [{"address": R_ADDRESS, "signature": "H="}], FOREVER),
        ("verifysignature", [{"address": "R@", "signature": "H="}], TIP),
    ],
)
def test_what_is_content_addressed_stays_and_what_moves_does_not(
    name: str, call: list[Any], ttl: Ttl
) -> None:
    row: Method = ROWS[name]

    assert row.lasts(row.read(call)) == ttl
