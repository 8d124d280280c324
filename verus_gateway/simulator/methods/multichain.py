"""Commands about currencies: for now the chain's own."""

from hashlib import sha256
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.blocks import SPACING
from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Family,
    Node,
    RpcError,
    given,
    text,
)
from verus_gateway.simulator.univalue import COIN, Json, amount

OPTIONS: Final = 264
"""Identity referrals and a chain of its own, as the main chain's definition says."""


def getcurrency(node: Node, params: list[Json]) -> Json:
    """Return the definition of the chain's own currency."""
    chain = node.chain
    constants = chain.parameters
    if given(params, 0) and text(params[0]).upper() not in {
        constants.name.upper(),
        constants.chainid.upper(),
        f"HEX:{constants.identity[::-1].hex().upper()}",
    }:
        raise RpcError(INVALID_PARAMETER, "Cannot find currency")
    genesis = chain.at(0)
    return (
        _definition(chain)
        | {
            "currencyidhex": constants.identity[::-1].hex(),
            "fullyqualifiedname": constants.name,
            "magicnumber": constants.magic,
            "definitiontxid": genesis.transactions[0].txid,
            "definitiontxout": 0,
            "bestheight": chain.height,
            "lastconfirmedheight": chain.height,
            "lastconfirmedcurrencystate": _state(constants.chainid),
        }
        | {
            "nodes": [
                {"networkaddress": f"192.0.2.1:{constants.p2p_port}", "nodeidentity": _seed_node()}
            ]
        }
    )


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


def _state(chainid: str) -> dict[str, Json]:
    amounts = (
        "initialsupply",
        "emitted",
        "supply",
        "primarycurrencyfees",
        "primarycurrencyconversionfees",
        "primarycurrencyout",
        "preconvertedout",
    )
    state: dict[str, Json] = {
        "flags": 16,
        "version": 1,
        "currencyid": chainid,
        "launchcurrencies": [],
    }
    return state | dict.fromkeys(amounts, amount(0))


def _seed_node() -> str:
    return base58.encode(base58.IDENTITY, sha256(b"simulated seed node").digest()[:20])


FAMILY: Final = Family(
    "multichain",
    (
        Command(
            name="getcurrency",
            usage='"currencyname"',
            does="Returns the definition of a currency; without a name, of the chain's own.",
            takes=(('"currencyname"', "(string, optional) name or id of the currency"),),
            most=1,
            example='"VRSC"',
            run=getcurrency,
        ),
    ),
)
