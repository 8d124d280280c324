"""Commands about currencies as they were defined."""

from hashlib import sha256
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.blocks import SPACING
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    elements,
    given,
    integer,
    members,
    text,
)
from verus_gateway.simulator.currencies import Currency, currencies
from verus_gateway.simulator.market import states
from verus_gateway.simulator.methods.control import proofroot
from verus_gateway.simulator.methods.currencyforms import (
    NATIVE_FLAGS,
    NO_OUTPUT,
    currency_asked,
    current_state,
    defined_at,
    definition_members,
    names_of,
    notarization_members,
    plain_state,
)
from verus_gateway.simulator.methods.forms import currency_of
from verus_gateway.simulator.proof import prove
from verus_gateway.simulator.transactions import NOWHERE
from verus_gateway.simulator.univalue import COIN, Json, amount

OPTIONS: Final = 264
"""Identity referrals and a chain of its own, as the main chain's definition says."""


def getcurrency(node: Node, params: list[Json]) -> Json:
    """Return the definition of a currency, the chain's own where none is named."""
    asked = params[0] if given(params, 0) else node.chain.parameters.name
    address = currency_asked(node, text(asked), "Cannot find currency")
    currency = currency_of(node, address)
    if currency is None:
        return _own_definition(node.chain)
    best = _best(node, currency)
    state = best.pop("bestcurrencystate")
    return (
        definition_members(node.chain, currency)
        | names_of(node.chain, currency)
        | best
        | {"bestcurrencystate": state}
    )


def _own_definition(chain: Chain) -> dict[str, Json]:
    constants = chain.parameters
    return (
        _definition(chain)
        | _own_names(chain)
        | {
            "magicnumber": constants.magic,
            "bestheight": chain.height,
            "lastconfirmedheight": chain.height,
            "lastconfirmedcurrencystate": plain_state(constants.chainid, NATIVE_FLAGS),
            "nodes": _nodes(chain),
        }
    )


def _own_names(chain: Chain) -> dict[str, Json]:
    constants = chain.parameters
    return {
        "currencyidhex": constants.identity[::-1].hex(),
        "fullyqualifiedname": constants.name,
        "definitiontxid": chain.at(0).transactions[0].txid,
        "definitiontxout": 0,
    }


def _nodes(chain: Chain) -> list[Json]:
    port = chain.parameters.p2p_port
    return [{"networkaddress": f"192.0.2.1:{port}", "nodeidentity": _seed_node()}]


def _best(node: Node, currency: Currency) -> dict[str, Json]:
    if currency.basket:
        state, coin = states(node.chain.ledger, currency.address)[-1]
        place: dict[str, Json] = {"bestheight": state.height}
        place |= {"besttxid": coin.txid, "besttxout": coin.n}
    else:
        names = names_of(node.chain, currency)
        at = {"besttxid": names["definitiontxid"], "besttxout": names["definitiontxout"]}
        place = {"bestheight": 0} | at
    return place | {"bestcurrencystate": current_state(node, currency)}


def listcurrencies(node: Node, params: list[Json]) -> Json:
    """List currencies by the state of their launch, their kind or what they convert."""
    query = members(params[0]) if given(params, 0) else {}
    low, high = (integer(params[n]) if given(params, n) else 0 for n in (1, 2))
    launch, kind = query.get("launchstate"), query.get("systemtype")
    if launch not in {None, "prelaunch", "launched", "refund", "complete"}:
        raise RpcError(INVALID_PARAMETER, "Invalid launch state")
    if kind not in {None, "local", "imported", "gateway", "pbaas"}:
        raise RpcError(INVALID_PARAMETER, "Invalid system type")
    if launch in {"prelaunch", "refund"} or kind in {"imported", "gateway"} or low > 1:
        return []
    wanted = _wanted(node, query)
    listed: list[Json] = []
    if wanted is None and kind in {None, "pbaas"}:
        listed.append(_own_entry(node))
    if kind != "pbaas" and (high == 0 or high >= 1):
        listed += [
            {
                "currencydefinition": definition_members(node.chain, currency)
                | names_of(node.chain, currency)
            }
            | _best(node, currency)
            for currency in currencies(node.chain.parameters)
            if wanted is None or wanted <= {address for address, _ in currency.reserves}
        ]
    return listed


def _wanted(node: Node, query: dict[str, Json]) -> set[str] | None:
    if "converter" not in query:
        return None
    asked = elements(query["converter"])
    return {currency_asked(node, each, "Invalid converter currency") for each in asked}


def _own_entry(node: Node) -> dict[str, Json]:
    chain = node.chain
    state = plain_state(chain.parameters.chainid, NATIVE_FLAGS)
    definition = _definition(chain) | _own_names(chain) | {"nodes": _nodes(chain)}
    return {
        "currencydefinition": definition,
        "lastconfirmedheight": chain.height,
        "lastconfirmedtxid": NOWHERE,
        "lastconfirmedtxout": NO_OUTPUT,
        "lastconfirmednotarization": {
            "version": 2,
            "launchconfirmed": True,
            "proposer": {"address": _seed_node(), "type": 4},
            "currencyid": chain.parameters.chainid,
            "notarizationheight": chain.height,
            "currencystate": state,
            "prevnotarizationtxid": NOWHERE,
            "prevnotarizationout": NO_OUTPUT,
            "hashprevcrossnotarization": NOWHERE,
            "prevheight": 0,
            "currencystates": [],
            "proofroots": [proofroot(chain, chain.tip)],
            "nodes": [],
        },
        "bestheight": chain.height,
        "besttxid": NOWHERE,
        "besttxout": NO_OUTPUT,
        "bestcurrencystate": state,
    }


def getcurrencytrust(_node: Node, _params: list[Json]) -> Json:
    """Tell what the node's owner thinks of currencies: nothing."""
    return {"setratings": {}, "currencytrustmode": 0}


def getlaunchinfo(node: Node, params: list[Json]) -> Json:
    """Describe how a token or basket was launched: it was there from the first block on."""
    message = "Invalid currency name or ID, or not launched from this chain"
    currency = currency_of(node, currency_asked(node, params[0], message))
    if currency is None:
        raise RpcError(INVALID_PARAMETER, message)
    chain = node.chain
    block = chain.at(0)
    txid = block.transactions[0].txid
    proof = (block.header + prove([txid], frozenset({txid}))).hex()
    shape: dict[str, Json] = {
        "currencydefinition": definition_members(chain, currency) | names_of(chain, currency),
        "notarizationtxid": txid,
        "notarizationvoutnum": defined_at(chain, currency),
        "notarizationproof": proof,
        "exporttxid": txid,
        "exportvoutnum": defined_at(chain, currency),
        "exportproof": proof,
        "exporttransfers": [],
    }
    if currency.basket:
        state, coin = states(chain.ledger, currency.address)[0]
        shape["notarizationvoutnum"] = coin.n
        shape["launchnotarization"] = notarization_members(node, state, None)
    return shape


def _definition(chain: Chain) -> dict[str, Json]:
    constants = chain.parameters
    definition: dict[str, Json] = {
        "version": 1,
        "options": OPTIONS,
        "name": constants.name,
        "currencyid": constants.chainid,
        "systemid": constants.chainid,
        "notarizationprotocol": 1,
        "proofprotocol": 1,
        "startblock": 0,
        "endblock": 0,
    }
    if constants.premine:
        definition["preallocations"] = [{"blockoneminer": amount(constants.premine)}]
    return definition | {
        "minnotariesconfirm": 0,
        "idregistrationfees": amount(100 * COIN),
        "idreferrallevels": 3,
        "idimportfees": amount(2_000_000),
        "currencyregistrationfee": amount(200 * COIN),
        "pbaassystemregistrationfee": amount(10_000 * COIN),
        "currencyimportfee": amount(100 * COIN),
        "transactionimportfee": amount(1_000_000),
        "transactionexportfee": amount(1_000_000),
        "gatewayconverterissuance": amount(0),
        "initialtarget": "00000f0f0f" + "0" * 54,
        "blocktime": SPACING,
        "powaveragingwindow": 45,
        "notarizationperiod": 10,
        "eras": [
            {
                "reward": era.reward,
                "decay": era.decay,
                "halving": era.halving,
                "eraend": era.end,
            }
            for era in constants.eras
        ],
    }


def _seed_node() -> str:
    return base58.encode(base58.IDENTITY, sha256(b"simulated seed node").digest()[:20])


DEFINITIONS: Final = (
    Command(
        name="getcurrency",
        usage='"currencyname"',
        does="Returns the definition of a currency; without a name, of the chain's own.",
        takes=(('"currencyname"', "(string, optional) name or id of the currency"),),
        most=1,
        example='"VRSC"',
        run=getcurrency,
    ),
    Command(
        name="getcurrencytrust",
        usage='["currencyid",...]',
        does="Returns the trust ratings of currencies.",
        takes=(("currencyids", "(array, optional) the currencies"),),
        most=1,
        example='["VRSC"]',
        run=getcurrencytrust,
    ),
    Command(
        name="getlaunchinfo",
        usage='"currencyid"',
        does="Returns how a currency was launched.",
        takes=(('"currencyid"', "(string, required) name or id of the currency"),),
        least=1,
        most=1,
        example='"simpool"',
        run=getlaunchinfo,
    ),
    Command(
        name="listcurrencies",
        usage="({query object}) startblock endblock",
        does="Returns the definitions and states of currencies.",
        takes=(
            ("query", '(object, optional) {"launchstate":..., "systemtype":..., "converter":[]}'),
            ("startblock", "(numeric, optional, default=0) the first height of a definition"),
            ("endblock", "(numeric, optional, default=0) the last height of a definition"),
        ),
        most=3,
        example='{"systemtype":"local"}',
        run=listcurrencies,
    ),
)
