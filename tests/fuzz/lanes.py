"""Two gateways that differ in the express lane only: what one says to bytes, the other must say.

They run in this process and are given bytes without sockets. An input is what clients send on
one connection, `SETTLED` and `AT_ONCE` between its segments. It is sent on three connections one
after the other: the lane learns a head from what it sees twice.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from core.issuing import ISSUER, KEY, bearer
from fuzz.mutations import AT_ONCE, SETTLED
from stack import Stack, simulated, starting
from web.doors import Door, counted, plain
from web.test_express import CORPUS, GOOD

from verus_gateway import jwks
from verus_gateway.config import (
    AnonymousClass,
    AppConfig,
    AuthConfig,
    CacheConfig,
    RateClass,
    RateLimitConfig,
    Secret,
    SecurityConfig,
    ServerConfig,
)
from verus_gateway.errors import DaemonError
from verus_gateway.plugin import FOREVER, OBJECT, PUBLIC, READ, Daemon, Json, method, optional

CALM: Final = 40
"""Turns of the loop in which nothing happens on a connection, after which nothing will."""
ENDLESS: Final = 1_000_000_000
SLOWLY: Final = 1e-9
"""Cost that comes back in a second: none that shows while anybody looks."""
DAY: Final = 86_400.0
SPLIT: Final = re.compile(b"([%b%b])" % (SETTLED, AT_ONCE))
TIMED: Final = re.compile(rb'"(?:moved_seconds_ago|block_age)":[0-9.]+|# HELP .*', re.DOTALL)
"""What /health and /metrics say that is another a moment later."""
LENGTH: Final = re.compile(rb"\r\nContent-Length: \d+(?=\r\n)")
SCOPES: Final = {b"~READ~": "public read", b"~PUBLIC~": "public", b"~TIGHT~": "public read"}
"""Credentials that stand for themselves in an input, for no token lives as long as a corpus."""


async def fails(_: Daemon) -> Json:
    """Fail as verusd does."""
    raise DaemonError("made up", code=-5)


async def echoes(_: Daemon, given: Json = None) -> Json:
    """Return what is given."""
    return given


OFFERED: Final = (
    method("acme.now", summary="x", scope=PUBLIC, retry=True, handler=echoes),
    method("acme.fails", summary="x", scope=READ, retry=True, handler=fails, cost=3),
    method(
        "acme.kept",
        optional("given", OBJECT),
        summary="x",
        scope=PUBLIC,
        ttl=FOREVER,
        handler=echoes,
    ),
)


class Lanes:
    """Both gateways, and what they have in common.

    Args:
        ordinary: The lane is closed.
        express: The lane is open.
    """

    def __init__(self, ordinary: Stack, express: Stack) -> None:
        self._stacks = (ordinary, express)
        now = time.time()
        self._credentials = {
            word: bearer(
                KEY,
                now,
                scope=scopes,
                sub=word.decode(),
                exp=now + 3_500,
                rate_class=word.decode().strip("~").lower(),
            ).encode()
            for word, scopes in SCOPES.items()
        }

    @property
    def express(self) -> int:
        """How many responses have left by the lane."""
        return self._stacks[1].gateway.counts.express

    async def warm_up(self) -> None:
        """Have the lane know the usual heads."""
        for request in CORPUS:
            await self.compare(request)

    async def compare(self, text: bytes) -> str:
        """Send an input through both, hold together all that comes of it, say what it was."""
        for word, shown in self._credentials.items():
            text = text.replace(word, shown)
        before = self.express
        seen = []
        for _ in range(3):
            said = [await _conversed(stack, text) for stack in self._stacks]
            assert said[0] == said[1], text
            assert _noted(self._stacks[0]) == _noted(self._stacks[1]), text
            seen = said[0]
        statuses = re.findall(rb"HTTP/1.1 (\d+)", repr(seen).encode())
        return f"{statuses[-5:]} {self.express - before} {seen[-1]!r}"


async def _conversed(stack: Stack, text: bytes) -> list[Any]:
    """Return what was said after each segment, and whether the connection is open at the end."""
    door = Door(stack)
    first, *rest = SPLIT.split(text)
    told: list[Any] = []
    await _quiet(door)
    for border, segment in [
        (SETTLED, first),
        *zip(rest[::2], rest[1::2], strict=True),
        (SETTLED, GOOD),
    ]:
        if border == SETTLED:
            told.append(await _quiet(door))
        if segment and not door.wire.closed:
            door.protocol.data_received(segment)
    told.append(await _quiet(door))
    closed = door.wire.closed
    await door.hang_up()
    for _ in range(5):
        await asyncio.sleep(0)
    return [*told, closed]


async def _quiet(door: Door) -> list[bytes]:
    """Wait until nothing more happens on a connection; return what it has said since it was."""
    calm, before = 0, -1
    while calm < CALM and not door.idle:
        await asyncio.sleep(0)
        calm = calm + 1 if len(door.wire.sent) == before else 0
        before = len(door.wire.sent)
    said = bytes(door.wire.sent)
    door.wire.sent.clear()
    return plain(LENGTH.sub(b"", TIMED.sub(b"", said)) if TIMED.search(said) else said)


def _noted(stack: Stack) -> dict[str, Any]:
    asked = dict(stack.simulator.counts)
    return {**counted(stack), "asked": asked}


@asynccontextmanager
async def lanes() -> AsyncIterator[Lanes]:
    """Start both gateways, with limits that nobody reaches but who is held tight."""
    with TemporaryDirectory() as folder:
        keys = Path(folder) / "jwks.json"
        keys.write_bytes(jwks.published([KEY]))
        async with starting() as start:
            ordinary, express = [
                await start(
                    simulator=simulated(),
                    offered=OFFERED,
                    verus={"tip_poll_seconds": DAY},
                    cache=CacheConfig(tip_max_age=DAY),  # what is kept ends in neither of them
                    server=ServerConfig(
                        express_lane=open, max_batch=5, trusted_proxies=("203.0.113.0/24",)
                    ),
                    rates=RateLimitConfig(
                        anonymous=AnonymousClass(rate=SLOWLY, burst=ENDLESS),
                        default=RateClass(rate=SLOWLY, burst=ENDLESS),
                        classes={"tight": RateClass(rate=SLOWLY, burst=60)},
                    ),
                    auth=AuthConfig(
                        issuer=ISSUER,
                        jwks_file=str(keys),
                        anonymous_scopes=("public",),
                        apps={"shop": AppConfig(app_key=Secret("a key made up for tests"))},
                    ),
                    security=SecurityConfig(
                        mode="development", cors_origins=("https://page.example",)
                    ),
                )
                for open in (False, True)
            ]
            made = Lanes(ordinary, express)
            await made.warm_up()
            yield made


@contextmanager
def doors() -> Iterator[Callable[[bytes], str]]:
    """Give what sends an input through both gateways."""
    with asyncio.Runner() as runner:
        opened = lanes()
        both = runner.run(opened.__aenter__())
        try:
            yield lambda text: runner.run(both.compare(text))
        finally:
            runner.run(opened.__aexit__(None, None, None))
