"""The composition root: the only module that knows every other one."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import web

import verus_gateway
from verus_gateway import registry
from verus_gateway.auth import anonymous
from verus_gateway.breaker import Breaker, Change, Rules
from verus_gateway.cache import Cache
from verus_gateway.config import Config, VerusConfig
from verus_gateway.daemon import Credentials, HttpDaemon
from verus_gateway.errors import RpcError
from verus_gateway.gate import Gate
from verus_gateway.guard import GuardedDaemon, Line
from verus_gateway.health import Facts
from verus_gateway.metrics import Counts, Metrics, Reading
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import Json, Raw
from verus_gateway.registry import Registry
from verus_gateway.tip import Step, Tip
from verus_gateway.watchdog import Watchdog
from verus_gateway.web import cors, rpc, status
from verus_gateway.web.keys import (
    ANONYMOUS,
    COUNTS,
    DRAIN,
    FACTS,
    LIMITS,
    METRICS,
    PIPELINE,
    Drain,
    Limits,
)
from verus_gateway.web.middleware import frame

log = logging.getLogger(__name__)

Details: TypeAlias = dict[str, Any]

TIP_TIMEOUT = 5.0
"""Seconds for one look at the newest block."""


class Gateway:
    """Everything one process consists of, put together and not yet started.

    Args:
        config: What the operator wants.
        methods: What the installed plugins offer.
    """

    def __init__(self, config: Config, methods: Registry) -> None:
        verus = config.verus
        rules = verus.circuit_breaker
        self.config = config
        self.methods = methods
        self.counts = Counts()
        self.drain = Drain()
        self.watchdog = Watchdog()
        self.breaker = Breaker(
            Rules(
                rules.failure_threshold,
                rules.recovery_timeout_seconds,
                rules.half_open_max_requests,
            )
        )
        self.gate = Gate(verus.max_concurrency, verus.max_queue)
        self.http = _http_daemon(verus)
        seen = self.counts.daemon_call
        self.daemon = GuardedDaemon(self.http, self.breaker, self.gate, seen)
        # The look at the tip has a place of its own, so that a full queue cannot hide a block.
        own = GuardedDaemon(self.http, self.breaker, Gate(1, 1), seen)
        self.tip = Tip(_TipLine(own), interval=verus.tip_poll_seconds)
        self.cache = Cache(
            max_size=config.cache.max_size,
            max_entry_size=config.cache.max_entry_size,
            tip_max_age=config.cache.tip_max_age,
        )
        self.pipeline = Pipeline(
            methods,
            self.cache,
            self.tip,
            self.daemon,
            chain=verus.chain,
            timeout=verus.request_timeout,
            fresh=config.cache.enabled,
        )
        self.metrics = Metrics(self.counts, self._gauges())
        self._listen()

    def application(self) -> web.Application:
        """Return the aiohttp application that serves it."""
        config = self.config
        app = web.Application(middlewares=[frame], client_max_size=config.server.max_request_size)
        app[PIPELINE] = self.pipeline
        app[COUNTS] = self.counts
        app[METRICS] = self.metrics
        app[DRAIN] = self.drain
        app[FACTS] = self.facts
        app[ANONYMOUS] = anonymous(config.auth.anonymous_scopes)
        app[LIMITS] = Limits(
            body=config.server.max_request_size,
            batch=config.server.max_batch,
            batch_results=config.server.max_batch_response,
            body_seconds=config.server.body_timeout,
            origins=frozenset(config.security.cors_origins),
        )
        app.add_routes(rpc.routes)
        app.add_routes(cors.routes)
        app.add_routes(status.routes)
        if config.metrics.enabled:
            app.add_routes(status.metrics_routes)
        app.cleanup_ctx.extend([self._daemon_open, self._tip_followed, self._loop_watched])
        return app

    def facts(self) -> tuple[Facts, Details]:
        """Return what health is judged by, and what is told beside it."""
        tip, breaker, kept = self.tip, self.breaker, self.cache
        block = tip.block
        facts = Facts(
            draining=self.drain.draining,
            away=tip.away,
            breaker=breaker.name,
            retry_after=breaker.retry_after(),
            height=block.height if block else None,
            confirmed=tip.generation is not None,
            block_age=max(0.0, time.time() - block.time) if block else None,
            lag=self.watchdog.lag,
        )
        return facts, {
            "version": verus_gateway.__version__,
            "daemon": {
                "status": tip.away or ("up" if block else "unknown"),
                "in_flight": self.gate.inside,
                "waiting": self.gate.waiting,
            },
            "breaker": {
                "state": facts.breaker,
                "retry_after": round(facts.retry_after, 1),
                "last_failure": breaker.last_failure[1] if breaker.last_failure else None,
            },
            "cache": {"entries": len(kept), "bytes": kept.size, "evictions": kept.evictions},
            "tip": {
                "chain": self.config.verus.chain,
                "height": facts.height,
                "hash": block.hash if block else None,
                "confirmed": facts.confirmed,
                "moved_seconds_ago": _rounded(tip.age),
                "block_age": _rounded(facts.block_age),
                "reorgs": tip.branch,
            },
        }

    def _listen(self) -> None:
        self.breaker.listen(self.counts.breaker_change)
        self.breaker.listen(_log_breaker)
        self.breaker.listen(self._doubt_tip)
        self.tip.listen(self.counts.step)
        self.tip.listen(_log_step)
        self.tip.listen_away(_log_away)

    def _doubt_tip(self, change: Change) -> None:
        # With the daemon away nobody can say that no block has arrived.
        if change.new == "open":
            self.tip.doubt()

    def _gauges(self) -> dict[str, tuple[str, Reading]]:
        tip, kept, gate, breaker = self.tip, self.cache, self.gate, self.breaker
        return {
            "cache_entries": ("Answers kept in memory", lambda: len(kept)),
            "cache_bytes": ("Bytes of answers kept in memory", lambda: kept.size),
            "cache_evicted_entries": ("Answers dropped for room", lambda: kept.evictions),
            "breaker_open": (
                "0 closed, 0.5 half open, 1 open",
                lambda: {"closed": 0.0, "half_open": 0.5, "open": 1.0}[breaker.name],
            ),
            "daemon_in_flight": ("Calls at the daemon now", lambda: gate.inside),
            "daemon_waiting": ("Calls that wait for their turn", lambda: gate.waiting),
            "daemon_limit": ("Calls allowed at the daemon at once", lambda: gate.limit),
            "tip_height": (
                "Height of the newest block, -1 before it is known",
                lambda: tip.block.height if tip.block else -1,
            ),
            "tip_block_time_seconds": (
                "When the newest block was made, 0 before it is known",
                lambda: tip.block.time if tip.block else 0,
            ),
            "tip_confirmed": (
                "1 while the daemon confirms the newest block",
                lambda: tip.generation is not None,
            ),
            "loop_lag_seconds": ("Worst lateness since the last look", self.watchdog.take_lag),
            "loop_blocked": ("Times the event loop stood still", lambda: self.watchdog.blocked),
        }

    async def _daemon_open(self, _: web.Application) -> AsyncIterator[None]:
        async with self.http:
            yield
            await self.pipeline.drain(self.config.server.shutdown_timeout)

    async def _tip_followed(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self.tip.watch(), name="tip")
        task.add_done_callback(_log_death)
        yield
        await _ended(task)

    async def _loop_watched(self, _: web.Application) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(
            target=self.watchdog.watch, args=(stop,), name="watchdog", daemon=True
        )
        task = asyncio.create_task(self.watchdog.beat(), name="heartbeat")
        task.add_done_callback(_log_death)
        thread.start()
        yield
        stop.set()
        await _ended(task)
        await asyncio.to_thread(thread.join)


class _TipLine:
    """The `Daemon` that the tip asks: each question has its own short deadline."""

    def __init__(self, daemon: GuardedDaemon) -> None:
        self._daemon = daemon

    async def call(self, method: str, *params: Json) -> Raw:
        """Ask once; the next poll is the retry."""
        deadline = asyncio.get_running_loop().time() + TIP_TIMEOUT
        return await Line(self._daemon, retry=True, deadline=deadline).call(method, *params)


def load(config: Config) -> Gateway:
    """Return the gateway that *config* and the installed plugins make.

    Raises:
        PluginError: a plugin is broken.
    """
    return Gateway(config, registry.load(registry.installed(), config.security.wallet_methods))


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _log_death(task: "asyncio.Task[None]") -> None:
    # Neither of the two ends by itself; /health shows what is missing from then on.
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("%s task died", task.get_name(), exc_info=error)


def _http_daemon(verus: VerusConfig) -> HttpDaemon:
    return HttpDaemon(
        verus.rpc_url,
        Credentials(
            verus.rpc_user,
            verus.rpc_password.reveal(),
            password_file=_path(verus.rpc_password_file),
            cookie_file=_path(verus.rpc_cookie_file),
        ),
        connect_timeout=verus.connect_timeout,
        max_response_size=verus.max_response_size,
        connections=verus.max_concurrency + 1,
    )


def _path(name: str) -> Path | None:
    return Path(name) if name else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _log_breaker(change: Change) -> None:
    level = logging.WARNING if change.new == "open" else logging.INFO
    log.log(
        level,
        "breaker %s",
        change.new.replace("_", " "),
        extra={"before": change.old, "cause": change.cause},
    )


def _log_step(step: Step) -> None:
    log.info(
        "reorganisation" if step.reorg else "new block",
        extra={"height": step.new.height, "hash": step.new.hash},
    )


def _log_away(error: RpcError | None) -> None:
    if error is None:
        log.info("daemon answers")
    else:
        log.warning("daemon away", extra={"cause": error.message})
