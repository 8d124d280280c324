import asyncio
import gzip
from typing import Any

import pytest
from simulator.harness import (
    Time,
    ask,
    call,
    exchange,
    read_reply,
    request,
    settings,
    settle,
)

from verus_gateway.simulator import Simulator
from verus_gateway.simulator.faults import KINDS, split

COUNT = call("getblockcount", id=7)


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_refuse_closes_the_port_and_clear_opens_it_again(sim: Simulator) -> None:
    port = sim.port

    sim.fault("refuse")

    assert not await connects(port)
    sim.clear()
    assert sim.port == port
    assert await connects(port)


async def test_refuse_breaks_open_connections_off(sim: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    await settle()

    sim.fault("refuse")

    assert await asyncio.wait_for(reader.read(), 1) == b""
    writer.close()
    await writer.wait_closed()


async def test_flap_refuses_and_serves_in_turn(time: Time) -> None:
    async with Simulator(settings(), time, sleep=time.sleep) as sim:
        sim.fault("flap", 2)
        seen = []
        for _ in range(4):
            await settle()
            seen.append(await connects(sim.port))
            await time.advance(2)
        sim.clear()
        await time.advance(2)

        assert seen == [False, True, False, True]
        assert await connects(sim.port)


async def silent(port: int) -> bytes:
    """Return what comes within a moment from a port that then says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(COUNT) + b"and more")
    heard = b""
    try:
        while True:
            heard += await asyncio.wait_for(reader.read(1000), 0.05)
            assert not reader.at_eof()
    except TimeoutError:
        return heard
    finally:
        writer.close()
        await writer.wait_closed()


async def test_hang_reads_and_never_answers(sim: Simulator) -> None:
    sim.fault("hang")

    assert await silent(sim.port) == b""
    assert not sim.counts


async def test_headers_come_alone(sim: Simulator) -> None:
    sim.fault("headers")

    heard = await silent(sim.port)

    assert heard.startswith(b"HTTP/1.1 200 OK")
    assert heard.endswith(b"\r\n\r\n")
    assert sim.counts["getblockcount"] == 1


async def test_drip_sends_byte_by_byte(sim: Simulator, time: Time) -> None:
    sim.fault("drip", 3)

    reply = await ask(sim.port, COUNT)

    assert reply.json["result"] == 120
    assert time.slept == [3] * len(reply.body)


async def test_cutoff_resets_in_the_middle_of_the_body(sim: Simulator) -> None:
    sim.fault("cutoff")
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)

    writer.write(request(COUNT))
    head = await reader.readuntil(b"\r\n\r\n")
    half = await reader.readexactly(17)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()

    assert b"Content-Length: 35" in head
    assert half == b'{"result":120,"er'
    assert sim.counts["getblockcount"] == 1


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("gibberish", 200, b"<!DOCTYPE html>"),
        ("empty", 200, b""),
        ("overload", 500, b"Work queue depth exceeded"),
        ("forbidden", 403, b""),
        ("notfound", 404, b""),
        ("shutdown", 503, b"<HTML><HEAD>\n<TITLE>503 Service Unavailable</TITLE>"),
        ("password", 401, b""),
    ],
)
async def test_some_faults_answer_in_the_daemons_place(
    sim: Simulator, name: str, status: int, body: bytes
) -> None:
    sim.fault(name)

    reply = await ask(sim.port, COUNT)

    assert reply.status == status
    assert reply.body.startswith(body)
    assert bool(body) == bool(reply.body)
    assert not sim.counts


async def test_every_password_can_be_wrong_after_the_daemons_delay(
    sim: Simulator, time: Time
) -> None:
    sim.fault("password")

    await ask(sim.port, COUNT)

    assert time.slept == [0.25]


async def test_warmup_answers_its_error_to_each_call(sim: Simulator) -> None:
    sim.fault("warmup")

    assert (await ask(sim.port, COUNT)).json["error"]["code"] == -28
    assert (await ask(sim.port, [COUNT])).json[0]["error"]["code"] == -28


async def test_ids_can_be_wrong_or_missing(sim: Simulator) -> None:
    sim.fault("wrongid")
    wrong = await ask(sim.port, [COUNT, call("nope")])
    sim.clear()
    sim.fault("noid")
    missing = await ask(sim.port, COUNT)

    assert [each["id"] for each in wrong.json] == [4242424242, 4242424242]
    assert missing.json == {"result": 120, "error": None}


async def test_an_answer_can_be_huge(sim: Simulator) -> None:
    sim.fault("huge", 100_000)

    reply = await ask(sim.port, COUNT)

    assert len(reply.json["result"]) == 100_001
    assert reply.json["id"] == 7


async def test_an_answer_can_be_compressed_unasked_and_huge_at_once(sim: Simulator) -> None:
    sim.fault("gzip")
    sim.fault("huge", 1_000_000)

    reply = await ask(sim.port, COUNT)

    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 5_000
    assert len(gzip.decompress(reply.body)) > 1_000_000


async def test_slow_adds_to_each_commands_time(sim: Simulator, time: Time) -> None:
    sim.fault("slow", 4)

    await ask(sim.port, [COUNT, COUNT])

    assert time.slept == [4, 4]


async def test_a_fault_can_concern_some_methods_only(sim: Simulator) -> None:
    sim.fault("empty", methods=["getinfo"])

    bodies = (COUNT, call("getinfo"), [COUNT, call("getinfo")], b"junk", [5])
    replies = [await ask(sim.port, body) for body in bodies]

    assert [not reply.body for reply in replies] == [False, True, True, False, False]


async def test_a_fault_can_end_by_itself(sim: Simulator) -> None:
    sim.fault("overload", count=2)

    statuses = [(await ask(sim.port, COUNT)).status for _ in range(4)]

    assert statuses == [500, 500, 200, 200]
    assert not sim.faults.active


async def test_a_refusal_of_the_port_itself_is_not_spoiled(sim: Simulator) -> None:
    sim.fault("wrongid")

    assert (await ask(sim.port, path="/x")).status == 404


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("nonsense", {}, "no fault is named 'nonsense'; there are refuse, flap"),
        ("hang", {"value": 1}, "the fault hang takes no value"),
        ("slow", {"value": -1}, "the value of slow must not be negative"),
        ("slow", {"value": float("nan")}, "the value of slow must not be negative"),
        ("slow", {"count": 0}, "count must be at least 1"),
        ("refuse", {"count": 1}, "the fault refuse concerns the port"),
        ("flap", {"methods": ["x"]}, "the fault flap concerns the port"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    sim: Simulator, name: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        sim.fault(name, **options)

    assert not sim.faults.active


def test_a_fault_is_written_with_its_value() -> None:
    assert split("slow=2.5") == ("slow", 2.5)
    assert split("hang") == ("hang", None)
    with pytest.raises(ValueError, match="the value in 'slow=x' is no number"):
        split("slow=x")


async def test_every_fault_is_heard_of(sim: Simulator) -> None:
    heard: list[tuple[str, str]] = []
    sim.listen(lambda kind, line: heard.append((kind, line)))

    sim.fault("slow", 2, methods=["getinfo", "getblock"], count=3)
    sim.fault("hang")
    sim.clear()

    assert heard == [
        ("fault", "fault slow = 2 seconds for getblock, getinfo (3 to go)"),
        ("fault", "fault hang"),
        ("fault", "no faults"),
    ]


async def test_all_faults_leave_no_trace_once_cleared(sim: Simulator) -> None:
    for name in KINDS:
        sim.fault(name)
    await settle()

    sim.clear()
    await settle()

    raw = await exchange(sim.port, request(COUNT))
    assert read_reply(raw).json == {"result": 120, "error": None, "id": 7}


async def test_the_body_of_an_answer_that_is_no_json_stays(sim: Simulator) -> None:
    sim.fault("noid")

    assert (await ask(sim.port, method="GET")).status == 405
