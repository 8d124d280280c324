"""The token service as an application, put together and not yet started."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from verus_gateway.address import Addresses
from verus_gateway.auth import ANONYMOUS
from verus_gateway.buckets import Allowance
from verus_gateway.config import Config, TokenServiceConfig
from verus_gateway.issuer.clients import Clients
from verus_gateway.issuer.mint import Mint
from verus_gateway.issuer.sharedclients import SHEET, SharedClients
from verus_gateway.limits import DEFAULT, Limiter
from verus_gateway.metrics import HttpCounts, Metrics
from verus_gateway.revocations import Revocations
from verus_gateway.shared.news import RevocationNews
from verus_gateway.shared.port import Shared
from verus_gateway.tasks import begun, ended
from verus_gateway.web import status, tokens
from verus_gateway.web.keys import (
    ADDRESSES,
    COUNTS,
    DRAIN,
    LIMITER,
    LIMITS,
    METRICS,
    MINT,
    Drain,
    Limits,
    Listener,
)
from verus_gateway.web.middleware import frame

AT_ONCE: Final = 4
"""Requests looked at side by side: each takes a thread and 16 MiB for scrypt."""
FROM_ONE: Final = 2
"""Of them, from one address."""
REMEMBERED: Final = 10_000
"""Clients and addresses whose requests are counted, each."""


class TokenService:
    """One token service.

    Args:
        config: What the operator wants.
        revocations: What was taken back; shared with the gateway where it is embedded.
        drain: Whether the process is on its way out.
        shared: Where gateways are told at once, for a token service of its own.
        clients: Who may get tokens; those of the folder, where nothing else is said.

    Raises:
        StartupError: its folder holds no keys, or others may read it.
    """

    def __init__(
        self,
        config: Config,
        revocations: Revocations,
        drain: Drain,
        shared: Shared | None = None,
        clients: Clients | None = None,
    ) -> None:
        self._config = config
        self._shared = shared
        self._revocations = revocations
        self._drain = drain
        self.mint = Mint(config.token_service, revocations, clients)
        self.counts = HttpCounts()
        self.limiter = _limiter(config.token_service.requests_per_minute)
        self.metrics = Metrics(self.counts, self.limiter, {}, self.mint.readings())

    def application(self) -> web.Application:
        """Return the aiohttp application that serves it."""
        server = self._config.server
        app = web.Application(middlewares=[frame], client_max_size=tokens.LARGEST_FORM)
        app[MINT] = self.mint
        app[COUNTS] = self.counts
        app[METRICS] = self.metrics
        app[DRAIN] = self._drain
        app[LIMITER] = self.limiter
        app[ADDRESSES] = Addresses(server.trusted_proxies, server.forwarded_header)
        app[LIMITS] = Limits(
            body=tokens.LARGEST_FORM,
            batch=1,
            batch_results=1,
            body_seconds=server.body_timeout,
            origins=frozenset(),
        )
        app.add_routes(tokens.routes)
        if self._config.metrics.enabled:
            app.add_routes(status.metrics_routes)
        if self._shared is not None:
            app.cleanup_ctx.append(partial(self._others_told, self._shared))
        app.cleanup_ctx.append(self._followed)
        return app

    def listener(self) -> Listener:
        """Return the application and the address it is served at."""
        table = self._config.token_service
        return Listener(self.application(), table.host, table.port)

    async def _followed(self, _: web.Application) -> AsyncIterator[None]:
        await self.mint.look()
        task = begun(self.mint.follow(), "keys and clients")
        yield
        await ended(task)

    async def _others_told(self, shared: Shared, _: web.Application) -> AsyncIterator[None]:
        exchange = shared.exchange
        exchange.counted = False
        news = RevocationNews(exchange, self._revocations, shared.revoked)
        async with shared.running(), exchange.running():
            task = begun(news.catch_up(), "catching up")
            yield
            await ended(task)


def clients_of(table: TokenServiceConfig, shared: Shared | None) -> Clients | None:
    """Return the clients that several token services share, None where the folder has them."""
    sheet = shared.sheet(SHEET) if shared and table.clients == "redis" else None
    return SharedClients(sheet) if sheet else None


def _limiter(per_minute: float) -> Limiter:
    classes = {
        name: Allowance(
            name=name, rate=per_minute / 60, burst=max(1.0, per_minute / 3), concurrent=FROM_ONE
        )
        for name in (ANONYMOUS, DEFAULT)
    }
    return Limiter(classes, most=AT_ONCE, remembered=REMEMBERED)
