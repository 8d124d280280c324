"""``serve --workers N`` as it runs: one port, one page of metrics, one end."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from redis_servers import eventually
from signing import KEY, signed
from stack import PASSWORD, simulated

from verus_gateway.config import Config, RateLimitConfig, TokenServiceConfig, VerusConfig
from verus_gateway.errors import ConfigError
from verus_gateway.simulator import Simulator
from verus_gateway.workers import Parent, part_of

Begin = Callable[..., Awaitable["Running"]]


class Running:
    """A parent with its workers, and the simulated verusd behind them."""

    def __init__(self, process: asyncio.subprocess.Process, simulator: Simulator, url: str) -> None:
        self.process = process
        self.simulator = simulator
        self.url = url

    async def call(self, method: str, *params: object) -> dict[str, object]:
        """Call over a connection of its own, so that any worker may get it."""
        body = msgspec.json.encode({"method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.url, data=body, headers=headers) as response,
        ):
            answer: dict[str, object] = msgspec.json.decode(await response.read())
            return answer

    async def get(self, path: str) -> str:
        async with aiohttp.ClientSession() as client, client.get(self.url + path) as response:
            return await response.text()

    async def workers(self, state: str = "closed", without: str = "") -> dict[str, str]:
        """Wait for two workers, all in *state*; return what each says of its breaker."""
        states: dict[str, str] = {}
        for _ in range(200):
            with suppress(aiohttp.ClientError):
                health = msgspec.json.decode(await self.get("/health"))
                states = {each["name"]: each["breakers"]["VRSC"] for each in health["instances"]}
            if len(states) == 2 and set(states.values()) == {state} and without not in states:
                return states
            await asyncio.sleep(0.1)
        raise AssertionError(f"it did not happen: {states}")


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    begun: list[Running] = []
    async with Simulator(simulated()) as simulator:

        async def made(workers: int = 2) -> Running:
            file = tmp_path / "gateway.toml"
            file.write_text(
                f'[verus]\nrpc_url = "{simulator.url}"\nrpc_user = "verus"\n'
                f'rpc_password = "{PASSWORD}"\ntip_poll_seconds = 30\n'
                "[verus.circuit_breaker]\nfailure_threshold = 2\n"
                '[server]\nport = 0\n[auth]\nanonymous_scopes = ["public", "read"]\n'
                "[rate_limit]\nenabled = false\n",
                encoding="utf-8",
            )
            file.chmod(0o600)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "verus_gateway", "serve", "--config", str(file)),
                *("--workers", str(workers)),
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            line = (await asyncio.wait_for(process.stdout.readline(), 40)).decode()
            found = re.fullmatch(r"verus-gateway listens on (\S+) with 2 workers\n", line)
            assert found is not None, line
            begun.append(Running(process, simulator, found[1]))
            return begun[-1]

        yield made
        for running in begun:
            with suppress(ProcessLookupError):
                running.process.terminate()
            await asyncio.wait_for(running.process.wait(), 40)


async def test_workers_serve_one_port_and_one_scrape_covers_them(begin: Begin) -> None:
    running = await begin()

    answers = await asyncio.gather(*(running.call("getblockcount") for _ in range(40)))
    metrics = await running.get("/metrics")

    assert {answer["result"] for answer in answers} == {20}
    calls = re.findall(
        r'call_seconds_count\{worker="(\d)",.*method="getblockcount".*\} (\d+)', metrics
    )
    assert {worker for worker, _ in calls} == {"0", "1"}
    assert sum(int(number) for _, number in calls) == 40
    assert metrics.count("# TYPE verus_gateway_call_seconds histogram") == 1


async def test_workers_are_of_one_mind_without_redis(begin: Begin) -> None:
    running = await begin()
    running.simulator.fault("refuse")

    for height in range(12):
        await running.call("getblock", height)
    states = await running.workers("open")

    assert set(states.values()) == {"open"}


async def test_an_operators_reload_reaches_every_worker(begin: Begin, tmp_path: Path) -> None:
    running = await begin()
    file = tmp_path / "gateway.toml"
    good = file.read_text("utf-8")
    operator = f'[auth.apps.wallet]\napp_key = "{KEY}"\nscopes = ["admin"]\n[rate_limit]\n'
    file.write_text(good.replace(', "read"', "").replace("[rate_limit]\n", operator))

    os.kill(running.process.pid, signal.SIGHUP)
    by_signal = await until_all(running, "getblock", -32002)
    file.write_text(good)
    async with (
        aiohttp.ClientSession() as client,
        client.post(running.url + "/admin/reload", headers=signed(b"")) as response,
    ):
        status = response.status
    by_operator = await until_all(running, "getblock", None)

    assert (by_signal, status, by_operator) == (True, 200, True)


async def until_all(running: Running, method: str, code: int | None) -> bool:
    """Wait until forty calls in a row, whichever workers get them, end in *code*."""
    for _ in range(40):
        answers = await asyncio.gather(*(running.call(method, 3) for _ in range(40)))
        found: list[Any] = [answer["error"] for answer in answers]
        if {error and error["code"] for error in found} == {code}:
            return True
        await asyncio.sleep(0.1)
    return False


async def test_a_worker_that_dies_is_begun_again(begin: Begin) -> None:
    running = await begin()
    before = await running.workers()
    victim = next(iter(before))

    os.kill(int(victim.rpartition("-")[2]), signal.SIGKILL)
    after = await running.workers(without=victim)

    assert victim not in after
    assert len(after) == 2


async def test_one_signal_drains_all_and_the_exit_is_clean(begin: Begin) -> None:
    running = await begin()
    workers = [int(name.rpartition("-")[2]) for name in await running.workers()]

    running.process.terminate()
    status = await asyncio.wait_for(running.process.wait(), 40)

    assert status == 0
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


async def test_workers_end_when_their_parent_is_killed(begin: Begin) -> None:
    running = await begin()
    workers = [int(name.rpartition("-")[2]) for name in await running.workers()]

    running.process.kill()
    await running.process.wait()

    await eventually(lambda: not any(_alive(worker) for worker in workers), 20)


async def test_a_worker_whose_configuration_is_wrong_ends_all() -> None:
    words = [sys.executable, "-c", "import sys; sys.exit(2)"]
    parent = Parent(words, 2, host="127.0.0.1", port=0)

    await asyncio.wait_for(parent.run(print), 20)

    assert parent.status == 2
    assert repr(parent) == "<Parent of 0 of 2 workers>"


async def test_workers_that_die_again_and_again_are_begun_with_pauses() -> None:
    parent = Parent([sys.executable, "-c", "raise SystemExit(3)"], 1, host="::1", port=0)
    running = asyncio.create_task(parent.run(print))

    await eventually(lambda: parent.restarts == 2, 20)
    parent.stop()
    await asyncio.wait_for(running, 20)

    assert parent.restarts == 2


async def test_a_port_that_another_program_has_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        parent = Parent(["none"], 1, host="127.0.0.1", port=taken.getsockname()[1])

        with pytest.raises(OSError, match="in use"):
            await parent.run(print)


def test_workers_divide_what_the_daemon_and_the_memory_can_bear() -> None:
    config = Config(
        verus=VerusConfig(max_concurrency=12, max_queue=256),
        chains={"VRSCTEST": VerusConfig(max_concurrency=1)},
        rate_limit=RateLimitConfig(max_concurrent=512, reserved=128),
    )

    part = part_of(config, 4)

    assert (part.verus.max_concurrency, part.verus.max_queue) == (3, 64)
    assert part.chains["VRSCTEST"].max_concurrency == 1
    assert part.cache.max_size == config.cache.max_size // 4
    assert (part.rate_limit.max_concurrent, part.rate_limit.reserved) == (128, 32)


def test_an_embedded_token_service_is_for_one_process() -> None:
    config = Config(token_service=TokenServiceConfig(embedded=True))

    with pytest.raises(ConfigError, match="verus-gateway tokens"):
        part_of(config, 2)


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_number_of_workers_that_cannot_be_is_refused(number: str) -> None:
    ended = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-m", "verus_gateway", "serve", "--config", "x", "--workers", number],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ended.returncode == 2
    assert "--workers" in ended.stderr


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


async def test_a_signal_that_came_while_a_worker_was_begun_reaches_it(tmp_path: Path) -> None:
    parent = Parent(SLEEPER, 1, host="127.0.0.1", port=0)
    parent.stop()

    status = await asyncio.wait_for(parent._run(0, tmp_path / "hub", 1), 20)

    assert status == -signal.SIGTERM


async def test_a_parent_that_is_cancelled_leaves_no_worker_behind() -> None:
    parent = Parent(SLEEPER, 1, host="127.0.0.1", port=0)
    running = asyncio.create_task(parent.run(print))
    await eventually(lambda: bool(parent._running), 20)
    [process] = parent._running.values()

    parent.reload()
    running.cancel()
    await asyncio.wait([running])

    await eventually(lambda: not _alive(process.pid) or process.returncode is not None, 20)
