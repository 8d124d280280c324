"""A pipeline over fakes, for the tests that follow a call from its look-up to its answer."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from verus_gateway import rpc
from verus_gateway.auth import Caller
from verus_gateway.cache import Cache
from verus_gateway.dialect import Question, Verusd
from verus_gateway.errors import RpcError
from verus_gateway.outcomes import Answer, Miss
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import (
    BROADCAST,
    FOREVER,
    HEIGHT,
    HEX,
    PUBLIC,
    READ,
    TIP,
    Constant,
    Json,
    Raw,
    Stale,
    array,
    method,
    optional,
    required,
)
from verus_gateway.registry import Registry, Row
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeClock, FakeDaemon
from verus_gateway.tip import Tip


@dataclass
class Now:
    """The tip as a test wants it."""

    newest: str = "a"
    branch: int = 0
    sure_until: float = math.inf
    turn: int = 0


UNSURE = Now(sure_until=-math.inf)
ANY = Caller("tests", frozenset({PUBLIC, READ, BROADCAST}))
ROWS = (
    method("getinfo", summary="x", scope=PUBLIC, ttl=TIP, fallback=Stale(60)),
    method(
        "getblock",
        required("height", HEIGHT),
        summary="x",
        scope=READ,
        ttl=TIP,
        fallback=Stale(60),
    ),
    method("echo", optional("it", array(HEIGHT)), summary="x", scope=PUBLIC, ttl=FOREVER),
    method("ticker", summary="x", scope=PUBLIC, ttl=5, fallback=Constant({"price": None})),
    method("oldest", summary="x", scope=PUBLIC, fallback=Stale(60)),
    method("template", summary="x", scope=PUBLIC, retry=True),
    method("sendrawtransaction", required("hex", HEX), summary="x", scope=BROADCAST),
)


class Held(FakeDaemon):
    """A daemon that answers when the test says so."""

    def __init__(self, answers: dict[str, Json]) -> None:
        super().__init__(answers)
        self.may_answer = asyncio.Event()
        self.cancelled = 0

    async def ask(self, question: Question) -> Raw:
        self.asked.append((question.method, question.params))
        answer = self.answers[question.method]
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, RpcError):
            raise answer
        return Raw(rpc.encode(answer))


class Gateway:
    """A pipeline over fakes: a daemon for calls, and another that knows the tip."""

    def __init__(
        self,
        daemon: Verusd,
        *,
        chain: str = "VRSC",
        fresh: bool = True,
        note: Callable[[Miss, int], None] = lambda _, __: None,
    ) -> None:
        self.clock = FakeClock()
        self.away = False
        self.chain = FakeDaemon()
        self.tip = Tip(self.chain, interval=100, clock=self.clock)
        self.cache = Cache(
            max_size=100_000, max_entry_size=10_000, tip_max_age=120, clock=self.clock
        )
        self.pipeline = Pipeline(
            Registry({row.name: Row(row, "tests") for row in ROWS}),
            self.cache,
            self.tip,
            daemon,
            discover=lambda scopes: rpc.encode(sorted(scopes)),
            chain=chain,
            timeout=60,
            largest=1_000_000,
            fresh=fresh,
            note=note,
            breaker=self,
        )

    @property
    def state(self) -> bool:
        """The breaker's state: another object where it refuses."""
        return self.away

    def refuses(self) -> bool:
        """Tell whether the breaker refuses calls."""
        return self.away

    def refuses_until(self) -> float:
        """Return until when it does."""
        return math.inf if self.away else -math.inf

    async def block(self, hash: str, height: int, previous: str = "") -> None:
        self.chain.answers["getbestblockhash"] = hash
        self.chain.answers["getblockheader"] = {
            "hash": hash,
            "height": height,
            "time": 0,
            "previousblockhash": previous,
        }
        await self.tip.poll()

    async def call(self, name: str, *params: Json, caller: Caller = ANY) -> Answer:
        return await self.pipeline.answer(Call(name, list(params), b"1"), caller)


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def fresh(value: bytes) -> Answer:
    """Return the answer that verusd gave just now."""
    return Answer(value, "daemon")
