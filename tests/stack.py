"""The real gateway in front of the simulated verusd, both in this process, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from opentelemetry.sdk.trace import SpanProcessor

from verus_gateway import app, registry
from verus_gateway.config import (
    AdminConfig,
    AuthConfig,
    BreakerConfig,
    CacheConfig,
    Config,
    MetricsConfig,
    RateLimitConfig,
    Secret,
    SecurityConfig,
    ServerConfig,
    TokenServiceConfig,
    TracingConfig,
    VerusConfig,
)
from verus_gateway.gateway import Gateway
from verus_gateway.plugin import Method
from verus_gateway.registry import Registry, Row
from verus_gateway.reload import Reload
from verus_gateway.serve import listening
from verus_gateway.simulator import Settings, Simulator
from verus_gateway.spans import OpenTelemetry
from verus_gateway.web.protocol import Runner

UNLIMITED = RateLimitConfig(enabled=False, max_concurrent=10_000)
PASSWORD = "a-password-made-up-for-tests"


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Stack:
    """A running simulator, a running gateway, and a client."""

    simulator: Simulator
    gateway: Gateway
    client: aiohttp.ClientSession
    url: str
    others: Mapping[str, Simulator]
    runner: Runner
    beside: Sequence[str]

    async def post(self, body: Any, path: str = "/", **more: str) -> Reply:
        """Send *body*, encoded unless it is bytes, and decode the answer."""
        text = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **more}
        async with self.client.post(self.url + path, data=text, headers=headers) as response:
            raw = await response.read()
            answer = msgspec.json.decode(raw) if raw else None
            return Reply(response.status, dict(response.headers), answer)

    async def call(self, method: str, *params: Any, path: str = "/") -> Any:
        """Return the JSON-RPC answer to one 1.0 call."""
        return (await self.post({"id": 1, "method": method, "params": list(params)}, path)).body

    async def get(self, path: str) -> Reply:
        """Return the decoded answer to a GET."""
        async with self.client.get(self.url + path) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            body = msgspec.json.decode(raw) if is_json else raw.decode()
            return Reply(response.status, dict(response.headers), body)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack is to be.

    Attributes:
        simulator: Settings of the default chain's simulated verusd.
        rules: The breaker's rules.
        security: The gateway's security table.
        verus: Further keys of the ``[verus]`` table.
        server: The gateway's server table.
        rates: The gateway's rate limits.
        metrics: Whether there are metrics.
        scopes: What callers without a token may do.
        tokens: The gateway's token service table.
        auth: The gateway's auth table, in place of what `scopes` says.
        offered: Rows beside the installed ones.
        admin: The gateway's admin table.
        chains: Further chains, by name, with settings of their simulators.
        wait: Whether to wait until the tip is known.
        cache: The gateway's cache table.
        beside: The simulator of a stack that is there already, to share it.
        reads: Reads the configuration again, where the gateway was started with a file.
        tracing: The gateway's tracing table.
        spans: Takes the spans, in place of what sends them.
    """

    simulator: Settings | None = None
    rules: BreakerConfig = field(default_factory=BreakerConfig)
    security: SecurityConfig = field(default_factory=lambda: SecurityConfig(mode="development"))
    verus: Mapping[str, Any] = field(default_factory=dict)
    server: ServerConfig = field(default_factory=ServerConfig)
    rates: RateLimitConfig = field(default_factory=RateLimitConfig)
    metrics: bool = True
    scopes: tuple[str, ...] = ("public", "read", "broadcast")
    auth: AuthConfig | None = None
    tokens: TokenServiceConfig = field(default_factory=TokenServiceConfig)
    offered: tuple[Method, ...] = ()
    admin: AdminConfig = field(default_factory=AdminConfig)
    chains: Mapping[str, Settings] = field(default_factory=dict)
    wait: bool = True
    cache: CacheConfig = field(default_factory=CacheConfig)
    beside: Simulator | None = None
    reads: Callable[[], Config] | None = None
    tracing: TracingConfig = field(default_factory=TracingConfig)
    spans: SpanProcessor | None = None


StartStack = Callable[..., Awaitable[Stack]]


@pytest.fixture
async def start() -> AsyncIterator[StartStack]:
    """Start what a `Plan` says; its members may be given as keywords."""
    async with starting() as started:
        yield started


@asynccontextmanager
async def starting() -> AsyncIterator[StartStack]:
    """Give what starts stacks, and end all of them."""
    async with AsyncExitStack() as stack:

        async def started(**members: Any) -> Stack:
            plan = Plan(**members)
            simulator = plan.beside or Simulator(plan.simulator or simulated())
            if plan.beside is None:
                await stack.enter_async_context(simulator)
            others = {name: Simulator(settings) for name, settings in plan.chains.items()}
            for other in others.values():
                await stack.enter_async_context(other)
            gateway = Gateway(_config(plan, simulator, others), _methods(plan.offered))
            if plan.reads is not None:
                gateway.reload = Reload(gateway, plan.reads)
            if plan.spans is not None:
                gateway.tracing = OpenTelemetry(plan.tracing, plan.spans)
            runner = Runner(
                app.application(gateway),
                handler_cancellation=True,
                auto_decompress=False,
                access_log=None,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            await stack.enter_async_context(client)
            tips = [chain.tip for chain in gateway.chains.values()]
            if plan.wait:
                await until(lambda: all(tip.generation is not None for tip in tips))
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            beside = [] if gateway.token_service is None else [gateway.token_service.listener()]
            urls = [
                await stack.enter_async_context(listening(each, plan.server)) for each in beside
            ]
            return Stack(simulator, gateway, client, url, others, runner, urls)

        yield started


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for what the gateway does by itself, and fail where it does not come."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(0.01)


def simulated(**settings: Any) -> Settings:
    """Return settings of a simulator on free ports whose chain grows on command only."""
    fixed = {"port": 0, "control_port": None, "password": PASSWORD, "block_time": 0}
    return Settings(**{"start_height": 20, **fixed, **settings})


def _config(plan: Plan, simulator: Simulator, others: Mapping[str, Simulator]) -> Config:
    return Config(
        verus=_verus(simulator, plan),
        chains={name: _verus(other, plan) for name, other in others.items()},
        security=plan.security,
        server=plan.server,
        rate_limit=plan.rates,
        metrics=MetricsConfig(enabled=plan.metrics),
        cache=plan.cache,
        token_service=plan.tokens,
        auth=plan.auth or AuthConfig(anonymous_scopes=plan.scopes),
        admin=plan.admin,
        tracing=plan.tracing,
    )


def _methods(more: tuple[Method, ...]) -> Registry:
    installed = {row.method.name: row for row in registry.load(registry.installed())}
    return Registry(installed | {row.name: Row(row, "acme 1.0") for row in more})


def _verus(simulator: Simulator, plan: Plan) -> VerusConfig:
    return VerusConfig(
        rpc_user="verus",
        rpc_password=Secret(PASSWORD),
        circuit_breaker=plan.rules,
        **{"rpc_url": simulator.url, "tip_poll_seconds": 0.05, **plan.verus},
    )
