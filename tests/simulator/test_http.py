import asyncio
import socket

import pytest
from simulator.harness import (
    Time,
    call,
    exchange,
    read_reply,
    request,
    settings,
    settle,
    until,
)

from verus_gateway.simulator import Simulator
from verus_gateway.simulator.wire import MAX_BODY

COUNT = b'{"method":"getblockcount","id":1}'
ANSWER = b'{"result":120,"error":null,"id":1}\n'


async def test_headers_are_those_of_libevent(sim: Simulator) -> None:
    raw = await exchange(sim.port, request(COUNT))

    assert raw == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: 35\r\n"
        b"Connection: close\r\n\r\n" + ANSWER
    )


async def test_a_connection_serves_one_request_after_another(sim: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)

    for _ in range(3):
        writer.write(request(COUNT, connection=""))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Connection" not in head
        assert await reader.readexactly(len(ANSWER)) == ANSWER
    writer.close()
    await writer.wait_closed()


async def test_http_1_0_closes_unless_asked_to_stay(sim: Simulator) -> None:
    closed = await exchange(sim.port, request(COUNT, version="1.0", connection=""))
    twice = request(COUNT, version="1.0", connection="keep-alive") + request(COUNT, version="1.0")
    kept = await exchange(sim.port, twice)

    assert closed.startswith(b"HTTP/1.0 200 OK")
    assert b"Connection: close" in closed
    assert kept.count(ANSWER) == 2
    assert b"Connection: keep-alive" in kept


async def test_a_chunked_body_is_put_together(sim: Simulator) -> None:
    chunks = b"%x;ext=1\r\n%s\r\n5\r\n     \r\n0\r\nTrailer: x\r\n\r\n" % (len(COUNT), COUNT)

    raw = await exchange(sim.port, request(chunks, content_length="", transfer_encoding="chunked"))

    assert raw.endswith(ANSWER)


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(sim: Simulator) -> None:
    head, _, body = request(COUNT, expect="100-continue").partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)

    writer.write(head + b"\r\n\r\n")
    asked = await reader.readuntil(b"\r\n\r\n")
    writer.write(body)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.endswith(ANSWER)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/2.0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n: no name\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9000, 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2000001\r\n", 413),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    sim: Simulator, data: bytes, status: int
) -> None:
    reply = read_reply(await exchange(sim.port, data))

    assert reply.status == status
    assert reply.headers["Connection"] == "close"
    assert reply.body.startswith(b"<HTML><HEAD>\n<TITLE>%d " % status)


async def test_a_body_of_the_full_size_is_taken(sim: Simulator) -> None:
    body = COUNT + b" " * (MAX_BODY - len(COUNT))

    assert (await exchange(sim.port, request(body))).endswith(ANSWER)


@pytest.mark.parametrize(
    "data", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
async def test_a_client_that_leaves_early_is_let_go(sim: Simulator, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)

    writer.write(data)
    writer.write_eof()

    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_silent_connection_is_closed(time: Time) -> None:
    async with Simulator(settings(), time, idle=0.02) as sim:
        assert await exchange(sim.port, b"POST") == b""


async def test_an_accept_without_a_client_is_nothing(sim: Simulator) -> None:
    listening = sim._listener._socket
    assert listening is not None

    sim._listener._accept(listening)

    assert (await exchange(sim.port, request(COUNT))).endswith(ANSWER)


async def test_a_connection_refused_before_it_is_served_is_closed(sim: Simulator) -> None:
    listening = sim._listener._socket
    assert listening is not None
    with socket.create_connection(("127.0.0.1", sim.port)) as client:
        sim._listener._accept(listening)
        sim.fault("refuse")
        await settle()

        client.settimeout(1)
        assert client.recv(1) == b""


async def test_stopping_leaves_no_connection_behind(time: Time) -> None:
    simulator = Simulator(settings(latency=9), time, sleep=time.sleep)
    await simulator.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(request(call("getblockcount")))
    await until(lambda: time.slept == [9])

    await simulator.stop()

    assert await reader.read() == b""
    writer.close()
    with pytest.raises(OSError, match=r".*"):
        await asyncio.open_connection("127.0.0.1", simulator.port)


async def test_the_simulator_listens_on_ipv6_too(time: Time) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with Simulator(settings(host="::1"), time) as sim:
        reader, writer = await asyncio.open_connection("::1", sim.port)
        writer.write(request(COUNT))
        assert (await reader.read()).endswith(ANSWER)
        writer.close()
        await writer.wait_closed()

    assert sim.url == f"http://[::1]:{sim.port}"
