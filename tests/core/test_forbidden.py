import pytest

from verus_gateway.forbidden import _BY_REASON, FORBIDDEN, forbidden_member
from verus_gateway.plugin import Json

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


@pytest.mark.parametrize(
    "params",
    [
        [{"filename": "VRSC.conf"}],
        [{"filename": None}],
        [{"mmrdata": [{"message": "safe"}, {"filename": "VRSC.conf"}]}],
        ["*", [{"data": {"mmrdata": [{"filename": "VRSC.conf"}]}}], 1],
        [{"contentmultimap": {"iKey": [{"data": {"filename": "VRSC.conf"}}]}}, True],
    ],
)
def test_a_file_of_the_daemons_machine_is_found_at_any_depth(params: list[Json]) -> None:
    assert forbidden_member(params) == "'filename' has verusd read a file"


@pytest.mark.parametrize(
    "params",
    [
        [{"data": {"address": "bob@", "message": "pay"}}],
        [{"contentmultimap": {"iKey": [{"data": {"address": "bob@"}}]}}, True],
    ],
)
def test_a_signature_by_the_wallet_is_found_at_any_depth(params: list[Json]) -> None:
    assert forbidden_member(params) == "'address' inside 'data' has verusd sign with its wallet"


@pytest.mark.parametrize(
    "params",
    [
        [],
        ["filename"],
        [{"message": "filename"}, ["filename"]],
        [{"address": "RAddress", "data": {"message": "m"}}],
        [{"data": "00ff"}],
        [{"addresses": ["RAddress"]}],
    ],
)
def test_what_only_looks_like_it_passes(params: list[Json]) -> None:
    assert forbidden_member(params) is None
