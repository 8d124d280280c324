import pytest
from simulator.harness import NOW, Run, failing

from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.transactions import Input, Output, build


def test_the_changes_of_a_block_are_those_of_the_addresses(run: Run, node: Node) -> None:
    block = next(b for b in map(node.chain.at, range(120, 0, -1)) if len(b.transactions) > 1)

    found = run("getblockdeltas", block.hash)

    listed = [
        (change["address"], change["satoshis"], each["txid"])
        for each in found["deltas"]
        for change in each["inputs"] + each["outputs"]
    ]
    expected = [
        (person, delta["satoshis"], delta["txid"])
        for person in node.chain.people
        for delta in run("getaddressdeltas", {"addresses": [person]})
        if delta["height"] == block.height
    ]
    assert sorted(listed) == sorted(expected)
    whole = run("getblock", block.hash)
    common = found.keys() & whole.keys()
    assert {name: found[name] for name in common} == {name: whole[name] for name in common}
    assert found["mediantime"] == node.chain.at(block.height - 5).time


def test_an_abandoned_block_has_no_changes(run: Run, node: Node) -> None:
    lost = node.chain.tip
    node.chain.reorg(1, now=NOW)

    assert failing(run, "getblockdeltas", lost.hash) == (-5, "Block is an orphan")
    assert failing(run, "z_gettreestate", lost.hash)[0] == -8
    assert failing(run, "getchaintxstats", 1, lost.hash) == (-8, "Block is not in main chain")
    assert failing(run, "getblockdeltas", "ab" * 32) == (-5, "Block not found")


def test_an_output_for_nobody_is_no_change(run: Run, node: Node) -> None:
    coin = node.chain.draft().inputs[0]
    burnt = build([Input(coin.txid, coin.n, b"")], [Output(1, b"\x6a")])
    node.chain.send(burnt, now=NOW)

    block = node.chain.mine(NOW)

    changes = {each["txid"]: each for each in run("getblockdeltas", block.hash)["deltas"]}
    assert changes[burnt.txid]["outputs"] == []
    assert len(changes[burnt.txid]["inputs"]) == 1


def test_blocks_are_found_by_the_time_they_were_made(run: Run, node: Node) -> None:
    low, high = node.chain.at(10).time, node.chain.at(15).time

    hashes = run("getblockhashes", high, low)

    assert hashes == [node.chain.at(n).hash for n in range(10, 15)]
    assert run("getblockhashes", high, low, {"noOrphans": True}) == hashes
    logical = run("getblockhashes", high, low, {"logicalTimes": True})
    assert [each["blockhash"] for each in logical] == hashes
    assert logical[0]["logicalts"] == low
    assert run("getblockhashes", low, high) == []


def test_transactions_are_counted(run: Run, node: Node) -> None:
    counts = [len(node.chain.at(n).transactions) for n in range(121)]

    found = run("getchaintxstats", 20)

    assert found["txcount"] == sum(counts)
    assert found["window_tx_count"] == sum(counts[-20:])
    assert found["window_interval"] == 1200
    assert found["txrate"] == found["window_tx_count"] / 1200
    assert run("getchaintxstats")["window_block_count"] == 119
    assert "txrate" not in run("getchaintxstats", 0)
    assert run("getchaintxstats", 5, node.chain.at(30).hash)["txcount"] == sum(counts[:31])
    assert failing(run, "getchaintxstats", 120)[0] == -8
    assert failing(run, "getchaintxstats", -1)[0] == -8


def test_the_set_of_outputs_makes_up_the_supply(run: Run, node: Node) -> None:
    found = run("gettxoutsetinfo")

    assert found["total_amount"] == run("coinsupply")["total"]
    assert found["txouts"] == len(node.chain.ledger.unspent)
    assert found["bestblock"] == node.chain.tip.hash
    node.chain.mine(NOW)
    assert run("gettxoutsetinfo")["hash_serialized"] != found["hash_serialized"]


def test_the_trees_of_commitments_are_empty_at_every_block(run: Run, node: Node) -> None:
    block = node.chain.at(60)

    state = run("z_gettreestate", "60")

    assert state == run("z_gettreestate", block.hash)
    assert (state["hash"], state["height"], state["time"]) == (block.hash, 60, block.time)
    assert state["sapling"]["commitments"]["finalRoot"] == block.saplingroot
    assert run("getsaplingtree", "60")["hash"] == block.hash
    assert failing(run, "getsaplingtree", "121") == (-8, "Block height out of range")


def test_the_rate_of_hashes_is_the_work_over_the_time(run: Run, node: Node) -> None:
    first, last = node.chain.at(100), node.chain.tip

    assert run("getnetworkhashps", 20) == (last.work - first.work) // 1200
    assert run("getnetworksolps", 20) == run("getnetworkhashps", 20, 120)
    assert run("getnetworkhashps") == run("getnetworkhashps", -1, -1)
    assert run("getnetworkhashps", 5, 0) == 0
    assert run("getnetworkhashps", 5, 60) != run("getnetworkhashps", 5, 61)


def test_the_next_block_is_described_for_miners(run: Run, node: Node) -> None:
    parent = node.chain.draft()
    node.chain.send(parent, now=NOW)
    child = build([Input(parent.txid, 0, b"")], [Output(1, parent.outputs[0].script)])
    node.chain.send(child, now=NOW)

    found = run("getblocktemplate", {"mode": "template"})

    assert found == run("getblocktemplate")
    assert found["previousblockhash"] == node.chain.tip.hash
    assert [each["hash"] for each in found["transactions"]] == list(node.chain.mempool.waiting)
    places = {each["hash"]: n for n, each in enumerate(found["transactions"], 1)}
    listed = {each["hash"]: each["depends"] for each in found["transactions"]}
    assert listed[child.txid] == [places[parent.txid]]
    node.chain.mine(NOW)
    assert found["height"] == node.chain.height
    coinbase = node.chain.tip.transactions[0]
    assert found["coinbasevalue"] == sum(paid.value for paid in coinbase.outputs)
    assert failing(run, "getblocktemplate", {"mode": "proposal"}) == (-8, "Invalid mode")


def test_fees_are_estimated_as_recorded(run: Run) -> None:
    assert run("estimatefee", 6) == 1e-6
    assert run("estimatepriority", 6) == -1
    assert failing(run, "estimatefee", "6") == (-3, "Expected type number, got string")


def test_peers_and_traffic_are_told(run: Run, node: Node) -> None:
    peers = run("getpeerinfo")

    assert len(peers) == node.connections
    assert {peer["startingheight"] for peer in peers} == {120}
    totals = run("getnettotals")
    assert totals["totalbytesrecv"] == sum(peer["bytesrecv"] for peer in peers)
    assert totals["totalbytessent"] == sum(peer["bytessent"] for peer in peers)
    assert run("listbanned") == []
    assert run("getdeprecationinfo")["version"] == run("getinfo")["version"]


def test_what_waits_for_nobody_is_not_told_as_sent(run: Run, node: Node) -> None:
    coin = node.chain.draft().inputs[0]
    burnt = build([Input(coin.txid, coin.n, b"")], [Output(1, b"\x6a")])
    node.chain.send(burnt, now=NOW)

    found = run("getaddressmempool", {"addresses": list(node.chain.people), "verbosity": 1})

    changes = [each for each in found if each["txid"] == burnt.txid]
    assert [each["sent"] for each in changes] == [{"outputs": []}]
    with pytest.raises(LookupError):
        node.chain.output(("ab" * 32, 0))


def test_what_waits_is_listed_by_address(run: Run, node: Node) -> None:
    draft = node.chain.draft()
    node.chain.send(draft, now=NOW)
    giver = node.chain.output((draft.inputs[0].txid, draft.inputs[0].n))

    everything = run("getaddressmempool", {"addresses": list(node.chain.people), "verbosity": 1})

    changes = [each for each in everything if each["txid"] == draft.txid]
    assert sum(each["satoshis"] for each in changes) == -10_000
    spending = next(each for each in changes if each["spending"])
    assert spending["satoshis"] == -giver.value
    assert (spending["prevtxid"], spending["prevout"]) == (draft.inputs[0].txid, draft.inputs[0].n)
    sent = spending["sent"]["outputs"]
    assert round(sum(sum(e["amounts"].values()) for e in sent) * 10**8) == giver.value - 10_000
    assert [each["index"] for each in changes] == sorted(each["index"] for each in changes)
    plain = run("getaddressmempool", {"addresses": [spending["address"]], "friendlynames": True})
    assert all("sent" not in each and "currencynames" in each for each in plain)
    node.chain.mine(NOW)
    assert draft.txid not in {e["txid"] for e in run("getaddressmempool", spending["address"])}
