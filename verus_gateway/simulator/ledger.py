"""Who owns what: unspent outputs, spends, and the history of every address."""

from dataclasses import dataclass
from typing import Final

from verus_gateway.simulator.blocks import Block
from verus_gateway.simulator.scripts import payee, understand
from verus_gateway.simulator.transactions import Outpoint, Transaction

MATURITY: Final = 100
"""Blocks before a coinbase may be spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """An output that was paid on the chain; *address* is None for scripts of other kinds."""

    txid: str
    n: int
    value: int
    script: bytes
    address: str | None
    height: int
    coinbase: bool

    @property
    def outpoint(self) -> Outpoint:
        """Where it is."""
        return self.txid, self.n

    def matured(self, height: int) -> bool:
        """Whether a transaction in block *height* may spend it."""
        return not self.coinbase or height - self.height >= MATURITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What ended a coin's life."""

    coin: Coin
    txid: str
    n: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """One change of an address: *spending* by input *n*, or paid by output *n*."""

    address: str | None
    satoshis: int
    script: bytes
    txid: str
    n: int
    position: int
    height: int
    time: int
    spending: bool


class Ledger:
    """The outputs and addresses of the active branch, moved block by block, both ways."""

    def __init__(self) -> None:
        self.unspent: dict[Outpoint, Coin] = {}
        self.spends: dict[Outpoint, Spend] = {}
        self.located: dict[str, Block] = {}
        self.purse: list[Outpoint] = []
        self._deltas: dict[str, list[Delta]] = {}
        self._smart: dict[int, dict[Outpoint, Coin]] = {}

    def deltas(self, address: str) -> list[Delta]:
        """Return an address's changes, oldest first."""
        return self._deltas.get(address, [])

    def coins(self, address: str) -> list[Coin]:
        """Return an address's unspent outputs, oldest first."""
        paid = [delta for delta in self.deltas(address) if (delta.txid, delta.n) in self.unspent]
        return [self.unspent[delta.txid, delta.n] for delta in paid if not delta.spending]

    def ever(self, address: str) -> list[Coin]:
        """Return all outputs that an address was ever paid, spent or not, oldest first."""
        paid = [(delta.txid, delta.n) for delta in self.deltas(address) if not delta.spending]
        return [self.unspent.get(each) or self.spends[each].coin for each in paid]

    def held(self, kind: int) -> list[Coin]:
        """Return the unspent smart outputs of one kind, oldest first."""
        coins = self._smart.get(kind, {}).values()
        return sorted(coins, key=lambda coin: (coin.height, coin.txid, coin.n))

    def supply(self, height: int) -> int:
        """Return the satoshis that existed after block *height*."""
        alive = sum(coin.value for coin in self.unspent.values() if coin.height <= height)
        ended = self.spends.values()
        return alive + sum(
            spend.coin.value for spend in ended if spend.coin.height <= height < spend.height
        )

    def connect(self, block: Block) -> None:
        """Apply the newest block."""
        for position, transaction in enumerate(block.transactions):
            self.located[transaction.txid] = block
            if not transaction.coinbase:
                self._spend(transaction, block, position)
            self._pay(transaction, block, position)

    def disconnect(self, block: Block) -> None:
        """Take the newest block back."""
        touched: set[str | None] = set()
        for transaction in reversed(block.transactions):
            del self.located[transaction.txid]
            for n in range(len(transaction.outputs)):
                touched.add(self._end((transaction.txid, n)).address)
            for spent in () if transaction.coinbase else transaction.inputs:
                coin = self.spends.pop((spent.txid, spent.n)).coin
                self._begin(coin)
                touched.add(coin.address)
        for address in touched - {None}:
            history = self._deltas[str(address)]
            while history and history[-1].height == block.height:
                history.pop()

    def _spend(self, transaction: Transaction, block: Block, position: int) -> None:
        for n, spent in enumerate(transaction.inputs):
            coin = self._end((spent.txid, spent.n))
            self.spends[coin.outpoint] = Spend(
                coin=coin, txid=transaction.txid, n=n, height=block.height
            )
            self._note(coin, block, (transaction.txid, n, position), spending=True)

    def _pay(self, transaction: Transaction, block: Block, position: int) -> None:
        for n, paid in enumerate(transaction.outputs):
            coin = Coin(
                txid=transaction.txid,
                n=n,
                value=paid.value,
                script=paid.script,
                address=payee(paid.script),
                height=block.height,
                coinbase=transaction.coinbase,
            )
            self._begin(coin)
            self._note(coin, block, (transaction.txid, n, position), spending=False)

    def _begin(self, coin: Coin) -> None:
        self.unspent[coin.outpoint] = coin
        found = understand(coin.script)
        if found is None:
            self.purse.append(coin.outpoint)
        else:
            self._smart.setdefault(found.kind, {})[coin.outpoint] = coin

    def _end(self, outpoint: Outpoint) -> Coin:
        coin = self.unspent.pop(outpoint)
        found = understand(coin.script)
        if found is not None:
            del self._smart[found.kind][outpoint]
        return coin

    def _note(
        self, coin: Coin, block: Block, where: tuple[str, int, int], *, spending: bool
    ) -> None:
        if coin.address is None:
            return
        txid, n, position = where
        delta = Delta(
            address=coin.address,
            satoshis=-coin.value if spending else coin.value,
            script=coin.script,
            txid=txid,
            n=n,
            position=position,
            height=block.height,
            time=block.time,
            spending=spending,
        )
        self._deltas.setdefault(coin.address, []).append(delta)
