"""Everything one process consists of, put together and not yet started."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import verus_gateway
from verus_gateway import allowances
from verus_gateway.access import Access, signing
from verus_gateway.auth import Authenticator, anonymous
from verus_gateway.chain import Chain
from verus_gateway.concert import Concert
from verus_gateway.config import Config, TracingConfig, VerusConfig
from verus_gateway.desk import Desk
from verus_gateway.health import Facts
from verus_gateway.issuing import TokenService, clients_of
from verus_gateway.metrics import HttpCounts, Metrics, Reading
from verus_gateway.openrpc import Discovery
from verus_gateway.registry import Registry
from verus_gateway.reload import Reload, waiting
from verus_gateway.revocations import Revocations
from verus_gateway.shared.port import shared_by
from verus_gateway.shared.siblings import Siblings
from verus_gateway.shelf import MemoryShelf, Shelf
from verus_gateway.tracing import Tracing, named
from verus_gateway.watchdog import Watchdog
from verus_gateway.web.admin.office import Office, Shelves, furnish
from verus_gateway.web.keys import Drain


class Gateway:
    """The parts of one process and what they are told of each other.

    Args:
        config: What the operator wants.
        methods: What the installed plugins offer.
        siblings: The other workers, where this process is one of several.

    Attributes:
        reload: What reads the file again, where there is one.
        express: Whether the express lane is open.
    """

    def __init__(self, config: Config, methods: Registry, siblings: Siblings | None = None) -> None:
        self.config = config
        self.methods = methods
        self.siblings = siblings
        self.reload: Reload | None = None
        self.express = False
        self.drain = Drain()
        self.counts = HttpCounts()
        self.watchdog = Watchdog(suspects=methods.modules())
        self.tracing = _tracing(config.tracing)
        self.store = shared_by(config.cache) or siblings
        self._another_shelf: Callable[[], Shelf] = self.store.shelf if self.store else MemoryShelf
        self.shelf = self._another_shelf()
        # Of their own: salts come with each call and must not push out what lasts longer.
        self.salts = self._another_shelf()
        revocations = Revocations(self.shelf)
        self.token_service: TokenService | None = None
        if config.token_service.embedded:
            clients = clients_of(config.token_service, self.store)
            self.token_service = TokenService(config, revocations, self.drain, clients=clients)
        embedded = self.token_service.mint if self.token_service else None
        self.access = Access(config.auth, revocations, embedded)
        self.authenticator = Authenticator(
            anonymous(config.auth.anonymous_scopes),
            [self.access.tokens, *signing(config.auth, self.salts)],
        )
        costliest = max((row.method.cost for row in methods), default=1)
        self.limiter = allowances.limiter(config.rate_limit, costliest)
        self.discovery = Discovery([row.method for row in methods], list(self._daemons()))
        self.chains = self._chains()
        self.concert = self._concert()
        self.desk = Desk(
            self.chains, methods, self.limiter, self.concert.instances if self.concert else list
        )
        self.office = self._office()
        self.metrics = self._metrics()

    @property
    def chain(self) -> Chain:
        """The default chain, served at ``/``."""
        return self.chains[self.config.verus.chain]

    def adopt(self, wanted: Config) -> list[str]:
        """Go by *wanted* from now on, in what may change while calls are under way.

        Returns:
            The tables of which something counts from the next start only.

        Raises:
            ConfigError: the key of an app cannot be read; then nothing has changed.
        """
        kinds = [self.access.tokens, *signing(wanted.auth, self.salts)]
        self.limiter.adopt(allowances.classes(wanted.rate_limit))
        self.authenticator.adopt(anonymous(wanted.auth.anonymous_scopes), kinds)
        return waiting(self.config, wanted)

    def facts(self) -> tuple[dict[str, Facts], dict[str, Any]]:
        """Return what health is judged by, chain by chain, and what is told beside it."""
        lag, keyless = self.watchdog.lag, self.access.keyless()
        alone, doubt = (self.store.alone(), self.store.doubt()) if self.store else ("", "")
        facts = {
            name: chain.facts(
                draining=self.drain.draining, lag=lag, alone=alone, keyless=keyless, doubt=doubt
            )
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

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have all parts at work until the block ends; what began last ends first."""
        async with AsyncExitStack() as stack:
            if self.tracing is not None:
                await stack.enter_async_context(self.tracing.running())
            await stack.enter_async_context(self.access.followed())
            for shared in dict.fromkeys([self.siblings, self.store]):
                if shared is not None:
                    await stack.enter_async_context(shared.running())
            for chain in self.chains.values():
                await stack.enter_async_context(chain.running(self.config.server.shutdown_timeout))
            if self.concert:
                await stack.enter_async_context(self.concert.running())
            await stack.enter_async_context(self.watchdog.running())
            yield

    def _daemons(self) -> dict[str, VerusConfig]:
        return {self.config.verus.chain: self.config.verus, **self.config.chains}

    def _chains(self) -> dict[str, Chain]:
        config, settings = self.config, self._daemons()
        return {
            name: Chain(
                name,
                verus,
                config.cache,
                room=config.cache.max_size // len(settings),
                methods=self.methods,
                discover=self.discovery.document,
                share=self.store.answers if self.store else None,
                mark=named if config.tracing.enabled else None,
            )
            for name, verus in settings.items()
        }

    def _concert(self) -> Concert | None:
        if self.store is None:
            return None
        return Concert(
            self.store.exchange,
            self.chains,
            [name for name, verus in self._daemons().items() if verus.circuit_breaker.shared],
            self.limiter,
            self.access.revocations,
            revoked=self.store.revoked,
        )

    def _office(self) -> Office | None:
        # Sessions and attempts are apart: strangers' attempts must not push out a session.
        shelves = Shelves(sessions=self._another_shelf(), attempts=self._another_shelf())
        secure = self.config.security.mode == "production"
        return furnish(self.config.admin, self.desk, shelves, secure=secure)

    def _metrics(self) -> Metrics:
        return Metrics(
            self.counts,
            self.limiter,
            {name: (chain.counts, chain.readings()) for name, chain in self.chains.items()},
            {
                **self.access.readings(),
                **self.watchdog.readings(),
                **(self.store.readings() if self.store else {}),
                **self._readings(),
            },
            flaws=lambda: self.access.flaws,
            tallies=self.store.tallies() if self.store else {},
        )

    def _readings(self) -> dict[str, tuple[str, Reading]]:
        return {
            "express_lane": ("1 where the express lane is open", lambda: float(self.express)),
            "express_total": (
                "Requests answered by the express lane",
                lambda: self.counts.by_lane,
            ),
            "config_reloads_total": (
                "Times a changed configuration was taken into force",
                lambda: self.reload.taken if self.reload else 0,
            ),
            "config_refusals_total": (
                "Times a changed configuration was refused for its faults",
                lambda: self.reload.refused if self.reload else 0,
            ),
            "tasks": ("Tasks under way or waiting", _tasks),
        }


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
