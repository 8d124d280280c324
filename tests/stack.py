"""The real gateway in front of the simulated verusd, both in this process, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from verus_gateway import app
from verus_gateway.app import Gateway
from verus_gateway.config import (
    AuthConfig,
    BreakerConfig,
    Config,
    Secret,
    SecurityConfig,
    VerusConfig,
)
from verus_gateway.simulator import Settings, Simulator

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

    async def post(self, body: Any, path: str = "/") -> Reply:
        """Send *body*, encoded unless it is bytes, and decode the answer."""
        text = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        async with self.client.post(self.url + path, data=text, headers=headers) as response:
            raw = await response.read()
            answer = msgspec.json.decode(raw) if raw else None
            return Reply(response.status, dict(response.headers), answer)

    async def call(self, method: str, *params: Any) -> Any:
        """Return the JSON-RPC answer to one 1.0 call."""
        return (await self.post({"id": 1, "method": method, "params": list(params)})).body

    async def get(self, path: str) -> Reply:
        """Return the decoded answer to a GET."""
        async with self.client.get(self.url + path) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            body = msgspec.json.decode(raw) if is_json else raw.decode()
            return Reply(response.status, dict(response.headers), body)


StartStack = Callable[..., Awaitable[Stack]]


@pytest.fixture
async def start() -> AsyncIterator[StartStack]:
    """Start a simulator and a gateway; settings of both may be given."""
    async with AsyncExitStack() as stack:

        async def started(
            settings: Settings | None = None,
            rules: BreakerConfig | None = None,
            *,
            wait: bool = True,
            origins: tuple[str, ...] = (),
            **verus: Any,
        ) -> Stack:
            simulator = Simulator(settings or simulated())
            await stack.enter_async_context(simulator)
            gateway = app.load(_config(simulator, rules or BreakerConfig(), origins, verus))
            runner = web.AppRunner(
                gateway.application(), handler_cancellation=True, access_log=None
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            await stack.enter_async_context(client)
            port = runner.addresses[0][1]
            if wait:
                await until(lambda: gateway.chain.tip.generation is not None)
            return Stack(simulator, gateway, client, f"http://127.0.0.1:{port}")

        yield started


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for what the gateway does by itself, and fail where it does not come."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(0.01)


def simulated(**settings: Any) -> Settings:
    """Return settings of a simulator on free ports whose chain grows on command only."""
    return Settings(
        port=0, control_port=None, password=PASSWORD, block_time=0, start_height=20, **settings
    )


def _config(
    simulator: Simulator, rules: BreakerConfig, origins: tuple[str, ...], verus: dict[str, Any]
) -> Config:
    return Config(
        verus=VerusConfig(
            rpc_url=simulator.url,
            rpc_user="verus",
            rpc_password=Secret(PASSWORD),
            circuit_breaker=rules,
            **{"tip_poll_seconds": 0.05, **verus},
        ),
        security=SecurityConfig(mode="development", cors_origins=origins),
        auth=AuthConfig(anonymous_scopes=("public", "read", "broadcast")),
    )
