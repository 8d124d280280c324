import pytest
from simulator.harness import NOW

from verus_gateway.simulator import Chain, base58
from verus_gateway.simulator.blocks import merkle
from verus_gateway.simulator.genesis import endowment
from verus_gateway.simulator.mempool import Refused
from verus_gateway.simulator.scripts import pay
from verus_gateway.simulator.transactions import (
    Input,
    Output,
    Transaction,
    build,
    digest,
    read,
)


def test_the_same_seed_gives_the_same_chain_byte_for_byte() -> None:
    one, other = Chain(3, height=150, now=NOW), Chain(3, height=150, now=NOW)

    assert [block.raw for block in one._active] == [block.raw for block in other._active]


def test_only_times_depend_on_the_clock() -> None:
    one, other = Chain(3, height=150, now=NOW), Chain(3, height=150, now=NOW + 1000)

    assert one.tip.hash == other.tip.hash
    assert one.tip.time + 1000 == other.tip.time


@pytest.mark.parametrize(("seed", "name"), [(4, "VRSC"), (3, "OTHER")])
def test_another_seed_or_name_gives_another_chain(seed: int, name: str) -> None:
    assert Chain(3, height=5).tip.hash != Chain(seed, name, height=5).tip.hash


def test_blocks_are_linked_and_time_increases(long_chain: Chain) -> None:
    for height in range(1, long_chain.height + 1):
        below, block = long_chain.at(height - 1), long_chain.at(height)
        assert block.previous == below.hash
        assert long_chain.following(below) is block
        assert block.time > below.time
        assert block.work > below.work
    assert long_chain.following(long_chain.tip) is None
    assert long_chain.tip.time <= NOW


def test_ids_are_hashes_of_what_they_name(long_chain: Chain) -> None:
    for height in range(long_chain.height + 1):
        block = long_chain.at(height)
        assert block.merkleroot == merkle([each.txid for each in block.transactions])
        for transaction in block.transactions:
            assert transaction.txid == digest(transaction.raw)
            assert read(transaction.raw) == transaction
            assert long_chain.find(transaction.txid) == (transaction, block)


def test_every_block_pays_its_reward_and_the_fees(long_chain: Chain) -> None:
    for height in range(long_chain.height + 1):
        coinbase, *paid = long_chain.at(height).transactions
        fees = sum(fee_of(long_chain, transaction) for transaction in paid)
        expected = long_chain.parameters.subsidy(height) + fees
        expected += 0 if height else endowment(long_chain.parameters)
        assert coinbase.coinbase
        assert sum(output.value for output in coinbase.outputs) == expected


def fee_of(chain: Chain, transaction: Transaction) -> int:
    spent = 0
    for each in transaction.inputs:
        found = chain.find(each.txid)
        assert found is not None
        spent += found[0].outputs[each.n].value
    return spent - sum(output.value for output in transaction.outputs)


def test_people_pay_each_other(long_chain: Chain) -> None:
    heights = range(long_chain.height + 1)

    assert sum(len(long_chain.at(height).transactions) for height in heights) > 400


def test_balances_are_the_sums_of_unspent_outputs_and_make_up_the_supply(
    long_chain: Chain,
) -> None:
    ledger = long_chain.ledger
    for person in long_chain.people:
        assert long_chain.balance(person) == sum(coin.value for coin in ledger.coins(person))
    given = endowment(long_chain.parameters)
    created = given + sum(long_chain.parameters.subsidy(height) for height in range(301))
    assert sum(coin.value for coin in ledger.unspent.values()) == created
    assert ledger.supply(300) == created
    assert ledger.supply(200) == given + sum(long_chain.parameters.subsidy(h) for h in range(201))


def test_people_have_valid_addresses_that_follow_from_the_seed(chain: Chain) -> None:
    assert all(base58.decode(person)[0] == 60 for person in chain.people)
    assert all(person.startswith("R") for person in chain.people)
    assert len(set(chain.people)) == len(chain.people)


def test_what_waits_is_in_the_next_block(chain: Chain) -> None:
    chain.send(chain.draft(), now=NOW)
    waiting = list(chain.mempool.waiting)

    block = chain.mine(NOW)

    assert [each.txid for each in block.transactions[1:]] == waiting
    assert waiting
    assert not set(waiting) & set(chain.mempool.waiting)


def test_blocks_mined_in_one_moment_still_follow_each_other_in_time(chain: Chain) -> None:
    assert chain.mine(NOW).time < chain.mine(NOW).time


def test_a_reorg_replaces_the_newest_blocks_and_keeps_the_height(chain: Chain) -> None:
    lost = [chain.at(height) for height in (118, 119, 120)]
    kept = chain.at(117)

    chain.reorg(3, now=NOW)

    assert chain.height == 120
    assert chain.branch == 1
    assert chain.at(117) is kept
    assert chain.at(118).previous == kept.hash
    for block in lost:
        assert chain.at(block.height).hash != block.hash
        assert chain.block(block.hash) is block
        assert chain.confirmations(block) == -1
        assert chain.following(block) is None
        assert chain.find(block.transactions[0].txid) is None
    assert chain.tips() == [(chain.tip, 0), (lost[-1], 3)]


def test_a_reorg_can_grow_the_chain(chain: Chain) -> None:
    lost = chain.tip

    chain.reorg(1, grow=2, now=NOW)

    assert chain.height == 122
    assert [(end.height, length) for end, length in chain.tips()] == [(122, 0), (120, 1)]
    assert chain.block(lost.hash) is lost


def test_two_reorgs_of_one_seed_end_alike() -> None:
    ends = []
    for _ in range(2):
        chain = Chain(7, height=140, now=NOW)
        chain.reorg(20, now=NOW)
        chain.reorg(5, grow=3, now=NOW)
        ends.append(chain.tip)
    assert ends[0] == ends[1]


def test_what_was_paid_in_abandoned_blocks_is_paid_again(chain: Chain) -> None:
    sent = chain.send(chain.draft(), now=NOW)
    chain.mine(NOW)

    chain.reorg(1, now=NOW)

    found = chain.find(sent)
    assert found is not None
    assert found[1] is chain.tip


def test_balances_stay_right_over_a_reorg_deeper_than_maturity() -> None:
    chain = Chain(7, height=260, now=NOW)

    chain.reorg(200, now=NOW)

    created = sum(chain.parameters.subsidy(height) for height in range(261))
    created += endowment(chain.parameters)
    assert sum(coin.value for coin in chain.ledger.unspent.values()) == created
    for person in chain.people:
        assert chain.balance(person) == sum(c.value for c in chain.ledger.coins(person))


@pytest.mark.parametrize(("depth", "grow"), [(0, 0), (121, 0), (1, -1)])
def test_a_reorg_that_makes_no_sense_is_refused(chain: Chain, depth: int, grow: int) -> None:
    before = chain.tip

    with pytest.raises(ValueError, match=r"depth must be|grow must"):
        chain.reorg(depth, grow=grow)

    assert chain.tip is before


def test_a_transaction_is_taken_once_and_refused_when_it_is_in_a_block(chain: Chain) -> None:
    draft = chain.draft()
    before = len(chain.mempool)

    first, second = chain.send(draft, now=NOW), chain.send(draft, now=NOW)

    assert first == second == draft.txid
    assert len(chain.mempool) == before + 1
    chain.mine(NOW)
    with pytest.raises(Refused, match="transaction already in block chain") as refused:
        chain.send(draft, now=NOW)
    assert refused.value.code == -27


def test_a_transaction_may_spend_what_is_still_waiting(chain: Chain) -> None:
    parent = chain.draft()
    chain.send(parent, now=NOW)
    child = build([Input(parent.txid, 0, b"")], [Output(1, pay(chain.people[0]))])

    chain.send(child, now=NOW)

    assert chain.mine(NOW).transactions[-1] == child


def spend(chain: Chain, *coins: tuple[str, int], value: int = 1, expiry: int = 0) -> Transaction:
    outputs = [Output(value, pay(chain.people[0]))]
    return build([Input(txid, n, b"") for txid, n in coins], outputs, expiry=expiry)


SOON = (
    "tx-expiring-soon: expiryheight is 123 but should be at least 124 "
    "to avoid transaction expiring soon"
)


def test_what_cannot_be_spent_is_refused_with_verusds_codes(chain: Chain) -> None:
    draft = chain.draft()
    old = (draft.inputs[0].txid, draft.inputs[0].n)
    young = (chain.tip.transactions[0].txid, 0)
    chain.send(draft, now=NOW)
    free = chain.draft().inputs[0]
    again = (free.txid, free.n)
    refusals = {
        spend(chain, ("ab" * 32, 0)): (-25, "Missing inputs"),
        spend(chain, (draft.txid, 9)): (-25, "Missing inputs"),
        spend(chain, old): (-26, "18: txn-mempool-conflict"),
        spend(chain, young): (-26, "16: bad-txns-premature-spend-of-coinbase"),
        spend(chain, again, again): (-26, "16: bad-txns-inputs-duplicate"),
        spend(chain, again, value=10**16): (-26, "16: bad-txns-in-belowout"),
        spend(chain, again, expiry=123): (
            -26,
            SOON,
        ),
    }
    for transaction, expected in refusals.items():
        with pytest.raises(Refused) as refused:
            chain.send(transaction, now=NOW)
        assert (refused.value.code, refused.value.message) == expected


def test_scripts_of_other_kinds_belong_to_nobody(chain: Chain) -> None:
    coin = chain.draft().inputs[0]
    burnt = build([Input(coin.txid, coin.n, b"")], [Output(30_000, b"\x6a\x01x")])
    chain.send(burnt, now=NOW)
    block = chain.mine(NOW)

    chain.reorg(1, now=NOW)

    assert chain.block(block.hash) is block
    assert chain.ledger.unspent[burnt.txid, 0].address is None
    for _ in range(30):
        chain.mine(NOW)
    assert (burnt.txid, 0) in chain.ledger.unspent


def test_a_young_chain_has_nothing_to_spend() -> None:
    with pytest.raises(LookupError, match="nothing to spend yet"):
        Chain(1, height=3).draft()


def test_a_height_below_zero_does_not_count_from_the_end(chain: Chain) -> None:
    with pytest.raises(IndexError):
        chain.at(-1)


def test_a_full_block_counts_its_transactions_in_three_bytes(chain: Chain) -> None:
    parent = chain.draft()
    chain.send(parent, now=NOW)
    for _ in range(260):
        coin = (parent.txid, 1)
        left = parent.outputs[-1].value - 1
        outputs = [Output(1, pay(chain.people[0])), Output(left, pay(chain.people[0]))]
        parent = build([Input(*coin, b"")], outputs)
        chain.send(parent, now=NOW)

    block = chain.mine(NOW)

    count = len(block.transactions)
    assert count > 260
    assert block.raw[len(block.header) :].startswith(b"\xfd" + count.to_bytes(2, "little"))


def test_a_chain_says_what_it_is(chain: Chain) -> None:
    waiting = len(chain.mempool)

    assert repr(chain) == f"<Chain VRSC, height 120, branch 0, {waiting} waiting>"
