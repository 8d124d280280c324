"""The simulated verusd as a whole: a chain, a port, faults, and the clock that drives them."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self, TypeAlias

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.control import Control
from verus_gateway.simulator.daemon import Daemon
from verus_gateway.simulator.delivery import Courier, Sleep
from verus_gateway.simulator.faults import Faults, split
from verus_gateway.simulator.listener import Listener
from verus_gateway.simulator.methods import table
from verus_gateway.simulator.settings import Settings
from verus_gateway.simulator.workers import Workers

Hear: TypeAlias = Callable[[str, str], None]
"""Told of every event: its kind, "block", "reorg" or "fault", and one line of text."""

AUTH_DELAY: Final = 0.25
"""Seconds for which verusd puts a worker to sleep after a wrong password."""
IDLE: Final = 30.0
"""Seconds after which verusd closes a silent connection."""
COOKIE_USER: Final = "__cookie__"


class Simulator:
    """A verusd that exists only here.

    ``async with Simulator(Settings(password="…", port=0)) as sim`` starts and stops it.

    Args:
        settings: How it looks and behaves.
        clock: Unix time in seconds.
        sleep: Spends seconds; drives block growth, latency, the delay after a wrong password,
            drips and flapping.
        auth_delay: Seconds a wrong password holds a worker.
        idle: Seconds a connection may be silent.
        cookie: Makes the secret of a cookie file.

    Attributes:
        settings: As given.
        chain: The chain; look, but let `mine` and `reorg` change it.
        faults: What goes wrong; let `fault` and `clear` change it.
        node: What commands see; ``node.stopping`` says whether ``stop`` was executed.

    Raises:
        ValueError: a fault in the settings that does not exist.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        *,
        sleep: Sleep = asyncio.sleep,
        auth_delay: float = AUTH_DELAY,
        idle: float = IDLE,
        cookie: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._sleep = sleep
        self._started = clock()
        self.chain = Chain(
            settings.seed, settings.chain, height=settings.start_height, now=self._started
        )
        self.faults = Faults()
        self.node = Node(chain=self.chain, now=clock)
        self._cookie = "" if settings.password else cookie()
        self._daemon = self._assemble(auth_delay)
        courier = Courier(clock, sleep)
        self._listener = Listener(
            settings.host, settings.port, self._daemon.answer, courier, idle=idle
        )
        control = Control(self)
        self._control = Listener(
            "127.0.0.1", settings.control_port or 0, control.answer, courier, idle=idle
        )
        self._growth: asyncio.Task[None] | None = None
        self._flapping: asyncio.Task[None] | None = None
        self._hearers: list[Hear] = []
        for each in settings.faults:
            self.faults.on(*split(each))

    def __repr__(self) -> str:
        return f"<Simulator {self.url}, {self.chain!r}, faults {', '.join(self.faults.active)}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The JSON-RPC port; real from `start` on where the settings say 0."""
        return self._listener.port

    @property
    def control_port(self) -> int | None:
        """The control port, or None where there is none."""
        return None if self.settings.control_port is None else self._control.port

    @property
    def url(self) -> str:
        """Where clients call."""
        host = self.settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def counts(self) -> Counter[str]:
        """How often each method was executed, batch members counted one by one."""
        return self._daemon.tally.counts

    @property
    def max_in_flight(self) -> int:
        """The highest number of commands executed at once so far."""
        return self._daemon.tally.max_in_flight

    async def start(self) -> None:
        """Listen, write the cookie, and let the chain grow.

        Raises:
            OSError: a port is taken, or the cookie cannot be written.
        """
        self._started = self._clock()
        try:
            self._listener.open()
            if self.settings.control_port is not None:
                self._control.open()
            self._write_cookie()
        except OSError:
            await self.stop()
            raise
        if self.settings.block_time:
            self._growth = asyncio.create_task(self._grow(self.settings.block_time))
        self._apply()

    async def stop(self) -> None:
        """Close everything; without effect on what is closed already."""
        tasks = [task for task in (self._growth, self._flapping) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.stop()
        await self._control.stop()
        self._growth = self._flapping = None
        if self._cookie and self.settings.cookie_file is not None:
            self.settings.cookie_file.unlink(missing_ok=True)

    def listen(self, hear: Hear) -> None:
        """Call *hear* with the kind and one line for every block, reorg and fault change."""
        self._hearers.append(hear)

    def mine(self, n: int = 1) -> None:
        """Add *n* blocks.

        Raises:
            ValueError: *n* is below 1.
        """
        if n < 1:
            raise ValueError("n must be at least 1")
        for _ in range(n):
            block = self.chain.mine(self._clock())
            count = len(block.transactions)
            self._tell("block", f"block {block.height} {block.hash}, {count} tx")

    def reorg(self, depth: int = 1, grow: int = 0) -> None:
        """Abandon the *depth* newest blocks for different ones, and add *grow* more.

        Raises:
            ValueError: *depth* is below 1 or not below the height, or *grow* is negative.
        """
        blocks = self.chain.reorg(depth, grow=grow, now=self._clock())
        tip = blocks[-1]
        self._tell("reorg", f"reorg, depth {depth}: block {tip.height} {tip.hash} is the tip")

    def fault(
        self,
        name: str,
        value: float | None = None,
        *,
        methods: Iterable[str] = (),
        count: int | None = None,
    ) -> None:
        """Switch a fault on, for some *methods* or the next *count* calls only.

        Raises:
            ValueError: no such fault, or options it does not take.
        """
        fault = self.faults.on(name, value, methods, count)
        self._apply()
        self._tell("fault", f"fault {fault}")

    def clear(self) -> None:
        """Switch all faults off; a closed port opens again.

        Raises:
            OSError: somebody else has taken the port meanwhile.
        """
        self.faults.clear()
        self._apply()
        self._tell("fault", "no faults")

    def _apply(self) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        if "refuse" in self.faults.active:
            self._listener.shut()
        elif "flap" in self.faults.active:
            self._flapping = asyncio.create_task(self._flap(self.faults.active["flap"].value))
        else:
            self._listener.open()

    async def _flap(self, seconds: float) -> None:
        while True:
            self._listener.shut()
            await self._sleep(seconds)
            self._listener.open()
            await self._sleep(seconds)

    async def _grow(self, seconds: float) -> None:
        while True:
            await self._sleep(seconds)
            self.mine()

    def _assemble(self, auth_delay: float) -> Daemon:
        settings = self.settings
        signed_in = f"{settings.user}:{settings.password}"
        return Daemon(
            node=self.node,
            table=table(),
            faults=self.faults,
            workers=Workers(settings.threads, settings.work_queue),
            credentials=f"{COOKIE_USER}:{self._cookie}" if self._cookie else signed_in,
            sleep=self._sleep,
            warming=lambda: self._clock() - self._started < settings.warmup,
            latency=settings.latency,
            auth_delay=auth_delay,
        )

    def _write_cookie(self) -> None:
        path = self.settings.cookie_file
        if self._cookie and path is not None:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{COOKIE_USER}:{self._cookie}")

    def _tell(self, kind: str, line: str) -> None:
        for hear in self._hearers:
            hear(kind, line)
