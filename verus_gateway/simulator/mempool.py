"""Transactions that wait for a block."""

from dataclasses import dataclass
from typing import Final

from verus_gateway.simulator.ledger import Ledger
from verus_gateway.simulator.scripts import understand
from verus_gateway.simulator.transactions import Outpoint, Transaction

EXPIRING_SOON: Final = 3
"""Blocks a transaction must have left before its expiry height."""
UNSATISFIED: Final = (
    "16: mandatory-script-verify-flag-failed "
    "(Script evaluated without error but finished with a false/empty top stack element)"
)


class Refused(Exception):
    """A transaction the chain does not take, with verusd's code and text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction in the memory pool; *fee* in satoshis, *time* in Unix seconds."""

    transaction: Transaction
    fee: int
    time: int
    height: int


class Mempool:
    """What will be in the next block, in the order of arrival.

    Smart outputs of some kinds are *made*, and of some kinds *spent*, by a block's own
    transactions only.
    """

    def __init__(self, ledger: Ledger, *, made: frozenset[int], spent: frozenset[int]) -> None:
        self._made = made
        self._spent = spent
        self.waiting: dict[str, Waiting] = {}
        self._ledger = ledger
        self._reserved: set[Outpoint] = set()

    def __len__(self) -> int:
        return len(self.waiting)

    def reserved(self, outpoint: Outpoint) -> bool:
        """Whether a waiting transaction spends *outpoint*."""
        return outpoint in self._reserved

    def add(self, transaction: Transaction, *, height: int, time: int) -> None:
        """Take a transaction in; *height* is the tip's.

        Raises:
            Refused: -25 where an input does not exist, -26 where it is spent by another waiting
                transaction, immature, overspent or about to expire.
        """
        for parts, name in ((transaction.inputs, "vin"), (transaction.outputs, "vout")):
            if not parts:
                raise Refused(-26, f"16: bad-txns-{name}-empty")
        if any(_kind(paid.script) in self._made for paid in transaction.outputs):
            raise Refused(-26, UNSATISFIED)
        if 0 < transaction.expiry < height + 1 + EXPIRING_SOON:
            raise Refused(
                -26,
                f"tx-expiring-soon: expiryheight is {transaction.expiry} but should be at least "
                f"{height + 1 + EXPIRING_SOON} to avoid transaction expiring soon",
            )
        fee = self._funds(transaction, height) - sum(paid.value for paid in transaction.outputs)
        if fee < 0:
            raise Refused(-26, "16: bad-txns-in-belowout")
        self._reserved.update((spent.txid, spent.n) for spent in transaction.inputs)
        self.waiting[transaction.txid] = Waiting(transaction, fee, time, height)

    def drain(self) -> list[Waiting]:
        """Give everything to a block."""
        waiting = list(self.waiting.values())
        self.waiting.clear()
        self._reserved.clear()
        return waiting

    def _funds(self, transaction: Transaction, height: int) -> int:
        total = 0
        outpoints = {(spent.txid, spent.n) for spent in transaction.inputs}
        if len(outpoints) < len(transaction.inputs):
            raise Refused(-26, "16: bad-txns-inputs-duplicate")
        for outpoint in outpoints:
            if outpoint in self._reserved:
                raise Refused(-26, "18: txn-mempool-conflict")
            coin = self._ledger.unspent.get(outpoint)
            if coin is not None and _kind(coin.script) in self._spent:
                raise Refused(-26, UNSATISFIED)
            if coin is None:
                total += self._waiting_value(outpoint)
            elif not coin.matured(height + 1):
                raise Refused(-26, "16: bad-txns-premature-spend-of-coinbase")
            else:
                total += coin.value
        return total

    def _waiting_value(self, outpoint: Outpoint) -> int:
        parent = self.waiting.get(outpoint[0])
        if parent is None or outpoint[1] >= len(parent.transaction.outputs):
            raise Refused(-25, "Missing inputs")
        return parent.transaction.outputs[outpoint[1]].value


def _kind(script: bytes) -> int | None:
    found = understand(script)
    return None if found is None else found.kind
