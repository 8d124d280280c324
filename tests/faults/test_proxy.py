"""The proxy itself: each of its faults is what its name says."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from faults.proxy import Proxy, proxied


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Run a proxy in front of a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with proxied(server.sockets[0].getsockname()[1]) as made:
        yield made
    server.close()


async def said(proxy: Proxy, words: bytes, seconds: float = 5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(words)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(-1), seconds)
    finally:
        writer.close()


async def test_without_a_fault_everything_passes(proxy: Proxy) -> None:
    assert await said(proxy, b"x" * 200_000) == b"x" * 200_000


async def test_latency_makes_it_late_and_healing_ends_that(proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    proxy.toxic("down", latency=0.2, jitter=0.05)
    began = loop.time()
    await said(proxy, b"x")
    late = loop.time() - began
    proxy.heal()

    assert late > 0.14
    assert await said(proxy, b"x") == b"x"


async def test_bandwidth_and_slicer_pass_everything_piece_by_piece(proxy: Proxy) -> None:
    proxy.toxic("down", bandwidth=10_000, slicer=100, slice_delay=0.001)
    loop = asyncio.get_running_loop()

    began = loop.time()
    answer = await said(proxy, b"x" * 2_000)

    assert answer == b"x" * 2_000
    assert loop.time() - began > 0.2


async def test_a_limit_ends_the_connection_after_so_many_bytes(proxy: Proxy) -> None:
    proxy.toxic("down", limit_data=3)

    assert await said(proxy, b"abcdef") == b"abc"


async def test_a_reset_is_a_reset(proxy: Proxy) -> None:
    proxy.toxic("down", reset_peer=True)

    with pytest.raises(ConnectionResetError):
        await said(proxy, b"abc")


async def test_a_black_hole_neither_answers_nor_ends(proxy: Proxy) -> None:
    proxy.toxic(timeout=True)

    with pytest.raises(TimeoutError):
        await said(proxy, b"abc", 0.2)


async def test_a_slow_close_is_late_with_the_end_only(proxy: Proxy) -> None:
    proxy.toxic("down", slow_close=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"abc")
    writer.write_eof()

    words = await reader.readexactly(3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    end = await reader.read(1)

    writer.close()
    assert (words, end) == (b"abc", b"")


async def test_down_refuses_and_up_takes_connections_on_the_same_port(proxy: Proxy) -> None:
    await proxy.down()
    with pytest.raises(ConnectionRefusedError):
        await said(proxy, b"abc")

    await proxy.up()

    assert await said(proxy, b"abc") == b"abc"


async def test_a_fault_can_be_for_chosen_connections_only(proxy: Proxy) -> None:
    proxy.toxic("down", limit_data=1, only=lambda number: number == 2)

    assert [await said(proxy, b"abc") for _ in range(3)] == [b"abc", b"a", b"abc"]
