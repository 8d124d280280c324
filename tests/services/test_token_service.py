"""A token service of its own, several gateways, one Redis: what is taken back is taken back."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import encode_basic_auth
from redis_servers import Server, Servers, eventually, needs_redis
from services.test_in_concert import together
from services.test_shared_answers import cache, three
from stack import StartStack

from verus_gateway.config import AuthConfig, Config, SecurityConfig, TokenServiceConfig
from verus_gateway.issuer import clients
from verus_gateway.issuing import TokenService
from verus_gateway.revocations import Revocations
from verus_gateway.serve import listening
from verus_gateway.shared.port import shared_by
from verus_gateway.web.keys import Drain

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


@pytest.fixture
async def issuer(server: Server, tmp_path: Path) -> AsyncIterator[Issuer]:
    """Run the token service over the gateways' Redis."""
    folder = tmp_path / "tokens"
    secret = clients.add(folder, "alice", ["read"], rate_class="default")
    table = TokenServiceConfig(issuer=ISSUER, folder=str(folder), port=0, generate_keys=True)
    config = Config(
        token_service=table,
        security=SecurityConfig(mode="development"),
        cache=cache(server.url),
    )
    shared = shared_by(config.cache)
    assert shared is not None
    service = TokenService(config, Revocations(shared.shelf()), Drain(), shared)
    async with (
        listening(service.listener(), config.server) as url,
        aiohttp.ClientSession() as session,
    ):
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
