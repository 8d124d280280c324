"""The composition root: the only module that knows every other one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

import msgspec
from aiohttp import web

import verus_gateway
from verus_gateway import registry
from verus_gateway.access import Access, signing
from verus_gateway.address import Addresses
from verus_gateway.auth import ANONYMOUS, Authenticator, anonymous
from verus_gateway.buckets import Allowance, unlimited
from verus_gateway.chain import Chain, ended, log_death
from verus_gateway.concert import Concert
from verus_gateway.config import Config, RateClass, Secret, TracingConfig
from verus_gateway.desk import Desk
from verus_gateway.health import Facts
from verus_gateway.issuing import TokenService
from verus_gateway.limits import DEFAULT, Limiter
from verus_gateway.metrics import HttpCounts, Metrics, Reading
from verus_gateway.openrpc import Discovery
from verus_gateway.registry import Registry
from verus_gateway.reload import Reload
from verus_gateway.revocations import Revocations
from verus_gateway.shared.port import shared_by
from verus_gateway.shared.siblings import Siblings
from verus_gateway.shelf import MemoryShelf, Shelf
from verus_gateway.tracing import Tracing, traceparent
from verus_gateway.watchdog import Watchdog
from verus_gateway.web import cors, internal, openrpc, rpc, status
from verus_gateway.web.admin import breakers, reloads
from verus_gateway.web.admin.office import Shelves, furnish
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
    Drain,
    Limits,
    Listener,
    Served,
)
from verus_gateway.web.middleware import frame

Table = TypeVar("Table", bound=msgspec.Struct)


class Gateway:
    """Everything one process consists of, put together and not yet started.

    Args:
        config: What the operator wants.
        methods: What the installed plugins offer.
        siblings: The other workers, where this process is one of several.
    """

    def __init__(self, config: Config, methods: Registry, siblings: Siblings | None = None) -> None:
        self.config = config
        self.methods = methods
        self.drain = Drain()
        self.watchdog = Watchdog(suspects=methods.modules())
        self.counts = HttpCounts()
        self.express = False
        self.tracing = _tracing(config.tracing)
        self.siblings = siblings
        self.store = shared_by(config.cache) or siblings
        self.reload: Reload | None = None
        """What reads the file again, where there is one."""
        shelf: Callable[[], Shelf] = self.store.shelf if self.store else MemoryShelf
        self.shelf = shelf()
        # Of their own: salts come with each call and must not push out what lasts longer.
        self.salts = shelf()
        revocations = Revocations(self.shelf)
        self.token_service: TokenService | None = None
        if config.token_service.embedded:
            self.token_service = TokenService(config, revocations, self.drain)
        embedded = self.token_service.office if self.token_service else None
        self.access = Access(config.auth, revocations, embedded)
        stranger = anonymous(config.auth.anonymous_scopes)
        self.authenticator = Authenticator(
            stranger, [self.access.tokens, *signing(config.auth, self.salts)]
        )
        self.limiter = _limiter(config, max((row.method.cost for row in methods), default=1))
        settings = {config.verus.chain: config.verus, **config.chains}
        self.discovery = Discovery([row.method for row in methods], list(settings))
        room = config.cache.max_size // len(settings)
        self.chains = {
            name: Chain(
                name,
                verus,
                config.cache,
                room=room,
                methods=methods,
                discover=self.discovery.document,
                share=self.store.answers if self.store else None,
                mark=traceparent if config.tracing.enabled else None,
            )
            for name, verus in settings.items()
        }
        self.concert = self._concert()
        self.desk = Desk(
            self.chains, methods, self.limiter, self.concert.instances if self.concert else list
        )
        # Sessions and attempts are apart: strangers' attempts must not push out a session.
        self.office = furnish(
            config.admin,
            self.desk,
            Shelves(sessions=shelf(), attempts=shelf()),
            secure=config.security.mode == "production",
        )
        self.metrics = Metrics(
            self.counts,
            self.limiter,
            {name: (chain.counts, chain.readings()) for name, chain in self.chains.items()},
            {
                **self.access.readings(),
                "loop_lag_seconds": ("Worst lateness since last asked", self.watchdog.take_lag),
                "express_lane": ("1 where the express lane is open", lambda: float(self.express)),
                "express_total": (
                    "Requests answered by the express lane",
                    lambda: self.counts.express,
                ),
                "loop_blocked_total": (
                    "Times the event loop stood still",
                    lambda: self.watchdog.blocked,
                ),
                **(self.store.readings() if self.store else {}),
                **self._reloads(),
                "tasks": ("Tasks under way or waiting", _tasks),
            },
            flaws=lambda: self.access.flaws,
            tallies=self.store.tallies() if self.store else {},
        )

    @property
    def chain(self) -> Chain:
        """The default chain, served at ``/``."""
        return self.chains[self.config.verus.chain]

    def application(self) -> web.Application:
        """Return the aiohttp application that serves it."""
        config = self.config
        app = self._bare()
        served = {name: self._served(chain) for name, chain in self.chains.items()}
        app[CHAINS] = {"": served[self.chain.name], **served}
        app[METRICS] = self.metrics
        if self.siblings is not None:
            self.siblings.render = self.metrics.render
            app[SCRAPE] = self.siblings.scrape
        app[FACTS] = self.facts
        app[DISCOVER] = self.discovery.document
        if not config.admin.bind:
            self._open_office(app)
        app.add_routes(rpc.routes)
        app.add_routes(cors.routes)
        app.add_routes(status.routes)
        app.add_routes(openrpc.routes)
        if config.metrics.enabled:
            app.add_routes(status.metrics_routes)
        if config.security.blocknotify_secret:
            app[BLOCKNOTIFY] = self._announcer(config.security.blocknotify_secret).announce
            app.add_routes(internal.routes)
        if config.server.express_lane and self.tracing is None:
            self.express = open_lane(app)
        if self.tracing is not None:
            app.cleanup_ctx.append(partial(_spans_sent, self.tracing))
        app.cleanup_ctx.extend([self._issuer_followed, self._chains_running, self._loop_watched])
        return app

    def beside(self) -> Listener | None:
        """Return the listener for ``/admin`` alone, None where the public one has it."""
        bind = self.config.admin.bind
        if not bind:
            return None
        app = self._bare()
        self._open_office(app)
        host, _, port = bind.rpartition(":")
        return Listener(app, host.strip("[]"), int(port))

    def _bare(self) -> web.Application:
        """Return an application without routes, with what every route needs."""
        config, limits = self.config, _limits(self.config)
        app = web.Application(middlewares=[frame], client_max_size=limits.body)
        app[COUNTS] = self.counts
        app[DRAIN] = self.drain
        app[AUTHENTICATOR] = self.authenticator
        app[LIMITER] = self.limiter
        app[ADDRESSES] = Addresses(config.server.trusted_proxies, config.server.forwarded_header)
        app[LIMITS] = limits
        return app

    def _open_office(self, app: web.Application) -> None:
        app[DESK] = self.desk
        if self.reload is not None:
            app[RELOAD] = self.reload
            app.add_routes(reloads.routes)
        app.add_routes(breakers.routes)
        if self.office is not None:
            pages = site(self.office)
            pages[ADDRESSES], pages[LIMITS] = app[ADDRESSES], app[LIMITS]
            app.add_subapp("/admin", pages)

    def _reloads(self) -> dict[str, tuple[str, Reading]]:
        return {
            "config_reloads_total": (
                "Times a changed configuration was taken into force",
                lambda: self.reload.taken if self.reload else 0,
            ),
            "config_refusals_total": (
                "Times a changed configuration was refused for its faults",
                lambda: self.reload.refused if self.reload else 0,
            ),
        }

    def adopt(self, wanted: Config) -> list[str]:
        """Go by *wanted* from now on, in what may change while calls are under way.

        Returns:
            The tables of which something counts from the next start only.

        Raises:
            ConfigError: the key of an app cannot be read; then nothing has changed.
        """
        kinds = [self.access.tokens, *signing(wanted.auth, self.salts)]
        self.limiter.adopt(_classes(wanted))
        self.authenticator.adopt(anonymous(wanted.auth.anonymous_scopes), kinds)
        return _waiting(self.config, wanted)

    def facts(self) -> tuple[dict[str, Facts], dict[str, Any]]:
        """Return what health is judged by, chain by chain, and what is told beside it."""
        lag = self.watchdog.lag
        alone = self.store.alone() if self.store else ""
        keyless = self.access.keyless()
        facts = {
            name: chain.facts(draining=self.drain.draining, lag=lag, alone=alone, keyless=keyless)
            for name, chain in self.chains.items()
        }
        details: dict[str, Any] = {"version": verus_gateway.__version__}
        details |= self.chain.details(facts[self.chain.name])
        if self.store:
            details[self.store.title] = self.store.details()
        if self.concert:
            details["instances"] = self.concert.instances()
        if len(self.chains) > 1:
            details["chains"] = {
                name: chain.details(facts[name]) for name, chain in self.chains.items()
            }
        return facts, details

    def _concert(self) -> Concert | None:
        if self.store is None:
            return None
        settings = {self.config.verus.chain: self.config.verus, **self.config.chains}
        return Concert(
            self.store.exchange,
            self.chains,
            [name for name, verus in settings.items() if verus.circuit_breaker.shared],
            self.limiter,
            self.access.revocations,
            revoked=self.store.revoked,
        )

    def _announcer(self, secret: Secret) -> internal.Announcer:
        tips = {name: chain.tip.announce for name, chain in self.chains.items()}
        return internal.Announcer(secret, {"": self.chain.tip.announce, **tips})

    def _served(self, chain: Chain) -> Served:
        if self.tracing is None:
            return Served(chain.pipeline, chain.counts)
        trace = partial(self.tracing.trace, chain.name, lambda: chain.breaker.name)
        return Served(chain.pipeline, chain.counts, trace=trace)

    async def _issuer_followed(self, _: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self.token_service is not None:
                await stack.enter_async_context(self.token_service.listening())
            await stack.enter_async_context(self.access.followed())
            yield

    async def _chains_running(self, _: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for shared in dict.fromkeys([self.siblings, self.store]):
                if shared is not None:
                    await stack.enter_async_context(shared.running())
            for chain in self.chains.values():
                await stack.enter_async_context(chain.running(self.config.server.shutdown_timeout))
            if self.concert:
                await stack.enter_async_context(self.concert.running())
            yield

    async def _loop_watched(self, _: web.Application) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(
            target=self.watchdog.watch, args=(stop,), name="watchdog", daemon=True
        )
        task = asyncio.create_task(self.watchdog.beat(), name="heartbeat")
        task.add_done_callback(log_death)
        thread.start()
        yield
        stop.set()
        await ended(task)
        await asyncio.to_thread(thread.join)


def load(config: Config, siblings: Siblings | None = None) -> Gateway:
    """Return the gateway that *config* and the installed plugins make.

    Raises:
        PluginError: a plugin is broken.
    """
    return Gateway(
        config, registry.load(registry.installed(), config.security.wallet_methods), siblings
    )


async def _spans_sent(tracing: Tracing, _: web.Application) -> AsyncIterator[None]:
    async with tracing.running():
        yield


def _tracing(settings: TracingConfig) -> Tracing | None:
    if not settings.enabled:
        return None
    from verus_gateway.spans import OpenTelemetry  # noqa: PLC0415  an extra brings what it needs

    return OpenTelemetry(settings)


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop runs
        return 0


def _limits(config: Config) -> Limits:
    server = config.server
    return Limits(
        body=server.max_request_size,
        batch=server.max_batch,
        batch_results=server.max_batch_response,
        body_seconds=server.body_timeout,
        origins=frozenset(config.security.cors_origins),
    )


def _waiting(running: Config, wanted: Config) -> list[str]:
    moved = msgspec.structs.replace(
        wanted,
        logging=_like(wanted.logging, running.logging, "level"),
        auth=_like(wanted.auth, running.auth, "anonymous_scopes", "apps", "app_window"),
        rate_limit=_like(
            wanted.rate_limit, running.rate_limit, "enabled", "anonymous", "default", "classes"
        ),
    )
    return [
        name for name in Config.__struct_fields__ if getattr(moved, name) != getattr(running, name)
    ]


def _like(table: Table, other: Table, *keys: str) -> Table:
    """Return *table* with what *other* says at *keys*."""
    return msgspec.structs.replace(table, **{key: getattr(other, key) for key in keys})


def _classes(config: Config) -> dict[str, Allowance]:
    rates = config.rate_limit
    settings = {ANONYMOUS: rates.anonymous, DEFAULT: rates.default, **rates.classes}
    return {
        name: _allowance(name, given) if rates.enabled else unlimited(name)
        for name, given in settings.items()
    }


def _limiter(config: Config, costliest: int) -> Limiter:
    rates = config.rate_limit
    return Limiter(
        _classes(config),
        most=rates.max_concurrent,
        reserved=rates.reserved,
        remembered=rates.max_buckets,
        costliest=costliest,
    )


def _allowance(name: str, given: RateClass) -> Allowance:
    return Allowance(name=name, rate=given.rate, burst=given.burst, concurrent=given.concurrent)
