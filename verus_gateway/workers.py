"""Several processes that serve one port: begun, watched and ended by one parent."""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from verus_gateway.config import Config, VerusConfig
from verus_gateway.errors import ConfigError
from verus_gateway.serve import SIGNALS, Announce
from verus_gateway.shared.hub import Hub

log = logging.getLogger(__name__)


MOST: Final = 64
"""Workers, at most."""
PAUSES: Final = (0.5, 10.0)
"""Seconds before a worker that died is begun again: at first, and at most after doubling."""
STABLE: Final = 10.0
"""Seconds after which a worker's death is no longer one of a row."""
WRONG: Final = 2
"""The exit status of a process whose configuration is wrong: beginning it again is no use."""


def part_of(config: Config, workers: int) -> Config:
    """Return what one of *workers* may use of what the configuration gives all of them.

    Raises:
        ConfigError: something in it is for one process only.
    """
    if config.token_service.embedded:
        raise ConfigError(
            "token_service.embedded: several workers need a token service of its own: "
            "verus-gateway tokens"
        )
    replace = msgspec.structs.replace
    limit, kept = config.rate_limit, config.cache
    share = max(1, kept.max_size // workers)
    return replace(
        config,
        verus=_part(config.verus, workers),
        chains={name: _part(verus, workers) for name, verus in config.chains.items()},
        cache=replace(kept, max_size=share, max_entry_size=min(kept.max_entry_size, share)),
        rate_limit=replace(
            limit,
            max_concurrent=max(limit.reserved // workers + 1, limit.max_concurrent // workers),
            reserved=limit.reserved // workers,
        ),
    )


def _part(verus: VerusConfig, workers: int) -> VerusConfig:
    return msgspec.structs.replace(
        verus,
        max_concurrency=max(1, verus.max_concurrency // workers),
        max_queue=max(1, verus.max_queue // workers),
    )


class Parent:
    """Begins workers, begins those anew that die, and ends them all.

    Args:
        words: The command line of a worker, to which its own options are added.
        number: Of workers.
        host: Where they listen.
        port: Where they listen; 0 takes any free one.
    """

    def __init__(
        self,
        words: Sequence[str],
        number: int,
        *,
        host: str,
        port: int,
    ) -> None:
        self._words = words
        self._number = number
        self._host = host
        self._port = port
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._all_ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self.status = 0
        self.restarts = 0

    def __repr__(self) -> str:
        return f"<Parent of {len(self._running)} of {self._number} workers>"

    async def run(self, announce: Announce) -> None:
        """Run until a signal; *announce* is told the URL once all workers listen.

        Raises:
            OSError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        try:
            with reserved(self._host, self._port) as held:
                host, port = held.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                async with self._hub() as path:
                    told = asyncio.ensure_future(self._tell(announce, f"http://{shown}:{port}"))
                    await asyncio.gather(
                        *(self._keep(worker, path, port) for worker in range(self._number))
                    )
                    told.cancel()
        finally:
            for number in (*SIGNALS, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Pass a signal on: the first one drains every worker, the second ends it at once."""
        self._stopping.set()
        self._send(signal.SIGTERM)

    def reload(self) -> None:
        """Have every worker read the configuration again."""
        self._send(signal.SIGHUP)

    def _send(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    @asynccontextmanager
    async def _hub(self) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix="verus-gateway-") as folder:
            path = Path(folder) / "hub"
            async with Hub().listening(path):
                yield path

    async def _tell(self, announce: Announce, url: str) -> None:
        await self._all_ready.wait()
        announce(url)

    async def _keep(self, worker: int, path: Path, port: int) -> None:
        first, most = PAUSES
        pause = first
        while not self._stopping.is_set():
            began = monotonic()
            status = await self._run(worker, path, port)
            if self._stopping.is_set():
                self.status = self.status or int(status != 0)
                return
            if status == WRONG:
                self.status = WRONG
                self.stop()
                return
            self.restarts += 1
            log.error("worker died", extra={"worker": worker, "status": status})
            pause = first if monotonic() - began > STABLE else min(most, pause * 2)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run(self, worker: int, path: Path, port: int) -> int:
        own = ("--worker", str(worker), "--hub", str(path), "--port", str(port))
        process = await asyncio.create_subprocess_exec(
            *self._words,
            *own,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for the parent, which passes it on
        )
        self._running[worker] = process
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        try:
            if process.stdout is not None and await process.stdout.readline():
                self._ready.add(worker)
                if len(self._ready) == self._number:
                    self._all_ready.set()
            return await process.wait()
        finally:
            del self._running[worker]
            if process.returncode is None:
                process.kill()


def reserved(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port for the workers, and takes no connection itself.

    Raises:
        OSError: the address cannot be had, or a process that is no worker listens there.
    """
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def command(config: Path, workers: int) -> list[str]:
    """Return the command line of a worker, but for its own options."""
    words = [sys.executable, "-m", "verus_gateway", "serve", "--config", os.fspath(config)]
    return [*words, "--workers", str(workers)]
