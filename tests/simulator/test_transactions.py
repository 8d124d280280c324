import pytest

from verus_gateway.simulator import Chain, base58
from verus_gateway.simulator.parameters import VRSC, VRSCTEST, parameters
from verus_gateway.simulator.scripts import assembly, pay, payee
from verus_gateway.simulator.transactions import (
    NOWHERE,
    Input,
    Output,
    build,
    read,
)
from verus_gateway.simulator.univalue import COIN

SCRIPT = bytes.fromhex("76a914" + "11" * 20 + "88ac")


def test_the_chains_have_their_real_i_addresses() -> None:
    assert VRSC.chainid == "i5w5MuNik5NtLcYmNzcvaoixooEebB6MGV"
    assert VRSCTEST.chainid == "iJhCezBExJHvtyH3fGhNnt2NhU4Ztkf2yq"


def test_an_address_survives_encoding_and_decoding() -> None:
    for payload in (bytes(20), bytes(range(20)), b"\xff" * 20):
        assert base58.decode(base58.encode(60, payload)) == (60, payload)
    assert base58.decode(base58.encode(0, bytes(20))) == (0, bytes(20))


@pytest.mark.parametrize("text", ["", "R", "0OIl", "RTZMZHDFSTFQst8XmX2dR4DaH87cEUs3gD"])
def test_a_mistyped_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        base58.decode(text)


def test_addresses_of_three_kinds_can_be_paid_and_are_read_back() -> None:
    for kind in (base58.KEY_HASH, base58.SCRIPT_HASH, base58.IDENTITY):
        address = base58.encode(kind, bytes(range(20)))
        assert payee(pay(address)) == address
    with pytest.raises(ValueError, match="cannot be paid"):
        pay(base58.encode(0, bytes(20)))


def test_a_script_of_another_kind_has_no_payee() -> None:
    assert payee(SCRIPT) == base58.encode(60, b"\x11" * 20)
    assert payee(b"\x6a" + SCRIPT[1:]) is None


def test_a_script_is_written_in_words() -> None:
    assert assembly(SCRIPT + b"\x01\xab\xfe") == (
        f"OP_DUP OP_HASH160 {'11' * 20} OP_EQUALVERIFY OP_CHECKSIG ab OP_UNKNOWN"
    )


@pytest.mark.parametrize("length", [1, 252, 253, 65535, 65536])
def test_a_transaction_reads_back_as_it_was_built(length: int) -> None:
    made = build([Input("ab" * 32, 3, b"x" * length)], [Output(5, SCRIPT)], expiry=9, locktime=8)

    again = read(made.raw)

    assert again == made
    assert (again.expiry, again.locktime, again.inputs[0].n) == (9, 8, 3)


GOOD = build([Input("ab" * 32, 0, b"")], [Output(5, SCRIPT)]).raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01" + GOOD[1:],
        GOOD[:-1],
        GOOD + b"\0",
        GOOD[:20],
        build([Input("ab" * 32, 0, b"")], [Output(-1, SCRIPT)]).raw,
        GOOD[:8] + b"\xfd\x01\x00" + GOOD[9:],
    ],
)
def test_bytes_that_are_no_transaction_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(raw)


def test_the_subsidy_follows_the_eras() -> None:
    assert VRSC.subsidy(0) == 0
    assert VRSC.subsidy(5040) == 192 * COIN
    assert VRSC.subsidy(10080) == 384 * COIN
    assert VRSC.subsidy(10080 + 43200) == 192 * COIN
    assert VRSC.subsidy(226080) == 24 * COIN
    assert VRSC.subsidy(226080 + 1051920) == 12 * COIN
    assert VRSC.subsidy(10**12) == 0
    assert VRSCTEST.subsidy(1) == 6 * COIN


def test_a_name_of_ones_own_is_a_chain_of_its_own() -> None:
    assert parameters("vrsctest") is VRSCTEST
    mine, yours = parameters("MINE"), parameters("YOURS")
    assert mine.chainid != yours.chainid
    assert mine == parameters("MINE")


def test_the_test_chain_pays_its_premine_in_block_one() -> None:
    chain = Chain(1, "VRSCTEST", height=2)

    assert chain.at(1).transactions[0].outputs[0].value == VRSCTEST.premine + 6 * COIN


def test_a_coinbase_spends_nothing() -> None:
    assert build([Input(NOWHERE, 0, b"")], [Output(1, SCRIPT)]).coinbase
