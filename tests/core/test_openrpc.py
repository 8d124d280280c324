import json
from typing import Any

import pytest

import verus_gateway
from verus_gateway import errors
from verus_gateway.freshness import Fallback, Ttl
from verus_gateway.openrpc import MOST_KEPT, Discovery, fallback_text, ttl_text
from verus_gateway.plugin import (
    BOOLEAN,
    BROADCAST,
    FOREVER,
    HEIGHT,
    HEX,
    MEMPOOL,
    PUBLIC,
    READ,
    TIP,
    Constant,
    Stale,
    method,
    optional,
    required,
)

ROWS = (
    method("sendrawtransaction", required("hex", HEX), summary="Send.", scope=BROADCAST, cost=10),
    method(
        "getblock",
        required("height", HEIGHT, example=5),
        optional("verbose", BOOLEAN),
        summary="A block.",
        scope=READ,
        ttl=TIP,
        ttl_if=((FOREVER, bool),),
        fallback=Stale(60),
    ),
    method("getinfo", summary="State.", scope=PUBLIC, ttl=5),
)
EVERYTHING = frozenset({PUBLIC, READ, BROADCAST})


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(ROWS, ["VRSC", "VRSCTEST"])


def document(discovery: Discovery, *scopes: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(discovery.document(frozenset(scopes)))
    return made


def test_the_document_names_itself_and_every_chain(discovery: Discovery) -> None:
    made = document(discovery)

    assert made["openrpc"] == "1.3.2"
    assert made["info"]["version"] == verus_gateway.__version__
    assert made["servers"] == [
        {"name": "VRSC", "url": "/"},
        {"name": "VRSCTEST", "url": "/chain/VRSCTEST"},
    ]


def test_methods_stand_in_order_and_only_those_that_the_caller_may_call(
    discovery: Discovery,
) -> None:
    names = [
        [each["name"] for each in document(discovery, *scopes)["methods"]]
        for scopes in ((), (PUBLIC,), (PUBLIC, READ, BROADCAST, "unheard-of"))
    ]

    assert names == [[], ["getinfo"], ["getblock", "getinfo", "sendrawtransaction"]]


def test_a_method_is_its_row(discovery: Discovery) -> None:
    [block] = document(discovery, READ)["methods"]

    assert block["summary"] == "A block."
    assert block["paramStructure"] == "either"
    assert block["params"] == [
        {"name": "height", "required": True, "schema": HEIGHT.schema},
        {"name": "verbose", "required": False, "schema": BOOLEAN.schema},
    ]
    assert (block["x-scope"], block["x-ttl"], block["x-fallback"], block["x-cost"]) == (
        READ,
        "block or forever",
        "stale 60 s",
        1,
    )


def test_each_error_that_a_method_refers_to_is_there_with_its_code(discovery: Discovery) -> None:
    made = document(discovery, *EVERYTHING)

    told = made["components"]["errors"]
    for each in made["methods"]:
        for reference in each["errors"]:
            name = reference["$ref"].removeprefix("#/components/errors/")
            assert told[name]["code"] == getattr(errors, name).code
            assert told[name]["message"]


def test_only_a_write_may_have_an_unknown_outcome(discovery: Discovery) -> None:
    lost = {"$ref": "#/components/errors/OutcomeUnknown"}

    methods = document(discovery, *EVERYTHING)["methods"]

    assert [each["name"] for each in methods if lost in each["errors"]] == ["sendrawtransaction"]


def test_a_document_is_made_once_for_the_scopes_that_matter(discovery: Discovery) -> None:
    first = discovery.document(frozenset({PUBLIC}))

    assert discovery.document(frozenset({PUBLIC, "unheard-of"})) is first


def test_documents_are_not_kept_without_end() -> None:
    rows = [method(f"acme.m{n}", summary="x", scope=f"s{n}") for n in range(MOST_KEPT + 1)]
    discovery = Discovery(rows, ["VRSC"])

    for number in range(MOST_KEPT + 1):
        discovery.document(frozenset({f"s{number}"}))

    assert len(discovery._kept) == 1


@pytest.mark.parametrize(
    ("ttl", "words"),
    [(TIP, "block"), (MEMPOOL, "block, 2 s"), (FOREVER, "forever"), (0, "0 s"), (1.5, "1.5 s")],
)
def test_a_ttl_in_words(ttl: Ttl, words: str) -> None:
    assert ttl_text(ttl) == words


@pytest.mark.parametrize(
    ("fallback", "words"),
    [
        (Stale(60), "stale 60 s"),
        (Stale(FOREVER), "stale"),
        (Constant(None), "constant"),
        (None, "-"),
    ],
)
def test_a_fallback_in_words(fallback: Fallback, words: str) -> None:
    assert fallback_text(fallback) == words


def test_an_example_is_made_of_the_parameters_examples(discovery: Discovery) -> None:
    made = document(discovery, *EVERYTHING)

    examples = {each["name"]: each["examples"] for each in made["methods"]}

    assert examples == {
        "getblock": [
            {
                "name": "getblock",
                "description": "A block.",
                "params": [{"name": "height", "value": 5}],
            }
        ],
        "getinfo": [{"name": "getinfo", "description": "State.", "params": []}],
        "sendrawtransaction": [],
    }
