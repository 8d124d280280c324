"""A proxy as one writes it with aiohttp on both sides: ``session_proxy.py PORT UPSTREAM``."""

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web

SESSION = web.AppKey("SESSION", aiohttp.ClientSession)


async def endpoint(request: web.Request) -> web.Response:
    """Pass the call on."""
    async with request.app[SESSION].post(
        sys.argv[2], data=await request.read(), headers={"Content-Type": "application/json"}
    ) as response:
        return web.Response(body=await response.read(), content_type="application/json")


async def session(app: web.Application) -> AsyncIterator[None]:
    """Hold one client session open."""
    async with aiohttp.ClientSession(auto_decompress=False) as made:
        app[SESSION] = made
        yield


app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_post("/", endpoint)
web.run_app(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
