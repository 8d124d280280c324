"""A random history: clients, blocks, reorganisations, and faults that come and go."""

import asyncio
import os
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from faults.world import World
from histories.chronicle import Chronicle, Told, Version
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

MORE: Final = f"""
[auth.apps.wallet]
app_key = "{KEY}"
scopes = ["public", "read", "broadcast"]
[rate_limit]
enabled = false
"""
SECURITY: Final = f'blocknotify_secret = "{NOTIFY}"'

Call = tuple[str, tuple[Any, ...]]


class Storm:
    """Lets everything happen to a `World`.

    Args:
        world: A gateway whose configuration holds `MORE` and `SECURITY`.
        seed: What the plan follows from.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = random.Random(seed)  # noqa: S311  it is to be repeatable
        self._ids = 0
        self._over = False
        self._pulses = deque([0.0], maxlen=PULSES)
        self.chronicle = Chronicle(seed)
        self._version()
        self.chronicle.versions[0].heard = 0
        world.line.overhear = self._overhear

    async def rage(self, seconds: float) -> Chronicle:
        """Let it happen for *seconds*, wait until all is well, and tell what happened."""
        chronicle, loop = self.chronicle, asyncio.get_running_loop()
        chronicle.before = await self._resources()
        clients = [asyncio.ensure_future(self._client()) for _ in range(CLIENTS)]
        doings = (self._blocks, self._faults, self._pulse)
        drivers = [asyncio.ensure_future(each()) for each in doings]
        await asyncio.sleep(seconds)
        self._over = True
        await asyncio.gather(*clients, *drivers)
        self._heal()
        calm = loop.time()
        await self._world.until(_well, 30)
        chronicle.recovery = loop.time() - calm
        chronicle.after = await self._resources()
        chronicle.counted = await self._world.metric("verus_gateway_call_seconds_count")
        ahead = time.time() - loop.time()
        chronicle.changes = [
            (event["at"] - ahead, str(event["event"]).removeprefix("breaker "))
            for event in self._world.gateway.events(
                "breaker open", "breaker half open", "breaker closed"
            )
        ]
        return chronicle

    async def _pulse(self) -> None:
        while not self._over:
            self._pulses.append(asyncio.get_running_loop().time())
            await asyncio.sleep(PULSE)

    def _overhear(self, data: bytes) -> None:
        """Note a request: at the oldest of the pulses it was not there yet."""
        self.chronicle.hear(data, self._pulses[0], asyncio.get_running_loop().time())

    async def _client(self) -> None:
        async with aiohttp.ClientSession() as session:
            while not self._over:
                await self._call(session)
                await asyncio.sleep(self._random.uniform(0, 0.01))

    async def _call(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        self._ids += 1
        id, (method, params) = self._ids, self._choice()
        reader, leaves = self._random.random() < 0.6, self._random.random() < 0.02
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        headers = {"Content-Type": "application/json", **(signed(body) if reader else {})}
        sent, said = loop.time(), (0, None)
        try:
            async with asyncio.timeout(self._random.uniform(0, 0.3) if leaves else PATIENCE):
                said = await self._post(session, body, headers)
        except (aiohttp.ClientError, TimeoutError):
            said = (0, None)  # noted as such: the invariants decide who may end so
        self.chronicle.calls.append(
            Told(
                id=id,
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

    async def _post(
        self, session: aiohttp.ClientSession, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        async with session.post(self._world.gateway.url, data=body, headers=headers) as response:
            return response.status, msgspec.json.decode(await response.read())

    def _choice(self) -> Call:
        pick, height = self._random.random(), self._random.randrange(12, 21)
        calls: list[tuple[float, Call]] = [
            (0.25, ("getblockcount", ())),
            (0.45, ("getbestblockhash", ())),
            (0.65, ("getblockhash", (height,))),
            (0.85, ("getblock", (height, 1))),
            (0.90, ("getblockhash", (10_000_000,))),
            (0.95, ("getdifficulty", ())),
        ]
        write = ("sendrawtransaction", (f"{self._ids:064x}",))
        return next((call for bound, call in calls if pick < bound), write)

    async def _blocks(self) -> None:
        while not self._over:
            await asyncio.sleep(self._random.uniform(0.1, 0.8))
            if self._random.random() < 0.2:
                self._world.daemon.reorg(self._random.randrange(1, 4), self._random.randrange(2))
            else:
                self._world.daemon.mine()
            version = self._version()
            headers = {"Authorization": f"Bearer {NOTIFY}"}
            where = self._world.gateway.url + "/internal/blocknotify"
            async with self._world.client.post(
                where, data=version.hashes[-1], headers=headers
            ) as answer:
                assert answer.status == 204
            version.heard = asyncio.get_running_loop().time()

    def _version(self) -> Version:
        chain = self._world.daemon.chain
        hashes = tuple(chain.at(height).hash for height in range(chain.height + 1))
        made = Version(hashes, asyncio.get_running_loop().time())
        self.chronicle.versions.append(made)
        return made

    async def _faults(self) -> None:
        made: Counter[str] = Counter()
        while not self._over:
            await asyncio.sleep(self._random.uniform(0.2, 1.5))
            name, inject = self._random.choice(self._possible())
            made[name] += 1
            inject()
            await asyncio.sleep(self._random.uniform(0.05, 1.2))
            self._heal()
        self.chronicle.faults = dict(made)

    def _possible(self) -> list[tuple[str, Callable[[], None]]]:
        daemon, line = self._world.daemon, self._world.line
        kinds = "refuse hang headers cutoff gibberish empty overload warmup wrongid noid shutdown"
        found: list[tuple[str, Callable[[], None]]] = [
            (kind, partial(daemon.fault, kind)) for kind in kinds.split()
        ]
        return [
            *found,
            ("slow", lambda: daemon.fault("slow", 0.3)),
            ("latency", lambda: line.toxic(latency=0.1, jitter=0.1)),
            ("slicer", lambda: line.toxic("down", slicer=7, slice_delay=0.001)),
            ("limit_data", lambda: line.toxic("down", limit_data=self._random.randrange(200))),
            ("timeout", lambda: line.toxic(timeout=True)),
            ("reset", line.reset),
        ]

    def _heal(self) -> None:
        self._world.daemon.clear()
        self._world.line.heal()
        self._world.line.reset()  # what went into a black hole does not come out of it

    async def _resources(self) -> dict[str, float]:
        folder = Path(f"/proc/{self._world.gateway.pid}")
        pages = int((folder / "statm").read_text("utf-8").split()[1])
        return {
            "descriptors": len(list((folder / "fd").iterdir())),
            "tasks": await self._world.metric("verus_gateway_tasks"),
            "memory": pages * os.sysconf("SC_PAGE_SIZE"),
            "in_flight": await self._world.metric("verus_gateway_in_flight"),
            "waiting": await self._world.metric("verus_gateway_daemon_waiting"),
        }


def _well(health: Any) -> bool:
    return bool(health["status"] == "healthy")
