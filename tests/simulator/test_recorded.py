"""Shapes beside what real daemons sent; skipped, saying so, where those recordings are not."""

import json
from typing import Any

import pytest
from simulator.harness import NOW, RECORDED, Run

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


PROXIED = [
    ("getinfo", "getinfo", ()),
    ("getblockchaininfo", "getblockchaininfo", ()),
    ("getcurrency", "getcurrency", ()),
    ("getaddressbalance", "getaddressbalance", ("PERSON",)),
    ("getaddressdeltas", "getaddressdeltas", ({"addresses": ["PERSON"]},)),
    ("gettxout", "gettxout", ("TXID", 0)),
]
"""Recorded behind a proxy that sorts members: names count, their order does not."""


def fill(value: Any, node: Node) -> Any:
    """Put a person and a transaction of the chain where the table has a placeholder."""
    draft = node.chain.draft()
    text = json.dumps(value).replace("PERSON", node.chain.people[0])
    return json.loads(text.replace('"TXID"', f'"{draft.inputs[0].txid}"'))


@pytest.mark.parametrize(("name", "method", "params"), PROXIED)
def test_members_have_the_recorded_names(
    run: Run, node: Node, name: str, method: str, params: tuple[Any, ...]
) -> None:
    answer = run(method, *fill(params, node))
    if method == "getaddressdeltas":
        answer = [each for each in answer if each["satoshis"]]

    assert shape(answer, ordered=False) == shape(recorded(name)["result"], ordered=False)


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
    real = next(each for each in recorded("getaddressutxos")["result"] if each["isspendable"])
    ours = run("getaddressutxos", {"addresses": [node.chain.people[0]]})[0]

    assert shape(ours, ordered=False) == shape(real, ordered=False)


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
