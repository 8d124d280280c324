"""Conversions on the chain: what they move, what they pay, and what is told about them."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator.harness import NOW, Run, executor, failing

from verus_gateway.simulator import Chain, market, offers
from verus_gateway.simulator.baskets import (
    NOTARIZATION,
    Conversion,
    State,
    Unconvertible,
    convert,
    follow,
    launch,
    pack,
    read,
)
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.currencies import baskets, currencies
from verus_gateway.simulator.errands import _ERRANDS, World
from verus_gateway.simulator.genesis import endowment
from verus_gateway.simulator.ledger import Ledger
from verus_gateway.simulator.market import TRANSFER_FEE, Transfer, read_transfer, state_at
from verus_gateway.simulator.mempool import Mempool
from verus_gateway.simulator.offers import Good, Offer
from verus_gateway.simulator.parameters import VRSC
from verus_gateway.simulator.payments import FEE
from verus_gateway.simulator.scripts import Smart, smart
from verus_gateway.simulator.tokens import RESERVE_DEPOSIT, deposit, pay_tokens, tokens
from verus_gateway.simulator.transactions import Input, Output, build
from verus_gateway.simulator.univalue import COIN

POOL, BRIDGE = baskets(VRSC)
ETHER, DOLLAR = currencies(VRSC)[:2]
OWN = VRSC.chainid
HELD = [BRIDGE.address, *(address for address, _ in BRIDGE.reserves)]


@pytest.fixture
def chain() -> Chain:
    """Long enough for people to have converted."""
    return Chain(7, height=260, now=NOW)


def worth(state: State) -> dict[str, int]:
    return {each.currency: each.held for each in state.reserves}


@given(st.sampled_from(HELD), st.sampled_from(HELD), st.integers(1, 10**12))
def test_a_conversion_moves_reserves_and_supply_by_what_it_takes_and_pays(
    source: str, target: str, satoshis: int
) -> None:
    before = follow(launch(BRIDGE), 1)
    try:
        after, paid = convert(before, Conversion(source, target, satoshis))
    except Unconvertible:
        return

    moved = {c: held - worth(before)[c] for c, held in worth(after).items()}
    moved[BRIDGE.address] = before.supply - after.supply
    assert moved[source] == satoshis
    assert moved[target] == -paid < 0
    assert all(not change for c, change in moved.items() if c not in {source, target})
    assert after.issued == after.supply - before.supply


@given(st.integers(10**6, 10**11), st.sampled_from(HELD[1:]))
def test_there_and_back_again_never_gains(satoshis: int, target: str) -> None:
    start = follow(launch(BRIDGE), 1)
    for first, second in ((OWN, target), (BRIDGE.address, target)):
        if first == second:
            continue
        there, got = convert(start, Conversion(first, second, satoshis))
        _, back = convert(there, Conversion(second, first, got))
        assert back < satoshis


@pytest.mark.parametrize(
    ("source", "target", "satoshis"),
    [
        (OWN, OWN, 5),
        (OWN, BRIDGE.address, 0),
        (OWN, BRIDGE.address, 1),
        (OWN, POOL.address, COIN),
        (POOL.address, OWN, COIN),
        (BRIDGE.address, OWN, 10**14),
        (BRIDGE.address, ETHER.address, 1),
    ],
)
def test_what_a_basket_cannot_convert_is_refused(source: str, target: str, satoshis: int) -> None:
    with pytest.raises(Unconvertible):
        convert(launch(BRIDGE), Conversion(source, target, satoshis))


def test_states_transfers_and_offers_read_back_as_they_were_written() -> None:
    state = convert(follow(launch(BRIDGE), 9), Conversion(OWN, ETHER.address, COIN))[0]
    wish = Transfer(POOL.address, Conversion(OWN, DOLLAR.address, 7), "R")
    offer = Offer(OWN, Good(OWN, 5), Good(ETHER.address, 0), 77)
    held = {OWN: 5, ETHER.address: 2**40}

    assert offers.read(b"\x6a") is None
    assert read(state.script) == state
    assert read_transfer(wish.script) == wish
    assert offers.read(offer.script) == offer
    assert tokens(deposit(POOL.address, held)) == held
    for satoshis in (0, 127, 128, 16_511, 16_512, 10**15):
        assert tokens(pay_tokens(OWN, ETHER.address, satoshis)) == {ETHER.address: satoshis}


@pytest.mark.parametrize("payload", [b"", b"\1", b"\x81\5", b"\1" * 21 + b"\x80"])
def test_payloads_that_end_too_early_hold_nothing(payload: bytes) -> None:
    assert tokens(smart(Smart(9, OWN, payload))) == {}
    assert read_transfer(smart(Smart(8, OWN, payload))) is None
    assert offers.read(smart(Smart(0x17, OWN, payload))) is None
    assert read(smart(Smart(NOTARIZATION, OWN, payload))) is None
    assert read(pay_tokens(OWN, OWN, 1)) is None
    weightless = pack(launch(POOL)).replace(b"\x030.5", b"\x03x.5")
    assert read(smart(Smart(NOTARIZATION, OWN, weightless))) is None


def test_deposits_are_what_the_states_say_and_nothing_else_of_the_tokens_is_lost(
    chain: Chain,
) -> None:
    for _ in range(3):
        for basket in baskets(VRSC):
            newest = market.states(chain.ledger, basket.address)[-1][0]
            coins = [c for c in chain.ledger.held(RESERVE_DEPOSIT) if c.address == basket.address]
            kept = {OWN: sum(coin.value for coin in coins)}
            for coin in coins:
                kept |= tokens(coin.script)
            assert kept == worth(newest)
        for currency in currencies(VRSC):
            assert in_outputs(chain, currency.address) == issued(chain, currency.address)
        chain.reorg(30, grow=3, now=NOW)


def in_outputs(chain: Chain, currency: str) -> int:
    total = 0
    for coin in chain.ledger.unspent.values():
        total += tokens(coin.script).get(currency, 0)
        transfer = read_transfer(coin.script)
        if transfer is not None and transfer.wish.source == currency:
            total += transfer.wish.satoshis
    return total


def issued(chain: Chain, address: str) -> int:
    states = market.states(chain.ledger, address)
    if states:
        return states[-1][0].supply
    first = chain.at(0).transactions[0]
    return sum(tokens(output.script).get(address, 0) for output in first.outputs)


def test_the_balances_of_everybody_are_the_sums_of_their_outputs(run: Run, node: Node) -> None:
    for person in node.chain.people:
        found = run("getaddressbalance", person)
        sums: dict[str, Decimal] = {}
        for coin in run("getaddressutxos", {"addresses": [person]}):
            values = coin.get("currencyvalues", {}) | (
                {OWN: coin["satoshis"] / COIN} if coin["satoshis"] else {}
            )
            for currency, value in values.items():
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(str(value))
        told = {currency: value for currency, value in found["currencybalance"].items() if value}
        assert told == {currency: float(value) for currency, value in sums.items()}
        deltas = run("getaddressdeltas", {"addresses": [person]})
        changed = sum(
            Decimal(str(each.get("currencyvalues", {}).get(ETHER.address, 0))) for each in deltas
        )
        assert float(changed) == told.get(ETHER.address, 0)


@pytest.mark.parametrize(
    ("source", "target", "via"),
    [
        ("VRSC", "simpool", None),
        ("VRSC", "DAI.vETH", "simpool"),
        ("VRSC", "vETH", "Bridge.vETH"),
    ],
)
def test_an_estimate_is_what_the_next_import_pays(
    source: str, target: str, via: str | None
) -> None:
    chain, run = quiet()
    person, receiver = chain.people[0], chain.people[9]
    asked = {"currency": source, "convertto": target, "amount": 3} | ({"via": via} if via else {})
    wanted = {"address": receiver, **asked}

    template = run("sendcurrency", "*", [wanted], 1, 0.0001, True)["hextx"]
    utxos = [
        {"txid": coin.txid, "voutnum": coin.n}
        for coin in chain.ledger.coins(person)
        if coin.value > 0 and coin.matured(chain.height + 1)
    ]
    funded = run("fundrawtransaction", template, utxos, person)["hex"]
    run("sendrawtransaction", funded)
    chain.mine(NOW)
    estimate = run("estimateconversion", asked)
    waiting = run("getpendingtransfers", via or target)
    before = run("getaddressbalance", receiver).get("currencybalance", {})
    block = chain.mine(NOW)

    after = run("getaddressbalance", receiver)["currencybalance"]
    got = after[estimate["outputcurrencyid"]] - before.get(estimate["outputcurrencyid"], 0)
    assert round(got, 8) == estimate["estimatedcurrencyout"]
    assert waiting[-1]["valueout"] == 3.0002
    last = run("getimports", via or target)[-1]
    assert last["importheight"] == block.height
    assert last["importtxid"] in {each.txid for each in block.transactions}
    assert last["importnotarization"]["currencystate"] == estimate["estimatedcurrencystate"]
    state = run("getcurrencystate", via or target)[0]["currencystate"]
    assert state == estimate["estimatedcurrencystate"]
    assert waiting[-1]["txid"] not in {e["txid"] for e in run("getpendingtransfers")}


def quiet() -> tuple[Chain, Run]:
    """Return a chain on which nobody but the caller converts in the next two blocks."""
    for seed in range(7, 60):
        chain = Chain(seed, height=130, now=NOW)
        run = executor(Node(chain=chain, now=lambda: NOW))
        money = any(
            c.matured(131) and c.value > 4 * COIN for c in chain.ledger.coins(chain.people[0])
        )
        if money and not run("getpendingtransfers") and not converting(chain):
            again = Chain(seed, height=131, now=NOW)
            if not converting(again):
                return chain, run
    raise LookupError("no quiet chain")


def converting(chain: Chain) -> bool:
    waiting = chain.mempool.waiting.values()
    return any(read_transfer(paid.script) for each in waiting for paid in each.transaction.outputs)


def test_exports_and_imports_of_a_basket_belong_together(run: Run, node: Node) -> None:
    exports, imports = run("getexports", "simpool"), run("getimports", "simpool")

    assert len(exports) == len(imports) > 3
    for one, other in zip(exports, imports, strict=True):
        assert (one["height"], one["txid"]) == (other["importheight"], other["importtxid"])
        assert other["import"]["exporttxout"] == one["txoutnum"]
        assert other["import"]["hashtransfers"] == one["exportinfo"]["hashtransfers"]
        assert one["transfers"] == other["transfers"]
        assert one["exportinfo"]["numinputs"] == len(one["transfers"])
        state = run("getcurrencystate", "simpool", str(one["height"]))[0]["currencystate"]
        assert other["importnotarization"]["currencystate"] == state
        txids = {each.txid for each in node.chain.at(one["height"]).transactions}
        assert one["txid"] in txids
    some = run("getexports", "simpool", exports[1]["height"], exports[2]["height"])
    assert some == exports[1:3]
    assert run("getimports", "simpool", exports[1]["height"], exports[2]["height"]) == imports[1:3]
    last = run("getlastimportfrom", "simpool")
    assert last["lastimport"] == imports[-1]["import"]
    assert last["lastimportutxo"]["txid"] == imports[-1]["importtxid"]
    both = run("getexports", "VRSC")
    assert len(both) == len(exports) + len(run("getexports", "vETH"))
    assert run("getlastimportfrom", "DAI.vETH") == {}
    assert len(run("getimports")) == len(both)


def test_deposits_are_told_as_the_ledger_holds_them(run: Run) -> None:
    plain, whole = run("getreservedeposits", "simpool"), run("getreservedeposits", "simpool", True)

    state = run("getcurrencystate", "simpool")[0]["currencystate"]
    assert (
        plain
        == whole["values"]
        == {each["currencyid"]: each["reserves"] for each in state["reservecurrencies"]}
    )
    assert len(whole["utxos"]) == 1
    assert run("getreservedeposits", "VRSC") == {}
    assert failing(run, "getreservedeposits", "nothing")[0] == -8


def test_offers_come_and_go(run: Run, node: Node) -> None:
    seen: set[str] = set()
    gone: set[str] = set()
    for _ in range(40):
        listed = {each["offer"]["txid"] for name in NAMES for each in everything(run, name)}
        gone |= seen - listed
        seen |= listed
        node.chain.mine(NOW)

    assert len(seen) > 4
    assert gone
    for each in everything(run, "VRSC"):
        assert run("getrawtransaction", each["offer"]["txid"]) == each["offer"]["tx"]
        assert each["offer"]["blockexpiry"] > node.chain.height
        assert each["price"] > 0


NAMES = ["VRSC", "vETH", "DAI.vETH", "simpool", "Bridge.vETH"]


def everything(run: Run, name: str) -> list[Any]:
    return [each for listed in run("getoffers", name, True, True).values() for each in listed]


def test_offers_are_found_by_identity_too(node: Node, run: Run) -> None:
    node.chain.mine(NOW)
    named = {each["identityid"] for each in everything(run, "VRSC") if "identityid" in each}
    assert named
    for identity in named:
        for listed in run("getoffers", identity).values():
            assert {each["identityid"] for each in listed} == {identity}
    assert failing(run, "getoffers", "nothing", True)[0] == -8
    assert failing(run, "getoffers", "nobody@")[0] == -8
    assert failing(run, "getoffers", "x")[0] == -8


def test_what_only_a_block_may_make_or_spend_is_refused(run: Run, node: Node) -> None:
    coin = node.chain.ledger.held(RESERVE_DEPOSIT)[0]
    spent = node.chain.draft().inputs[0]
    stolen = build([Input(coin.txid, coin.n, b"")], [Output(1, b"\x6a")])
    forged = build([spent], [Output(0, launch(POOL).script)])

    for each in (stolen, forged):
        code, message = failing(run, "sendrawtransaction", each.raw.hex())
        assert code == -26
        assert message.startswith("16: mandatory-script-verify-flag-failed")


def test_nobody_updates_what_does_not_exist(node: Node) -> None:
    purse = next(coin for coin in node.chain.ledger.unspent.values() if coin.value > COIN)
    ledger = Ledger()
    world = World(
        parameters=VRSC,
        people=node.chain.people,
        ledger=ledger,
        mempool=Mempool(ledger, made=frozenset(), spent=frozenset()),
        height=5,
    )

    for name in ("update", "close"):
        assert _ERRANDS[name](Random(1), world, purse) is None  # noqa: S311  dice, no secrets


def test_a_basket_gives_back_what_it_cannot_convert(node: Node) -> None:
    chain, person = node.chain, node.chain.people[11]
    coin = chain.ledger.unspent[chain.draft().inputs[0].txid, chain.draft().inputs[0].n]
    wish = Transfer(POOL.address, Conversion(OWN, ETHER.address, 5 * FEE), person)
    broken = smart(Smart(8, POOL.address, b""))
    sent = [
        Output(TRANSFER_FEE + 5 * FEE, wish.script),
        Output(TRANSFER_FEE, broken),
        Output(coin.value - FEE - 2 * TRANSFER_FEE - 5 * FEE, coin.script),
    ]
    chain.send(build([Input(coin.txid, coin.n, b"")], sent), now=NOW)
    chain.mine(NOW)
    before = chain.balance(person)

    block = chain.mine(NOW)

    assert any(market.settles(each) for each in block.transactions)
    back = [
        d for d in chain.ledger.deltas(person) if d.height == block.height and d.satoshis == 5 * FEE
    ]
    assert len(back) == 1
    assert chain.balance(person) >= before + 5 * FEE - 10 * COIN


def test_a_state_is_known_for_every_height(chain: Chain) -> None:
    newest = state_at(chain.ledger, POOL.address, chain.height)
    first = state_at(chain.ledger, POOL.address, 0)

    assert newest is not None
    assert first is not None
    assert first[0] == launch(POOL)
    assert newest[0] == market.states(chain.ledger, POOL.address)[-1][0]
    assert state_at(chain.ledger, ETHER.address, 5) is None
    assert endowment(VRSC) == 30_000 * COIN
