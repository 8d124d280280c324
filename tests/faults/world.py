"""A real gateway process, a simulated verusd, and a bad network between them."""

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from faults.proxy import Proxy, proxied
from stack import PASSWORD, simulated

from verus_gateway.simulator import Simulator

START_SECONDS = 20.0


class Process:
    """``verus-gateway serve`` as an operator runs it, and every line it writes.

    Args:
        config: The configuration file.
        environment: Variables beside our own.
        verb: What it does: ``serve``, or ``tokens`` for the token service.
        before: Called in the new process before the gateway is, to take rights away.
    """

    def __init__(
        self,
        config: Path,
        environment: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
        *,
        verb: str = "serve",
    ) -> None:
        self._config = config
        self._verb = verb
        self._environment = os.environ | (environment or {})
        self._before = before
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._deaf = False
        self.inside = ""
        """A shell command to run first, in a mount namespace of its own."""
        self.lines: list[str] = []
        self.url = ""

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it says where it listens."""
        command = [sys.executable, "-m", "verus_gateway", self._verb, "--config", str(self._config)]
        if self.inside:
            shell = f"{self.inside} && exec {shlex.join(command)}"
            command = ["unshare", "--mount", "sh", "-c", shell]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            preexec_fn=self._before,
        )
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(said))
        self.url = await asyncio.wait_for(said, START_SECONDS)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Return its exit status once it has ended by itself."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._reader is not None
        rest = asyncio.create_task(self._process.stdout.read()) if self._deaf else self._reader
        status = await asyncio.wait_for(self._process.wait(), START_SECONDS)
        await rest
        return status

    def deaf(self) -> None:
        """Read none of its lines from now on."""
        assert self._reader is not None
        self._reader.cancel()
        self._deaf = True

    def events(self, *events: str) -> list[dict[str, Any]]:
        """Return the log lines that tell of one of *events*."""
        lines = [msgspec.json.decode(line) for line in self.lines if line.startswith("{")]
        return [
            line | {"at": datetime.fromisoformat(line["time"]).timestamp()}
            for line in lines
            if line["event"] in events
        ]

    async def _read(self, said: "asyncio.Future[str]") -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            self.lines.append(line.rstrip("\n"))
            where = re.match(r"verus-gateway (?:tokens )?listens on (\S+)", line)
            if where and not said.done():
                said.set_result(where[1])
        if not said.done():
            said.set_exception(AssertionError("\n".join(self.lines)))


@dataclass
class Said:
    """What came back for one HTTP request."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def reason(self) -> str:
        """Why the daemon gave no answer."""
        return str(self.body["error"]["data"]["reason"])


@dataclass
class World:
    """Everything a fault needs.

    Attributes:
        daemon: The simulated verusd.
        line: The way from the gateway to it.
        gateway: The process.
        client: A client of the gateway.
        front: The way from clients to the gateway, used where a test wants it.
    """

    daemon: Simulator
    line: Proxy
    gateway: Process
    client: aiohttp.ClientSession
    config: Path
    front: Proxy = field(repr=False)

    async def call(self, method: str, *params: Any, url: str = "") -> Said:
        """Make one 2.0 call."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self.client.post(url or self.gateway.url, json=body) as response:
            raw = await response.read()
            return Said(response.status, dict(response.headers), msgspec.json.decode(raw))

    async def get(self, path: str) -> Said:
        """Return what a GET says, decoded where it is JSON."""
        async with self.client.get(self.gateway.url + path) as response:
            raw = await response.read()
            json = response.content_type == "application/json"
            body = msgspec.json.decode(raw) if json else raw.decode()
            return Said(response.status, dict(response.headers), body)

    async def health(self) -> Any:
        """Return the body of ``/health``."""
        return (await self.get("/health")).body

    async def metric(self, name: str, **labels: str) -> float:
        """Return a metric summed over the series with these labels."""
        text = str((await self.get("/metrics")).body)
        found = [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line)]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2]) for line in found if all(w in line for w in wanted)
        )

    async def until(self, condition: Callable[[Any], bool], seconds: float = 15.0) -> Any:
        """Wait until ``/health`` is as wanted and return it."""
        async with asyncio.timeout(seconds):
            while not condition(seen := await self.health()):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.02)
        return seen

    async def told(self, event: str) -> dict[str, Any]:
        """Return the first log line that tells of *event*, once it is there."""
        async with asyncio.timeout(15):
            while not (lines := self.gateway.events(event)):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.02)
        return lines[0]

    async def well(self) -> Any:
        """Wait until nothing is wrong."""
        return await self.until(lambda health: health["status"] == "healthy")

    async def breaker(self, state: str) -> Any:
        """Wait until the breaker is in this state."""
        return await self.until(lambda health: health["breaker"]["state"] == state)


CONFIG = """
[verus]
rpc_url = "{url}"
rpc_user = "verus"
rpc_password_file = "{password}"
connect_timeout = 0.5
request_timeout = 1.0
tip_poll_seconds = 0.1
{verus}
[verus.circuit_breaker]
failure_threshold = 3
recovery_timeout_seconds = 0.5
half_open_max_requests = 2
[server]
port = 0
{server}
[security]
mode = "development"
{security}
[auth]
anonymous_scopes = {anonymous}
{more}
"""


@asynccontextmanager
async def world(folder: Path, **wanted: Any) -> AsyncIterator[World]:
    """Run everything.

    *wanted* may hold ``settings`` and ``options`` of the simulator or, as ``beside``, one that
    runs already, ``verus``, ``server``, ``security`` and ``more`` lines of
    the configuration, ``environment`` and ``before`` of the process, ``starts`` (False where
    the test starts the gateway itself) and ``waits`` (False where it will not be well).
    """
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    settings = wanted.get("settings") or simulated()
    beside: Simulator | None = wanted.get("beside")
    async with (
        nullcontext(beside)
        if beside
        else Simulator(settings, **wanted.get("options", {})) as daemon,
        proxied(daemon.port) as line,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client,
    ):
        config = folder / "gateway.toml"
        texts = {name: wanted.get(name, "") for name in ("verus", "server", "security", "more")}
        texts["anonymous"] = wanted.get("anonymous", '["public", "read", "broadcast"]')
        url = wanted.get("url", line.url)
        config.write_text(CONFIG.format(url=url, password=secret, **texts))
        gateway = Process(config, wanted.get("environment"), wanted.get("before"))
        async with proxied(0) as front:
            made = World(daemon, line, gateway, client, config, front)
            try:
                if wanted.get("starts", True):
                    await gateway.start()
                    front.upstream = int(gateway.url.rpartition(":")[2])
                    if wanted.get("waits", True):
                        await made.well()
                yield made
            finally:
                if gateway.url:
                    await gateway.end(signal.SIGKILL if wanted.get("kill") else signal.SIGTERM)
