import re
from pathlib import Path
from typing import Any

import pytest
from simulator.harness import NOW, Run, failing

from verus_gateway.simulator import Chain, Settings
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.genesis import endowment, identities
from verus_gateway.simulator.methods import table
from verus_gateway.simulator.parameters import VRSC
from verus_gateway.simulator.transactions import Input, Output, build

REAL = "RTZMZHDFSTFQst8XmX2dR4DaH87cEUs3gC"


def test_every_command_answers_a_wrong_count_with_its_whole_help(run: Run) -> None:
    for name, command in table().by_name.items():
        code, message = failing(run, name, *([1] * (command.most + 1)))
        assert code == -1
        assert message == command.help
        assert message.startswith(command.synopsis + "\n\n")
        assert f"> verus {name}" in message
        assert message.endswith("http://127.0.0.1:27486/\n")


def test_the_tip_is_told_alike_by_all_who_tell_it(run: Run, node: Node) -> None:
    tip = node.chain.tip
    info, chain = run("getinfo"), run("getblockchaininfo")

    assert run("getblockcount") == info["blocks"] == info["longestchain"] == chain["blocks"] == 120
    assert run("getbestblockhash") == chain["bestblockhash"] == run("getblockhash", 120) == tip.hash
    difficulty = float(f"{tip.difficulty:.16g}")
    assert run("getdifficulty") == info["difficulty"] == chain["difficulty"] == difficulty
    assert info["tiptime"] == tip.time == run("getblock", "120")["time"]
    assert run("getmininginfo")["blocks"] == 120


def test_a_block_is_found_by_hash_and_by_height_as_text(run: Run, node: Node) -> None:
    block = node.chain.at(60)

    by_height, by_hash = run("getblock", "60"), run("getblock", block.hash, 1)

    assert by_height == by_hash == run("getblock", "60", True)
    assert by_height["tx"] == [each.txid for each in block.transactions]
    assert by_height["confirmations"] == 61
    assert by_height["previousblockhash"] == node.chain.at(59).hash
    assert by_height["nextblockhash"] == node.chain.at(61).hash
    assert by_height["size"] == len(block.raw)


def test_a_block_has_three_forms(run: Run, node: Node) -> None:
    hexadecimal, whole = run("getblock", "60", 0), run("getblock", "60", 2)

    assert hexadecimal == run("getblock", "60", False) == node.chain.at(60).raw.hex()
    assert [tx["txid"] for tx in whole["tx"]] == run("getblock", "60")["tx"]
    assert whole["tx"][0]["vin"][0].keys() == {"coinbase", "sequence"}
    assert "blockhash" not in whole["tx"][0]


def test_the_ends_of_the_chain_have_one_neighbour(run: Run) -> None:
    assert "previousblockhash" not in run("getblock", "0")
    assert "nextblockhash" not in run("getblock", "120")


def test_work_and_stake_blocks_are_told_apart(run: Run) -> None:
    kinds = {}
    for height in range(1, 60):
        block = run("getblock", str(height))
        kinds[block["validationtype"]] = block["blocktype"]
        assert ("postarget" in block) == (block["validationtype"] == "stake")
    assert kinds == {"stake": "minted", "work": "mined"}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ((60,), (-1, "JSON value is not a string as expected")),
        (("60", "1"), (-1, "JSON value is not a boolean as expected")),
        (("60", 3), (-8, "Verbosity must be in range from 0 to 2")),
        (("60", 1.5), (-1, "JSON integer out of range")),
        (("60", 99999999999), (-1, "JSON integer out of range")),
        (("121",), (-8, "Block height out of range")),
        (("-1",), (-8, "Invalid block height parameter")),
        (("9" * 11,), (-8, "Invalid block height parameter")),
        (("ab" * 32,), (-5, "Block not found")),
    ],
)
def test_a_block_that_cannot_be_had_is_refused(
    run: Run, params: tuple[Any, ...], error: tuple[int, str]
) -> None:
    assert failing(run, "getblock", *params) == error


def test_a_height_outside_the_chain_has_no_hash(run: Run) -> None:
    assert failing(run, "getblockhash", -1) == (-8, "Block height out of range")
    assert failing(run, "getblockhash", 121) == (-8, "Block height out of range")
    assert failing(run, "getblockhash", "1") == (-1, "JSON value is not an integer as expected")


def test_a_header_is_the_blocks(run: Run, node: Node) -> None:
    block = node.chain.at(60)
    header, whole = run("getblockheader", block.hash), run("getblock", block.hash)

    common = header.keys() & whole.keys()
    assert {name: header[name] for name in common} == {name: whole[name] for name in common}
    assert run("getblockheader", block.hash, False) == block.header.hex()
    assert whole["size"] > len(block.header)
    assert failing(run, "getblockheader", "60") == (-5, "Block not found")


def test_abandoned_branches_are_valid_forks(run: Run, node: Node) -> None:
    lost = node.chain.tip

    node.chain.reorg(2, now=NOW)

    active, fork = run("getchaintips")
    assert active["status"] == "active"
    assert active["hash"] == node.chain.tip.hash
    assert fork == {"height": 120, "hash": lost.hash, "branchlen": 2, "status": "valid-fork"}
    assert run("getblock", lost.hash)["confirmations"] == -1


def test_the_mempool_is_listed_and_measured(run: Run, node: Node) -> None:
    parent = node.chain.draft()
    node.chain.send(parent, now=NOW)
    child = build([Input(parent.txid, 0, b"")], [Output(1, parent.outputs[0].script)])
    node.chain.send(child, now=NOW)

    verbose = run("getrawmempool", True)

    assert run("getrawmempool") == run("getrawmempool", False) == list(verbose)
    assert verbose[child.txid]["depends"] == [parent.txid]
    assert verbose[parent.txid]["fee"] == 0.0001
    assert verbose[parent.txid]["time"] == NOW
    info = run("getmempoolinfo")
    assert info["size"] == len(verbose) == run("getmininginfo")["pooledtx"]
    assert info["bytes"] == sum(each["size"] for each in verbose.values())


def test_a_transaction_gains_confirmations_with_the_tip(run: Run, node: Node) -> None:
    txid = run("sendrawtransaction", node.chain.draft().raw.hex())

    assert "confirmations" not in run("getrawtransaction", txid, 1)
    node.chain.mine(NOW)
    assert run("getrawtransaction", txid, 1)["confirmations"] == 1
    node.chain.mine(NOW)
    found = run("getrawtransaction", txid.upper(), 1)
    assert found["confirmations"] == 2
    assert found["blockhash"] == node.chain.at(121).hash
    assert run("getrawtransaction", txid) == run("getrawtransaction", txid, 0) == found["hex"]
    assert found["vin"][0]["valueSat"] == sum(out["valueSat"] for out in found["vout"]) + 10_000
    decoded = run("decoderawtransaction", found["hex"])
    assert decoded == {name: found[name] for name in decoded}


def test_a_spent_output_names_its_spender(run: Run, node: Node) -> None:
    draft = node.chain.draft()
    node.chain.send(draft, now=NOW)
    node.chain.mine(NOW)
    spent = draft.inputs[0]

    output = run("getrawtransaction", spent.txid, 1)["vout"][spent.n]

    assert output["spentTxId"] == draft.txid
    assert output["spentHeight"] == 121


def test_an_unknown_transaction_is_refused(run: Run) -> None:
    unknown = (-5, "No information available about transaction")
    assert failing(run, "getrawtransaction", "ab" * 32) == unknown
    for wrong, shown in (("xy", "xy"), ("", ""), (5, "")):
        message = f"parameter 1 must be hexadecimal string (not '{shown}')"
        assert failing(run, "getrawtransaction", wrong) == (-8, message)


def test_only_a_well_formed_transaction_can_be_sent(run: Run, node: Node) -> None:
    assert failing(run, "sendrawtransaction", "zz") == (-22, "TX decode failed")
    assert failing(run, "sendrawtransaction", "00") == (-22, "TX decode failed")
    wrong = failing(run, "sendrawtransaction", 5)
    assert wrong == (-3, "Expected type string, got number")
    draft = node.chain.draft().raw.hex()
    wrong = failing(run, "sendrawtransaction", draft, "yes")
    assert wrong == (-3, "Expected type bool, got string")
    assert run("sendrawtransaction", draft, False) == run("decoderawtransaction", draft)["txid"]
    node.chain.mine(NOW)
    again = failing(run, "sendrawtransaction", draft)
    assert again == (-27, "transaction already in block chain")


def test_a_balance_is_the_sum_of_outputs_and_of_deltas(run: Run, node: Node) -> None:
    for person in node.chain.people[:5]:
        asked = {"addresses": [person]}
        balance = run("getaddressbalance", asked)
        utxos, deltas = run("getaddressutxos", asked), run("getaddressdeltas", asked)
        assert balance["balance"] == sum(each["satoshis"] for each in utxos)
        assert balance["balance"] == sum(each["satoshis"] for each in deltas)
        received = sum(each["satoshis"] for each in deltas if not each["spending"])
        assert balance["received"] == received
        chainid = node.chain.parameters.chainid
        assert round(balance["currencybalance"][chainid] * 10**8) == balance["balance"]
        ids = run("getaddresstxids", person)
        assert sorted(ids) == sorted({each["txid"] for each in deltas})
        assert [each["height"] for each in utxos] == sorted(each["height"] for each in utxos)


def test_addresses_can_be_asked_for_with_names_range_and_tip(run: Run, node: Node) -> None:
    people = list(node.chain.people[:2])
    asked = {"addresses": people, "friendlynames": True, "chaininfo": 1, "start": 10, "end": 90}

    utxos, deltas = run("getaddressutxos", asked), run("getaddressdeltas", asked)

    assert (utxos["hash"], utxos["height"]) == (node.chain.tip.hash, 120)
    assert {each["address"] for each in utxos["utxos"]} == set(people)
    assert all(10 <= each["height"] <= 90 for each in deltas["deltas"])
    assert deltas["start"] == {"hash": node.chain.at(10).hash, "height": 10}
    assert deltas["end"]["height"] == 90
    names = {node.chain.parameters.chainid: "VRSC"}
    assert deltas["deltas"][0]["currencynames"] == names
    assert run("getaddressbalance", asked)["currencynames"] == names
    assert run("getaddresstxids", asked)
    plain = run("getaddressdeltas", {"addresses": people, "start": 10, "end": 90})
    assert len(plain) == len(deltas["deltas"])


def test_a_delta_of_nothing_moves_no_currency(run: Run, node: Node) -> None:
    coinbase = node.chain.at(0).transactions[0]
    miner = next(p for p in node.chain.people if pays(coinbase.outputs[0].script, p, run))

    first = run("getaddressdeltas", {"addresses": [miner]})[0]

    assert first["satoshis"] == 0
    assert "currencyvalues" not in first


def pays(script: bytes, person: str, run: Run) -> bool:
    return bool(run("validateaddress", person)["scriptPubKey"] == script.hex())


def test_an_address_nobody_paid_is_empty(run: Run) -> None:
    asked = {"addresses": [REAL]}

    assert run("getaddressbalance", asked) == {"balance": 0, "received": 0}
    assert run("getaddressutxos", asked) == run("getaddressdeltas", asked) == []
    assert run("getaddressutxos", REAL) == []


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (5, (-1, "JSON value is not an object as expected")),
        ({}, (-5, "Addresses is expected to be an array")),
        ({"addresses": ["nobody"]}, (-5, "Invalid addresses")),
        ({"addresses": [5]}, (-1, "JSON value is not a string as expected")),
        (
            {"addresses": [], "start": 0, "end": 5},
            (-5, "Start and end is expected to be greater than zero"),
        ),
        (
            {"addresses": [], "start": 9, "end": 5},
            (-5, "End value is expected to be greater than start"),
        ),
        (
            {"addresses": [], "start": 9, "end": 999, "chaininfo": "true"},
            (-5, "Start or end is outside chain range"),
        ),
    ],
)
def test_a_malformed_address_question_is_refused(
    run: Run, asked: object, error: tuple[int, str]
) -> None:
    assert failing(run, "getaddressdeltas", asked) == error


def test_a_lone_address_must_be_one(run: Run) -> None:
    assert failing(run, "getaddressbalance", "nobody") == (-5, "Invalid address")


def test_an_unspent_output_is_told_and_a_spent_one_is_null(run: Run, node: Node) -> None:
    draft = node.chain.draft()
    old = draft.inputs[0]

    before = run("gettxout", old.txid, old.n)
    node.chain.send(draft, now=NOW)

    assert before["bestblock"] == node.chain.tip.hash
    assert run("gettxout", old.txid, old.n) is None
    assert run("gettxout", old.txid, old.n, False) == before
    new = run("gettxout", draft.txid, 0)
    assert new["confirmations"] == 0
    assert new["value"] == draft.outputs[0].value / 10**8
    assert run("gettxout", draft.txid, 9) is None
    assert run("gettxout", draft.txid, 0, False) is None
    assert run("gettxout", "ab" * 32, 0) is None
    coinbase = node.chain.tip.transactions[0].txid
    assert run("gettxout", coinbase, 0)["coinbase"] is True
    assert run("gettxout", coinbase, 0)["confirmations"] == 1


def test_an_output_for_nobody_is_nonstandard(run: Run, node: Node) -> None:
    coin = node.chain.draft().inputs[0]
    burnt = build([Input(coin.txid, coin.n, b"")], [Output(1, b"\x6a")])
    node.chain.send(burnt, now=NOW)

    script = run("gettxout", burnt.txid, 0)["scriptPubKey"]

    assert script == {
        "type": "nonstandard",
        "spendableoutput": False,
        "asm": "OP_RETURN",
        "hex": "6a",
    }


def test_the_supply_is_what_the_blocks_created(run: Run, node: Node) -> None:
    subsidy = node.chain.parameters.subsidy

    supply = run("coinsupply")

    assert supply == run("coinsupply", 120) == run("coinsupply", "120")
    created = endowment(node.chain.parameters) + sum(subsidy(height) for height in range(121))
    assert round(supply["total"] * 10**8) == created
    assert supply["immature"] < supply["supply"]
    young = endowment(node.chain.parameters) / 10**8 + run("coinsupply", 20)["immature"]
    assert run("coinsupply", 20)["total"] == young
    for wrong in (0, 121, -5, 1.5, "x", "9" * 30):
        assert run("coinsupply", wrong) == {"error": "invalid height"}


def test_the_subsidy_is_told_for_any_height(run: Run) -> None:
    assert run("getblocksubsidy", 10080) == {"miner": 384}
    assert run("getblocksubsidy") == run("getblocksubsidy", 120)
    assert failing(run, "getblocksubsidy", -1) == (-8, "Block height out of range")


def test_the_chains_own_currency_has_several_names(run: Run, node: Node) -> None:
    constants = node.chain.parameters
    own = run("getcurrency")

    assert own["name"] == "VRSC"
    for name in ("vrsc", constants.chainid, f"hex:{own['currencyidhex']}"):
        assert run("getcurrency", name) == own
    assert failing(run, "getcurrency", "OTHER") == (-8, "Cannot find currency")


def test_an_address_is_valid_or_not(run: Run) -> None:
    valid = run("validateaddress", REAL)

    assert valid["isvalid"] is True
    assert valid["scriptPubKey"].startswith("76a914")
    assert run("validateaddress", REAL[:-1] + "D") == {"isvalid": False}


def test_help_lists_all_commands_and_explains_one(run: Run) -> None:
    overview = run("help")

    for name, command in table().by_name.items():
        assert command.synopsis in overview
        assert run("help", name) + "\n" == command.help
    assert overview.startswith("== Addressindex ==\n")
    assert run("help", "nothing") == "help: unknown command: nothing"


def test_the_page_about_the_simulator_lists_all_its_commands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    listed = page[page.index("Commands: ") :].partition(". `stop`")[0]

    assert re.findall(r"`([a-z0-9_]+)`", listed) == sorted(table().by_name)


def test_the_page_about_the_simulator_tells_what_exists_at_any_height() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    chain = Chain(Settings(password="x").seed, height=1)
    known = [each.hash for each in (chain.at(0), chain.at(1))]
    known += [chain.at(height).transactions[0].txid for height in (0, 1)]
    known += [chain.people[0], *(each.address for each in identities(VRSC, chain.people))]

    assert [each for each in known if f"`{each}`" not in page] == []
    assert [coin.address for coin in chain.ledger.coins(chain.people[0])]


def test_what_nobody_should_reach_answers_harmlessly(run: Run, node: Node) -> None:
    assert run("dumpprivkey", REAL).startswith("simulated, not a key")
    assert failing(run, "dumpprivkey", "x") == (-5, "Invalid transparent address")
    assert not node.stopping
    assert run("stop") == "VRSC server stopping"
    assert node.stopping


def test_peers_are_counted_alike(run: Run) -> None:
    count = run("getconnectioncount")

    assert run("getnetworkinfo")["connections"] == run("getinfo")["connections"] == count > 0
