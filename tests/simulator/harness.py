"""A clock, a client and settings for tests of the simulated verusd."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from verus_gateway.simulator import Settings
from verus_gateway.simulator.commands import Node, RpcError
from verus_gateway.simulator.methods import table
from verus_gateway.simulator.univalue import parse, write

NOW = 1_700_000_000.0
PASSWORD = "pw"
Run = Callable[..., Any]
RECORDED = Path(__file__).parents[3] / "shared" / "recorded"


def executor(node: Node) -> Run:
    """Return what executes one command on *node*; parameters and result travel as JSON text."""
    known = table()

    def execute(method: str, *params: object) -> Any:
        command = known.by_name[method]
        result = command.execute(node, parse(json.dumps(params).encode()))
        return json.loads(write(result))

    return execute


def failing(run: Run, method: str, *params: object) -> tuple[int, str]:
    """Return the code and the text of the error that a call must end with."""
    with pytest.raises(RpcError) as raised:
        run(method, *params)
    return raised.value.code, raised.value.message


@dataclass
class Time:
    """A clock that stands still until told, and sleeps that end when it has passed them."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)
    _sleepers: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def no_sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def advance(self, seconds: float) -> None:
        await settle()
        self.now += seconds
        due = [woken for until, woken in self._sleepers if until <= self.now]
        self._sleepers = [each for each in self._sleepers if each[0] > self.now]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def until(so: Callable[[], bool]) -> None:
    """Let the sockets work until something is so."""
    for _ in range(500):
        if so():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it never came to be")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def read_reply(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    return Reply(int(first.split()[1]), headers, body)


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes on a new connection and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()


def request(
    body: object = b"",
    *,
    method: str = "POST",
    path: str = "/",
    password: str | None = PASSWORD,
    version: str = "1.1",
    **headers: str,
) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(content))}
    if password is not None:
        fields["Authorization"] = "Basic " + b64encode(f"verus:{password}".encode()).decode()
    fields |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/{version}", *(f"{n}: {v}" for n, v in fields.items() if v)]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def ask(port: int | None, body: object = b"", **parts: Any) -> Reply:
    assert port is not None
    return read_reply(await exchange(port, request(body, **parts)))


def call(method: str, *params: object, id: object = 1) -> dict[str, object]:
    return {"method": method, "params": list(params), "id": id}


def settings(**changes: Any) -> Settings:
    quiet: dict[str, Any] = {"port": 0, "control_port": 0, "block_time": 0, "start_height": 120}
    return Settings(**{"password": PASSWORD} | quiet | changes)
