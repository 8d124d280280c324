from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator.harness import NOW, Run, executor, failing

from verus_gateway.simulator import Chain, base58
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.genesis import KNOWN
from verus_gateway.simulator.identities import (
    Identity,
    current,
    held_by,
    history,
    pack,
    unpack,
    with_content,
)
from verus_gateway.simulator.parameters import VRSC
from verus_gateway.simulator.scripts import Smart, smart

PERSON = base58.encode(base58.KEY_HASH, bytes(range(20)))
KEYS = st.binary(min_size=20, max_size=20)


@pytest.fixture
def chain() -> Chain:
    """Long enough for people to have changed their identities."""
    return Chain(7, height=260, now=NOW)


def some(**changes: Any) -> Identity:
    plain: dict[str, Any] = {"name": "somebody", "parent": VRSC.identity, "primaries": (PERSON,)}
    authority = {"revocation": bytes(20), "recovery": bytes(20), "system": VRSC.identity}
    return Identity(**plain | authority | changes)


@given(
    st.text(max_size=60),
    st.dictionaries(KEYS, st.binary(min_size=32, max_size=32), max_size=4),
    st.dictionaries(KEYS, st.lists(st.binary(max_size=300), max_size=3), max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_an_identity_reads_back_as_it_was_written(
    name: str, contents: dict[bytes, bytes], multimap: dict[bytes, list[bytes]], number: int
) -> None:
    values = tuple((key, tuple(listed)) for key, listed in multimap.items())
    identity = some(
        name=name, contents=tuple(contents.items()), multimap=values, flags=number, timelock=number
    )

    assert unpack(pack(identity)) == identity


def test_an_output_of_another_sort_holds_no_identity() -> None:
    identity = some()
    packed = pack(identity)
    other = base58.encode(base58.IDENTITY, bytes(20))

    assert held_by(identity.script) == identity
    for script in (
        b"\x6a",
        smart(Smart(9, identity.address, packed)),
        smart(Smart(14, other, packed)),
        smart(Smart(14, identity.address, packed[:-1])),
        smart(Smart(14, identity.address, b"\1" + packed[1:])),
        smart(Smart(14, identity.address, packed[:-25] + b"\1\0" + packed[-24:])),
        smart(Smart(14, identity.address, packed.replace(b"\x14" + bytes(range(20)), b"\0"))),
    ):
        assert held_by(script) is None
    assert with_content(some(contents=((b"k", b"v"),)), b"k", b"w").contents == ((b"k", b"w"),)


def test_the_history_of_an_identity_ends_with_its_state(run: Run) -> None:
    changed = 0
    for name in KNOWN:
        now, past = run("getidentity", f"{name}@"), run("getidentityhistory", f"{name}@")
        changed += len(past["history"]) - 1
        last = past["history"][-1]
        assert last["identity"] == now["identity"]
        assert last["output"] == {"txid": now["txid"], "voutnum": now["vout"]}
        assert last["height"] == now["blockheight"] == past["blockheight"]
        heights = [each["height"] for each in past["history"]]
        assert heights == sorted(heights)
        assert heights[0] == 0
        for each in past["history"]:
            transaction = run("getrawtransaction", each["output"]["txid"], 1)
            output = transaction["vout"][each["output"]["voutnum"]]["scriptPubKey"]
            assert output["identityprimary"] == each["identity"]
            assert transaction["blockhash"] == each["blockhash"]
            at = run("getidentity", f"{name}@", each["height"])["identity"]
            assert each["height"] == 0 or at == each["identity"]
    assert changed > 5


def test_after_a_reorg_identities_are_as_their_new_blocks_say(run: Run, node: Node) -> None:
    before = {name: run("getidentityhistory", f"{name}@")["history"] for name in KNOWN}

    node.chain.reorg(60, grow=2, now=NOW)

    for name, past in before.items():
        now = run("getidentityhistory", f"{name}@")["history"]
        kept = [each for each in past if each["height"] <= 200]
        assert now[: len(kept)] == kept
        for each in now:
            block = node.chain.at(each["height"])
            assert each["blockhash"] == block.hash
            assert each["output"]["txid"] in {tx.txid for tx in block.transactions}
    assert len(current(node.chain.ledger)) == len(KNOWN) + 4


def test_a_new_block_brings_what_was_sent(run: Run, node: Node) -> None:
    changed = {"name": "simulated", "contentmap": {"ab" * 20: "cd" * 32}}

    txid = run("updateidentity", changed)

    assert "ab" * 20 not in run("getidentity", "simulated@")["identity"]["contentmap"]
    block = node.chain.mine(NOW)
    now = run("getidentity", "simulated@")
    assert now["identity"]["contentmap"] == changed["contentmap"]
    assert (now["txid"], now["blockheight"]) == (txid, block.height)


def test_an_unsigned_update_is_sent_by_its_caller(run: Run, node: Node) -> None:
    person = node.chain.people[7]
    wanted = {
        "name": "alice",
        "primaryaddresses": [person],
        "minimumsignatures": 1,
        "timelock": 5,
        "revocationauthority": "bob@",
        "recoveryauthority": run("getidentity", "bob@")["identity"]["identityaddress"],
        "contentmultimap": {"vrsc::data.type.string": "00ff", PLAIN: ["01", "02"]},
    }

    built = run("updateidentity", wanted, True, False, 0.0001, person)
    node.chain.mine(NOW)
    unchanged = run("getidentity", "alice@")
    run("sendrawtransaction", built)
    node.chain.mine(NOW)

    assert unchanged["identity"]["primaryaddresses"] != [person]
    identity = run("getidentity", "alice@")["identity"]
    assert identity["primaryaddresses"] == [person]
    assert identity["timelock"] == 5
    assert identity["revocationauthority"] == identity["recoveryauthority"]
    assert identity["contentmultimap"][PLAIN] == ["01", "02"]
    assert sorted(identity["contentmultimap"].values()) == [["00ff"], ["01", "02"]]
    assert "alice" in {e["name"] for e in run("getidentitieswithaddress", {"address": person})}


PLAIN = base58.encode(base58.IDENTITY, bytes(range(20)))


def test_an_identity_is_registered_revoked_recovered_and_locked(run: Run, node: Node) -> None:
    def after(method: str, *params: object) -> Any:
        run("sendrawtransaction", run(method, *params))
        node.chain.mine(NOW)
        return run("getidentity", "newcomer@")

    person = node.chain.people[3]
    identity = {"name": "newcomer", "parent": VRSC.chainid, "primaryaddresses": [person]}
    reserved = {"txid": "ab" * 32, "namereservation": {"name": "newcomer"}, "identity": identity}

    assert failing(run, "getidentity", "newcomer@") == (-5, "Identity not found")
    assert after("registeridentity", reserved, True)["identity"]["primaryaddresses"] == [person]
    assert after("revokeidentity", "newcomer@", True)["status"] == "revoked"
    recovered = after("recoveridentity", {"name": "newcomer"}, True)
    assert (recovered["status"], recovered["identity"]["flags"]) == ("active", 0)
    delayed = after("setidentitytimelock", "newcomer@", {"setunlockdelay": 20}, True)["identity"]
    assert (delayed["flags"], delayed["timelock"]) == (2, 20)
    locked = after("setidentitytimelock", "newcomer@", {"unlockatblock": 900}, True)["identity"]
    assert (locked["flags"], locked["timelock"]) == (0, 900)
    assert failing(run, "registeridentity", reserved, True)[0] == -8


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("registeridentity", ({"txid": "ab"},), -8),
        ("registeridentity", ({"txid": "xy"},), -8),
        (
            "registeridentity",
            ({"txid": "ab", "namereservation": {"name": "a"}, "identity": {"name": "b"}},),
            -8,
        ),
        (
            "registeridentity",
            ({"txid": "ab", "namereservation": {"name": "a"}, "identity": {"name": "a"}},),
            -8,
        ),
        ("updateidentity", ({"name": "nobody"}, True), -8),
        ("updateidentity", ({}, True), -1),
        ("updateidentity", ({"name": "bob", "primaryaddresses": ["x"]}, True), -8),
        ("updateidentity", ({"name": "bob", "primaryaddresses": [PLAIN]}, True), -8),
        ("updateidentity", ({"name": "bob", "primaryaddresses": [5]}, True), -8),
        ("updateidentity", ({"name": "bob", "contentmap": {"00": "00"}}, True), -8),
        ("updateidentity", ({"name": "bob", "contentmap": {"zz": 5}}, True), -8),
        ("updateidentity", ({"name": "bob", "contentmultimap": {PLAIN: "zz"}}, True), -8),
        ("updateidentity", ({"name": "bob", "parent": "nothing"}, True), -8),
        ("updateidentity", ({"name": "bob"}, True, False, "x", PERSON), -5),
        ("updateidentity", ({"name": "bob"}, True, False, -1), -3),
        ("recoveridentity", ({"name": "bob"}, True), -8),
        ("setidentitytimelock", ("bob@", {}, True), -8),
        ("setidentitytimelock", ("bob@", {"unlockatblock": 1, "setunlockdelay": 1}, True), -8),
        ("revokeidentity", ("nobody@", True), -5),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    run: Run, method: str, params: tuple[Any, ...], code: int
) -> None:
    assert failing(run, method, *params)[0] == code


def test_a_revoked_identity_changes_no_more(run: Run, node: Node) -> None:
    run("revokeidentity", "bob@")
    assert failing(run, "revokeidentity", "bob@")[0] == -26
    node.chain.mine(NOW)

    assert failing(run, "revokeidentity", "bob@", True)[0] == -8
    assert failing(run, "updateidentity", {"name": "bob"}, True)[0] == -8


def test_nobody_pays_for_a_change_before_there_is_money() -> None:
    run = executor(Node(chain=Chain(7, height=0, now=NOW), now=lambda: NOW))

    assert failing(run, "updateidentity", {"name": "bob"}, True)[0] == -4


def test_identities_are_found_by_who_may_change_them(run: Run, node: Node) -> None:
    authority = run("getidentity", "simulated@")["identity"]["identityaddress"]
    everybody = {version.identity.name for version in current(node.chain.ledger)}

    for role in ("revocation", "recovery"):
        found = run(f"getidentitieswith{role}", {"identityid": "simulated@", "unspent": True})
        assert {each["name"] for each in found} == everybody
        assert {each[f"{role}authority"] for each in found} == {authority}
        for each in found:
            now = run("getidentity", each["identityaddress"])
            assert each["txout"] == {"txid": now["txid"], "voutnum": now["vout"]}


def test_identities_are_found_by_their_address_within_heights(run: Run, node: Node) -> None:
    versions = history(
        node.chain.ledger, run("getidentity", "dave@")["identity"]["identityaddress"]
    )
    first = versions[0].identity.primaries[0]

    def names(**more: Any) -> set[str]:
        found = run("getidentitieswithaddress", {"address": first} | more)
        return {each["name"] for each in found}

    assert "dave" in names()
    assert "dave" in names(fromheight=0, toheight=0)
    assert names(fromheight=259, toheight=258) == set()
    assert failing(run, "getidentitieswithaddress", {"address": "x"})[0] == -8
    assert failing(run, "getidentitieswithaddress", {})[0] == -8
    assert failing(run, "getidentitieswithrecovery", {"identityid": "x"})[0] == -8


def test_content_is_gathered_over_all_versions(run: Run, node: Node) -> None:
    name = "simulated@"
    versions = run("getidentityhistory", name)["history"]

    found = run("getidentitycontent", name)

    published = found["identity"]["contentmultimap"]
    for each in versions:
        for key, values in each["identity"]["contentmultimap"].items():
            assert set(values) <= set(published[key])
    assert published
    key = next(iter(published))
    only = run("getidentitycontent", name, 0, 0, False, 0, key)["identity"]["contentmultimap"]
    assert only == {key: published[key]}
    assert run("getidentitycontent", name, 0, 0, False, 0, "")["identity"] == found["identity"]
    assert (found["fromheight"], found["toheight"]) == (0, node.chain.height)
    assert run("getidentitycontent", name, 5, 0)["fromheight"] == 5
    late = run("getidentitycontent", name, 0, 1)
    assert (late["toheight"], late["identity"]["contentmultimap"]) == (1, {})


def test_versions_are_proved_where_asked(run: Run) -> None:
    now = run("getidentity", "alice@", 0, True)
    past = run("getidentityhistory", "alice@", 0, 0, True)["history"]

    assert run("verifytxoutproof", now["proof"]) == [now["txid"]]
    for each in past:
        assert run("verifytxoutproof", each["proof"]) == [each["output"]["txid"]]
    assert len(run("getidentityhistory", "alice@", 0, 1)["history"]) == 1


@pytest.mark.parametrize("name", ["alice", "", "@", "R", "vETH", 5, None])
def test_what_names_no_identity_is_refused(run: Run, name: object) -> None:
    code, message = failing(run, "getidentity", name)

    assert code == -8
    assert message.startswith("Identity parameter must be valid friendly name or identity address")


def test_an_identity_has_several_names(run: Run, node: Node) -> None:
    alice = run("getidentity", "alice@")

    for name in ("ALICE@", "alice.VRSC@", "alice.vrsc@", alice["identity"]["identityaddress"]):
        assert run("getidentity", name) == alice
    assert alice["friendlyname"] == "alice.VRSC@"
    assert run("getidentity", "Bridge.vETH@")["friendlyname"] == "Bridge.vETH.VRSC@"
    assert failing(run, "getidentity", PLAIN) == (-5, "Identity not found")
    unborn = some(name="unborn", primaries=(node.chain.people[0],))
    assert failing(run, "getidentity", unborn.address) == (-5, "Identity not found")
    assert run("getidentitytrust", [alice["identity"]["identityaddress"]])["setratings"] == {}
    assert replace(unborn, flags=0x8000).revoked


def test_an_identity_did_not_exist_before_it_was_registered(run: Run, node: Node) -> None:
    identity = {"name": "late", "primaryaddresses": [node.chain.people[0]]}
    run(
        "registeridentity",
        {"txid": "ab", "namereservation": {"name": "late"}, "identity": identity},
    )
    node.chain.mine(NOW)

    assert failing(run, "getidentity", "late@", 10) == (-5, "Identity not found")
    assert run("getidentity", "late@")["blockheight"] == node.chain.height
