"""What sets one chain apart from another: its name, ids, ports and rewards."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.univalue import COIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """A stretch of a chain's life with one rule for rewards, as verusd describes it.

    Attributes:
        reward: Satoshis a block pays at its start; 0 means a ramp up to the next era's.
        halving: Blocks between halvings.
        decay: As the daemon prints it; not used here.
        end: Height at which it ends; 0 for the last era.
    """

    reward: int
    halving: int
    decay: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The constants of one chain; ids are 20 bytes, ports TCP."""

    name: str
    identity: bytes
    testnet: bool
    p2p_port: int
    rpc_port: int
    magic: int
    premine: int
    eras: tuple[Era, ...]
    notary: bytes

    @property
    def chainid(self) -> str:
        """The chain's i-address."""
        return base58.encode(base58.IDENTITY, self.identity)

    def subsidy(self, height: int) -> int:
        """Return what block *height* may newly create, in satoshis."""
        at = next((n for n, era in enumerate(self.eras) if height < era.end), len(self.eras) - 1)
        era = self.eras[at]
        if era.reward == 0:
            return self.eras[at + 1].reward * height // era.end
        start = self.eras[at - 1].end if at else 0
        return era.reward >> min((height - start) // era.halving, 63)


VRSC: Final = Parameters(
    name="VRSC",
    identity=bytes.fromhex("1af5b8015c64d39ab44c60ead8317f9f5a9b6c4c"),
    testnet=False,
    p2p_port=27485,
    rpc_port=27486,
    magic=-497513811,
    premine=0,
    eras=(
        Era(reward=0, halving=1, decay=100000000, end=10080),
        Era(reward=384 * COIN, halving=43200, decay=0, end=226080),
        Era(reward=24 * COIN, halving=1051920, decay=0, end=0),
    ),
    notary=sha256(b"simulated notary of VRSC").digest()[:20],
)
"""The main chain. Its subsidy follows the three eras; the first is a ramp."""

VRSCTEST: Final = Parameters(
    name="VRSCTEST",
    identity=bytes.fromhex("a6ef9ea235635e328124ff3429db9f9e91b64e2d"),
    testnet=True,
    p2p_port=18842,
    rpc_port=18843,
    magic=-596868954,
    premine=50_000_000 * COIN,
    eras=(Era(reward=6 * COIN, halving=1051924, decay=0, end=0),),
    notary=sha256(b"simulated notary of VRSCTEST").digest()[:20],
)
"""The public test chain: one era, and a first block that pays the premine."""


def parameters(name: str) -> Parameters:
    """Return the constants of the chain *name*; an unknown name is a chain of its own."""
    for known in (VRSC, VRSCTEST):
        if name.upper() == known.name:
            return known
    seed = sha256(f"simulated chain {name}".encode()).digest()
    return Parameters(
        name=name,
        identity=seed[:20],
        testnet=True,
        p2p_port=20000 + seed[20] * 100,
        rpc_port=20001 + seed[20] * 100,
        magic=int.from_bytes(seed[21:25], signed=True),
        premine=0,
        eras=(Era(reward=6 * COIN, halving=1051924, decay=0, end=0),),
        notary=VRSC.identity,
    )
