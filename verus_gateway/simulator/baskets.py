"""The state of a basket: its supply and reserves, what conversions do to them, and its bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.currencies import Currency
from verus_gateway.simulator.scripts import Smart, smart, understand
from verus_gateway.simulator.stream import Reader, amount, blob, size, word
from verus_gateway.simulator.univalue import COIN

NOTARIZATION: Final = 5
"""verusd's evaluation code of an output that holds the state of a currency."""
FEE: Final = Decimal("0.00025")
"""Share that a conversion into or out of the basket leaves in the reserves."""
_EXACT: Final = Context(prec=40)
_KEY: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """One reserve of a basket, in satoshis; all but *held* is since the state before.

    Attributes:
        currency: Its i-address.
        weight: Its share in the basket's value.
        held: What the basket owns.
        taken: What conversions brought.
        given: What conversions paid out.
        primary: What of the basket's own currency was converted into it.
        fees: What of *taken* was a fee.
        before: Its price in the state before, in satoshis.
    """

    currency: str
    weight: Decimal
    held: int
    taken: int = 0
    given: int = 0
    primary: int = 0
    fees: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a basket owns and has issued after block *height*, in satoshis.

    *issued* is what conversions added to the supply since the state before, below zero where
    they took from it.
    """

    basket: str
    height: int
    supply: int
    initial: int
    reserves: tuple[Reserve, ...]
    issued: int = 0

    def price(self, reserve: Reserve) -> int:
        """Return what one unit of the basket's currency costs in *reserve*, in satoshis."""
        return int(_EXACT.divide(Decimal(reserve.held * COIN), self.supply * reserve.weight))

    @property
    def script(self) -> bytes:
        """The script of the output that holds it."""
        return smart(Smart(NOTARIZATION, self.basket, pack(self)))


@dataclass(frozen=True, slots=True)
class Conversion:
    """A wish to turn satoshis of *source* into *target*, each an i-address."""

    source: str
    target: str
    satoshis: int


class Unconvertible(Exception):
    """A basket cannot do a conversion: it holds one of the currencies not, or too little."""


def launch(currency: Currency) -> State:
    """Return the state that a basket starts with."""
    reserves = tuple(
        Reserve(currency=address, weight=weight, held=held)
        for (address, weight), held in zip(currency.reserves, currency.endowment, strict=True)
    )
    state = State(
        basket=currency.address,
        height=0,
        supply=currency.supply,
        initial=currency.supply,
        reserves=reserves,
    )
    priced = tuple(replace(reserve, before=state.price(reserve)) for reserve in reserves)
    return replace(state, reserves=priced)


def follow(state: State, height: int) -> State:
    """Return the state with nothing converted yet that a block at *height* starts from."""
    reserves = tuple(
        Reserve(
            currency=reserve.currency,
            weight=reserve.weight,
            held=reserve.held,
            before=state.price(reserve),
        )
        for reserve in state.reserves
    )
    return replace(state, height=height, reserves=reserves, issued=0)


def convert(state: State, wish: Conversion) -> tuple[State, int]:
    """Return the state after a conversion, and the satoshis of the target that it pays.

    Conversions of one block are done one after another; verusd gives all of them one price.

    Raises:
        Unconvertible: the basket does not hold both currencies, or too little of one.
    """
    if wish.source == wish.target or wish.satoshis < 1:
        raise Unconvertible
    if wish.source == state.basket:
        return _sell(state, wish.target, wish.satoshis, source=None)
    bought, units = _buy(state, wish.source, wish.satoshis, keep=wish.target == state.basket)
    if wish.target == state.basket:
        return bought, units
    return _sell(bought, wish.target, units, source=wish.source)


def _buy(state: State, source: str, satoshis: int, *, keep: bool) -> tuple[State, int]:
    at = _place(state, source)
    reserve = state.reserves[at]
    fee = int(satoshis * FEE * (1 if keep else 2))
    grown = _EXACT.divide(Decimal(reserve.held + satoshis - fee), Decimal(reserve.held))
    units = int(state.supply * (_EXACT.power(grown, reserve.weight) - 1))
    if units < 1:
        raise Unconvertible
    changed = replace(
        reserve,
        held=reserve.held + satoshis,
        taken=reserve.taken + satoshis - fee,
        fees=reserve.fees + fee,
    )
    issued = replace(state, supply=state.supply + units, issued=state.issued + units)
    return _with(issued, at, changed), units


def _sell(state: State, target: str, units: int, *, source: str | None) -> tuple[State, int]:
    at = _place(state, target)
    reserve = state.reserves[at]
    net = units if source else units - int(units * FEE)
    if net >= state.supply:
        raise Unconvertible
    left = _EXACT.divide(Decimal(state.supply - net), Decimal(state.supply))
    shrunk = _EXACT.power(left, _EXACT.divide(Decimal(1), reserve.weight))
    paid = int(reserve.held * (1 - shrunk))
    if not 0 < paid < reserve.held:
        raise Unconvertible
    changed = replace(
        reserve,
        held=reserve.held - paid,
        given=reserve.given + paid,
        primary=reserve.primary + (0 if source else units),
    )
    redeemed = replace(state, supply=state.supply - units, issued=state.issued - units)
    return _with(redeemed, at, changed), paid


def _place(state: State, currency: str) -> int:
    for at, reserve in enumerate(state.reserves):
        if reserve.currency == currency:
            return at
    raise Unconvertible


def _with(state: State, at: int, reserve: Reserve) -> State:
    reserves = (*state.reserves[:at], reserve, *state.reserves[at + 1 :])
    return replace(state, reserves=reserves)


def pack(state: State) -> bytes:
    """Serialise a state; the form is the simulator's own."""
    parts = [base58.decode(state.basket)[1], word(state.height)]
    parts += map(amount, (state.supply, state.initial, state.issued))
    parts.append(size(len(state.reserves)))
    for each in state.reserves:
        parts += [base58.decode(each.currency)[1], blob(str(each.weight).encode())]
        moved = (each.held, each.taken, each.given, each.primary, each.fees, each.before)
        parts += map(amount, moved)
    return b"".join(parts)


def read(script: bytes) -> State | None:
    """Return the state that an output holds, or None."""
    found = understand(script)
    if found is None or found.kind != NOTARIZATION:
        return None
    reader = Reader(found.payload)
    try:
        return _unpack(reader)
    except (ValueError, ArithmeticError):
        return None


def _unpack(reader: Reader) -> State:
    basket, height = base58.encode(base58.IDENTITY, reader.take(_KEY)), reader.word()
    supply, initial, issued = reader.amount(), reader.amount(), reader.amount()
    reserves: Sequence[Reserve] = [_reserve(reader) for _ in range(reader.size())]
    return State(
        basket=basket,
        height=height,
        supply=supply,
        initial=initial,
        issued=issued,
        reserves=tuple(reserves),
    )


def _reserve(reader: Reader) -> Reserve:
    return Reserve(
        currency=base58.encode(base58.IDENTITY, reader.take(_KEY)),
        weight=Decimal(reader.blob().decode()),
        held=reader.amount(),
        taken=reader.amount(),
        given=reader.amount(),
        primary=reader.amount(),
        fees=reader.amount(),
        before=reader.amount(),
    )
