"""The currencies of a simulated chain: its own, two tokens, and two baskets that convert them."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from verus_gateway.simulator.names import Named
from verus_gateway.simulator.parameters import Parameters
from verus_gateway.simulator.univalue import COIN

TOKEN: Final = 32
BASKET: Final = 33
"""verusd's options of a currency that other currencies are the reserves of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency(Named):
    """A token or a basket.

    Attributes:
        path: With its parents, as verusd calls it.
        supply: Satoshis at its launch.
        reserves: From i-address to weight, for a basket.
        endowment: Satoshis of each reserve at its launch.
    """

    path: str
    supply: int
    reserves: tuple[tuple[str, Decimal], ...] = ()
    endowment: tuple[int, ...] = ()

    @property
    def basket(self) -> bool:
        """Whether it has reserves."""
        return bool(self.reserves)


@lru_cache(maxsize=16)
def currencies(parameters: Parameters) -> tuple[Currency, ...]:
    """Return all currencies of a chain but its own."""
    own, chain = parameters.chainid, parameters.identity
    ether = Currency(name="vETH", parent=chain, path="vETH", supply=1_000 * COIN)
    dollar = Currency(name="DAI", parent=ether.id, path="DAI.vETH", supply=1_000_000 * COIN)
    half, quarter = Decimal("0.5"), Decimal("0.25")
    return (
        ether,
        dollar,
        Currency(
            name="simpool",
            parent=chain,
            path="simpool",
            supply=20_000 * COIN,
            reserves=((own, half), (dollar.address, half)),
            endowment=(10_000 * COIN, 20_000 * COIN),
        ),
        Currency(
            name="Bridge",
            parent=ether.id,
            path="Bridge.vETH",
            supply=40_000 * COIN,
            reserves=((own, half), (dollar.address, quarter), (ether.address, quarter)),
            endowment=(20_000 * COIN, 20_000 * COIN, 10 * COIN),
        ),
    )


def baskets(parameters: Parameters) -> tuple[Currency, ...]:
    """Return the currencies of a chain that have reserves."""
    return tuple(each for each in currencies(parameters) if each.basket)
