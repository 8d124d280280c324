"""One chain: its daemon, and the breaker, queue, tip and cache that stand before it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from verus_gateway.breaker import Breaker, Change, Rules
from verus_gateway.cache import Behind, Cache
from verus_gateway.config import CacheConfig, VerusConfig
from verus_gateway.daemon import Credentials, HttpDaemon
from verus_gateway.dialect import Question
from verus_gateway.errors import RpcError
from verus_gateway.gate import Gate
from verus_gateway.guard import GuardedDaemon
from verus_gateway.health import Facts
from verus_gateway.metrics import ChainCounts, Reading
from verus_gateway.outcomes import Miss
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import Json, Raw
from verus_gateway.refresh import Refresher
from verus_gateway.refresh import Rules as RefreshRules
from verus_gateway.registry import Registry
from verus_gateway.sockets import sockets
from verus_gateway.tasks import begun, ended
from verus_gateway.tip import Step, Tip
from verus_gateway.transport import Mark, Transport, session

log = logging.getLogger(__name__)

TIP_TIMEOUT: Final = 5.0
"""Seconds for one look at the newest block."""


class Chain:
    """One chain, put together and not yet started.

    Args:
        name: The chain's name: part of its keys, labels and path.
        verus: Its daemon and how to treat it.
        kept: The cache's settings.
        room: Bytes of the cache that are its own.
        methods: What is offered.
        discover: The OpenRPC document for the scopes of a caller.
        share: Makes the tier behind the cache, where several instances share one.
        mark: Tells verusd of which trace a request is part, where there are traces.
    """

    def __init__(
        self,
        name: str,
        verus: VerusConfig,
        kept: CacheConfig,
        *,
        room: int,
        methods: Registry,
        discover: Callable[[frozenset[str]], bytes],
        share: Callable[[Tip], Behind | None] | None = None,
        mark: Mark | None = None,
    ) -> None:
        self.name = name
        self.url = verus.rpc_url.rstrip("/")
        self.counts = ChainCounts()
        self.breaker = Breaker(_rules(verus))
        self.gate = Gate(verus.max_concurrency, verus.max_queue)
        self.http = _http_daemon(verus, self.gate, self.breaker, mark)
        seen = self.counts.daemon_call
        self.daemon = GuardedDaemon(
            self.http, self.breaker, self.gate, seen, lambda: self.tip.stranger
        )
        # The look at the tip has a place of its own, so that a full queue cannot hide a block.
        own = GuardedDaemon(self.http, self.breaker, Gate(1, 1), seen)
        self.tip = _tip(name, verus, own)
        self.cache = _cache(kept, room)
        self.refresher = Refresher[Miss](_refreshes(kept), self._ask_ahead, self._idle)
        self.pipeline = Pipeline(
            methods,
            self.cache,
            self.tip,
            self.daemon,
            chain=name,
            timeout=verus.request_timeout,
            largest=verus.max_response_size,
            fresh=kept.enabled,
            discover=discover,
            behind=share and share(self.tip),
            note=self.refresher.note,
            breaker=self.breaker,
        )
        self._listen()

    def __repr__(self) -> str:
        return f"<Chain {self.name}, {self.tip!r}, {self.breaker!r}>"

    @asynccontextmanager
    async def running(self, patience: float) -> AsyncIterator[None]:
        """Hold the connections open and follow the tip.

        Args:
            patience: Seconds to wait at the end for writes whose callers have left.
        """
        async with self.http:
            task = begun(self.tip.watch(), f"tip of {self.name}")
            try:
                yield
            finally:
                await self.pipeline.drain(patience)
                await ended(task)
                await self.refresher.end()

    def facts(
        self, *, draining: bool, lag: float, alone: str = "", keyless: str = "", doubt: str = ""
    ) -> Facts:
        """Return what health is judged by."""
        block = self.tip.block
        return Facts(
            draining=draining,
            away=self.tip.away,
            breaker=self.breaker.name,
            retry_after=self.breaker.retry_after(),
            height=block.height if block else None,
            confirmed=self.tip.generation is not None,
            block_age=time.time() - block.time if block else None,
            stranger=self.tip.stranger,
            lag=lag,
            alone=alone,
            keyless=keyless,
            doubt=doubt,
        )

    def details(self, facts: Facts) -> dict[str, Any]:
        """Return what is told beside the judgement."""
        tip, breaker, kept = self.tip, self.breaker, self.cache
        return {
            "daemon": {
                "status": tip.away or ("up" if tip.block else "unknown"),
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
                "chain": self.name,
                "height": facts.height,
                "hash": tip.block.hash if tip.block else None,
                "confirmed": facts.confirmed,
                "moved_seconds_ago": _rounded(tip.age),
                "block_age": _rounded(facts.block_age and max(0.0, facts.block_age)),
                "reorgs": tip.branch,
            },
        }

    def readings(self) -> dict[str, tuple[str, Reading]]:
        """Return what is read at scrape time: name, help and how to read it."""
        tip, kept, gate, breaker = self.tip, self.cache, self.gate, self.breaker
        opened = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
        return {
            "cache_entries": ("Answers kept in memory", lambda: len(kept)),
            "cache_bytes": ("Bytes of answers kept in memory", lambda: kept.size),
            "cache_evictions_total": ("Answers dropped for room", lambda: kept.evictions),
            "refreshes_total": (
                "Answers asked for after a block, ahead of callers",
                lambda: self.refresher.refreshed,
            ),
            "refresh_failures_total": (
                "Those that could not be had",
                lambda: self.refresher.failed,
            ),
            "breaker_open": ("0 closed, 0.5 half open, 1 open", lambda: opened[breaker.name]),
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
                lambda: float(tip.generation is not None),
            ),
        }

    def _listen(self) -> None:
        self.breaker.listen(self.counts.breaker_change)
        self.breaker.listen(self._on_breaker)
        self.tip.listen(self.counts.step)
        self.tip.listen(self._on_step)
        self.tip.listen_away(self._on_away)

    def _on_breaker(self, change: Change) -> None:
        if change.new == "open":
            # With the daemon away nobody can say that no block has arrived.
            self.tip.doubt()
        log.log(
            logging.WARNING if change.new == "open" else logging.INFO,
            "breaker %s",
            change.new.replace("_", " "),
            extra={"chain": self.name, "before": change.old, "cause": change.cause},
        )

    def _on_step(self, step: Step) -> None:
        log.info(
            "reorganisation" if step.reorg else "new block",
            extra={"chain": self.name, "height": step.new.height, "hash": step.new.hash},
        )
        self.refresher.begin()

    async def _ask_ahead(self, miss: Miss) -> bool:
        return await self.pipeline.refresh(miss)

    def _idle(self) -> bool:
        return self.breaker.name == "closed" and not self.gate.waiting

    def _on_away(self, error: RpcError | None) -> None:
        if error is None:
            log.info("daemon answers", extra={"chain": self.name})
        else:
            log.warning("daemon away", extra={"chain": self.name, "cause": error.message})


class _TipLine:
    """The `Daemon` that the tip asks: each question has its own short deadline."""

    def __init__(self, daemon: GuardedDaemon) -> None:
        self._daemon = daemon

    async def call(self, method: str, *params: Json) -> Raw:
        """Ask once; the next poll is the retry."""
        deadline = asyncio.get_running_loop().time() + TIP_TIMEOUT
        return await self._daemon.ask(Question(method, params, retry=True, deadline=deadline))


def _tip(name: str, verus: VerusConfig, daemon: GuardedDaemon) -> Tip:
    every = verus.tip_poll_seconds
    return Tip(_TipLine(daemon), interval=every, patience=TIP_TIMEOUT, chain=name)


def _cache(kept: CacheConfig, room: int) -> Cache:
    return Cache(
        max_size=room,
        max_entry_size=min(kept.max_entry_size, room),
        tip_max_age=kept.tip_max_age,
        forever=kept.default_ttl,
    )


def _refreshes(kept: CacheConfig) -> RefreshRules:
    calls = kept.refresh_calls if kept.enabled else 0
    return RefreshRules(calls, kept.refresh_entries, kept.refresh_concurrency)


def _rules(verus: VerusConfig) -> Rules:
    rules = verus.circuit_breaker
    return Rules(
        rules.failure_threshold, rules.recovery_timeout_seconds, rules.half_open_max_requests
    )


def _http_daemon(verus: VerusConfig, gate: Gate, breaker: Breaker, mark: Mark | None) -> HttpDaemon:
    # What was let through goes out unless the breaker opened meanwhile, and a second time only
    # while it is closed: a trial call is one request, and nothing of an earlier time joins it.
    plain = partial(
        sockets,
        wanted=lambda: breaker.name != "open",
        worthwhile=lambda: breaker.name == "closed",
    )
    http = verus.rpc_url.startswith("http:")
    way: Callable[..., AbstractAsyncContextManager[Transport]] = plain if http else session
    return HttpDaemon(
        partial(
            way,
            verus.rpc_url,
            connect_timeout=verus.connect_timeout,
            max_response_size=verus.max_response_size,
            connections=verus.max_concurrency + 1,
            mark=mark,
        ),
        Credentials(
            verus.rpc_user,
            verus.rpc_password.reveal(),
            password_file=_path(verus.rpc_password_file),
            cookie_file=_path(verus.rpc_cookie_file),
        ),
        overloaded=gate.shrink,
        worthwhile=lambda: breaker.name == "closed",
    )


def _path(name: str) -> Path | None:
    return Path(name) if name else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
