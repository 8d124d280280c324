"""Definitions, states and notarizations of currencies as members of answers."""

from collections.abc import Mapping
from typing import Final

from verus_gateway.simulator.baskets import State
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import INVALID_PARAMETER, Node, RpcError
from verus_gateway.simulator.currencies import BASKET, TOKEN, Currency
from verus_gateway.simulator.genesis import DEFINITION
from verus_gateway.simulator.ledger import Coin
from verus_gateway.simulator.market import states
from verus_gateway.simulator.methods.forms import currency_named, iaddress
from verus_gateway.simulator.scripts import understand
from verus_gateway.simulator.transactions import NOWHERE
from verus_gateway.simulator.univalue import COIN, Json, amount

NATIVE_FLAGS: Final = 16
TOKEN_FLAGS: Final = 48
BASKET_FLAGS: Final = 49
NO_OUTPUT: Final = 0xFFFFFFFF
"""Number of an output that does not exist."""


def definition_members(chain: Chain, currency: Currency) -> dict[str, Json]:
    """Describe a token or a basket as it was defined."""
    chainid = chain.parameters.chainid
    count = len(currency.reserves)
    basket: dict[str, Json] = {
        "currencies": [address for address, _ in currency.reserves],
        "weights": [amount(int(weight * COIN)) for _, weight in currency.reserves],
        "conversions": [amount(0)] * count,
        "initialsupply": amount(currency.supply),
        "prelaunchcarveout": amount(0),
        "initialcontributions": [amount(held) for held in currency.endowment],
    }
    token: dict[str, Json] = {
        "preallocations": [{currency.address: amount(currency.supply)}],
    }
    return (
        {
            "version": 1,
            "options": BASKET if currency.basket else TOKEN,
            "name": currency.name,
            "currencyid": currency.address,
            "parent": iaddress(currency.parent),
            "systemid": chainid,
            "launchsystemid": chainid,
            "notarizationprotocol": 1,
            "proofprotocol": 1 if currency.basket else 2,
            "startblock": 1,
            "endblock": 0,
        }
        | (basket if currency.basket else token)
        | {
            "idregistrationfees": amount(100 * COIN),
            "idreferrallevels": 3,
            "idimportfees": amount(2_000_000),
        }
    )


def names_of(chain: Chain, currency: Currency) -> dict[str, Json]:
    """Return what a full definition says beside what was defined."""
    return {
        "currencyidhex": currency.id[::-1].hex(),
        "fullyqualifiedname": currency.path,
        "definitiontxid": chain.at(0).transactions[0].txid,
        "definitiontxout": defined_at(chain, currency),
    }


def defined_at(chain: Chain, currency: Currency) -> int:
    """Return the number of the first block's output that defines a currency."""
    outputs = enumerate(chain.at(0).transactions[0].outputs)
    found = ((n, understand(output.script)) for n, output in outputs)
    return next(
        n
        for n, each in found
        if each is not None and (each.kind, each.address) == (DEFINITION, currency.address)
    )


def plain_state(chainid: str, flags: int, supply: int = 0) -> dict[str, Json]:
    """Describe the state of a currency without reserves."""
    state: dict[str, Json] = {
        "flags": flags,
        "version": 1,
        "currencyid": chainid,
        "launchcurrencies": [],
    }
    return state | _sums(supply=supply)


def _sums(*, supply: int, initial: int = 0, issued: int = 0) -> dict[str, Json]:
    return {
        "initialsupply": amount(initial),
        "emitted": amount(0),
        "supply": amount(supply),
        "primarycurrencyfees": amount(0),
        "primarycurrencyconversionfees": amount(0),
        "primarycurrencyout": amount(issued),
        "preconvertedout": amount(0),
    }


def state_members(state: State) -> dict[str, Json]:
    """Describe the state of a basket."""
    reserves = state.reserves
    return (
        {
            "flags": BASKET_FLAGS,
            "version": 1,
            "currencyid": state.basket,
            "reservecurrencies": [
                {
                    "currencyid": each.currency,
                    "weight": amount(int(each.weight * COIN)),
                    "reserves": amount(each.held),
                    "priceinreserve": amount(state.price(each)),
                }
                for each in reserves
            ],
        }
        | _sums(supply=state.supply, initial=state.initial, issued=state.issued)
        | {
            "currencies": {
                each.currency: {
                    "reservein": amount(each.taken),
                    "primarycurrencyin": amount(each.primary),
                    "reserveout": amount(each.given),
                    "lastconversionprice": amount(each.before),
                    "viaconversionprice": amount(state.price(each)),
                    "fees": amount(each.fees),
                    "conversionfees": amount(each.fees),
                    "priorweights": amount(int(each.weight * COIN)),
                }
                for each in reserves
            }
        }
    )


def notarization_members(node: Node, state: State, before: Coin | None) -> dict[str, Json]:
    """Describe what the import of a block notarized about a basket."""
    prior: Mapping[str, Json] = {
        "prevnotarizationtxid": NOWHERE if before is None else before.txid,
        "prevnotarizationout": NO_OUTPUT if before is None else before.n,
        "hashprevcrossnotarization": NOWHERE,
        "prevheight": 0 if before is None else before.height,
    }
    shape: dict[str, Json] = {
        "version": 2,
        "launchcleared": True,
        "launchconfirmed": True,
        "launchcomplete": True,
        "samechain": True,
        "proposer": {"type": 0, "undefined": ""},
        "currencyid": state.basket,
        "notarizationheight": min(state.height, node.chain.height),
        "currencystate": state_members(state),
    }
    rest: dict[str, Json] = {"currencystates": [], "proofroots": [], "nodes": []}
    return shape | dict(prior) | rest


def currency_asked(node: Node, asked: Json, message: str) -> str:
    """Return the i-address of a currency.

    Raises:
        RpcError: -8 with *message* where there is no such currency.
    """
    found = currency_named(node, asked)
    if found is None:
        raise RpcError(INVALID_PARAMETER, message)
    return found


def current_state(node: Node, currency: Currency) -> dict[str, Json]:
    """Describe the newest state of a token or a basket."""
    if not currency.basket:
        return plain_state(currency.address, TOKEN_FLAGS, currency.supply)
    return state_members(states(node.chain.ledger, currency.address)[-1][0])
