"""The composition root: a gateway from its parts, and the applications that serve it."""

from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web

from verus_gateway import registry
from verus_gateway.address import Addresses
from verus_gateway.chain import Chain
from verus_gateway.config import Config, Secret
from verus_gateway.gateway import Gateway
from verus_gateway.shared.siblings import Siblings
from verus_gateway.web import cors, internal, openrpc, rpc, status
from verus_gateway.web.admin import breakers, reloads
from verus_gateway.web.admin.site import site
from verus_gateway.web.express import open_lane
from verus_gateway.web.keys import (
    ADDRESSES,
    AUTHENTICATOR,
    BLOCKNOTIFY,
    CHAINS,
    COUNTS,
    DESK,
    DISCOVER,
    DRAIN,
    FACTS,
    LIMITER,
    LIMITS,
    METRICS,
    RELOAD,
    SCRAPE,
    Limits,
    Listener,
    Served,
)
from verus_gateway.web.middleware import frame


def load(config: Config, siblings: Siblings | None = None) -> Gateway:
    """Return the gateway that *config* and the installed plugins make.

    Raises:
        PluginError: a plugin is broken.
    """
    return Gateway(
        config, registry.load(registry.installed(), config.security.wallet_methods), siblings
    )


def application(gateway: Gateway) -> web.Application:
    """Return the application that serves the public; the gateway is at work while it runs."""
    config = gateway.config
    app = _bare(gateway)
    served = {name: _served(gateway, chain) for name, chain in gateway.chains.items()}
    app[CHAINS] = {"": served[gateway.chain.name], **served}
    app[METRICS] = gateway.metrics
    if gateway.siblings is not None:
        gateway.siblings.render = gateway.metrics.render
        app[SCRAPE] = gateway.siblings.scrape
    app[FACTS] = gateway.facts
    app[DISCOVER] = gateway.discovery.document
    if not config.admin.bind:
        _open_office(gateway, app)
    app.add_routes(rpc.routes)
    app.add_routes(cors.routes)
    app.add_routes(status.routes)
    app.add_routes(openrpc.routes)
    if config.metrics.enabled:
        app.add_routes(status.metrics_routes)
    if config.security.blocknotify_secret:
        app[BLOCKNOTIFY] = _announcer(gateway, config.security.blocknotify_secret).announce
        app.add_routes(internal.routes)
    if config.server.express_lane and gateway.tracing is None:
        gateway.express = open_lane(app)
    app.cleanup_ctx.append(partial(_at_work, gateway))
    return app


def beside(gateway: Gateway) -> list[Listener]:
    """Return what has an address of its own: ``/admin`` and the token service, where asked for."""
    listeners: list[Listener] = []
    if gateway.token_service is not None:
        listeners.append(gateway.token_service.listener())
    if gateway.config.admin.bind:
        app = _bare(gateway)
        _open_office(gateway, app)
        host, _, port = gateway.config.admin.bind.rpartition(":")
        listeners.append(Listener(app, host.strip("[]"), int(port)))
    return listeners


def _bare(gateway: Gateway) -> web.Application:
    """Return an application without routes, with what every route needs."""
    server, limits = gateway.config.server, _limits(gateway.config)
    app = web.Application(middlewares=[frame], client_max_size=limits.body)
    app[COUNTS] = gateway.counts
    app[DRAIN] = gateway.drain
    app[AUTHENTICATOR] = gateway.authenticator
    app[LIMITER] = gateway.limiter
    app[ADDRESSES] = Addresses(server.trusted_proxies, server.forwarded_header)
    app[LIMITS] = limits
    return app


def _limits(config: Config) -> Limits:
    server = config.server
    return Limits(
        body=server.max_request_size,
        batch=server.max_batch,
        batch_results=server.max_batch_response,
        body_seconds=server.body_timeout,
        origins=frozenset(config.security.cors_origins),
    )


def _open_office(gateway: Gateway, app: web.Application) -> None:
    app[DESK] = gateway.desk
    if gateway.reload is not None:
        app[RELOAD] = gateway.reload
        app.add_routes(reloads.routes)
    app.add_routes(breakers.routes)
    if gateway.office is not None:
        pages = site(gateway.office)
        pages[ADDRESSES], pages[LIMITS] = app[ADDRESSES], app[LIMITS]
        app.add_subapp("/admin", pages)


def _announcer(gateway: Gateway, secret: Secret) -> internal.Announcer:
    tips = {name: chain.tip.announce for name, chain in gateway.chains.items()}
    return internal.Announcer(secret, {"": gateway.chain.tip.announce, **tips})


def _served(gateway: Gateway, chain: Chain) -> Served:
    if gateway.tracing is None:
        return Served(chain.pipeline, chain.counts)
    trace = partial(gateway.tracing.trace, chain.name, lambda: chain.breaker.name)
    return Served(chain.pipeline, chain.counts, trace=trace)


async def _at_work(gateway: Gateway, _: web.Application) -> AsyncIterator[None]:
    async with gateway.running():
        yield
