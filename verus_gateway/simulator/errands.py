"""What people do beside paying each other: update identities, convert, offer, take back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import Final, TypeAlias

from verus_gateway.simulator import names
from verus_gateway.simulator.baskets import Conversion
from verus_gateway.simulator.currencies import baskets, currencies
from verus_gateway.simulator.genesis import KNOWN
from verus_gateway.simulator.identities import REVOKED, Identity, current, with_content
from verus_gateway.simulator.ledger import Coin, Ledger
from verus_gateway.simulator.market import TRANSFER_FEE, Transfer
from verus_gateway.simulator.mempool import Mempool
from verus_gateway.simulator.offers import Good, Offer, open_offers
from verus_gateway.simulator.parameters import Parameters
from verus_gateway.simulator.payments import EXPIRY, FEE, choose
from verus_gateway.simulator.scripts import pay
from verus_gateway.simulator.tokens import RESERVE_OUTPUT, pay_tokens, tokens
from verus_gateway.simulator.transactions import Input, Output, Transaction, build
from verus_gateway.simulator.univalue import COIN

OFFERED_FOR: Final = 100
"""Blocks for which an offer is good."""
_ACTIONS: Final = ("update", "convert", "convert", "offer", "offer", "close", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What people look at before they decide; *height* is that of the block to come."""

    parameters: Parameters
    people: Sequence[str]
    ledger: Ledger
    mempool: Mempool
    height: int

    def usable(self, coin: Coin) -> bool:
        """Whether a transaction may spend *coin* in the block to come."""
        return coin.matured(self.height) and not self.mempool.reserved(coin.outpoint)


Errand: TypeAlias = Callable[[Random, World, Coin], Transaction | None]


def errand(dice: Random, world: World) -> Transaction | None:
    """Return what somebody wants done in the block to come, or None."""
    act = _ERRANDS.get(dice.choice(_ACTIONS))
    purse = choose(dice, world.ledger, world.mempool, height=world.height)
    if act is None or purse is None:
        return None
    return act(dice, world, purse)


def spend(
    inputs: Sequence[Coin], outputs: Sequence[Output], purse: Coin, *, height: int
) -> Transaction:
    """Spend *inputs*, and the fee and what *outputs* need from *purse*, which gets the rest."""
    needed = FEE + sum(paid.value for paid in outputs) - sum(coin.value for coin in inputs)
    rest = Output(purse.value - needed, purse.script)
    spent = [Input(coin.txid, coin.n, _signature(coin)) for coin in (*inputs, purse)]
    return build(spent, [*outputs, rest], expiry=height + EXPIRY)


def _signature(coin: Coin) -> bytes:
    seal = sha256(f"{coin.txid} {coin.n}".encode()).digest() * 2
    return bytes([len(seal)]) + seal


def _update(dice: Random, world: World, purse: Coin) -> Transaction | None:
    versions = [
        version
        for version in current(world.ledger)
        if version.identity.name in KNOWN and world.usable(version.coin)
    ]
    if not versions:
        return None
    version = dice.choice(versions)
    changed = _changed(dice, version.identity, world)
    return spend([version.coin], [Output(0, changed.script)], purse, height=world.height)


def _changed(dice: Random, identity: Identity, world: World) -> Identity:
    person = dice.choice(world.people)
    if identity.revoked:
        return replace(identity, flags=identity.flags & ~REVOKED, primaries=(person,))
    namespace = world.parameters.identity
    value = dice.randbytes(32)
    change = dice.randrange(10)
    if identity.name == KNOWN[-1] and change == 0:
        return replace(identity, flags=identity.flags | REVOKED)
    if identity.name not in {KNOWN[0], KNOWN[1]} and change == 1:
        return replace(identity, primaries=(person,))
    key = names.data_key(f"simulated.{dice.choice(('profile', 'avatar', 'note'))}", namespace)
    if change % 2:
        return with_content(identity, key, value)
    multimap = dict(identity.multimap) | {key: (value,)}
    return replace(identity, multimap=tuple(sorted(multimap.items())))


def _convert(dice: Random, world: World, purse: Coin) -> Transaction | None:
    own, basket = world.parameters.chainid, dice.choice(baskets(world.parameters))
    receiver = dice.choice(world.people)
    accepted = {basket.address, *(address for address, _ in basket.reserves)}
    owned = [
        (coin, currency, amount)
        for coin in world.ledger.held(RESERVE_OUTPUT)
        for currency, amount in tokens(coin.script).items()
        if currency in accepted and world.usable(coin)
    ]
    if owned and dice.randrange(2):
        coin, source, amount = dice.choice(owned)
        value = max(1, amount // dice.randrange(20, 200))
        wish = Conversion(source, own, value)
        sent = Output(TRANSFER_FEE, Transfer(basket.address, wish, receiver).script)
        kept = Output(0, pay_tokens(coin.address or receiver, source, amount - value))
        return spend([coin], [sent, kept], purse, height=world.height)
    value = min(purse.value // 2, dice.randrange(1, 20) * COIN) - TRANSFER_FEE - FEE
    if value < 1:
        return None
    wish = Conversion(own, dice.choice(sorted(accepted - {own})), value)
    sent = Output(value + TRANSFER_FEE, Transfer(basket.address, wish, receiver).script)
    return spend([], [sent], purse, height=world.height)


def _offer(dice: Random, world: World, purse: Coin) -> Transaction | None:
    own, owner = world.parameters.chainid, purse.address or ""
    price = Good(own, dice.randrange(1, 50) * COIN)
    named = Good(dice.choice(current(world.ledger)).identity.address, 0)
    currency = dice.choice(currencies(world.parameters)).address
    value = min(purse.value // 3, COIN)
    sides = dice.choice(
        (
            (Good(own, value), Good(currency, dice.randrange(1, 50) * COIN)),
            (Good(own, value), named),
            (named, price),
        )
    )
    offer = Offer(owner, *sides, world.height + OFFERED_FOR)
    locked = 0 if offer.offered.identity else offer.offered.satoshis
    return spend([], [Output(locked, offer.script)], purse, height=world.height)


def _close(dice: Random, world: World, purse: Coin) -> Transaction | None:
    found = [offer for offer in open_offers(world.ledger, 0) if world.usable(offer[1])]
    if not found:
        return None
    offer, coin = dice.choice(found)
    back = [Output(coin.value, pay(offer.owner))] if coin.value else []
    return spend([coin], back, purse, height=world.height)


_ERRANDS: Final[Mapping[str, Errand]] = {
    "update": _update,
    "convert": _convert,
    "offer": _offer,
    "close": _close,
}
