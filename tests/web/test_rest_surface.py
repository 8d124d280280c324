"""What is no JSON-RPC, held to docs/openapi.yaml by schemathesis: bounded, and the same each time."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import encode_basic_auth, web
from core.issuing import ISSUER, KEY, bearer
from stack import StartStack
from web.test_tokens import Serve, serve

from verus_gateway import jwks
from verus_gateway.config import AuthConfig, Secret, SecurityConfig

__all__ = ["serve"]

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "openapi.yaml"
SECRET = "a shared secret made up for this test"
ST = Path(sys.executable).with_name("st")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "unsupported_method",
    "ignored_auth",
)  # fmt: skip
PHASES = {
    "gateway": ("examples", "coverage", "fuzzing"),
    "tokens": (
        "examples",
        "coverage",
        "fuzzing",
        "stateful",
    ),  # a token is what another route takes
}
EXAMPLES = 12
"""Of each operation, in each phase that makes its own."""


async def held(folder: Path, url: str, tag: str, authorization: str) -> str:
    """Run schemathesis in *folder* against *url* for the operations of a tag; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *(ST, "--no-color", "run", DOCUMENT, "--url", url, "--include-tag", tag),
        *("--phases", ",".join(PHASES[tag]), "--max-examples", str(EXAMPLES)),
        *("--generation-deterministic", "--continue-on-failure"),
        *("--checks", ",".join(CHECKS)),
        *("--header", f"Authorization: {authorization}", "--warnings", "off"),
        cwd=folder,  # it leaves a folder of its own behind
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(200):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-6_000:]
    return said.decode()


def described(tag: str) -> set[tuple[str, str]]:
    """Return methods and paths that the document gives a tag."""
    paths = yaml.safe_load(DOCUMENT.read_text("utf-8"))["paths"]
    return {
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if tag in operation["tags"]
    }


def offered(app: web.Application, *apart: str) -> set[tuple[str, str]]:
    """Return methods and paths that an application has, without those that begin as said."""
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
        and route.method != "HEAD"
        and not route.resource.canonical.startswith(apart)
        and route.resource.canonical != "/"
    }


async def test_the_gateways_routes_do_what_the_document_says(
    start: StartStack, tmp_path: Path
) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_bytes(jwks.published([KEY]))
    stack = await start(
        security=SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET)),
        auth=AuthConfig(issuer=ISSUER, jwks_file=str(keys)),
    )

    said = await held(
        tmp_path, stack.url, "gateway", bearer(KEY, time.time(), scope="public read admin")
    )

    assert offered(stack.runner.app, "/chain/", "/admin/login") == described("gateway")
    assert "No issues found" in said
    tokens: Any = stack.gateway.access.tokens
    assert tokens.verified == 1, "the token is good"
    assert (await stack.post({"id": 1, "method": "getblockcount"})).status == 200


async def test_announcements_do_what_the_document_says(start: StartStack, tmp_path: Path) -> None:
    stack = await start(
        security=SecurityConfig(mode="development", blocknotify_secret=Secret(SECRET))
    )

    said = await held(tmp_path, stack.url, "gateway", f"Bearer {SECRET}")

    assert "No issues found" in said


async def test_the_token_services_routes_do_what_the_document_says(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(requests_per_minute=600_000.0)

    said = await held(
        tmp_path,
        served.base,
        "tokens",
        encode_basic_auth("alice", served.secret),
    )

    assert offered(served.service.application()) == described("tokens")
    assert "No issues found" in said
    assert "2 covered" in said
    assert await served.token()


@pytest.mark.parametrize("tag", ["gateway", "tokens"])
def test_the_document_has_a_word_for_each_refusal(tag: str) -> None:
    paths = yaml.safe_load(DOCUMENT.read_text("utf-8"))["paths"]

    for method, path in described(tag):
        assert "default" in paths[path][method.lower()]["responses"]
