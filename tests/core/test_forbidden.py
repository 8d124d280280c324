import pytest

from verus_gateway.forbidden import _BY_REASON, FORBIDDEN

WORST = [
    "stop",
    "dumpprivkey",
    "dumpwallet",
    "z_exportkey",
    "importprivkey",
    "backupwallet",
    "z_exportwallet",
    "signfile",
    "sendtoaddress",
    "z_sendmany",
    "encryptwallet",
    "walletpassphrase",
    "invalidateblock",
    "setban",
    "signrawtransaction",
]


@pytest.mark.parametrize("command", WORST)
def test_what_costs_money_keys_files_or_the_node_is_on_the_list(command: str) -> None:
    assert command in FORBIDDEN


@pytest.mark.parametrize("command", ["getinfo", "getblock", "sendrawtransaction", "help"])
def test_what_the_public_needs_is_not(command: str) -> None:
    assert command not in FORBIDDEN


def test_each_reason_ends_a_sentence_that_begins_with_it() -> None:
    for reason in FORBIDDEN.values():
        assert reason
        assert reason[0].islower()
        assert not reason.endswith(".")


def test_no_command_is_listed_under_two_reasons() -> None:
    names = " ".join(_BY_REASON.values()).split()

    assert len(names) == len(set(names)) == len(FORBIDDEN)


def test_the_list_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FORBIDDEN["getinfo"] = "x"  # type: ignore[index]
