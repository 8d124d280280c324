"""A token service of its own, several gateways, one Redis: what is taken back is taken back."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import encode_basic_auth
from redis_servers import Server, Servers, eventually, needs_redis
from services.test_in_concert import together
from services.test_shared_answers import cache, three
from stack import StartStack

from verus_gateway.config import AuthConfig
from verus_gateway.issuer import clients

pytestmark = needs_redis

ISSUER = "https://tokens.example"
CALL = {"id": 1, "method": "getblock", "params": ["1"]}


class Issuer:
    """The token service, and its client alice."""

    def __init__(self, url: str, secret: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._authorization = encode_basic_auth("alice", secret)
        self._session = session

    async def token(self) -> str:
        """Return a new token."""
        body = await self._post("/oauth/token", grant_type="client_credentials", scope="read")
        return str(msgspec.json.decode(body)["access_token"])

    async def revoke(self, token: str) -> None:
        """Take a token back."""
        await self._post("/oauth/revoke", token=token)

    async def _post(self, path: str, **form: str) -> bytes:
        headers = {"Authorization": self._authorization}
        async with self._session.post(self.url + path, data=form, headers=headers) as response:
            assert response.status == 200
            return await response.read()


@pytest.fixture
def server(redis: Servers) -> Server:
    return redis.one()


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[str]:
    """Run ``verus-gateway tokens`` and yield its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "verus_gateway", "tokens", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield line.decode().split()[-1]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


@pytest.fixture
async def issuer(server: Server, tmp_path: Path) -> AsyncIterator[Issuer]:
    """Run the token service as a process of its own, over the gateways' Redis."""
    file = tmp_path / "tokens.toml"
    file.write_text(
        f'[token_service]\nissuer = "{ISSUER}"\nfolder = "{tmp_path / "tokens"}"\nport = 0\n'
        f'generate_keys = true\n[cache]\nredis_url = "{server.url}"\n'
    )
    secret = clients.add(tmp_path / "tokens", "alice", ["read"], rate_class="default")
    async with running(file) as url, aiohttp.ClientSession() as session:
        yield Issuer(url, secret, session)


async def test_a_revoked_token_is_refused_by_all_also_with_redis_gone_afterwards(
    start: StartStack, server: Server, issuer: Issuer
) -> None:
    auth = AuthConfig(
        issuer=ISSUER, jwks_url=f"{issuer.url}/.well-known/jwks.json", refresh_seconds=3600.0
    )
    stacks = await three(start, cache(server.url), auth=auth)
    await together(stacks)
    shown = f"Bearer {await issuer.token()}"

    before = [(await stack.post(CALL, Authorization=shown)).status for stack in stacks]
    await issuer.revoke(shown.partition(" ")[2])
    known = [stack.gateway.access.revocations for stack in stacks]
    await eventually(lambda: all(len(revocations) == 1 for revocations in known), 1)
    after = [(await stack.post(CALL, Authorization=shown)).status for stack in stacks]
    server.kill()
    alone = [(await stack.post(CALL, Authorization=shown)).status for stack in stacks]

    assert (before, after, alone) == ([200] * 3, [401] * 3, [401] * 3)
