"""The simulated chain: blocks that follow from a seed, grow, and are abandoned in a reorg."""

from random import Random
from typing import Final

from verus_gateway.simulator import genesis
from verus_gateway.simulator.blocks import SPACING, Block, forge
from verus_gateway.simulator.currencies import baskets
from verus_gateway.simulator.errands import World, errand
from verus_gateway.simulator.ledger import Ledger
from verus_gateway.simulator.market import MADE, SPENT, settle, settles
from verus_gateway.simulator.mempool import Mempool, Refused, Waiting
from verus_gateway.simulator.parameters import parameters
from verus_gateway.simulator.payments import choose, keys, payment, payments, reward
from verus_gateway.simulator.transactions import Outpoint, Output, Transaction

ALREADY_IN_CHAIN: Final = -27


class Chain:
    """A chain in memory. The same seed and name give the same blocks, whenever it runs.

    Block 0 to *height* exist from the start, sixty seconds apart, the newest a minute before
    *now*. Only ``time`` depends on the clock; hashes, ids, addresses and amounts do not.

    Attributes:
        parameters: Name, ids, ports and rewards.
        keys: The secret keys of everybody, by R-address; they guard nothing.
        people: The R-addresses that own everything.
        ledger: Outputs and address histories of the active branch.
        mempool: What the next block will hold.
        branch: How many reorgs there were.
    """

    def __init__(self, seed: int, name: str = "VRSC", *, height: int = 0, now: float = 0) -> None:
        self.parameters = parameters(name)
        self.keys = keys(seed, name)
        self.people = tuple(self.keys)
        self.ledger = Ledger()
        self.mempool = Mempool(self.ledger, made=MADE, spent=SPENT)
        self.branch = 0
        self._seed = seed
        self._active: list[Block] = []
        self._known: dict[str, Block] = {}
        self._lost: list[Block] = []
        start = int(now) - SPACING * (height + 1)
        for number in range(height + 1):
            self.mine(start + SPACING * number)

    def __repr__(self) -> str:
        name, waiting = self.parameters.name, len(self.mempool)
        return f"<Chain {name}, height {self.height}, branch {self.branch}, {waiting} waiting>"

    @property
    def height(self) -> int:
        """Height of the newest block."""
        return len(self._active) - 1

    @property
    def tip(self) -> Block:
        """The newest block."""
        return self._active[-1]

    def at(self, height: int) -> Block:
        """Return the active block at *height*.

        Raises:
            IndexError: there is none.
        """
        if height < 0:
            raise IndexError(height)
        return self._active[height]

    def block(self, name: str) -> Block | None:
        """Return the block with this hash, active or abandoned."""
        return self._known.get(name)

    def following(self, block: Block) -> Block | None:
        """Return the active block above an active *block*."""
        known = self.active(block) and block.height < self.height
        return self._active[block.height + 1] if known else None

    def active(self, block: Block) -> bool:
        """Whether *block* is on the main chain."""
        return block.height <= self.height and self._active[block.height].hash == block.hash

    def confirmations(self, block: Block) -> int:
        """Count the blocks from *block* to the tip, both included; -1 off the main chain."""
        return self.height - block.height + 1 if self.active(block) else -1

    def tips(self) -> list[tuple[Block, int]]:
        """Return the ends of all branches, highest first, with the length off the main chain."""
        ends = [(self.tip, 0)] + [(block, self._off_main(block)) for block in self._lost]
        return sorted(ends, key=lambda end: -end[0].height)

    def find(self, txid: str) -> tuple[Transaction, Block | None] | None:
        """Return a transaction and its block, or without one where it waits."""
        waiting = self.mempool.waiting.get(txid)
        if waiting is not None:
            return waiting.transaction, None
        block = self.ledger.located.get(txid)
        if block is None:
            return None
        return next(each for each in block.transactions if each.txid == txid), block

    def output(self, outpoint: Outpoint) -> Output:
        """Return an output that exists, spent or not, in a block or waiting.

        Raises:
            LookupError: there is none.
        """
        found = self.find(outpoint[0])
        if found is None:
            raise LookupError(f"no transaction {outpoint[0]}")
        return found[0].outputs[outpoint[1]]

    def balance(self, address: str) -> int:
        """Return what an address owns in blocks, in satoshis."""
        return sum(delta.satoshis for delta in self.ledger.deltas(address))

    def mine(self, now: float) -> Block:
        """Put everything that waits into a new block, and think of new payments."""
        height = self.height + 1
        waiting = self.mempool.drain()
        block = self._forge(height, waiting, int(now))
        self._active.append(block)
        self._known[block.hash] = block
        self.ledger.connect(block)
        dice = Random(f"{self._seed} {block.hash}")
        wanted = payments(dice, self.people, self.ledger, self.mempool, height=height + 1)
        for transaction in wanted:
            self.mempool.add(transaction, height=height, time=block.time)
        self._run_errand(block)
        return block

    def reorg(self, depth: int = 1, *, grow: int = 0, now: float = 0) -> list[Block]:
        """Replace the *depth* newest blocks by others, and add *grow* on top.

        What was paid in the abandoned blocks is paid again in the first new one, as far as its
        money still exists.

        Raises:
            ValueError: *depth* below 1 or not below the height, or *grow* below 0.
        """
        if not 1 <= depth <= self.height:
            raise ValueError(f"depth must be from 1 to {self.height}, the height of the chain")
        if grow < 0:
            raise ValueError("grow must not be negative")
        lost = self._active[-depth:]
        for block in reversed(lost):
            self.ledger.disconnect(block)
            self._active.pop()
        self._lost.append(lost[-1])
        self.branch += 1
        self._refill(lost)
        times: list[float] = [block.time for block in lost]
        return [self.mine(time) for time in times + [now] * grow]

    def draft(self) -> Transaction:
        """Return a payment that nobody has sent yet, ready for ``sendrawtransaction``.

        Raises:
            LookupError: nothing can be spent: the chain is shorter than a coinbase's maturity.
        """
        dice = Random(f"{self._seed} draft {self.tip.hash} {list(self.mempool.waiting)}")
        for _ in range(self.height + 1):
            coin = choose(dice, self.ledger, self.mempool, height=self.height + 1)
            if coin is not None:
                receiver = dice.choice(self.people)
                return payment(coin, receiver, dice.random(), height=self.height + 1)
        raise LookupError("nothing to spend yet: mine more blocks")

    def send(self, transaction: Transaction, *, now: float) -> str:
        """Take a transaction as a client sent it and return its id.

        One that waits already is taken again without effect, as verusd relays it once more.

        Raises:
            Refused: -27 where it is in a block already, or as `Mempool.add` refuses.
        """
        if transaction.txid in self.ledger.located:
            raise Refused(ALREADY_IN_CHAIN, "transaction already in block chain")
        if transaction.txid not in self.mempool.waiting:
            self.mempool.add(transaction, height=self.height, time=int(now))
        return transaction.txid

    def _forge(self, height: int, waiting: list[Waiting], now: int) -> Block:
        salt = f"{self._seed} {self.parameters.name} {self.branch} {height}"
        imports = self._imports(height)
        paid = sum(entry.fee for entry in waiting) + sum(map(self._left, imports))
        value = self.parameters.subsidy(height) + paid
        if height == 1:
            value += self.parameters.premine
        miner = Random(f"miner {salt}").choice(self.people)
        more = () if height else genesis.outputs(self.parameters, self.people)
        transactions = [reward(height, value, miner, salt, more)]
        transactions += [entry.transaction for entry in waiting]
        transactions += imports
        below = self._active[-1] if self._active else None
        time = now if below is None else max(now, below.time + 1)
        return forge(below, transactions, time=time, salt=salt)

    def _run_errand(self, block: Block) -> None:
        world = World(
            parameters=self.parameters,
            people=self.people,
            ledger=self.ledger,
            mempool=self.mempool,
            height=block.height + 1,
        )
        wanted = errand(Random(f"{self._seed} errand {block.hash}"), world)
        if wanted is not None:
            self.mempool.add(wanted, height=block.height, time=block.time)

    def _left(self, transaction: Transaction) -> int:
        spent = [self.ledger.unspent[each.txid, each.n] for each in transaction.inputs]
        given = sum(paid.value for paid in transaction.outputs)
        return sum(coin.value for coin in spent) - given

    def _imports(self, height: int) -> list[Transaction]:
        own = self.parameters.chainid
        found = (settle(self.ledger, b.address, height, own) for b in baskets(self.parameters))
        return [transaction for transaction in found if transaction is not None]

    def _refill(self, lost: list[Block]) -> None:
        again = [(each, block.time) for block in lost for each in block.transactions[1:]]
        again = [entry for entry in again if not settles(entry[0])]
        again += [(entry.transaction, entry.time) for entry in self.mempool.drain()]
        for transaction, time in again:
            try:
                self.mempool.add(transaction, height=self.height, time=time)
            except Refused:
                continue  # it spent what no longer exists

    def _off_main(self, block: Block) -> int:
        length = 0
        while not self.active(block):
            block = self._known[block.previous]
            length += 1
        return length
