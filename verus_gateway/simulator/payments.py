"""The people of the simulated chain: their addresses, and the payments they make."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256, shake_256
from random import Random
from typing import Final

from verus_gateway.simulator.curve import public_key
from verus_gateway.simulator.ledger import Coin, Ledger
from verus_gateway.simulator.mempool import Mempool
from verus_gateway.simulator.scripts import owner, pay
from verus_gateway.simulator.transactions import (
    COINBASE_INDEX,
    NOWHERE,
    Input,
    Output,
    Transaction,
    build,
)

PEOPLE: Final = 24
FEE: Final = 10_000
"""Satoshis a payment leaves to the miner."""
EXPIRY: Final = 20
"""Blocks after which a payment would expire."""

_TRIES: Final = 12
_MOST_PAYMENTS: Final = 3


@lru_cache(maxsize=16)
def keys(seed: int, chain: str) -> Mapping[str, bytes]:
    """Return the secret key of each R-address that owns the chain's coins, in their order."""
    secrets = [sha256(f"{seed} {chain} person {n}".encode()).digest() for n in range(PEOPLE)]
    return {owner(public_key(secret)): secret for secret in secrets}


def reward(
    height: int, value: int, miner: str, salt: str, more: Sequence[Output] = ()
) -> Transaction:
    """Return the coinbase of block *height*; the first block's pays *more*."""
    number = height.to_bytes((height.bit_length() + 8) // 8, "little")
    script = bytes([len(number)]) + number + b"\x14" + sha256(salt.encode()).digest()[:20]
    spent = Input(NOWHERE, COINBASE_INDEX, script, 0xFFFFFFFF)
    return build([spent], [Output(value, pay(miner)), *more])


def payment(coin: Coin, receiver: str, share: float, *, height: int) -> Transaction:
    """Spend *coin*: a share of it to *receiver*, the change back, both above zero."""
    rest = coin.value - FEE
    value = min(max(int(rest * share), 1), rest - 1)
    signature = shake_256(f"{coin.txid} {coin.n} {value}".encode()).digest(71)
    key = b"\x02" + sha256(coin.script).digest()
    script = bytes([len(signature)]) + signature + bytes([len(key)]) + key
    outputs = [Output(value, pay(receiver)), Output(rest - value, coin.script)]
    return build([Input(coin.txid, coin.n, script)], outputs, expiry=height + EXPIRY)


def choose(dice: Random, ledger: Ledger, mempool: Mempool, *, height: int) -> Coin | None:
    """Pick a coin that block *height* may spend, or None where luck or money is short."""
    purse = ledger.purse
    for _ in range(min(_TRIES, len(purse))):
        at = dice.randrange(len(purse))
        coin = ledger.unspent.get(purse[at])
        if coin is None:
            purse[at] = purse[-1]
            purse.pop()
        elif _usable(coin, mempool, height):
            return coin
    return None


def payments(
    dice: Random, persons: Sequence[str], ledger: Ledger, mempool: Mempool, *, height: int
) -> list[Transaction]:
    """Return what people want paid in block *height*; no two spend the same coin."""
    wanted: dict[str, Transaction] = {}
    for _ in range(dice.randint(0, _MOST_PAYMENTS)):
        coin = choose(dice, ledger, mempool, height=height)
        receiver, share = dice.choice(persons), dice.random()
        if coin is not None:
            made = payment(coin, receiver, share, height=height)
            wanted.setdefault(f"{coin.txid} {coin.n}", made)
    return list(wanted.values())


def _usable(coin: Coin, mempool: Mempool, height: int) -> bool:
    return (
        coin.address is not None
        and coin.value > 2 * FEE
        and coin.matured(height)
        and not mempool.reserved(coin.outpoint)
    )
