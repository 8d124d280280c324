"""What exists from the first block on: identities, currencies and the reserves of baskets."""

from collections.abc import Sequence
from typing import Final

from verus_gateway.simulator import names
from verus_gateway.simulator.baskets import launch
from verus_gateway.simulator.currencies import Currency, baskets, currencies
from verus_gateway.simulator.identities import ACTIVE_CURRENCY, Identity
from verus_gateway.simulator.parameters import Parameters
from verus_gateway.simulator.scripts import Smart, smart
from verus_gateway.simulator.tokens import deposit, pay_tokens
from verus_gateway.simulator.transactions import Output

DEFINITION: Final = 2
"""verusd's evaluation code of an output that defines a currency."""
KNOWN: Final = ("simulated", "alice", "bob", "dave", "erin")
"""Names of the identities; the first may revoke and recover all of them."""
HOLDERS: Final = 5
"""People who own tokens at the start, as many as there are identities."""


def identities(parameters: Parameters, people: Sequence[str]) -> tuple[Identity, ...]:
    """Return the identities of the first block: those that are known, and the currencies'."""
    chain = parameters.identity
    authority = names.child(KNOWN[0], chain)
    persons = [
        Identity(
            name=name,
            parent=chain,
            primaries=(person,),
            revocation=authority,
            recovery=authority,
            system=chain,
        )
        for name, person in zip(KNOWN, people, strict=False)
    ]
    owned = [
        Identity(
            name=currency.name,
            parent=currency.parent,
            primaries=(people[0],),
            revocation=authority,
            recovery=authority,
            system=chain,
            flags=ACTIVE_CURRENCY,
        )
        for currency in currencies(parameters)
    ]
    return (*persons, *owned)


def outputs(parameters: Parameters, people: Sequence[str]) -> list[Output]:
    """Return what the first block pays beside its reward.

    First the identities, then a definition for every currency, then for every basket its
    state and its deposit, then tokens to their holders.
    """
    own = parameters.chainid
    paid = [Output(0, each.script) for each in identities(parameters, people)]
    paid += [
        Output(0, smart(Smart(DEFINITION, each.address, each.path.encode())))
        for each in currencies(parameters)
    ]
    for basket in baskets(parameters):
        paid.append(Output(0, launch(basket).script))
        held = dict(zip((address for address, _ in basket.reserves), basket.endowment, strict=True))
        paid.append(Output(held.pop(own), deposit(basket.address, held)))
    for currency in currencies(parameters):
        share = issued(parameters, currency) // HOLDERS
        paid += [Output(0, pay_tokens(p, currency.address, share)) for p in people[:HOLDERS]]
    return paid


def issued(parameters: Parameters, currency: Currency) -> int:
    """Return what of a currency's first supply is not in a basket's reserves, in satoshis."""
    reserved = sum(
        held
        for basket in baskets(parameters)
        for (address, _), held in zip(basket.reserves, basket.endowment, strict=True)
        if address == currency.address
    )
    return currency.supply - reserved


def endowment(parameters: Parameters) -> int:
    """Return what of the chain's own currency the first block puts into reserves, in satoshis."""
    return sum(
        held
        for basket in baskets(parameters)
        for (address, _), held in zip(basket.reserves, basket.endowment, strict=True)
        if address == parameters.chainid
    )
