"""Commands about what one chain knows of another, and what is handed in for it."""

from typing import Final

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    elements,
    hash_named,
    integer,
    members,
    text,
)
from verus_gateway.simulator.market import states
from verus_gateway.simulator.methods.control import NOTARIZATION_DEPTH, proofroot
from verus_gateway.simulator.methods.currencyforms import (
    NATIVE_FLAGS,
    NO_OUTPUT,
    currency_asked,
    notarization_members,
    plain_state,
)
from verus_gateway.simulator.methods.forms import currency_of
from verus_gateway.simulator.transactions import NOWHERE
from verus_gateway.simulator.univalue import Json, Number

NOT_FOUND: Final = "Invalid currency or currency not found"
MOST: Final = 10
"""Notarizations that are listed, the newest ones."""


def getnotarizationdata(node: Node, params: list[Json]) -> Json:
    """List the newest notarizations of a currency; all of them are confirmed, and one fork."""
    chain = node.chain
    address = currency_asked(node, params[0], NOT_FOUND)
    currency = currency_of(node, address)
    listed: list[Json] = []
    height = max(0, chain.height - NOTARIZATION_DEPTH)
    if currency is None or not currency.basket:
        listed.append(_plain(chain, address, height))
    else:
        history = states(chain.ledger, address)
        for at in range(max(0, len(history) - MOST), len(history)):
            state, coin = history[at]
            before = history[at - 1][1] if at else None
            notarization = notarization_members(node, state, before)
            listed.append({"txid": coin.txid, "vout": coin.n, "notarization": notarization})
            height = state.height
    for index, each in enumerate(listed):
        each["index"] = index
    return {
        "version": 1,
        "notarizations": listed,
        "forks": [list(range(len(listed)))],
        "lastconfirmedheight": height,
        "lastconfirmed": len(listed) - 1,
        "bestchain": 0,
    }


def _plain(chain: Chain, address: str, height: int) -> dict[str, Json]:
    return {
        "txid": NOWHERE,
        "vout": NO_OUTPUT,
        "notarization": {
            "version": 2,
            "launchconfirmed": True,
            "currencyid": address,
            "notarizationheight": height,
            "currencystate": plain_state(address, NATIVE_FLAGS),
            "prevnotarizationtxid": NOWHERE,
            "prevnotarizationout": NO_OUTPUT,
            "prevheight": 0,
            "currencystates": [],
            "proofroots": [proofroot(chain, chain.at(height))],
            "nodes": [],
        },
    }


def getbestproofroot(node: Node, params: list[Json]) -> Json:
    """Tell which of some proof roots are of this chain, and which is the newest."""
    chain = node.chain
    listed = elements(members(params[0]).get("proofroots"))
    valid = [n for n, root in enumerate(listed) if _matches(node, members(root))]
    shape: dict[str, Json] = {"validindexes": valid}
    if valid:
        shape["bestindex"] = max(valid, key=lambda n: integer(listed[n]["height"]))
    stable = chain.at(max(0, chain.height - NOTARIZATION_DEPTH))
    return shape | {
        "latestproofroot": proofroot(chain, chain.tip),
        "laststableproofroot": proofroot(chain, stable),
        "currencystates": {},
    }


def _matches(node: Node, root: dict[str, Json]) -> bool:
    chain = node.chain
    height = root.get("height")
    if not isinstance(height, Number) or not 0 <= integer(height) <= chain.height:
        return False
    known = proofroot(chain, chain.at(integer(height)))
    return all(root.get(name) == known[name] for name in ("stateroot", "blockhash"))


def getnotarizationproofs(_node: Node, params: list[Json]) -> Json:
    """Answer each challenge: this chain has no notaries, so there is no evidence for any."""
    answers = []
    for each in elements(params[0]):
        kind = members(each).get("type")
        answers.append({"type": kind, "error": "no evidence is available on this chain"})
    return answers


def submitacceptednotarization(node: Node, params: list[Json]) -> Json:
    """Refuse a notarization: no chain is notarized here."""
    notarization, _ = members(params[0]), members(params[1])
    currency_asked(node, notarization.get("currencyid"), "Invalid notarization: unknown currency")
    raise RpcError(INVALID_PARAMETER, "Invalid notarization: not a chain that is notarized here")


def submitimports(node: Node, params: list[Json]) -> Json:
    """Take in exports of another system, of which none are known here: refuse all but none."""
    asked = members(params[0])
    currency_asked(node, asked.get("sourcesystemid"), "Invalid source system")
    hash_named(asked.get("notarizationtxid"), "notarizationtxid")
    for each in elements(asked.get("exports", [])):
        text(members(each).get("txid"))
        raise RpcError(INVALID_PARAMETER, "Invalid export: its system is not notarized here")
    return []


NOTARY: Final = (
    Command(
        name="getbestproofroot",
        usage='{"proofroots":[...], "currencies":[...], "lastconfirmed":n}',
        does="Determines the best proof root that two chains agree on.",
        takes=(("query", "(object, required) the proof roots"),),
        least=1,
        most=1,
        example='{"proofroots":[]}',
        run=getbestproofroot,
    ),
    Command(
        name="getnotarizationdata",
        usage='"currencynameorid" (getevidence) (separatecounterevidence)',
        does="Returns the newest notarizations of a currency.",
        takes=(
            ('"currencyid"', "(string, required) the currency"),
            ("getevidence", "(boolean, optional) there is none here"),
            ("separatecounterevidence", "(boolean, optional) there is none here"),
        ),
        least=1,
        most=3,
        example='"simpool"',
        run=getnotarizationdata,
    ),
    Command(
        name="getnotarizationproofs",
        usage='[{"type":"vrsc::evidence.skipchallenge", ...}]',
        does="Returns evidence for challenges of notarizations.",
        takes=(("challenges", "(array, required) what is to be proved"),),
        least=1,
        most=1,
        example="[]",
        run=getnotarizationproofs,
    ),
    Command(
        name="submitacceptednotarization",
        usage='"{earnednotarization}" "{notaryevidence}"',
        does="Submits an accepted notarization.",
        takes=(
            ("earnednotarization", "(object, required) the notarization"),
            ("notaryevidence", "(object, required) the evidence for it"),
        ),
        least=2,
        most=3,
        example="{} {}",
        run=submitacceptednotarization,
    ),
    Command(
        name="submitimports",
        usage='{"sourcesystemid":"systemid", "notarizationtxid":"txid", "exports":[...]}',
        does="Submits imports from another system.",
        takes=(("imports", "(object, required) the imports"),),
        least=1,
        most=1,
        example="{}",
        run=submitimports,
    ),
)
