"""A real Caddy with our Caddyfile, the names it looks up, and the services behind it."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from ports import free_port

from verus_gateway.web.protocol import Runner

ROOT = Path(__file__).parents[2]
CADDYFILE = ROOT / "configs/caddy/Caddyfile"
CADDY = Path(sys.executable).with_name("caddy")
DOMAIN = "gateway.test"


class Names(asyncio.DatagramProtocol):
    """A name server that knows what it is told: A records, nothing else."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to answer through."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        question = data[12 : at + 5]
        is_a = question[-4:-2] == b"\0\1"
        found = self.addresses.get(".".join(labels).lower(), []) if is_a else []
        head = data[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0)
        records = b"".join(
            b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(each) for each in found
        )
        assert self._transport is not None
        self._transport.sendto(head + question + records, addr)


class Service:
    """An instance behind Caddy, which remembers what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.paths: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self._say
        self.leaves = False
        """Whether it ends each connection with the answer to its request, as a draining gateway."""
        self._runner: Runner | None = None

    async def _say(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"who": self.address})

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.paths.append(request.raw_path)
        self.heads.append(dict(request.headers))
        answer = await self.answer(request)
        if self.leaves:
            answer.force_close()
        return answer

    async def start(self, port: int) -> int:
        """Listen; port 0 takes any free one. Return it."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = Runner(app, shutdown_timeout=5.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, port).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Finish what is in flight and close."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class _OneAddress(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return this machine, whatever is asked for."""
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Front:
    """Caddy, running: its client, its names, and where it listens."""

    def __init__(
        self, port: int, inner: int, admin: int, names: Names, client: aiohttp.ClientSession
    ) -> None:
        self.port = port
        self.inner = inner
        self.admin = admin
        self.names = names
        self.client = client

    @property
    def url(self) -> str:
        """Where the world reaches it."""
        return f"https://{DOMAIN}:{self.port}"


@asynccontextmanager
async def fronting(folder: Path, gateway_port: int, addresses: list[str]) -> AsyncIterator[Front]:
    """Run Caddy for gateways on *gateway_port* of *addresses*."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    names.addresses["verus-rpc-server"] = addresses
    plain, port, inner, admin = (free_port() for _ in range(4))
    settings = {
        "DOMAIN": DOMAIN,
        "TLS": "internal",
        "CADDY_HTTP_PORT": plain,
        "CADDY_HTTPS_PORT": port,
        "CADDY_INNER_PORT": inner,
        "CADDY_ADMIN_PORT": admin,
        "GATEWAY_ADMIN_PORT": gateway_port,
        "CADDY_RESOLVER": f"127.0.0.1:{transport.get_extra_info('sockname')[1]}",
        "GATEWAY_PORT": gateway_port,
        "TOKEN_PORT": gateway_port,
        "XDG_DATA_HOME": folder,
        "XDG_CONFIG_HOME": folder,
    }
    process = await _start(folder / "caddy.log", {k: str(v) for k, v in settings.items()})
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=trusting, resolver=_OneAddress(), limit=0)
    try:
        async with aiohttp.ClientSession(connector=connector) as client:
            front = Front(port, inner, admin, names, client)
            await _ready(front, process, folder / "caddy.log")
            yield front
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 40)
        transport.close()


async def _start(log: Path, settings: dict[str, str]) -> asyncio.subprocess.Process:
    with log.open("wb") as file:
        return await asyncio.create_subprocess_exec(
            *(CADDY, "run", "--config", CADDYFILE, "--adapter", "caddyfile"),
            env={"PATH": os.environ["PATH"], **settings},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=file,
        )


async def _ready(front: Front, process: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(100):
        if process.returncode is not None:
            break
        try:
            async with front.client.get(f"{front.url}/") as answer:
                await answer.read()
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise AssertionError(log.read_text("utf-8")[-2000:])  # noqa: ASYNC240  a file of a test
