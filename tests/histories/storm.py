"""A random history: clients, blocks, reorganisations, and faults that come and go."""

import asyncio
import os
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from faults.world import World
from histories.chronicle import Chronicle, Instance, Told, Version
from signing import KEY, signed

NOTIFY: Final = "the secret of block announcements"
CLIENTS: Final = 16
PATIENCE: Final = 8.0
"""Seconds a client waits: the gateway's own deadline is 1.5, the machine may be busy."""
PULSE: Final = 0.005
"""Seconds, at least, between two moments that this process remembers."""
PULSES: Final = 8
"""Moments remembered: more turns of the event loop than it takes from the arrival of a connection
until the first request on it is read, so that it cannot have been sent before the oldest."""

APP: Final = f"""
[auth.apps.wallet]
app_key = "{KEY}"
scopes = ["public", "read", "broadcast"]
"""
MORE: Final = f"""{APP}
[rate_limit]
enabled = false
"""
SECURITY: Final = f'blocknotify_secret = "{NOTIFY}"'

VERUS: Final = "max_response_size = 65536"
KINDS: Final = (
    "refuse hang headers cutoff gibberish empty overload warmup wrongid noid password forbidden "
    "notfound shutdown gzip"
)
"""Faults of verusd, as the simulator names them."""
MUCH: Final = {"slow": 0.3, "drip": 0.05, "flap": 0.1, "huge": 100_000.0}
"""Those of which there may be more or less."""

Call = tuple[str, tuple[Any, ...]]
Fault = tuple[str, Callable[[], object]]
Doing = Callable[[], Coroutine[Any, Any, None]]


class Storm:
    """Lets everything happen to a `World`, or to several that share a verusd.

    Args:
        worlds: Gateways whose configuration holds `APP`, `SECURITY` and `VERUS`.
        seed: What the plan follows from: each driver and each client throws dice of its own.
    """

    def __init__(self, worlds: Sequence[World], seed: int) -> None:
        self.worlds = worlds
        self.over = False
        self.chronicle = Chronicle(seed, [Instance() for _ in worlds])
        self._ids = 0
        self._pulses = deque([0.0], maxlen=PULSES)
        self._made: Counter[str] = Counter()
        now, first = asyncio.get_running_loop().time(), self._version()
        for number, world in enumerate(worlds):
            self.chronicle.know(number, first.hashes[-1], now)
            world.line.overhear = partial(self._overhear, number)

    async def rage(self, seconds: float) -> Chronicle:
        """Let it happen for *seconds*, wait until all is well, and tell what happened."""
        chronicle, loop = self.chronicle, asyncio.get_running_loop()
        began = loop.time()
        for instance, world in zip(chronicle.instances, self.worlds, strict=True):
            instance.before = await resources(world)
        doings = [asyncio.ensure_future(each()) for each in self.doings()]
        await asyncio.sleep(seconds)
        self.over = True
        await asyncio.gather(*doings)
        calm = loop.time()
        chronicle.seconds = calm - began
        for world in self.worlds:
            await world.until(_well, 30)
        chronicle.recovery = loop.time() - calm
        await self.settle()
        for instance, world in zip(chronicle.instances, self.worlds, strict=True):
            instance.after = await resources(world)
            instance.counted = await world.metric("verus_gateway_call_seconds_count")
            instance.changes = _changes(world, time.time() - loop.time())
            instance.alarms = [line for line in world.gateway.lines if _alarms(line)]
        chronicle.faults = dict(self._made)
        return chronicle

    def doings(self) -> list[Doing]:
        """Return what goes on until it is over."""
        clients = [partial(self._client, self.dice(f"client {at}")) for at in range(CLIENTS)]
        daemon = partial(self.strike, "verusd", self._daemon_faults, (0.3, 2.5))
        line = partial(self.strike, "line", self._line_faults, (0.3, 2.5))
        return [*clients, self._blocks, self._pulse, self._weigh, daemon, line]

    async def settle(self) -> None:
        """Do what is left to do once all is well."""

    def dice(self, name: str) -> random.Random:
        """Return the dice of one who takes part: what others do does not change their throws."""
        return random.Random(f"{self.chronicle.seed} {name}")  # noqa: S311  it is to be repeatable

    async def strike(
        self,
        name: str,
        possible: Callable[[random.Random], tuple[list[Fault], Callable[[], object]]],
        pause: tuple[float, float],
    ) -> None:
        """Inject a fault and take it away, again and again."""
        dice = self.dice(name)
        while not self.over:
            await asyncio.sleep(dice.uniform(*pause))
            faults, heal = possible(dice)
            fault, inject = dice.choice(faults)
            self._made[fault] += 1
            inject()
            await asyncio.sleep(dice.uniform(0.05, 1.2))
            heal()

    async def ask(
        self, session: aiohttp.ClientSession, instance: int, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        """Return status and answer, (0, None) where none came: the invariants judge that."""
        headers = {"Content-Type": "application/json", **headers}
        url = self.worlds[instance].gateway.url
        try:
            async with session.post(url, data=body, headers=headers) as response:
                return response.status, msgspec.json.decode(await response.read())
        except aiohttp.ClientError:
            return 0, None

    def request(self, method: str, params: tuple[Any, ...]) -> tuple[int, bytes]:
        """Return a new id and the body of a call."""
        self._ids += 1
        call = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params}
        return self._ids, msgspec.json.encode(call)

    async def _client(self, dice: random.Random) -> None:
        async with aiohttp.ClientSession() as session:
            while not self.over:
                await self._call(session, dice)
                await asyncio.sleep(dice.uniform(0, 0.01))

    async def _call(self, session: aiohttp.ClientSession, dice: random.Random) -> None:
        loop = asyncio.get_running_loop()
        method, params = _choice(dice, self._ids + 1)
        instance = dice.randrange(len(self.worlds))
        reader, leaves = dice.random() < 0.6, dice.random() < 0.02
        id, body = self.request(method, params)
        sent, said = loop.time(), (0, None)
        try:
            async with asyncio.timeout(dice.uniform(0, 0.3) if leaves else PATIENCE):
                said = await self.ask(session, instance, body, signed(body) if reader else {})
        except TimeoutError:
            said = (0, None)
        self.chronicle.calls.append(
            Told(
                id=id,
                instance=instance,
                method=method,
                params=params,
                reader=reader,
                sent=sent,
                ended=loop.time(),
                status=said[0],
                body=said[1],
                left=leaves,
            )
        )

    async def _blocks(self) -> None:
        dice, daemon = self.dice("blocks"), self.worlds[0].daemon
        while not self.over:
            await asyncio.sleep(dice.uniform(0.1, 0.8))
            if dice.random() < 0.2:
                daemon.reorg(dice.randrange(1, 4), dice.randrange(2))
            else:
                daemon.mine()
            await self._announce(dice.randrange(len(self.worlds)), self._version().hashes[-1])

    async def _announce(self, instance: int, hash: str) -> None:
        """Tell one gateway of the newest block; others hear of it by themselves."""
        world = self.worlds[instance]
        headers = {"Authorization": f"Bearer {NOTIFY}"}
        where = world.gateway.url + "/internal/blocknotify"
        async with world.client.post(where, data=hash, headers=headers) as answer:
            assert answer.status == 204
        self.chronicle.know(instance, hash, asyncio.get_running_loop().time())

    def _version(self) -> Version:
        chain = self.worlds[0].daemon.chain
        hashes = tuple(chain.at(height).hash for height in range(chain.height + 1))
        made = Version(hashes, asyncio.get_running_loop().time())
        self.chronicle.versions.append(made)
        return made

    async def _pulse(self) -> None:
        while not self.over:
            self._pulses.append(asyncio.get_running_loop().time())
            await asyncio.sleep(PULSE)

    async def _weigh(self) -> None:
        while not self.over:
            for instance, world in zip(self.chronicle.instances, self.worlds, strict=True):
                instance.weights.append(weight(world))
            await asyncio.sleep(0.5)

    def _overhear(self, instance: int, data: bytes) -> None:
        """Note a request: at the oldest of the pulses it was not there yet."""
        self.chronicle.hear(instance, data, self._pulses[0], asyncio.get_running_loop().time())

    def _daemon_faults(self, _: random.Random) -> tuple[list[Fault], Callable[[], object]]:
        daemon = self.worlds[0].daemon
        found: list[Fault] = [(kind, partial(daemon.fault, kind)) for kind in KINDS.split()]
        found += [(kind, partial(daemon.fault, kind, much)) for kind, much in MUCH.items()]

        def heal() -> None:
            daemon.clear()
            for world in self.worlds:
                world.line.reset()  # who hung does not answer late

        return found, heal

    def _line_faults(self, dice: random.Random) -> tuple[list[Fault], Callable[[], object]]:
        line = dice.choice(self.worlds).line

        def heal() -> None:
            line.heal()
            line.reset()  # what went into a black hole does not come out of it

        return [
            ("latency", lambda: line.toxic(latency=0.1, jitter=0.1)),
            ("slicer", lambda: line.toxic("down", slicer=7, slice_delay=0.001)),
            ("limit_data", lambda: line.toxic("down", limit_data=dice.randrange(200))),
            ("timeout", lambda: line.toxic(timeout=True)),
            ("reset", line.reset),
        ], heal


async def resources(world: World) -> dict[str, float]:
    """Return what a gateway holds now."""
    return {
        "descriptors": descriptors(world),
        "tasks": await world.metric("verus_gateway_tasks"),
        "memory": weight(world),
        "in_flight": await world.metric("verus_gateway_in_flight"),
        "waiting": await world.metric("verus_gateway_daemon_waiting"),
    }


def descriptors(world: World) -> int:
    """Return how many file descriptors a gateway has open."""
    return len(list(Path(f"/proc/{world.gateway.pid}/fd").iterdir()))


def weight(world: World) -> int:
    """Return the bytes that a gateway holds in memory."""
    pages = Path(f"/proc/{world.gateway.pid}/statm").read_text("utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _choice(dice: random.Random, id: int) -> Call:
    pick, height = dice.random(), dice.randrange(12, 21)
    calls: list[tuple[float, Call]] = [
        (0.25, ("getblockcount", ())),
        (0.45, ("getbestblockhash", ())),
        (0.65, ("getblockhash", (height,))),
        (0.85, ("getblock", (height, 1))),
        (0.90, ("getblockhash", (10_000_000,))),
        (0.95, ("getdifficulty", ())),
    ]
    write = ("sendrawtransaction", (f"{id:064x}",))
    return next((call for bound, call in calls if pick < bound), write)


def _changes(world: World, ahead: float) -> list[tuple[float, str]]:
    """Return the breaker's changes by the event loop's clock, which is behind the wall's."""
    events = world.gateway.events("breaker open", "breaker half open", "breaker closed")
    return [(event["at"] - ahead, event["event"].removeprefix("breaker ")) for event in events]


def _alarms(line: str) -> bool:
    return '"level":"critical"' in line or "Traceback" in line


def _well(health: Any) -> bool:
    return bool(health["status"] == "healthy")
