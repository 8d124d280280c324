"""Several token services, one list of clients in Redis."""

import asyncio
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import encode_basic_auth
from redis_servers import Server, Servers, eventually, needs_redis
from services.test_shared_answers import cache
from services.test_token_service import ISSUER, running
from stack import StartStack

from verus_gateway.config import Secret, TokenServiceConfig
from verus_gateway.issuer import keyring

pytestmark = needs_redis

SECRET = "a-secret-of-all-instances"
GRANT = {"grant_type": "client_credentials"}


def written(folder: Path, server: Server, secret: str = SECRET) -> Path:
    """Return the configuration file of a token service with a folder of its own."""
    folder.mkdir()
    file = folder / "tokens.toml"
    file.write_text(
        f'[token_service]\nissuer = "{ISSUER}"\nfolder = "{folder / "tokens"}"\nport = 0\n'
        'generate_keys = true\nclients = "redis"\nrequests_per_minute = 6000.0\n'
        f'[cache]\nredis_url = "{server.url}"\nredis_secret = "{secret}"\n'
    )
    file.chmod(0o600)
    return file


def client(action: str, *words: str, file: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``verus-gateway client``."""
    return subprocess.run(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "verus_gateway", "client", action, *words, "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def secret_of(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[3]


class Asking:
    """Somebody who asks token services for tokens."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def say(self, url: str, secret: str, **form: str) -> tuple[int, Any]:
        """Return what is answered to alice."""
        headers = {"Authorization": encode_basic_auth("alice", secret)}
        async with self._session.post(url, data=form, headers=headers) as response:
            return response.status, msgspec.json.decode(await response.read())

    async def status(self, url: str, secret: str) -> int:
        """Return the status with which alice is given a token, or not."""
        return (await self.say(f"{url}/oauth/token", secret, **GRANT))[0]

    async def ready(self, url: str) -> None:
        """Wait until a token service knows its clients."""
        async with asyncio.timeout(20):
            while (await self.health(url))[0] != 200:
                pass  # each look is a request

    async def health(self, url: str) -> tuple[int, Any]:
        """Return what it says of itself."""
        async with self._session.get(f"{url}/health") as response:
            return response.status, msgspec.json.decode(await response.read())


async def test_a_client_is_added_and_disabled_for_every_token_service(
    redis: Servers, tmp_path: Path
) -> None:
    server = redis.one()
    files = [written(tmp_path / name, server) for name in ("a", "b")]
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(running(file)) for file in files]
        ask = Asking(await stack.enter_async_context(aiohttp.ClientSession()))

        async def all_say(status: int, secret: str) -> None:
            async with asyncio.timeout(20):
                while {await ask.status(url, secret) for url in urls} != {status}:
                    pass  # each look costs a scrypt

        secret = secret_of(client("add", "alice", "--scopes", "read", file=files[0]))
        await all_say(200, secret)
        other = secret_of(client("rotate", "alice", file=files[1]))
        await all_say(200, other)
        await all_say(401, secret)
        disabled = client("disable", "alice", file=files[0])
        await all_say(401, other)
        listed = client("list", file=files[1])

    assert disabled.stdout == "alice gets no tokens any more.\n"
    assert listed.stdout.startswith("alice: disabled, read, ")
    assert not any((file.parent / "tokens" / "clients.json").exists() for file in files)


async def test_a_token_that_one_takes_back_is_good_at_no_other(
    redis: Servers, tmp_path: Path
) -> None:
    server = redis.one()
    files = [written(tmp_path / name, server) for name in ("a", "b")]
    first, second = (file.parent / "tokens" for file in files)
    keyring.create(first, "ES256")
    shutil.copytree(first, second)
    secret = secret_of(client("add", "alice", "--scopes", "read", file=files[0]))
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(running(file)) for file in files]
        ask = Asking(await stack.enter_async_context(aiohttp.ClientSession()))
        await ask.ready(here)
        await ask.ready(there)
        token = (await ask.say(f"{here}/oauth/token", secret, **GRANT))[1]["access_token"]

        before = await ask.say(f"{there}/oauth/introspect", secret, token=token)
        await ask.say(f"{here}/oauth/revoke", secret, token=token)
        async with asyncio.timeout(20):
            while (await ask.say(f"{there}/oauth/introspect", secret, token=token))[1]["active"]:
                pass  # each look costs a scrypt
        late = await stack.enter_async_context(running(files[1]))
        await ask.ready(late)
        async with asyncio.timeout(20):
            while (await ask.say(f"{late}/oauth/introspect", secret, token=token))[1]["active"]:
                pass

    assert before[1]["active"] is True


async def test_without_redis_nobody_is_taken_for_a_stranger_and_known_clients_go_on(
    redis: Servers, tmp_path: Path
) -> None:
    server = redis.one()
    file = written(tmp_path / "a", server)
    secret = secret_of(client("add", "alice", "--scopes", "read", file=file))
    async with aiohttp.ClientSession() as session:
        ask = Asking(session)
        async with running(file) as url:
            await ask.ready(url)
            server.kill()
            known = await ask.status(url, secret)
        async with running(file) as url:
            unknown, health = await ask.status(url, secret), await ask.health(url)
    refused = client("list", file=file)

    assert (known, unknown) == (200, 503)
    assert (health[0], health[1]["status"], health[1]["clients"]) == (503, "unhealthy", 0)
    assert (refused.returncode, refused.stderr) == (
        2,
        "verus-gateway: the clients in redis: redis does not answer: refused\n",
    )


def test_another_secret_reads_and_changes_nothing(redis: Servers, tmp_path: Path) -> None:
    server = redis.one()
    client("add", "alice", "--scopes", "read", file=written(tmp_path / "a", server))
    other = written(tmp_path / "b", server, "another-secret-than-theirs")

    refused = client("add", "mallory", "--scopes", "admin", file=other)

    assert refused.returncode == 2
    assert "the seal is wrong: is redis_secret the same everywhere?" in refused.stderr


async def test_an_embedded_token_service_finds_them_too(
    start: StartStack, redis: Servers, tmp_path: Path
) -> None:
    server = redis.one()
    secret = secret_of(
        client("add", "alice", "--scopes", "read", file=written(tmp_path / "a", server))
    )
    table = TokenServiceConfig(
        embedded=True,
        issuer=ISSUER,
        folder=str(tmp_path / "keys"),
        port=0,
        generate_keys=True,
        clients="redis",
    )

    stack = await start(tokens=table, cache=cache(server.url, redis_secret=Secret(SECRET)))
    [url] = stack.beside
    service = stack.gateway.token_service
    assert service is not None
    await eventually(lambda: service.mint.ready, 5)

    assert await Asking(stack.client).status(url, secret) == 200
