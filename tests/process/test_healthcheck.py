"""The command that a container engine runs to see whether the gateway is well."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from verus_gateway import healthcheck


@asynccontextmanager
async def answering(status: int, text: str) -> AsyncIterator[str]:
    """Answer GET /well with *status* and *text*."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_get("/well", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def asked(url: str) -> int:
    """Ask from a thread, for the answer comes from this loop."""
    return await asyncio.to_thread(healthcheck.main, [url])


async def test_200_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering(200, '{"status":"ready"}') as url:
        status = await asked(f"{url}/well")

    assert (status, capsys.readouterr().out) == (0, '200 {"status":"ready"}\n')


async def test_503_is_not_well_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering(503, '{"status":"draining"}') as url:
        status = await asked(f"{url}/well")

    assert (status, capsys.readouterr().out) == (1, '503 {"status":"draining"}\n')


async def test_another_path_is_not_well() -> None:
    async with answering(200, "") as url:
        assert await asked(url) == 1


def test_nobody_there_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        status = healthcheck.main([f"http://127.0.0.1:{taken.getsockname()[1]}/"])

    assert status == 1
    assert "does not answer" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["https://a/"], ["a"], ["http://a/", "http://b/"]])
def test_anything_but_one_http_address_is_wrong_usage(words: list[str]) -> None:
    assert healthcheck.main(words) == 2


def test_it_imports_nothing_of_the_gateway() -> None:
    names = "import sys, verus_gateway.healthcheck; print(*sys.modules)"
    ended = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", names], capture_output=True, text=True, check=True
    )

    loaded = set(ended.stdout.split())
    assert {name for name in loaded if name.startswith("verus_gateway.")} == {
        "verus_gateway.healthcheck"
    }
    assert not loaded & {"aiohttp", "asyncio", "msgspec"}
