"""Run an application until a signal, and end it without losing a call."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import Final, TypeAlias

from aiohttp import web

from verus_gateway.config import Mode, ServerConfig
from verus_gateway.web.keys import DRAIN, Listener
from verus_gateway.web.protocol import Manners, Runner

log = logging.getLogger(__name__)

Announce: TypeAlias = Callable[[str], None]
Quit: TypeAlias = Callable[[int], None]

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def warn_of(mode: Mode) -> None:
    """Say loudly at the start what must not go unnoticed."""
    if mode == "development":
        log.warning("DEVELOPMENT MODE: weak secrets are taken; never let strangers reach this")


class Stop:
    """Turns the first signal into a graceful end and the second into an immediate one.

    Args:
        leave: Ends the process at once; `os._exit` outside of tests.
    """

    def __init__(self, leave: Quit = os._exit) -> None:
        self._event = asyncio.Event()
        self._leave = leave

    def __call__(self) -> None:
        """Note one signal."""
        if self._event.is_set():
            self._leave(1)
        self._event.set()

    async def wait(self) -> None:
        """Return at the first signal."""
        await self._event.wait()


async def serve(
    app: web.Application,
    config: ServerConfig,
    announce: Announce,
    stop: Stop | None = None,
    *,
    beside: Listener | None = None,
    reload: Callable[[], None] | None = None,
    reuse_port: bool = False,
) -> None:
    """Serve *app* until SIGTERM or SIGINT.

    Not ready at once, serving for ``drain_seconds`` more, then no new connections, then up to
    ``shutdown_timeout`` seconds for calls in flight.

    Args:
        app: The application.
        config: Address, timeouts.
        announce: Told the URL once it answers.
        stop: What the signals are turned into; for tests.
        beside: A second address, with an application of its own.
        reload: What SIGHUP does; without it, SIGHUP ends the process as it does any other.
        reuse_port: Whether other workers listen on the same port.

    Raises:
        OSError: an address cannot be listened on.
    """
    stop = stop or Stop()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    if reload:
        loop.add_signal_handler(signal.SIGHUP, reload)
    runner = _runner(app, config)
    second = _runner(beside.app, config) if beside else None
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port, reuse_port=reuse_port).start()
        if beside and second:
            await second.setup()
            await web.TCPSite(second, beside.host, beside.port, reuse_port=reuse_port).start()
            log.info("listens beside", extra={"url": _url(second)})
        announce(_url(runner))
        await stop.wait()
        log.info("draining", extra={"seconds": config.drain_seconds})
        app[DRAIN].draining = True
        await asyncio.sleep(config.drain_seconds)
    finally:
        if second:
            await second.cleanup()
        await runner.cleanup()
        for number in (*SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)
    log.info("stopped")


def _runner(app: web.Application, config: ServerConfig) -> Runner:
    return Runner(
        app,
        manners(config),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        keepalive_timeout=config.keepalive_timeout,
        shutdown_timeout=config.shutdown_timeout,
        auto_decompress=False,
    )


def manners(config: ServerConfig) -> Manners:
    """Return what is expected of connections."""
    return Manners(head=config.head_timeout, read=config.read_timeout, most=config.max_connections)


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
