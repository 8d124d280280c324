"""What the world reaches, with a real Caddy: who gets which path, and that nothing is lost."""

import asyncio
import os
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from services.caddy_server import CADDY, CADDYFILE, DOMAIN, Front, Service, fronting
from yarl import URL


@dataclass
class Site:
    """Caddy in front of three gateways."""

    front: Front
    gateways: list[Service]
    port: int

    async def post(self, path: str = "/", size: int = 2, claim: str = "") -> tuple[int, bytes]:
        """Send a call and return status and body."""
        url = URL(self.front.url + path, encoded=True)
        body = BytesIO(b"{" + b" " * (size - 2) + b"}")
        headers = {"X-Forwarded-For": claim} if claim else {}
        async with self.front.client.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Start three gateways and Caddy."""
    gateways = [Service(f"127.0.0.{number}") for number in (1, 2, 3)]
    port = await gateways[0].start(0)
    for each in gateways[1:]:
        await each.start(port)
    async with fronting(tmp_path, port, [each.address for each in gateways]) as front:
        for each in gateways:
            each.paths.clear()
            each.heads.clear()
        yield Site(front, gateways, port)
    for each in gateways:
        await each.stop()


@pytest.mark.parametrize(
    ("domain", "tls"), [("rpc.example.org", "acme"), ("localhost", "internal")]
)
def test_the_file_is_valid_and_formatted(domain: str, tls: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "DOMAIN": domain, "TLS": tls}  # noqa: S108
    for words in (["validate", "--adapter", "caddyfile", "--config"], ["fmt", "--diff"]):
        ended = subprocess.run(  # noqa: S603  our own words
            [CADDY, *words, CADDYFILE], capture_output=True, text=True, check=False, env=environment
        )
        assert ended.returncode == 0, ended.stderr
        changed = [line for line in ended.stdout.splitlines() if line.startswith(("+", "-"))]
        assert changed == []


async def test_calls_are_spread_over_all_instances_and_marked_with_their_client(site: Site) -> None:
    seen = Counter([(await site.post(claim="8.8.8.8"))[1] for _ in range(12)])

    assert len(seen) == 3
    for service in site.gateways:
        for head in service.heads:
            assert head["X-Forwarded-For"] == "127.0.0.1", "what a client claims does not count"
            assert head["X-Forwarded-Proto"] == "https"


async def test_answers_carry_the_headers_of_a_careful_server(site: Site) -> None:
    async with site.front.client.post(site.front.url, data=b"{}") as answer:
        headers = answer.headers

    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Caddy" not in headers.get("Server", "") + headers.get("Via", "")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics", "/metrics/", "//metrics", "/%6detrics", "/METRICS", "/x/../metrics",
        "/admin", "/admin/login", "/admin/circuit-breaker/reset", "/%61dmin/", "//admin//login",
        "/internal/blocknotify", "/./internal/blocknotify",
    ],
)  # fmt: skip
async def test_what_is_for_those_inside_never_reaches_a_gateway(site: Site, path: str) -> None:
    status, body = await site.post(path)

    assert status == 404
    assert b'"code":-32600' in body
    assert [service.paths for service in site.gateways] == [[], [], []]


async def test_paths_of_the_token_service_reach_it_and_no_others(site: Site) -> None:
    paths = [
        "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ]  # fmt: skip
    tokens = Service("127.0.0.4")
    await tokens.start(site.port)
    site.front.names.addresses["token-service"] = [tokens.address]

    for path in (*paths, "/oauth/other", "/health"):
        await site.post(path)
    await tokens.stop()

    assert tokens.paths == paths
    assert sorted(path for each in site.gateways for path in each.paths) == [
        "/health",
        "/oauth/other",
    ]


async def test_a_body_that_is_too_large_is_refused_in_the_form_of_a_call(site: Site) -> None:
    status, body = await site.post(size=(1 << 20) + 1)

    assert status == 413
    assert b"the request is too large" in body


async def test_an_instance_that_leaves_under_load_loses_no_call(site: Site) -> None:
    counts: Counter[str] = Counter()

    async def keep_calling() -> None:
        for _ in range(120):
            try:
                status, _ = await site.post()
            except aiohttp.ClientError as error:
                counts[str(error)] += 1
            else:
                counts[str(status)] += 1
            await asyncio.sleep(0.02)

    async def leave() -> None:
        for each in site.gateways[:0:-1]:
            await asyncio.sleep(0.3)
            each.leaves = True
            await asyncio.sleep(0.8)  # drain_seconds
            await each.stop()
        site.front.names.addresses["verus-rpc-server"] = ["127.0.0.1"]

    await asyncio.gather(leave(), *(keep_calling() for _ in range(8)))

    assert counts == {"200": 960}


async def test_a_call_that_was_sent_is_not_sent_again(site: Site) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    for service in site.gateways:
        service.answer = break_off

    status, _ = await site.post()

    assert status == 503
    assert sum(len(service.paths) for service in site.gateways) == 1


async def test_without_any_instance_callers_are_told_when_to_come_back(site: Site) -> None:
    for service in site.gateways:
        await service.stop()

    async with site.front.client.post(site.front.url, data=b"{}") as answer:
        body = await answer.read()

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert b'"reason":"overloaded"' in body


async def test_its_own_metrics_are_on_an_inner_port_only(site: Site) -> None:
    async with site.front.client.get(f"http://127.0.0.1:{site.front.inner}/metrics") as answer:
        text = await answer.text()

    assert "caddy_http_requests_total" in text
    assert DOMAIN in site.front.url


async def test_the_operators_port_shows_their_page_and_stays_with_one_instance(site: Site) -> None:
    for path in ("/admin/login", "/admin/login", "/admin", "/"):
        async with site.front.client.get(f"http://127.0.0.1:{site.front.admin}{path}") as answer:
            await answer.read()
    async with site.front.client.post(
        f"http://127.0.0.1:{site.front.admin}/", data=b"{}"
    ) as answer:
        await answer.read()

    asked = [service.paths for service in site.gateways if service.paths]
    assert asked == [["/admin/login", "/admin/login", "/admin", "/admin", "/admin"]]
