import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator.harness import NOW, Run, failing

from verus_gateway.simulator import proof
from verus_gateway.simulator.blocks import HEADER_SIZE, merkle
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.transactions import digest


@settings(max_examples=60)
@given(st.integers(1, 40), st.data())
def test_a_proof_leads_to_the_root_and_names_what_it_proves(
    count: int, data: st.DataObject
) -> None:
    txids = [digest(bytes([n])) for n in range(count)]
    wanted = data.draw(st.sets(st.sampled_from(txids)))

    root, found = proof.check(proof.prove(txids, frozenset(wanted)))

    assert root == merkle(txids)
    assert found == [txid for txid in txids if txid in wanted]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        bytes(4) + b"\0\0",
        b"\1\0\0\0" + b"\0\0",
        b"\1\0\0\0" + b"\0" + b"\1\1",
        b"\1\0\0\0" + b"\1" + bytes(32) + b"\2\0\0",
        b"\1\0\0\0" + b"\2" + bytes(64) + b"\1\0",
        b"\1\0\0\0" + b"\1" + bytes(32) + b"\1\0" + b"\0",
    ],
)
def test_what_is_no_proof_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        proof.check(broken)


def test_a_transaction_is_proved_to_be_in_its_block(run: Run, node: Node) -> None:
    block = next(b for b in map(node.chain.at, range(120, 0, -1)) if len(b.transactions) > 2)
    txids = [each.txid for each in block.transactions[1:]]

    made = run("gettxoutproof", txids)

    assert run("verifytxoutproof", made) == txids
    assert run("gettxoutproof", txids, block.hash) == made
    assert bytes.fromhex(made)[:HEADER_SIZE] == block.header
    genesis = node.chain.at(0).transactions[0].txid
    assert run("verifytxoutproof", run("gettxoutproof", [genesis])) == [genesis]


def test_a_proof_of_an_abandoned_block_is_good_no_longer(run: Run, node: Node) -> None:
    made = run("gettxoutproof", [node.chain.tip.transactions[0].txid])

    node.chain.reorg(1, now=NOW)

    assert failing(run, "verifytxoutproof", made) == (-5, "Block not found in chain")


def test_a_proof_with_another_root_proves_nothing(run: Run, node: Node) -> None:
    made = bytearray.fromhex(run("gettxoutproof", [node.chain.tip.transactions[0].txid]))
    made[40] ^= 1

    assert run("verifytxoutproof", made.hex()) == []
    assert failing(run, "verifytxoutproof", "00")[0] == -1
    assert failing(run, "verifytxoutproof", "xy")[0] == -8


def test_what_cannot_be_proved_is_refused(run: Run, node: Node) -> None:
    txid = node.chain.tip.transactions[0].txid
    waiting = node.chain.send(node.chain.draft(), now=NOW)

    assert failing(run, "gettxoutproof", [txid, txid])[1].startswith("Invalid parameter, dup")
    assert failing(run, "gettxoutproof", []) == (-8, "Parameter 'txids' cannot be empty")
    assert failing(run, "gettxoutproof", [waiting]) == (-5, "Transaction not yet in block")
    assert failing(run, "gettxoutproof", [txid], "ab" * 32) == (-5, "Block not found")
    assert failing(run, "gettxoutproof", [txid, waiting])[1].startswith("(Not all)")


def test_an_output_tells_what_spent_it(run: Run, node: Node) -> None:
    outpoint, spend = next(iter(node.chain.ledger.spends.items()))

    found = run("getspentinfo", {"txid": outpoint[0], "index": outpoint[1]})

    spender = run("getrawtransaction", found["txid"], 1)
    assert spender["height"] == found["height"] == spend.height
    assert spender["vin"][found["index"]]["txid"] == outpoint[0]
    unspent = {"txid": node.chain.tip.transactions[0].txid, "index": 0}
    assert failing(run, "getspentinfo", unspent) == (-5, "Unable to get spent info")
    assert failing(run, "getspentinfo", {}) == (-5, "Invalid txid or index")
    assert failing(run, "getspentinfo", {"txid": "ab"}) == (-5, "Invalid txid or index")
