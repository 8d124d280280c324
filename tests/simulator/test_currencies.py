from typing import Any

import pytest
from simulator.harness import NOW, Run, executor, failing

from verus_gateway.simulator import Chain
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.currencies import currencies
from verus_gateway.simulator.parameters import VRSC
from verus_gateway.simulator.scripts import understand

NAMES = ["vETH", "DAI.vETH", "simpool", "Bridge.vETH"]
SOMEBODY = "RTZMZHDFSTFQst8XmX2dR4DaH87cEUs3gC"


@pytest.fixture
def chain() -> Chain:
    """Long enough for people to have converted."""
    return Chain(7, height=260, now=NOW)


def test_every_currency_is_found_by_its_names_and_listed(run: Run) -> None:
    listed = {
        each["currencydefinition"]["fullyqualifiedname"]: each for each in run("listcurrencies")
    }

    assert list(listed) == ["VRSC", *NAMES]
    for name in NAMES:
        found = run("getcurrency", name)
        entry = listed[name]
        assert found == run("getcurrency", found["currencyid"])
        assert found == run("getcurrency", f"hex:{found['currencyidhex']}")
        assert found == run("getcurrency", f"{name.lower()}.vrsc")
        assert found.items() >= entry["currencydefinition"].items()
        assert found["bestcurrencystate"] == entry["bestcurrencystate"]
        assert found["bestcurrencystate"] == run("getcurrencystate", name)[0]["currencystate"]
    for nothing in ("nothing", "hex:zz", "hex:00", VRSC.chainid[:-1] + "x"):
        assert failing(run, "getcurrency", nothing) == (-8, "Cannot find currency")


def test_a_definition_is_in_the_output_that_it_names(run: Run, node: Node) -> None:
    for currency in currencies(VRSC):
        found = run("getcurrency", currency.address)
        assert found["definitiontxid"] == node.chain.at(0).transactions[0].txid
        script = node.chain.output((found["definitiontxid"], found["definitiontxout"])).script
        held = understand(script)
        assert held is not None
        assert held.address == currency.address
        place = (found["besttxid"], found["besttxout"])
        best = understand(node.chain.output(place).script)
        assert best is not None
        assert best.address == currency.address
        state = run("getinitialcurrencystate", currency.path)
        assert state["supply"] == currency.supply / 10**8


@pytest.mark.parametrize(
    ("params", "names"),
    [
        (({"systemtype": "pbaas"},), ["VRSC"]),
        (({"systemtype": "local"},), NAMES),
        (({"systemtype": "gateway"},), []),
        (({"launchstate": "launched"},), ["VRSC", *NAMES]),
        (({"launchstate": "prelaunch"},), []),
        (({"converter": ["VRSC", "DAI.vETH"]},), ["simpool", "Bridge.vETH"]),
        (({"converter": ["vETH"], "systemtype": "local"},), ["Bridge.vETH"]),
        (({}, 0, 5), ["VRSC", *NAMES]),
        (({}, 2), []),
    ],
)
def test_currencies_are_listed_by_kind(run: Run, params: tuple[Any, ...], names: list[str]) -> None:
    listed = run("listcurrencies", *params)

    assert [each["currencydefinition"]["fullyqualifiedname"] for each in listed] == names


def test_currencies_of_no_known_kind_are_refused(run: Run) -> None:
    assert failing(run, "listcurrencies", {"launchstate": "x"}) == (-8, "Invalid launch state")
    assert failing(run, "listcurrencies", {"systemtype": "x"}) == (-8, "Invalid system type")
    assert failing(run, "listcurrencies", {"converter": ["x"]})[0] == -8


def test_states_are_told_for_heights_and_ranges(run: Run, node: Node) -> None:
    whole = run("getcurrencystate", "Bridge.vETH", "0,260,1")

    assert [each["height"] for each in whole] == list(range(261))
    assert {each["blocktime"] for each in whole} == {node.chain.at(n).time for n in range(261)}
    supplies = {each["currencystate"]["supply"] for each in whole}
    assert len(supplies) > 5
    assert whole[0]["currencystate"] == run("getinitialcurrencystate", "Bridge.vETH")
    assert run("getcurrencystate", "Bridge.vETH", "200") == [whole[200]]
    assert run("getcurrencystate", "Bridge.vETH", "200,210") == whole[200:211]
    assert run("getcurrencystate", "Bridge.vETH", "200,210,5") == whole[200:211:5]
    assert run("getcurrencystate", "Bridge.vETH", "") == [whole[260]]
    assert run("getcurrencystate", "VRSC", "5")[0]["currencystate"]["flags"] == 16
    assert run("getcurrencystate", "vETH", "5")[0]["currencystate"]["flags"] == 48


def test_volumes_are_told_in_a_currency_of_the_basket(run: Run, node: Node) -> None:
    busy = next(
        each["importheight"]
        for each in run("getimports", "simpool")
        if each["importnotarization"]["currencystate"]["currencies"][VRSC.chainid]["reservein"]
    )

    found, still = (
        run("getcurrencystate", "simpool", str(height), "VRSC")[0] for height in (busy, 50)
    )

    state = found["currencystate"]["currencies"][VRSC.chainid]
    volumes = found["conversiondata"]
    assert volumes["volumethisinterval"] == round(state["reservein"] + state["reserveout"], 8)
    for pair in volumes["volumepairs"]:
        assert pair["low"] <= min(pair["open"], pair["close"])
        assert pair["high"] >= max(pair["open"], pair["close"])
    assert still["conversiondata"]["volumethisinterval"] == 0
    assert "conversiondata" not in run("getcurrencystate", "vETH", "5", "VRSC")[0]
    assert node.chain.height == 260


@pytest.mark.parametrize(
    "params",
    [
        ("nothing",),
        ("VRSC", "x"),
        ("VRSC", "5,1"),
        ("VRSC", "1,5,0"),
        ("VRSC", "1,2,3,4"),
        ("VRSC", "261"),
        ("VRSC", "5", "nothing"),
    ],
)
def test_states_that_cannot_be_had_are_refused(run: Run, params: tuple[str, ...]) -> None:
    assert failing(run, "getcurrencystate", *params)[0] == -8


def test_too_many_states_at_once_are_refused() -> None:
    run = executor(Node(chain=Chain(1, height=1100, now=NOW), now=lambda: NOW))

    assert failing(run, "getcurrencystate", "VRSC", "0,1100") == (-8, "Block height out of range")
    assert len(run("getcurrencystate", "VRSC", "0,1100,2")) == 551


def test_converters_hold_all_that_is_asked_for(run: Run) -> None:
    def found(*params: object) -> list[str]:
        return [each["fullyqualifiedname"] for each in run("getcurrencyconverters", *params)]

    assert found("VRSC") == found("VRSC", "DAI.vETH") == ["simpool", "Bridge.vETH"]
    assert found("VRSC", "DAI.vETH", "vETH") == ["Bridge.vETH"]
    assert found({"convertto": "vETH", "fromcurrency": [{"currency": "VRSC"}]}) == ["Bridge.vETH"]
    assert found({"convertto": "DAI.vETH", "fromcurrency": "VRSC"}) == ["simpool", "Bridge.vETH"]
    assert failing(run, "getcurrencyconverters", "nothing")[0] == -8
    for each in run("getcurrencyconverters", "VRSC"):
        state = run("getcurrencystate", each["fullyqualifiedname"])[0]["currencystate"]
        assert each["lastnotarization"]["currencystate"] == state
    fresh = executor(Node(chain=Chain(1, height=3, now=NOW), now=lambda: NOW))
    first = fresh("getcurrencyconverters", "VRSC")[0]["lastnotarization"]
    assert first["prevnotarizationtxid"] == "0" * 64


@pytest.mark.parametrize(
    "conversion",
    [
        [],
        {"currency": "nothing", "convertto": "VRSC", "amount": 1},
        {"currency": "VRSC", "convertto": "nothing", "amount": 1},
        {"currency": "VRSC", "convertto": "vETH", "amount": 1},
        {"currency": "VRSC", "convertto": "vETH", "via": "nothing", "amount": 1},
        {"currency": "VRSC", "convertto": "vETH", "via": "simpool", "amount": 1},
        {"currency": "VRSC", "convertto": "simpool", "amount": 0},
        [
            {"currency": "VRSC", "convertto": "simpool", "amount": 1},
            {"currency": "VRSC", "convertto": "Bridge.vETH", "amount": 1},
        ],
    ],
)
def test_a_conversion_that_cannot_be_is_not_estimated(run: Run, conversion: object) -> None:
    assert failing(run, "estimateconversion", conversion)[0] == -8


def test_an_estimate_follows_from_the_reserves(run: Run) -> None:
    asked = {"currency": "VRSC", "convertto": "simpool", "amount": 0.001}

    one = run("estimateconversion", asked)
    several = run("estimateconversion", [asked, asked])
    back = run("estimateconversion", {"currency": "simpool", "convertto": "VRSC", "amount": 1})

    state = run("getcurrencystate", "simpool")[0]["currencystate"]
    price = next(
        each["priceinreserve"]
        for each in state["reservecurrencies"]
        if each["currencyid"] == VRSC.chainid
    )
    assert one["estimatedcurrencyout"] == pytest.approx(0.001 / price, rel=1e-3)
    assert back["estimatedcurrencyout"] == pytest.approx(price, rel=1e-3)
    assert [each["netinputamount"] for each in several["conversions"]] == [0.00099975] * 2
    first, second = (each["estimatedcurrencyout"] for each in several["conversions"])
    assert first == one["estimatedcurrencyout"] >= second
    assert "amount" not in one


def test_notarizations_are_the_newest_states(run: Run, node: Node) -> None:
    found = run("getnotarizationdata", "simpool")

    states = [each["notarization"]["currencystate"] for each in found["notarizations"]]
    assert states[-1] == run("getcurrencystate", "simpool")[0]["currencystate"]
    assert found["forks"] == [list(range(len(states)))]
    assert found["lastconfirmed"] == len(states) - 1 == found["notarizations"][-1]["index"]
    links = [
        (one["txid"], other["notarization"]["prevnotarizationtxid"])
        for one, other in zip(found["notarizations"], found["notarizations"][1:], strict=False)
    ]
    assert all(txid == previous for txid, previous in links)
    own = run("getnotarizationdata", "VRSC")
    root = own["notarizations"][0]["notarization"]["proofroots"][0]
    assert root == run("getinfo")["notarizedroot"]
    assert run("getnotarizationdata", "vETH")["lastconfirmedheight"] == node.chain.height - 10
    fresh = executor(Node(chain=Chain(1, height=3, now=NOW), now=lambda: NOW))
    assert len(fresh("getnotarizationdata", "simpool")["notarizations"]) == 1
    assert failing(run, "getnotarizationdata", "nothing")[0] == -8


def test_the_best_proof_root_is_the_newest_that_is_of_this_chain(run: Run, node: Node) -> None:
    roots = [run("getblock", str(height))["proofroot"] for height in (50, 120, 70)]
    lies = [roots[0] | {"blockhash": "ab" * 32}, {"height": 10**6}, {"height": -1}, {}]

    found = run("getbestproofroot", {"proofroots": [*lies, *roots]})

    assert found["validindexes"] == [4, 5, 6]
    assert found["bestindex"] == 5
    assert found["latestproofroot"] == run("getblock", str(node.chain.height))["proofroot"]
    assert "bestindex" not in run("getbestproofroot", {"proofroots": lies})
    node.chain.reorg(200, now=NOW)
    assert run("getbestproofroot", {"proofroots": roots})["validindexes"] == [0]


def test_nothing_of_another_system_is_taken_in(run: Run) -> None:
    answers = run("getnotarizationproofs", [{"type": "a"}, {}])
    imports = {"sourcesystemid": "vETH", "notarizationtxid": "ab" * 32, "exports": []}

    assert [each["type"] for each in answers] == ["a", None]
    assert run("submitimports", imports) == []
    assert failing(run, "submitimports", imports | {"exports": [{"txid": "ab"}]})[0] == -8
    assert failing(run, "submitimports", imports | {"sourcesystemid": "x"})[0] == -8
    assert failing(run, "submitimports", imports | {"notarizationtxid": "x"})[0] == -8
    assert failing(run, "submitacceptednotarization", {"currencyid": "vETH"}, {})[0] == -8
    assert failing(run, "submitacceptednotarization", {"currencyid": "x"}, {})[0] == -8


def test_the_launch_of_a_currency_is_proved(run: Run) -> None:
    for name in NAMES:
        found = run("getlaunchinfo", name)
        assert run("verifytxoutproof", found["notarizationproof"]) == [found["notarizationtxid"]]
        assert found["currencydefinition"]["fullyqualifiedname"] == name
        state = run("getinitialcurrencystate", name)
        assert found.get("launchnotarization", {"currencystate": state})["currencystate"] == state
    for nothing in ("VRSC", "nothing"):
        assert failing(run, "getlaunchinfo", nothing)[0] == -8
    assert run("getinitialcurrencystate", "VRSC")["flags"] == 16
    assert run("getcurrencytrust", ["VRSC"]) == {"setratings": {}, "currencytrustmode": 0}


def test_a_template_pays_whom_it_says(run: Run, node: Node) -> None:
    alice = run("getidentity", "alice@")["identity"]["identityaddress"]
    wanted = [
        {"address": SOMEBODY, "amount": 1},
        {"address": "alice@", "amount": 2.5, "currency": "VRSC"},
        {"address": SOMEBODY, "amount": 3, "currency": "vETH"},
        {"address": SOMEBODY, "amount": 4, "currency": "vETH", "convertto": "Bridge.vETH"},
        {"address": alice, "amount": 5, "convertto": "DAI.vETH", "via": "simpool"},
    ]

    found = run("sendcurrency", "alice@", wanted, 1, 0.0001, True)

    decoded = run("decoderawtransaction", found["hextx"])
    assert [each["value"] for each in decoded["vout"]] == [1, 2.5, 0, 0.0002, 5.0002]
    scripts = [each["scriptPubKey"] for each in decoded["vout"]]
    assert scripts[0]["addresses"] == scripts[2]["addresses"] == [SOMEBODY]
    assert scripts[1]["addresses"] == [alice]
    ether = run("getcurrency", "vETH")["currencyid"]
    assert scripts[2]["reserveoutput"]["currencyvalues"] == {ether: 3}
    assert found["outputtotals"] == {VRSC.chainid: 8.5005, ether: 7}
    assert decoded["expiryheight"] == node.chain.height + 21


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (("x", [], 1, 0, True), -8),
        (("*", [], 1, 0, True), -8),
        (("*", [{"address": SOMEBODY, "amount": 1}], -1, 0, True), -8),
        (("*", [{"address": SOMEBODY, "amount": 1}]), -4),
        (("*", [{"address": SOMEBODY, "amount": 1}], 1, 0.0001, False), -4),
        (("*", [{"address": "x", "amount": 1}], 1, 0, True), -8),
        (("*", [{"address": SOMEBODY, "amount": "x"}], 1, 0, True), -3),
        (("*", [{"address": SOMEBODY, "amount": 1, "currency": "x"}], 1, 0, True), -8),
        (("*", [{"address": SOMEBODY, "amount": 1, "convertto": "x"}], 1, 0, True), -8),
        (("*", [{"address": SOMEBODY, "amount": 1, "convertto": "vETH"}], 1, 0, True), -8),
        ((5, [], 1, 0, True), -1),
    ],
)
def test_a_template_that_cannot_be_is_refused(run: Run, params: tuple[Any, ...], code: int) -> None:
    assert failing(run, "sendcurrency", *params)[0] == code
