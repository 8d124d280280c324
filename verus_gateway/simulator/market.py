"""Conversions: transfers that people send to a basket, and the block's answer to them."""

from dataclasses import dataclass
from typing import Final

from verus_gateway.simulator import base58, stream
from verus_gateway.simulator.baskets import (
    NOTARIZATION,
    Conversion,
    State,
    Unconvertible,
    convert,
    follow,
)
from verus_gateway.simulator.baskets import read as read_state
from verus_gateway.simulator.ledger import Coin, Ledger
from verus_gateway.simulator.scripts import Smart, pay, smart, understand
from verus_gateway.simulator.stream import Reader
from verus_gateway.simulator.tokens import (
    RESERVE_DEPOSIT,
    RESERVE_TRANSFER,
    deposit,
    pay_tokens,
)
from verus_gateway.simulator.transactions import Input, Output, Transaction, build

EXPORT: Final = 11
IMPORT: Final = 12
TRANSFER_FEE: Final = 20_000
"""Satoshis of the chain's own currency that a transfer leaves to the miner."""
MADE: Final = frozenset({NOTARIZATION, RESERVE_DEPOSIT, EXPORT, IMPORT})
"""Kinds of outputs that only a block's own transactions may have."""
SPENT: Final = MADE | {RESERVE_TRANSFER}
"""Kinds of outputs that only a block's own transactions may spend."""
EXPORT_AT: Final = 3
"""Number of the output of an import that is the export it answers."""
STATE_AT: Final = 1
"""Number of the output of an import that holds the basket's new state."""
_KEY: Final = 20


@dataclass(frozen=True, slots=True)
class Transfer:
    """A wish on its way to a basket, and who gets what comes out."""

    basket: str
    wish: Conversion
    receiver: str

    @property
    def script(self) -> bytes:
        """The script of the output that carries it."""
        payload = base58.decode(self.wish.source)[1] + base58.decode(self.wish.target)[1]
        payload += stream.amount(self.wish.satoshis) + stream.blob(self.receiver.encode())
        return smart(Smart(RESERVE_TRANSFER, self.basket, payload))


def read_transfer(script: bytes) -> Transfer | None:
    """Return the transfer that an output carries, or None."""
    found = understand(script)
    if found is None or found.kind != RESERVE_TRANSFER:
        return None
    reader = Reader(found.payload)
    try:
        source, target = (base58.encode(base58.IDENTITY, reader.take(_KEY)) for _ in range(2))
        wish = Conversion(source, target, reader.amount())
        return Transfer(found.address, wish, reader.blob().decode())
    except ValueError:
        return None


def pending(ledger: Ledger, basket: str) -> list[Coin]:
    """Return the transfers to a basket that are in blocks and wait for their import."""
    return [coin for coin in ledger.held(RESERVE_TRANSFER) if coin.address == basket]


def states(ledger: Ledger, basket: str) -> list[tuple[State, Coin]]:
    """Return every state a basket has had, oldest first, and the output that holds it."""
    found = [(read_state(coin.script), coin) for coin in ledger.ever(basket)]
    return [(state, coin) for state, coin in found if state is not None]


def state_at(ledger: Ledger, basket: str, height: int) -> tuple[State, Coin] | None:
    """Return the state of a basket after block *height*, or None before its launch."""
    known = [(state, coin) for state, coin in states(ledger, basket) if coin.height <= height]
    return known[-1] if known else None


def settles(transaction: Transaction) -> bool:
    """Whether a transaction is an import."""
    first = understand(transaction.outputs[0].script)
    return first is not None and first.kind == IMPORT


def settle(ledger: Ledger, basket: str, height: int, own: str) -> Transaction | None:
    """Return the import of block *height* for a basket, or None where nothing waits for one.

    It spends the transfers, the deposit and the state before. What a basket cannot convert
    it gives back. *own* is the chain's own currency, which outputs hold as their value.
    """
    waiting = pending(ledger, basket)
    kept = [c for c in ledger.held(RESERVE_DEPOSIT) if c.address == basket]
    notarized = [(read_state(c.script), c) for c in ledger.held(NOTARIZATION)]
    before = [(s, c) for s, c in notarized if s is not None and s.basket == basket]
    if not waiting or not kept or not before:
        return None
    state, payouts = follow(before[0][0], height), []
    for transfer in filter(None, (read_transfer(coin.script) for coin in waiting)):
        state, payout = _serve(state, transfer, own)
        payouts.append(payout)
    held = {each.currency: each.held for each in state.reserves}
    inputs = [Input(coin.txid, coin.n, b"") for coin in (*waiting, *kept, before[0][1])]
    note = stream.word(height) + stream.word(len(waiting))
    outputs = [
        Output(0, smart(Smart(IMPORT, basket, note))),
        Output(0, state.script),
        Output(held.pop(own, 0), deposit(basket, held)),
        Output(0, smart(Smart(EXPORT, basket, note))),
        *payouts,
    ]
    return build(inputs, outputs)


def _serve(state: State, transfer: Transfer, own: str) -> tuple[State, Output]:
    currency = transfer.wish.target
    try:
        state, value = convert(state, transfer.wish)
    except Unconvertible:
        currency, value = transfer.wish.source, transfer.wish.satoshis
    if currency == own:
        return state, Output(value, pay(transfer.receiver))
    return state, Output(0, pay_tokens(transfer.receiver, currency, value))
