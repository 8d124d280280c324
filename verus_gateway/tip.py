"""What the newest block is, and the generation of answers that follows from it.

A cheap poll (``getbestblockhash``; ``getblockheader`` only when the hash has changed) moves
the generation on a new block and on a reorganisation; verusd may also announce a block
(``-blocknotify``), which moves it at once and brings the next poll forward. A poll that
fails makes the tip unconfirmed: from then on nothing that depends on it counts as fresh.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Final, Protocol, TypeAlias

from verus_gateway.errors import BadAnswer, DaemonUnavailable, Reason, RpcError, WrongChain
from verus_gateway.plugin import Json, Raw, decode

Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

REMEMBERED: Final = 64
"""Hashes that were the tip: an announcement that comes late must not bring one back.

As many are known to be on the branch of the newest block.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The newest block.

    Attributes:
        hash: 64 hexadecimal digits.
        height: Blocks below it.
        time: Seconds since 1970, as its miner said.
        previous: The hash of the block below, "" for the first.
    """

    hash: str
    height: int
    time: int
    previous: str


@dataclass(frozen=True, slots=True)
class Step:
    """The tip moved."""

    old: Block | None
    new: Block
    reorg: bool


class Asked(Protocol):
    """The daemon, as far as the tip needs it."""

    async def call(self, method: str, *params: Json) -> Raw:
        """Return verusd's result, still encoded, or raise the `RpcError` that says why not."""
        ...


class Tip:
    """Follows the daemon's newest block.

    Args:
        daemon: Where to ask; its failures are the tip's.
        interval: Seconds between two polls.
        patience: Seconds that a poll may take; its failure ends the confirmation anyway.
        chain: The name that the daemon's chain must have; any where it is left out.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        daemon: Asked,
        *,
        interval: float,
        patience: float = 5.0,
        chain: str = "",
        clock: Clock = monotonic,
    ) -> None:
        self._daemon = daemon
        self._chain = chain
        self._recognised = False
        self._interval = interval
        self._lasts = 2 * interval + patience
        self._clock = clock
        self._listeners: list[Callable[[Step], None]] = []
        self.sure_until = -math.inf
        self.turn = 0
        self._hash = ""
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self._line: deque[str] = deque(maxlen=REMEMBERED)
        self._wake = asyncio.Event()
        self._heard = 0
        self._turn_listeners: list[Callable[[str], None]] = []
        self._away_listeners: list[Callable[[RpcError | None], None]] = []
        self.block: Block | None = None
        self.branch = 0
        self.away: Reason | None = None
        self.stranger = ""
        self.moved_at: float | None = None

    def __repr__(self) -> str:
        where = self.block.height if self.block else "unknown"
        return f"<Tip {where}, {'confirmed' if self.generation else 'unconfirmed'}>"

    @property
    def newest(self) -> str:
        """The hash of the newest block that was heard of, "" before the first."""
        return self._hash

    @property
    def generation(self) -> str | None:
        """The newest block's hash, or None while it is not known for sure."""
        return self._hash if self._clock() < self.sure_until else None

    @property
    def age(self) -> float | None:
        """Seconds since the tip last moved, None where it is unknown."""
        return None if self.moved_at is None else max(0.0, self._clock() - self.moved_at)

    def listen(self, listener: Callable[[Step], None]) -> None:
        """Call *listener* each time the tip moves."""
        self._listeners.append(listener)

    def listen_turn(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with each new hash that this instance hears of by itself, at once."""
        self._turn_listeners.append(listener)

    def listen_away(self, listener: Callable[[RpcError | None], None]) -> None:
        """Call *listener* with the error when the daemon goes away, with None when it is back."""
        self._away_listeners.append(listener)

    def announce(self, hash: str) -> None:
        """Take *hash* as the newest block, on verusd's own word, and look at once.

        A hash that was the tip before is a late announcement: it brings the look forward and
        moves nothing.
        """
        if hash not in self._seen:
            self._heard += 1
            self._turn_to(hash)
            self.sure_until = self._clock() + self._lasts
        self._wake.set()

    def hear(self, hash: str) -> None:
        """Take *hash* as the newest block on another instance's word, and look at once.

        What was kept is old from now on. The tip is as much confirmed as it was: that verusd
        answers is for this instance to see.
        """
        if hash not in self._seen:
            self._heard += 1
            self._hash = hash
            self.turn += 1
            self._seen.append(hash)
        self._wake.set()

    def on_branch(self, hash: str) -> bool:
        """Tell whether the block *hash* is known to be below the newest one, or is it."""
        return hash == self._hash or hash in self._line

    def doubt(self) -> None:
        """Take the tip as unconfirmed until the next poll that succeeds."""
        self.sure_until = -math.inf
        self.turn += 1

    async def poll(self) -> None:
        """Ask once; a daemon that is away leaves the tip unconfirmed, and that is all."""
        try:
            await self._ask()
        except RpcError as error:
            self.doubt()
            self._note(error)
        else:
            self._note(None)

    async def watch(self, sleep: Sleep = asyncio.sleep) -> None:
        """Poll for ever, at each interval and at each announcement."""
        while True:
            self._wake.clear()
            await self.poll()
            pause = asyncio.ensure_future(sleep(self._interval))
            woken = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait([pause, woken], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                woken.cancel()

    async def _recognise(self) -> None:
        """Ask once after each absence of the daemon which chain it has: it may be another one."""
        info = decode(await self._daemon.call("getblockchaininfo"))
        name = info.get("name") if isinstance(info, dict) else None
        if not isinstance(name, str):
            raise BadAnswer("getblockchaininfo gave no name")
        if name.casefold() != self._chain.casefold():
            self.stranger = f"the daemon's chain is {name[:64]}, not {self._chain}"
            raise WrongChain(self.stranger)
        self.stranger = ""
        self._recognised = True

    async def _ask(self) -> None:
        if self._chain and not self._recognised:
            await self._recognise()
        asked_at, heard = self._clock(), self._heard
        best = decode(await self._daemon.call("getbestblockhash"))
        if not isinstance(best, str):
            raise BadAnswer("getbestblockhash gave no text")
        if heard != self._heard and best != self._hash:
            return  # answered before the block that was announced meanwhile; the next look is due
        # Before anything else is awaited: what was kept under the old tip is old from now on.
        same = best == self._hash
        self._turn_to(best)
        until = asked_at + self._lasts
        # An announcement may have come while this was asked: what was sure stays so.
        self.sure_until = max(self.sure_until, until) if same else until
        if self.block is None or best != self.block.hash:
            await self._move(_block(decode(await self._daemon.call("getblockheader", best))))

    def _turn_to(self, hash: str) -> None:
        if hash != self._hash:
            self._hash = hash
            self.turn += 1
            self._seen.append(hash)
            for listener in self._turn_listeners:
                listener(hash)

    async def _move(self, new: Block) -> None:
        old = self.block
        if old is not None and old.hash == new.hash:
            return  # another look was faster
        reorg = old is not None and not await self._extends(new, old)
        self.block = new
        self.moved_at = self._clock()
        if reorg:
            self.branch += 1
            self.turn += 1
            self._line.clear()
        self._line += (new.previous, new.hash)
        for listener in self._listeners:
            listener(Step(old, new, reorg))

    async def _extends(self, new: Block, old: Block) -> bool:
        if new.previous == old.hash:
            return True
        if new.height <= old.height:
            return False
        below = decode(await self._daemon.call("getblockhash", old.height))
        return bool(below == old.hash)

    def _note(self, error: RpcError | None) -> None:
        reason = None
        if error is not None:
            self._recognised = False
            reason = error.reason if isinstance(error, DaemonUnavailable) else "protocol"
        # An open breaker says nothing new about a daemon that is known to be away.
        if reason == "breaker_open" and self.away is not None:
            return
        changed = reason != self.away
        self.away = reason
        if changed:
            for listener in self._away_listeners:
                listener(error)


def _block(header: Json) -> Block:
    match header:
        case {"hash": str(hash), "height": int(height), "time": int() | Decimal() as time}:
            return Block(hash, height, int(time), str(header.get("previousblockhash", "")))
        case _:
            raise BadAnswer("getblockheader gave no block header")
