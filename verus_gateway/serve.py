"""Run an application until a signal, and end it without losing a call."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
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
    beside: Sequence[Listener] = (),
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
        beside: Further addresses, each with an application of its own; they end before *app*.
        reload: What SIGHUP does; without it, SIGHUP ends the process as it does any other.
        reuse_port: Whether other workers listen on the same port.

    Raises:
        OSError: an address cannot be listened on.
    """
    listeners = (Listener(app, config.host, config.port), *beside)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(_turned_into(stop or Stop(), reload))
        ways = [listening(each, config, reuse_port=reuse_port) for each in listeners]
        public, *others = [await stack.enter_async_context(way) for way in ways]
        for url in others:
            log.info("listens beside", extra={"url": url})
        announce(public)
        await stop.wait()
        log.info("draining", extra={"seconds": config.drain_seconds})
        app[DRAIN].draining = True
        await asyncio.sleep(config.drain_seconds)
    log.info("stopped")


@asynccontextmanager
async def listening(
    listener: Listener, config: ServerConfig, *, reuse_port: bool = False
) -> AsyncIterator[str]:
    """Serve an application until the block ends; what is entered is its URL.

    Args:
        listener: The application and its address.
        config: Timeouts.
        reuse_port: Whether other workers listen on the same port.

    Raises:
        OSError: the address cannot be listened on.
    """
    runner = _runner(listener.app, config)
    await runner.setup()
    try:
        await web.TCPSite(runner, listener.host, listener.port, reuse_port=reuse_port).start()
        yield _url(runner)
    finally:
        await runner.cleanup()


@contextmanager
def _turned_into(stop: Stop, reload: Callable[[], None] | None) -> Iterator[Stop]:
    """Have signals turned into *stop*, and SIGHUP into *reload*, until the block ends."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    if reload:
        loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield stop
    finally:
        for number in (*SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)


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
