"""``GET /health``, ``/health/live``, ``/health/ready`` and ``/metrics``."""

from typing import Any

import msgspec
from aiohttp import web

from verus_gateway import health
from verus_gateway.web.keys import DRAIN, FACTS, METRICS, SCRAPE

routes = web.RouteTableDef()
metrics_routes = web.RouteTableDef()


@routes.get("/health")
async def overall(request: web.Request) -> web.Response:
    """Say how the gateway is and what is wrong; asks nobody."""
    facts, details = request.app[FACTS]()
    status, body = health.report(facts, details)
    return _json(status, body)


@routes.get("/health/live")
async def live(_: web.Request) -> web.Response:
    """Say that the process turns; nothing outside of it can change that."""
    return _json(200, {"status": "alive"})


@routes.get("/health/ready")
async def ready(request: web.Request) -> web.Response:
    """Say whether traffic should come: until the process drains, and to a daemon of ours."""
    if request.app[DRAIN].draining:
        return _json(503, {"status": "draining"})
    facts, _ = request.app[FACTS]()
    if all(each.stranger for each in facts.values()):
        return _json(503, {"status": "wrong chain"})
    return _json(200, {"status": "ready"})


@metrics_routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Return everything counted, by all workers where there are several, for Prometheus."""
    scrape = request.app.get(SCRAPE)
    return web.Response(
        body=await scrape() if scrape else request.app[METRICS].render(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
