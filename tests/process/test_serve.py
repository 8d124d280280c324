"""Serving until a signal, and ending without losing a call."""

import asyncio
import os
import signal
import socket

import aiohttp
import pytest
from aiohttp import web

from verus_gateway.config import ServerConfig
from verus_gateway.serve import Stop, serve, warn_of
from verus_gateway.web.keys import DRAIN, Drain, Listener


class Slow:
    """An application whose one route answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.app = web.Application()
        self.app[DRAIN] = Drain()
        self.app.router.add_get("/", self._answer)
        self.app.router.add_get("/ready", self._ready)

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.go.wait()
        return web.Response(text="done")

    async def _ready(self, request: web.Request) -> web.Response:
        return web.Response(status=503 if request.app[DRAIN].draining else 200)


async def served(slow: Slow, config: ServerConfig, stop: Stop) -> "tuple[asyncio.Task[None], str]":
    """Start serving and return the task and the URL it announced."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(slow.app, config, url.set_result, stop))
    return task, await url


async def test_a_call_in_flight_is_finished_and_new_ones_see_it_is_not_ready() -> None:
    slow, stop = Slow(), Stop()
    task, url = await served(slow, ServerConfig(port=0, drain_seconds=0.2), stop)

    async with aiohttp.ClientSession() as client:
        call = asyncio.create_task(client.get(url))
        await slow.asked.wait()
        before = await client.get(url + "/ready")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        after = await client.get(url + "/ready")
        slow.go.set()
        answer = await (await call).text()
        await task

    assert (before.status, after.status, answer) == (200, 503, "done")


async def test_a_call_that_does_not_end_is_cut_off_at_the_deadline() -> None:
    slow, stop = Slow(), Stop()
    task, url = await served(slow, ServerConfig(port=0, shutdown_timeout=0.1), stop)

    async with aiohttp.ClientSession() as client:
        call = asyncio.create_task(client.get(url))
        await slow.asked.wait()
        stop()
        await asyncio.wait_for(task, 2.0)
        with pytest.raises(aiohttp.ClientError):
            await call


async def test_the_second_signal_leaves_at_once() -> None:
    left: list[int] = []
    stop = Stop(left.append)

    stop()
    first = list(left)
    stop()

    assert (first, left) == ([], [1])


async def test_an_address_in_use_is_an_error_and_nothing_stays_open() -> None:
    first, stop = Slow(), Stop()
    task, url = await served(first, ServerConfig(port=0), stop)
    port = int(url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        await serve(Slow().app, ServerConfig(port=port), print)

    stop()
    await task


async def test_an_ipv6_address_is_announced_in_brackets() -> None:
    slow, stop = Slow(), Stop()
    task, url = await served(slow, ServerConfig(host="::1", port=0), stop)

    stop()
    await task

    assert url.startswith("http://[::1]:")


async def test_a_second_address_has_an_application_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    public, inner, stop = Slow(), Slow(), Stop()
    caplog.set_level("INFO")
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    beside = [Listener(inner.app, "127.0.0.1", 0)]
    serving = serve(public.app, ServerConfig(port=0), url.set_result, stop, beside=beside)
    task = asyncio.create_task(serving)

    first = await url
    [second] = [vars(line)["url"] for line in caplog.records if line.message == "listens beside"]
    async with aiohttp.ClientSession() as client:
        inner.go.set()
        async with client.get(second) as answer:
            status = answer.status
    stop()
    await task

    assert first != second
    assert status == 200
    assert (inner.asked.is_set(), public.asked.is_set()) == (True, False)


async def test_a_second_address_that_is_taken_stops_the_start() -> None:
    public, inner = Slow(), Slow()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        beside = [Listener(inner.app, "127.0.0.1", taken.getsockname()[1])]

        with pytest.raises(OSError, match="address already in use"):
            await serve(public.app, ServerConfig(port=0), print, Stop(), beside=beside)


def test_development_mode_says_so_loudly_and_production_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warn_of("production")
    assert not caplog.records

    warn_of("development")

    (record,) = caplog.records
    assert (record.levelname, record.getMessage()[:16]) == ("WARNING", "DEVELOPMENT MODE")


async def test_a_hangup_reloads_and_goes_on_serving() -> None:
    slow, stop, reloaded = Slow(), Stop(), asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    config = ServerConfig(port=0)
    task = asyncio.create_task(serve(slow.app, config, url.set_result, stop, reload=reloaded.set))
    await url

    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.wait_for(reloaded.wait(), 5.0)

    assert not task.done()
    stop()
    await task
