"""Several gateways, a token service and a Redis: what they share, and what comes between them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from faults.proxy import Proxy, proxied
from faults.world import Process, World, world
from histories.chronicle import Pass, Shown
from histories.storm import APP, PATIENCE, SECURITY, VERUS, Doing, Fault, Storm
from redis_servers import Server
from signing import KEY, signed

from verus_gateway.issuer import clients

INSTANCES: Final = 3
ISSUER: Final = "https://tokens.example"
RATE: Final = 2.0
"""Calls a second that the caller with a small allowance may make."""
BURST: Final = 2
"""Calls it may make at once."""
REJOINS: Final = 5.0
"""Seconds without a fault within which all that was said is known to all."""
APART: Final = 2.0
"""Seconds after a fault within which the instances charge each other's callers again."""
KEPT: Final = 12
"""Tokens that are shown still, the newest ones."""

CACHE: Final = """
[cache]
redis_url = "{redis}"
redis_timeout = 0.25
"""
MORE: Final = f"""
issuer = "{ISSUER}"
jwks_url = "{{issuer}}/.well-known/jwks.json"
{APP}
[auth.apps.greedy]
app_key = "{KEY}"
rate_class = "small"
[rate_limit.anonymous]
rate = 1e6
burst = 1_000_000
concurrent = 10_000
[rate_limit.default]
rate = 1e6
burst = 1_000_000
concurrent = 10_000
[rate_limit.classes.small]
rate = {RATE}
burst = {BURST}
{CACHE}
"""
TOKENS: Final = f"""
[token_service]
issuer = "{ISSUER}"
folder = "{{folder}}"
port = 0
generate_keys = true
requests_per_minute = 60_000
[security]
mode = "development"
{CACHE}
"""


@dataclass
class Issuer:
    """The token service, and its client alice."""

    process: Process
    session: aiohttp.ClientSession
    authorization: str

    async def token(self) -> str:
        """Return a new token."""
        said = await self._post("/oauth/token", grant_type="client_credentials", scope="read")
        return str(msgspec.json.decode(said)["access_token"])

    async def revoke(self, token: str) -> None:
        """Take a token back."""
        await self._post("/oauth/revoke", token=token)

    async def _post(self, path: str, **form: str) -> bytes:
        headers = {"Authorization": self.authorization}
        url = self.process.url + path
        async with self.session.post(url, data=form, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.read()


@dataclass
class Crowd:
    """All of them.

    Attributes:
        worlds: The gateways.
        issuer: The token service.
        redis: What they share.
        lines: From each gateway, and last from the token service, to Redis.
    """

    worlds: Sequence[World]
    issuer: Issuer
    redis: Server
    lines: Sequence[Proxy]


class SharedStorm(Storm):
    """Lets everything happen to a `Crowd`.

    Args:
        crowd: Whose gateways it happens to.
        seed: What the plan follows from.
    """

    def __init__(self, crowd: Crowd, seed: int) -> None:
        super().__init__(crowd.worlds, seed)
        self._crowd = crowd
        self._struck = 0.0

    def doings(self) -> list[Doing]:
        """Return what goes on until it is over."""
        between = partial(self.strike, "redis", self._redis_faults, (2.0, 8.0))
        looks = [partial(self._look, number) for number in range(len(self.worlds))]
        shows = [partial(self._show, self.dice(f"show {at}")) for at in range(3)]
        takes = [partial(self._take, self.dice(f"take {at}")) for at in range(2)]
        return [*super().doings(), between, *looks, *shows, *takes, self._passes]

    async def settle(self) -> None:
        """Show what was taken back to everybody until it is refused, or too late."""
        loop, chronicle = asyncio.get_running_loop(), self.chronicle
        late = loop.time() + REJOINS + 1.0
        async with aiohttp.ClientSession() as session:
            for number, each in enumerate(chronicle.passes):
                for instance in range(len(self.worlds) if each.revoked < loop.time() else 0):
                    await self._shown(session, number, instance)
                    while chronicle.shown[-1].status != 401 and loop.time() < late:
                        await asyncio.sleep(0.05)
                        await self._shown(session, number, instance)

    async def _look(self, instance: int) -> None:
        """Note which block a gateway has heard of, whoever told it."""
        while not self.over:
            tip = (await self.worlds[instance].health())["tip"]
            self.chronicle.know(instance, tip["hash"], asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)

    async def _passes(self) -> None:
        """Give out tokens and take them back."""
        loop, dice, passes = asyncio.get_running_loop(), self.dice("passes"), self.chronicle.passes
        while not self.over:
            passes.append(Pass(await self._crowd.issuer.token()))
            await asyncio.sleep(dice.uniform(0.2, 1.0))
            chosen = dice.choice(passes[-KEPT:])
            if dice.random() < 0.7 and chosen.revoking > loop.time():
                chosen.revoking = loop.time()
                await self._crowd.issuer.revoke(chosen.token)
                chosen.revoked = loop.time()

    async def _show(self, dice: random.Random) -> None:
        async with aiohttp.ClientSession() as session:
            while not self.over:
                await asyncio.sleep(dice.uniform(0, 0.02))
                if passes := self.chronicle.passes:
                    number = max(0, len(passes) - 1 - dice.randrange(KEPT))
                    await self._shown(session, number, dice.randrange(len(self.worlds)))

    async def _shown(self, session: aiohttp.ClientSession, number: int, instance: int) -> None:
        loop = asyncio.get_running_loop()
        _, body = self.request("getblockhash", (5,))
        headers = {"Authorization": f"Bearer {self.chronicle.passes[number].token}"}
        sent = loop.time()
        self.chronicle.instances[instance].further += 1
        async with asyncio.timeout(PATIENCE):
            status, _ = await self.ask(session, instance, body, headers)
        self.chronicle.shown.append(Shown(number, instance, sent, loop.time(), status))

    async def _take(self, dice: random.Random) -> None:
        """Call as often as one likes with a small allowance."""
        async with aiohttp.ClientSession() as session:
            while not self.over:
                await asyncio.sleep(dice.uniform(0.01, 0.03))
                instance = dice.randrange(len(self.worlds))
                _, body = self.request("getblockcount", ())
                self.chronicle.instances[instance].further += 1
                async with asyncio.timeout(PATIENCE):
                    status, _ = await self.ask(session, instance, body, signed(body, "greedy"))
                self.chronicle.granted += status == 200
                self.chronicle.refused += status == 429

    def _redis_faults(self, dice: random.Random) -> tuple[list[Fault], Callable[[], object]]:
        server, line = self._crowd.redis, dice.choice(self._crowd.lines)

        def begun(inject: Callable[[], object]) -> Callable[[], None]:
            def struck() -> None:
                self._struck = asyncio.get_running_loop().time()
                inject()

            return struck

        def heal() -> None:
            server.resume()
            line.heal()
            line.reset()
            self.chronicle.cuts.append((self._struck, asyncio.get_running_loop().time()))

        return [
            ("redis latency", begun(lambda: line.toxic(latency=0.2, jitter=0.2))),
            ("redis timeout", begun(lambda: line.toxic(timeout=True))),
            ("redis reset", begun(lambda: line.toxic("up", reset_peer=True))),
            ("redis pause", begun(server.pause)),
        ], heal


@asynccontextmanager
async def crowd(folder: Path, redis: Server) -> AsyncIterator[Crowd]:
    """Run all of them until the block ends."""
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(proxied(redis.port)) for _ in range(INSTANCES + 1)]
        issuer = await stack.enter_async_context(_issuer(folder / "tokens", lines[-1]))
        worlds: list[World] = []
        for number, line in enumerate(lines[:-1]):
            own = folder / str(number)
            own.mkdir()
            more = MORE.format(issuer=issuer.process.url, redis=f"redis://127.0.0.1:{line.port}")
            wanted: dict[str, Any] = {"security": SECURITY, "verus": VERUS, "more": more}
            wanted["anonymous"] = '["public"]'
            wanted["beside"] = worlds[0].daemon if worlds else None
            worlds.append(await stack.enter_async_context(world(own, **wanted)))
        for each in worlds:
            await each.until(lambda health: len(health["instances"]) == INSTANCES)
        yield Crowd(worlds, issuer, redis, lines)


@asynccontextmanager
async def _issuer(folder: Path, line: Proxy) -> AsyncIterator[Issuer]:
    secret = clients.add(folder, "alice", ["read"])
    config = folder / "tokens.toml"
    config.write_text(TOKENS.format(folder=folder, redis=f"redis://127.0.0.1:{line.port}"))
    process = Process(config, verb="tokens")
    async with aiohttp.ClientSession() as session:
        await process.start()
        try:
            yield Issuer(process, session, aiohttp.encode_basic_auth("alice", secret))
        finally:
            await process.end()
