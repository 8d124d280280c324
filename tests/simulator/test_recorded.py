"""Shapes beside what real daemons sent; skipped, saying so, where those recordings are not."""

import json
import re
from typing import Any

import pytest
from simulator.harness import NOW, RECORDED, Run, executor

from verus_gateway.simulator import Chain
from verus_gateway.simulator.commands import Node, RpcError
from verus_gateway.simulator.methods import table
from verus_gateway.simulator.univalue import parse, write

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(),
    reason=f"NO RECORDED ANSWERS at {RECORDED}: the shapes of the simulator were NOT checked",
)


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def shape(value: Any, *, ordered: bool) -> Any:
    """Reduce a value to its member names and kinds; an array to its first element."""
    if isinstance(value, dict):
        members = [(name, shape(each, ordered=ordered)) for name, each in value.items()]
        return members if ordered else sorted(members)
    if isinstance(value, list):
        return [shape(each, ordered=ordered) for each in value[:1]]
    return "number" if type(value) in {int, float} else type(value).__name__


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Name the members that only one of two answers has, and those of different kinds.

    What one side holds none of says nothing about the other: empty arrays and objects are
    alike to any. Ids and hashes as member names are taken for one and the same.
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if not ours or not theirs:
            return []
        one, other = generic(ours), generic(theirs)
        found = [f"{at}.{name} is only ours" for name in one.keys() - other.keys()]
        found += [f"{at}.{name} is only theirs" for name in other.keys() - one.keys()]
        for name in one.keys() & other.keys():
            found += differences(one[name], other[name], f"{at}.{name}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], f"{at}[]") if ours and theirs else []
    kinds = (shape(ours, ordered=False), shape(theirs, ordered=False))
    return [] if kinds[0] == kinds[1] else [f"{at} is {kinds[0]}, theirs {kinds[1]}"]


def generic(members: dict[str, Any]) -> dict[str, Any]:
    """Replace ids and hashes in member names, so that answers about others can be compared."""
    return {ID.sub("ID", name): value for name, value in members.items()}


ID = re.compile(r"\bi[1-9A-HJ-NP-Za-km-z]{33}\b|(?<=_)i[1-9A-HJ-NP-Za-km-z]{33}|^[0-9a-f]{40}$")

PROXIED: list[tuple[str, str, tuple[Any, ...]]] = [
    ("getinfo", "getinfo", ()),
    ("getblockchaininfo", "getblockchaininfo", ()),
    ("getcurrency", "getcurrency", ()),
    ("getaddressbalance", "getaddressbalance", ("PERSON",)),
    ("other/getaddressbalance", "getaddressbalance", ("PERSON",)),
    ("getaddressdeltas", "getaddressdeltas", ({"addresses": ["PERSON"]},)),
    ("getaddressmempool", "getaddressmempool", ({"addresses": "ALL", "friendlynames": True},)),
    ("gettxout", "gettxout", ("TXID", 0)),
    ("getidentity_rustsdk", "getidentity", ("alice@",)),
    ("getidentitycontent_rustsdk", "getidentitycontent", ("alice@",)),
    ("getcurrencystate", "getcurrencystate", ("VRSC",)),
    ("getcurrencyconverters_vrsctest", "getcurrencyconverters", ("VRSC",)),
    (
        "estimateconversion",
        "estimateconversion",
        ({"currency": "VRSC", "convertto": "DAI.vETH", "via": "Bridge.vETH", "amount": 1},),
    ),
    ("estimatefee", "estimatefee", (6,)),
    ("signmessage", "signmessage", ("PERSON", "hello")),
]
"""Recorded behind a proxy that sorts members: names count, their order does not."""


def fill(value: Any, node: Node) -> Any:
    """Put people and a transaction of the chain where the table has a placeholder."""
    draft = node.chain.draft()
    text = json.dumps(value).replace('"ALL"', json.dumps(node.chain.people))
    text = text.replace("PERSON", node.chain.people[0])
    return json.loads(text.replace('"TXID"', f'"{draft.inputs[0].txid}"'))


@pytest.mark.parametrize(("name", "method", "params"), PROXIED)
def test_members_have_the_recorded_names(
    run: Run, node: Node, name: str, method: str, params: tuple[Any, ...]
) -> None:
    answer = run(method, *fill(params, node))
    if method == "getaddressdeltas":
        answer = [each for each in answer if each["satoshis"]]
    if method == "getaddressmempool":
        answer = [each for each in answer if not each["spending"]]

    assert answer != []
    assert differences(answer, recorded(name)["result"]) == []


def test_what_is_spent_in_the_mempool_has_the_recorded_members(run: Run, node: Node) -> None:
    node.chain.send(node.chain.draft(), now=NOW)
    for name, verbosity in (("getaddressmempool", 0), ("getaddressmempool_verbose", 1)):
        query = {"addresses": node.chain.people, "friendlynames": True, "verbosity": verbosity}
        ours = next(each for each in run("getaddressmempool", query) if each["spending"])
        real = next(each for each in recorded(name)["result"] if each["spending"])
        assert differences(ours, real) == []


def test_members_of_other_currencies_have_the_recorded_names(run: Run) -> None:
    listed, real = run("listcurrencies"), recorded("listcurrencies_vrsctest")["result"]
    own, token, basket = (
        next(each for each in listed if each["currencydefinition"]["name"] == name)
        for name in ("VRSC", "vETH", "simpool")
    )

    assert differences(own, recorded("listcurrencies")["result"][0]) == []
    assert differences(token, real[2]) == []
    assert differences(basket, real[1]) == [".currencydefinition.prelaunchdiscount is only theirs"]


def test_the_versions_of_an_identity_have_the_recorded_members(run: Run) -> None:
    ours, real = run("getidentityhistory", "alice@"), recorded("getidentityhistory")["result"]
    newest = real["history"][-1]
    del newest["identity"]["privateaddress"]

    assert differences(ours["history"][-1], newest) == []
    assert differences(ours | {"history": []}, real) == []


def test_identities_by_address_have_the_recorded_members(run: Run, node: Node) -> None:
    ours = run("getidentitieswithaddress", {"address": node.chain.people[0]})[0]
    real = recorded("getidentitieswithaddress")["result"][0]

    # recorded were identities of an older form, with shielded addresses
    only = [".contentmultimap is only ours", ".privateaddress is only theirs"]
    assert sorted(differences(ours, real)) == only


def test_offers_of_every_kind_have_the_recorded_members() -> None:
    chain = Chain(1, height=900, now=NOW)
    ours: dict[str, Any] = {}
    run = executor(Node(chain=chain, now=lambda: NOW))
    names = ["VRSC", "vETH", "DAI.vETH", "simpool", "Bridge.vETH"]
    for name in names:
        ours |= generic(run("getoffers", name, True, True))
    theirs = generic(recorded("getoffers_vrsctest")["result"])

    assert ours.keys() == theirs.keys()
    assert differences(ours, theirs) == []


@pytest.mark.parametrize("method", ["getinfo", "getcurrency"])
def test_the_test_chain_has_its_own_members(method: str) -> None:
    node = Node(chain=Chain(1, "VRSCTEST", height=120, now=NOW), now=lambda: NOW)
    answer = json.loads(write(table().by_name[method].execute(node, [])))
    files = {"getinfo": "other/getinfo", "getcurrency": "getcurrency_vrsctest"}

    expected = recorded(files[method])["result"]
    assert shape(answer, ordered=False) == shape(expected, ordered=False)


@pytest.mark.parametrize("method", ["coinsupply", "getnetworkinfo", "getblocksubsidy"])
def test_members_stand_in_the_recorded_order(run: Run, method: str) -> None:
    assert shape(run(method), ordered=True) == shape(recorded(method)["result"], ordered=True)


def test_an_unspent_output_has_the_recorded_members(run: Run, node: Node) -> None:
    utxos = recorded("getaddressutxos_funded")["result"]
    ours = run("getaddressutxos", {"addresses": [node.chain.people[0]]})
    for with_tokens in (False, True):
        one, other = (
            next(e for e in each if e["isspendable"] and ("currencyvalues" in e) == with_tokens)
            for each in (ours, utxos)
        )
        assert differences(one, other) == []


def test_money_is_written_with_eight_decimals_as_recorded(node: Node) -> None:
    body = (RECORDED / "coinsupply.json").read_bytes()
    real = parse(body)["result"]
    ours = parse(write(table().by_name["coinsupply"].execute(node, [])).encode())

    for member in ("supply", "immature", "zfunds", "total"):
        assert len(ours[member].text.partition(".")[2]) == 8
        assert len(real[member].text.partition(".")[2]) == 8


def test_errors_have_the_recorded_codes_and_texts(run: Run) -> None:
    with pytest.raises(RpcError) as undecodable:
        run("decoderawtransaction", "00")
    with pytest.raises(RpcError) as miscounted:
        run("getcurrency", "a", "b")

    assert recorded("err_baddecode")["error"] == {
        "code": undecodable.value.code,
        "message": undecodable.value.message,
    }
    usage = recorded("err_badparam")["error"]
    assert usage["code"] == miscounted.value.code
    assert usage["message"].splitlines()[0] == miscounted.value.message.splitlines()[0]
    assert (
        usage["message"].splitlines()[-1].split("-d")[0]
        == (miscounted.value.message.splitlines()[-1].split("-d")[0])
    )
