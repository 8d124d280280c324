"""The bare aiohttp application: one route, no middleware, a fixed answer. ``bare.py PORT METHOD``."""

import sys

import uvloop
from aiohttp import web
from bench.servers.answers import answer, result

BODY = answer(b"1", result(sys.argv[2]))


async def endpoint(request: web.Request) -> web.Response:
    """Read the call and answer it."""
    await request.read()
    return web.Response(body=BODY, content_type="application/json")


app = web.Application()
app.router.add_post("/", endpoint)
web.run_app(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
