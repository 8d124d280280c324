"""Texts of the issuer, over real sockets and from real files."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from verus_gateway import sources
from verus_gateway.sources import Address, File

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _address(aiohttp_server: AiohttpServer, handler: Handler) -> Address:
    app = web.Application()
    app.router.add_get("/jwks", handler)
    server = await aiohttp_server(app)
    return Address(str(server.make_url("/jwks")))


async def test_a_text_at_an_address_is_read(aiohttp_server: AiohttpServer) -> None:
    async def there(_: web.Request) -> web.Response:
        return web.Response(body=b"text")

    address = await _address(aiohttp_server, there)

    assert await address() == b"text"


async def test_a_redirection_is_not_followed(aiohttp_server: AiohttpServer) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/evil")

    address = await _address(aiohttp_server, elsewhere)

    with pytest.raises(OSError, match="HTTP 302"):
        await address()


async def test_a_text_without_an_end_is_cut_off(aiohttp_server: AiohttpServer) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1_000_000)

    address = await _address(aiohttp_server, endless)

    with pytest.raises(OSError, match="too large"):
        await address()


async def test_a_text_that_does_not_arrive_in_time_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.05)

        with pytest.raises(OSError, match="no answer in time"):
            await address()


async def test_where_nobody_answers_there_is_no_text() -> None:
    with pytest.raises(OSError, match="ClientConnectorError"):
        await Address("http://127.0.0.1:1/")()


async def test_a_text_in_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "jwks").write_bytes(b"text")

    assert await File(tmp_path / "jwks")() == b"text"
    with pytest.raises(OSError, match="No such file"):
        await File(tmp_path / "none")()
    assert sources.LARGEST > 1_000_000
