"""Offers on the chain: an output that holds what is offered until somebody takes it back."""

from dataclasses import dataclass
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.ledger import Coin, Ledger
from verus_gateway.simulator.scripts import Smart, smart, understand
from verus_gateway.simulator.stream import Reader, amount, word

KIND: Final = 0x17
"""Evaluation code of an offer; verusd keeps offers in partial transactions instead."""
_KEY: Final = 20


@dataclass(frozen=True, slots=True)
class Good:
    """One side of an offer: satoshis of a currency, or an identity where *satoshis* is 0."""

    address: str
    satoshis: int

    @property
    def identity(self) -> bool:
        """Whether it is an identity."""
        return not self.satoshis


@dataclass(frozen=True, slots=True)
class Offer:
    """*offered* for *asked*, good until block *expiry*; *owner* gets the coin back."""

    owner: str
    offered: Good
    asked: Good
    expiry: int

    @property
    def script(self) -> bytes:
        """The script of the output that holds it."""
        payload = _pack(self.offered) + _pack(self.asked) + word(self.expiry)
        return smart(Smart(KIND, self.owner, payload))


def read(script: bytes) -> Offer | None:
    """Return the offer that an output holds, or None."""
    found = understand(script)
    if found is None or found.kind != KIND:
        return None
    reader = Reader(found.payload)
    try:
        return Offer(found.address, _unpack(reader), _unpack(reader), reader.word())
    except ValueError:
        return None


def open_offers(ledger: Ledger, height: int) -> list[tuple[Offer, Coin]]:
    """Return all offers that a block after *height* could take, oldest first."""
    found = [(read(coin.script), coin) for coin in ledger.held(KIND)]
    return [(offer, coin) for offer, coin in found if offer is not None and offer.expiry > height]


def _pack(good: Good) -> bytes:
    return base58.decode(good.address)[1] + amount(good.satoshis)


def _unpack(reader: Reader) -> Good:
    return Good(base58.encode(base58.IDENTITY, reader.take(_KEY)), reader.amount())
