"""A page in a real Chromium, from an origin of its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from chromium import chromium
from playwright.async_api import Page
from stack import StartStack

from verus_gateway.config import SecurityConfig

CALL = """
async ([url, type]) => {
  try {
    const body = JSON.stringify({jsonrpc: '2.0', id: 1, method: 'getblockcount'});
    const response = await fetch(url, {method: 'POST', headers: {'Content-Type': type}, body});
    return [response.status, await response.json(), response.headers.get('Cache-Status')];
  } catch (error) { return ['refused', error.name]; }
}
"""


@pytest.fixture
async def page() -> AsyncIterator[tuple[Page, str]]:
    """Yield a page and the origin it was loaded from."""
    app = web.Application()
    app.router.add_get("/", _empty_page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with chromium() as browser:
        opened = await browser.new_page()
        await opened.goto(origin)
        yield opened, origin
    await runner.cleanup()


async def _empty_page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>dApp</title>", content_type="text/html")


def _allowing(origin: str) -> SecurityConfig:
    return SecurityConfig(mode="development", cors_origins=(origin,))


async def test_a_page_of_an_allowed_origin_calls_after_its_preflight(
    start: StartStack, page: tuple[Page, str]
) -> None:
    opened, origin = page
    stack = await start(security=_allowing(origin))

    answer: Any = await opened.evaluate(CALL, [stack.url, "application/json"])

    assert answer[0] == 200
    assert answer[1] == {"jsonrpc": "2.0", "result": 20, "id": 1}
    assert answer[2] is not None  # exposed to the page


async def test_a_page_of_another_origin_is_refused_by_its_browser(
    start: StartStack, page: tuple[Page, str]
) -> None:
    opened, _ = page
    stack = await start(security=_allowing("https://wallet.example"))

    answer: Any = await opened.evaluate(CALL, [stack.url, "application/json"])

    assert answer == ["refused", "TypeError"]
    assert stack.simulator.counts["getblockcount"] == 0


async def test_a_page_cannot_go_round_the_preflight_with_plain_text(
    start: StartStack, page: tuple[Page, str]
) -> None:
    opened, origin = page
    stack = await start(security=_allowing(origin))

    answer: Any = await opened.evaluate(CALL, [stack.url, "text/plain"])

    assert answer[0] == 415  # and the page can read why
    assert answer[1]["error"]["code"] == -32600
    assert stack.simulator.counts["getblockcount"] == 0
