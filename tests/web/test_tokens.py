"""The token service over real sockets, as its clients meet it."""

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import encode_basic_auth
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from core.issuing import bearer
from stack import StartStack, until

from verus_gateway import authority, jwks, logs, tokens
from verus_gateway.config import (
    AuthConfig,
    Config,
    MetricsConfig,
    SecurityConfig,
    ServerConfig,
    TokenServiceConfig,
)
from verus_gateway.issuer import clients, keyring
from verus_gateway.issuing import TokenService
from verus_gateway.revocations import Revocations
from verus_gateway.serve import listening
from verus_gateway.shelf import MemoryShelf
from verus_gateway.web.keys import Drain

ISSUER = "https://tokens.example"
GRANT = {"grant_type": "client_credentials"}
Reply = tuple[int, Any, "dict[str, str]"]


@dataclass
class Served:
    """A running token service, its client's secret, and a way to ask."""

    service: TokenService
    base: str
    folder: Path
    secret: str
    session: aiohttp.ClientSession

    async def post(
        self,
        path: str,
        form: Any,
        authorization: str | None = None,
        **headers: str,
    ) -> Reply:
        """Post a form, as alice unless told otherwise."""
        shown = encode_basic_auth("alice", self.secret) if authorization is None else authorization
        own = {"Authorization": shown} if shown else {}
        url = self.base + path
        async with self.session.post(url, data=form, headers={**own, **headers}) as response:
            body = msgspec.json.decode(await response.read())
            return response.status, body, dict(response.headers)

    async def get(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Get a path."""
        url = self.base + path
        async with self.session.get(url) as response:
            return response.status, await response.read(), dict(response.headers)

    async def token(self, **form: str) -> str:
        """Return a new token of alice's."""
        _, body, _ = await self.post("/oauth/token", {**GRANT, **form})
        return str(body["access_token"])


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a token service with a client alice; members of its table may be given."""

    async def served(server: ServerConfig | None = None, **members: Any) -> Served:
        folder = tmp_path / "tokens"
        secret = clients.add(folder, "alice", ["read", "public"], rate_class="gold")
        table = {
            "issuer": ISSUER,
            "folder": str(folder),
            "port": 0,
            "generate_keys": True,
            "requests_per_minute": 60_000.0,
        }
        config = Config(
            token_service=TokenServiceConfig(**{**table, **members}),
            security=SecurityConfig(mode="development"),
            server=server or ServerConfig(),
        )
        service = TokenService(config, Revocations(MemoryShelf()), Drain())
        base = await stack.enter_async_context(listening(service.listener(), config.server))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        return Served(service, base, folder, secret, session)

    async with AsyncExitStack() as stack:
        yield served


async def test_a_client_gets_a_token_by_basic_or_in_the_body(serve: Serve) -> None:
    served = await serve()
    in_body = {**GRANT, "client_id": "alice", "client_secret": served.secret}

    status, body, headers = await served.post("/oauth/token", GRANT)
    other, _, _ = await served.post("/oauth/token", in_body, "")

    assert (status, other) == (200, 200)
    assert {key: body[key] for key in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "read public",
    }
    assert (headers["Cache-Control"], headers["Pragma"]) == ("no-store", "no-cache")
    assert "refresh_token" not in body


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_a_token_is_one_that_a_gateway_reads(serve: Serve, algorithm: str) -> None:
    served = await serve(algorithm=algorithm)
    token = await served.token(scope="read")
    _, text, headers = await served.get("/.well-known/jwks.json")
    rules = tokens.Rules(issuer=ISSUER, audience="verus-gateway", leeway=0, lifetime=3600)

    claims = tokens.read(token, jwks.read_set(text).get, rules, time.time())

    assert (claims.sub, claims.client_id, claims.scope) == ("alice", "alice", "read")
    assert claims.rate_class == "gold"
    assert len(claims.jti) >= 22
    assert headers["Cache-Control"] == "public, max-age=60"
    assert b'"d"' not in text


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unsupported_grant_type"),
        ({**GRANT, "scope": "admin"}, "invalid_scope"),
        ({**GRANT, "scope": "read admin"}, "invalid_scope"),
        ({**GRANT, "scope": 'read "'}, "invalid_scope"),
        ({**GRANT, "client_id": "bob"}, "invalid_request"),
        (b"grant_type=client_credentials&grant_type=password", "invalid_request"),
        (b"{}", "invalid_request"),
    ],
)
async def test_what_is_not_granted_has_its_word(serve: Serve, form: Any, error: str) -> None:
    served = await serve()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    status, body, headers = await served.post("/oauth/token", form, None, **kind)

    assert (status, body["error"]) == (400, error)
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
async def test_who_is_not_a_client_is_not_told_why(serve: Serve, path: str) -> None:
    served = await serve()
    clients.add(served.folder, "gone", ["read"])
    gone = clients.rotate(served.folder, "gone")
    clients.disable(served.folder, "gone")
    form = {**GRANT, "token": "x"}
    shown = [
        encode_basic_auth("alice", "wrong"),
        encode_basic_auth("nobody", "wrong"),
        encode_basic_auth("alice", ""),
        encode_basic_auth("gone", gone),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer x.y.z",
        "",
    ]

    replies = [await served.post(path, form, authorization) for authorization in shown]

    for status, body, headers in replies:
        assert (status, body) == (401, {"error": "invalid_client"})
        assert headers["WWW-Authenticate"].startswith("Basic realm=")


async def test_a_disabled_client_and_an_old_secret_get_nothing(serve: Serve) -> None:
    served = await serve()
    old = encode_basic_auth("alice", served.secret)
    new = encode_basic_auth("alice", clients.rotate(served.folder, "alice"))

    before = await served.post("/oauth/token", GRANT, new)
    rotated = await served.post("/oauth/token", GRANT, old)
    clients.disable(served.folder, "alice")
    disabled = await served.post("/oauth/token", GRANT, new)

    assert [before[0], rotated[0], disabled[0]] == [200, 401, 401]


async def test_introspection_says_what_a_good_token_says_and_never_why_not(serve: Serve) -> None:
    served = await serve()
    clients.add(served.folder, "bob", ["read"])
    bob = encode_basic_auth("bob", clients.rotate(served.folder, "bob"))
    root = encode_basic_auth("root", clients.add(served.folder, "root", ["admin"]))
    token = await served.token()
    foreign = bearer(jwks.make("ES256"), time.time()).partition(" ")[2]

    _, good, _ = await served.post("/oauth/introspect", {"token": token})
    _, asked_by_root, _ = await served.post("/oauth/introspect", {"token": token}, root)
    bad = [
        (await served.post("/oauth/introspect", {"token": text}, shown))[1]
        for text, shown in (
            (token, bob),
            ("nonsense", None),
            ("", None),
            (token + "x", None),
            (foreign, None),
            ("x" * 9000, None),
        )
    ]

    assert good["active"] is True
    assert (good["client_id"], good["scope"], good["iss"]) == ("alice", "read public", ISSUER)
    assert asked_by_root == good
    assert bad == [{"active": False}] * 6


async def test_a_token_of_a_disabled_client_is_not_active(serve: Serve) -> None:
    served = await serve()
    root = encode_basic_auth("root", clients.add(served.folder, "root", ["admin"]))
    token = await served.token()
    clients.disable(served.folder, "alice")

    assert (await served.post("/oauth/introspect", {"token": token}, root))[1] == {"active": False}


async def test_a_revoked_token_is_listed_for_gateways_and_survives_a_restart(
    serve: Serve,
) -> None:
    served = await serve()
    token = await served.token()
    before = (await served.get("/oauth/revocations"))[1]

    status, body, _ = await served.post(
        "/oauth/revoke", {"token": token, "token_type_hint": "access_token"}
    )
    again = (await served.post("/oauth/revoke", {"token": token}))[0]
    _, active, _ = await served.post("/oauth/introspect", {"token": token})
    _, listed, headers = await served.get("/oauth/revocations")

    assert (status, body, again) == (200, {}, 200)
    assert active == {"active": False}
    payload = tokens.opened(
        listed.decode(), frozenset({authority.LIST_TYPE}), served.service.mint.keys.find
    )
    revoked = msgspec.json.decode(payload, type=authority.RevokedList)
    assert len(revoked.revoked) == 1
    assert before != listed
    assert headers["Content-Type"] == "application/jwt"
    restarted = Revocations(MemoryShelf())
    TokenService(served.service._config, restarted, Drain())
    assert set(restarted.listed()) == set(revoked.revoked)


async def test_the_list_is_signed_once_a_second_at_most(serve: Serve) -> None:
    mint = (await serve()).service.mint
    mint._clock = lambda: 1_800_000_000.5

    first, second = mint.revoked(), mint.revoked()
    mint._clock = lambda: 1_800_000_002.0

    assert first == second != mint.revoked()


async def test_revoking_an_unknown_token_is_fine_and_another_clients_is_not(serve: Serve) -> None:
    served = await serve()
    bob = encode_basic_auth("bob", clients.add(served.folder, "bob", ["read"]))
    token = await served.token()

    unknown = await served.post("/oauth/revoke", {"token": "nonsense"})
    foreign = await served.post("/oauth/revoke", {"token": token}, bob)
    missing = await served.post("/oauth/revoke", {"x": "1"})
    hint = await served.post("/oauth/revoke", {"token": "x", "token_type_hint": "id_token"})

    assert (unknown[0], unknown[1]) == (200, {})
    assert (foreign[0], foreign[1]["error"]) == (400, "invalid_grant")
    assert (missing[0], missing[1]["error"]) == (400, "invalid_request")
    assert (hint[0], hint[1]["error"]) == (400, "unsupported_token_type")


async def test_the_metadata_is_what_rfc_8414_wants(serve: Serve) -> None:
    served = await serve()

    status, text, _ = await served.get("/.well-known/oauth-authorization-server")

    described = msgspec.json.decode(text)
    metadata = AuthorizationServerMetadata(described)
    for check in ("issuer", "token_endpoint", "jwks_uri", "grant_types_supported"):
        getattr(metadata, f"validate_{check}")()
    assert (status, described["issuer"]) == (200, ISSUER)
    assert described["token_endpoint"] == f"{ISSUER}/oauth/token"


async def test_a_rotated_key_is_known_before_it_signs_and_after(serve: Serve) -> None:
    served = await serve()
    old = await served.token()
    before = jwks.read_set((await served.get("/.well-known/jwks.json"))[1])

    kid = keyring.rotate(served.folder, "ES256", 3600, time.time())
    await served.service.mint.keys.refresh()
    new = await served.token()
    after = jwks.read_set((await served.get("/.well-known/jwks.json"))[1])

    assert kid in before
    assert before.keys() < after.keys()
    rules = tokens.Rules(issuer=ISSUER, audience="verus-gateway", leeway=0, lifetime=3600)
    for token in (old, new):
        assert tokens.read(token, after.get, rules, time.time()).sub == "alice"


async def test_the_running_service_takes_up_changed_keys_by_itself(serve: Serve) -> None:
    served = await serve()
    kid = keyring.replace(served.folder, "ES256")

    async with asyncio.timeout(10):
        while served.service.mint.keys.active.kid != kid:  # noqa: ASYNC110  it polls a file itself
            await asyncio.sleep(0.05)

    assert list(jwks.read_set((await served.get("/.well-known/jwks.json"))[1])) >= [kid]


async def test_a_client_is_not_given_more_lifetime_than_the_service_allows(serve: Serve) -> None:
    served = await serve(max_token_lifetime=700.0)
    shown = encode_basic_auth("long", clients.add(served.folder, "long", ["read"], lifetime=9000))

    _, body, _ = await served.post("/oauth/token", GRANT, shown)

    assert body["expires_in"] == 700


async def test_too_many_requests_are_turned_away_unheard(serve: Serve) -> None:
    served = await serve(requests_per_minute=9.0)

    replies = [await served.post("/oauth/token", GRANT, "Basic x") for _ in range(4)]
    listed = await served.get("/oauth/revocations")

    assert [reply[0] for reply in replies] == [401, 401, 401, 429]
    _, body, headers = replies[-1]
    assert body["error"] == "temporarily_unavailable"
    assert int(headers["Retry-After"]) >= 1
    assert listed[0] == 429
    assert served.service.mint.throttled == 1


async def test_one_client_is_throttled_wherever_it_calls_from(serve: Serve) -> None:
    proxied = ServerConfig(trusted_proxies=("127.0.0.1/32",))
    served = await serve(server=proxied, requests_per_minute=9.0)

    replies = [
        await served.post("/oauth/token", GRANT, None, **{"X-Forwarded-For": f"192.0.2.{number}"})
        for number in range(4)
    ]

    assert [reply[0] for reply in replies] == [200, 200, 200, 429]


async def test_forms_that_are_too_large_or_too_slow_are_given_up(serve: Serve) -> None:
    served = await serve(server=ServerConfig(body_timeout=0.05))

    async def slow() -> AsyncIterator[bytes]:
        yield b"grant_type="
        await asyncio.sleep(1)
        yield b"x"

    large = await served.post("/oauth/token", {"x": "y" * 20_000})
    late = await served.post("/oauth/token", slow())
    twice = await served.session.post(
        f"{served.base}/oauth/token",
        headers=[("Authorization", "Basic x"), ("Authorization", "Basic y")],
    )

    assert (large[0], large[1]["error"]) == (413, "invalid_request")
    assert (late[0], late[1]["error"]) == (408, "invalid_request")
    assert twice.status == 400


async def test_health_and_metrics_say_how_it_is(serve: Serve) -> None:
    served = await serve()
    await served.token()
    await served.post("/oauth/token", GRANT, "Basic x")

    status, body, headers = await served.get("/health")
    metrics = (await served.get("/metrics"))[1].decode()

    assert (status, msgspec.json.decode(body)) == (
        200,
        {"status": "healthy", "issuer": ISSUER, "keys": 2, "clients": 1, "revoked": 0},
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    for line in (
        "verus_gateway_issuer_tokens_issued_total 1",
        "verus_gateway_issuer_refusals_total 1",
        "verus_gateway_issuer_tokens_revoked_total 0",
        "verus_gateway_issuer_throttled_total 0",
        "verus_gateway_issuer_clients 1",
        "verus_gateway_issuer_keys 2",
    ):
        assert line in metrics
    assert repr(served.service.mint).startswith(f"<Mint {ISSUER}, <Keyring ")


async def test_every_issue_refusal_and_revocation_is_written_down_without_a_secret(
    serve: Serve,
) -> None:
    served = await serve()
    written = io.StringIO()

    with logs.writing("debug", "json", written):
        token = await served.token(scope="read")
        await served.post("/oauth/revoke", {"token": token})
        await served.post("/oauth/token", GRANT, encode_basic_auth("alice", "a-wrong-secret"))
        await served.post("/oauth/token", GRANT, encode_basic_auth("a-secret-here", "x"))
        metrics = (await served.get("/metrics"))[1].decode()

    lines = [msgspec.json.decode(line) for line in written.getvalue().splitlines()]
    audit = [line for line in lines if line["logger"] == "verus_gateway.audit"]
    assert [(line["event"], line["who"]) for line in audit] == [
        ("token issued", "alice"),
        ("token revoked", "alice"),
        ("no token issued", "alice"),
        ("no token issued", "unknown"),
    ]
    assert audit[0]["jti"] == audit[1]["jti"]
    assert audit[0]["scope"] == "read"
    assert [line["why"] for line in audit[2:]] == ["invalid_client", "invalid_client"]
    assert {line["address"] for line in audit} == {"127.0.0.1"}
    hidden = [served.secret, "a-wrong-secret", "a-secret-here", *token.split(".")]
    for text in hidden:
        assert text not in written.getvalue() + metrics


async def test_without_metrics_there_is_no_such_path(tmp_path: Path) -> None:
    keyring.create(tmp_path, "ES256")
    config = Config(
        token_service=TokenServiceConfig(issuer=ISSUER, folder=str(tmp_path)),
        metrics=MetricsConfig(enabled=False),
    )

    app = TokenService(config, Revocations(MemoryShelf()), Drain()).application()

    assert "/metrics" not in {resource.canonical for resource in app.router.resources()}


async def test_an_embedded_service_and_its_gateway_share_what_they_know(
    start: StartStack, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    secret = clients.add(folder, "alice", ["public", "admin"])
    stack = await start(
        tokens=TokenServiceConfig(
            embedded=True, issuer=ISSUER, folder=str(folder), port=0, generate_keys=True
        ),
        auth=AuthConfig(),
    )
    call = {"id": 1, "method": "getpeerinfo"}
    [base] = stack.beside
    headers = {"Authorization": encode_basic_auth("alice", secret)}

    async with stack.client.post(f"{base}/oauth/token", data=GRANT, headers=headers) as response:
        token = msgspec.json.decode(await response.read())["access_token"]
    shown = f"Bearer {token}"
    before, after_first = [await stack.post(call, Authorization=shown) for _ in range(2)]
    async with stack.client.post(
        f"{base}/oauth/revoke", data={"token": token}, headers=headers
    ) as response:
        revoked = response.status
    after = await stack.post(call, Authorization=shown)
    metrics = (await stack.get("/metrics")).body

    assert (before.status, after_first.status, revoked, after.status) == (200, 200, 200, 401)
    assert "verus_gateway_token_keys 2" in metrics


async def test_a_gateway_of_its_own_learns_keys_and_revocations_over_the_wire(
    serve: Serve, start: StartStack
) -> None:
    served = await serve()
    base = served.base
    stack = await start(
        auth=AuthConfig(
            issuer=ISSUER,
            jwks_url=f"{base}/.well-known/jwks.json",
            revocations_url=f"{base}/oauth/revocations",
            refresh_seconds=1.0,
        )
    )
    shown = f"Bearer {await served.token(scope='read')}"
    call = {"id": 1, "method": "getblock", "params": ["1"]}

    before = await stack.post(call, Authorization=shown)
    await served.post("/oauth/revoke", {"token": shown.partition(" ")[2]})
    await until(lambda: len(stack.gateway.access.revocations) == 1)
    after = await stack.post(call, Authorization=shown)
    fresh = await stack.post(call, Authorization=f"Bearer {await served.token(scope='read')}")

    assert [before.status, after.status, fresh.status] == [200, 401, 200]
    assert after.body["error"]["message"] == "invalid_token"


async def test_the_list_of_revocations_and_other_papers_are_no_tokens(
    serve: Serve, start: StartStack
) -> None:
    served = await serve()
    stack = await start(
        auth=AuthConfig(
            issuer=ISSUER,
            jwks_url=f"{served.base}/.well-known/jwks.json",
        )
    )
    listed = (await served.get("/oauth/revocations"))[1].decode()

    reply = await stack.post({"id": 1, "method": "getinfo"}, Authorization=f"Bearer {listed}")

    assert reply.status == 401
    assert 'flaw="type"} 1' in (await stack.get("/metrics")).body
