"""The command that lists what is offered on the chain."""

from typing import Final

from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    given,
    truth,
)
from verus_gateway.simulator.identities import history
from verus_gateway.simulator.ledger import Coin
from verus_gateway.simulator.methods.currencyforms import currency_asked
from verus_gateway.simulator.methods.forms import identity_named
from verus_gateway.simulator.offers import Good, Offer, open_offers
from verus_gateway.simulator.univalue import COIN, Json, amount


def getoffers(node: Node, params: list[Json]) -> Json:
    """List the open offers that have a currency or an identity on either side."""
    if given(params, 1) and truth(params[1]):
        wanted = Good(currency_asked(node, params[0], "Invalid currency or currency not found"), 1)
    else:
        wanted = Good(identity_named(node, params[0]), 0)
        if not history(node.chain.ledger, wanted.address):
            raise RpcError(INVALID_PARAMETER, "Invalid identity or identity not found")
    withtx = given(params, 2) and truth(params[2])
    found: dict[str, list[Json]] = {}
    for offer, coin in open_offers(node.chain.ledger, node.chain.height):
        if _is(offer.offered, wanted) or _is(offer.asked, wanted):
            found.setdefault(_heading(offer), []).append(_entry(node, offer, coin, withtx=withtx))
    return found


def _is(good: Good, wanted: Good) -> bool:
    return (good.address, good.identity) == (wanted.address, wanted.identity)


def _heading(offer: Offer) -> str:
    offered, asked = offer.offered, offer.asked
    if offered.identity:
        return f"ids_for_currency_{asked.address}"
    if asked.identity:
        return f"currency_{offered.address}_for_ids"
    return f"currency_{offered.address}_offers_in_currency_{asked.address}"


def _entry(node: Node, offer: Offer, coin: Coin, *, withtx: bool) -> dict[str, Json]:
    named = next((good for good in (offer.offered, offer.asked) if good.identity), None)
    subject = {"currencyid": offer.asked.address}
    price = offer.asked.satoshis * COIN // (offer.offered.satoshis or COIN)
    if named is not None:
        subject = {"identityid": named.address}
        price = max(offer.asked.satoshis, offer.offered.satoshis)
    sides: dict[str, Json] = {
        "offer": _good(node, offer.offered),
        "accept": _good(node, offer.asked),
        "blockexpiry": offer.expiry,
    }
    if withtx:
        found = node.chain.find(coin.txid)
        sides["tx"] = "" if found is None else found[0].raw.hex()
    return subject | {"offer": sides | {"txid": coin.txid}, "price": amount(price)}


def _good(node: Node, good: Good) -> dict[str, Json]:
    if not good.identity:
        return {good.address: amount(good.satoshis)}
    return {
        "name": history(node.chain.ledger, good.address)[-1].identity.name,
        "identityid": good.address,
        "systemid": node.chain.parameters.chainid,
        "original": 1,
    }


OFFERS: Final = (
    Command(
        name="getoffers",
        usage='"currencyorid" (iscurrency) (withtx)',
        does="Returns all open offers for a currency or an identity.",
        takes=(
            ('"currencyorid"', "(string, required) the currency or identity"),
            ("iscurrency", "(boolean, optional, default=false) whether it is a currency"),
            ("withtx", "(boolean, optional, default=false) whether to return transactions"),
        ),
        least=1,
        most=3,
        example='"VRSC" true',
        run=getoffers,
    ),
)
