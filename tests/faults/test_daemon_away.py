"""verusd is not there, does not answer, or comes and goes: D1 to D6, D12, D19 and D20."""

import asyncio
import socket
from contextlib import ExitStack

import pytest
from faults.conftest import Begin

WRITE = ("sendrawtransaction", "00" * 100)
UNKEPT = ("verifymessage", "i5w5MuNik5NtLcYmNzcvaoixooEebB6MGV", "c2ln", "text")
"""A call without any fallback: whatever verusd says to it, the gateway has nothing else."""


@pytest.mark.fault("D1", "verusd is not there at the start")
async def test_d1_it_starts_without_verusd_and_recovers_alone(begin: Begin) -> None:
    world = await begin(starts=False)
    await world.line.down()

    await world.gateway.start()
    live, ready = await world.get("/health/live"), await world.get("/health/ready")
    opened = await world.breaker("open")
    kept, unkept = await world.call("help"), await world.call(*UNKEPT)
    await world.line.up()
    well = await world.well()

    assert (live.status, ready.status) == (200, 200)
    assert opened["status"] == "degraded"
    assert (kept.reason, unkept.reason) == ("breaker_open", "breaker_open")
    assert (kept.status, unkept.body["error"]["code"]) == (200, -32000)
    assert well["daemon"]["status"] == "up"


@pytest.mark.fault("D2", "connections are refused")
async def test_d2_a_refused_connection_fails_quickly_and_falls_back(begin: Begin) -> None:
    world = await begin()
    fresh = await world.call("getblockcount")
    await world.line.down()
    loop = asyncio.get_running_loop()

    began = loop.time()
    unkept = await world.call(*UNKEPT)
    took = loop.time() - began
    await world.breaker("open")
    stale = await world.call("getblockcount")

    assert fresh.body["result"] == stale.body["result"] == 20
    assert unkept.reason in {"refused", "breaker_open"}
    assert took < 0.9  # far below the time of a whole call: nothing waited for a timeout
    assert stale.headers["X-Verus-Degraded"] == stale.body["degraded"]["source"] == "stale"


@pytest.mark.fault("D3", "a black hole: nothing is refused and nothing answers")
async def test_d3_connecting_into_a_black_hole_ends_at_the_connect_timeout(begin: Begin) -> None:
    with ExitStack() as stack:
        hole = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = hole.getsockname()
        for _ in range(4):  # the backlog is full: what comes now is dropped without a word
            full = stack.enter_context(socket.socket())
            full.setblocking(False)
            full.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}"

        world = await begin(url=url, waits=False, verus="max_concurrency = 2")
        opened = await world.breaker("open")

    assert "no connection to verusd in time" in opened["breaker"]["last_failure"]


@pytest.mark.fault("D3", "a black hole behind an open connection")
async def test_d3_silence_costs_a_deadline_and_kept_answers_go_on(begin: Begin) -> None:
    world = await begin(verus="max_concurrency = 2")
    await world.call("getblockcount")
    world.line.toxic(timeout=True)

    hung = [asyncio.ensure_future(world.call(*UNKEPT)) for _ in range(4)]
    live = await world.get("/health/live")
    ended = await asyncio.gather(*hung)
    await world.breaker("open")
    stale = await world.call("getblockcount")
    world.line.heal()
    world.line.reset()

    assert live.status == 200
    assert {said.reason for said in ended} <= {"timeout", "breaker_open", "overloaded"}
    assert stale.body["degraded"]["source"] == "stale"
    assert await world.well()


@pytest.mark.fault("D4", "the answer drips in, a byte a second")
async def test_d4_a_dripping_answer_is_ended_by_the_deadline(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("drip", 1.0, methods=["getdifficulty"])

    dripped = await world.call("getdifficulty")

    assert dripped.reason == "timeout"


@pytest.mark.fault("D5", "headers, then silence")
async def test_d5_headers_and_then_silence_is_ended_by_the_deadline(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("headers", methods=["getdifficulty"])

    silent = await world.call("getdifficulty")

    assert silent.reason == "timeout"


@pytest.mark.fault("D6", "the answer is cut off by a reset: a read")
async def test_d6_a_read_that_was_cut_off_is_asked_once_more(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("cutoff", methods=["getdifficulty"], count=1)

    once = await world.call("getdifficulty")
    world.daemon.fault("cutoff", methods=["getconnectioncount"])
    always = await world.call("getconnectioncount")

    assert "result" in once.body
    assert always.reason == "protocol"
    assert world.daemon.counts["getconnectioncount"] == 2


@pytest.mark.fault("D6", "the answer is cut off by a reset: a write")
async def test_d6_a_write_that_was_cut_off_is_never_sent_again(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("cutoff", methods=["sendrawtransaction"])

    said = await world.call(*WRITE)

    assert said.body["error"]["code"] == -32001
    assert world.daemon.counts["sendrawtransaction"] == 1


@pytest.mark.fault("D12", "503 while verusd shuts down")
async def test_d12_a_daemon_that_shuts_down_is_away(begin: Begin) -> None:
    world = await begin()
    await world.call("getblockcount")

    world.daemon.fault("shutdown")
    await world.breaker("open")
    stale = await world.call("getblockcount")

    assert stale.body["degraded"]["source"] == "stale"


@pytest.mark.fault("D19", "verusd comes and goes")
async def test_d19_the_breaker_does_not_flap_faster_than_its_window(begin: Begin) -> None:
    world = await begin()

    world.daemon.fault("flap", 0.1)
    await asyncio.sleep(2.5)  # the flapping itself takes time
    world.daemon.clear()
    await world.well()

    opened = world.gateway.events("breaker open")
    assert len(opened) <= 2.5 / 0.5 + 1


@pytest.mark.fault("D20", "recovery under full load")
async def test_d20_a_daemon_that_is_back_gets_probes_and_no_herd(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("refuse")
    await world.breaker("open")
    before = world.daemon.counts["getdifficulty"]

    async def hammer() -> None:
        while world.daemon.counts["getdifficulty"] == before:
            await world.call("getdifficulty")

    callers = [asyncio.ensure_future(hammer()) for _ in range(40)]
    world.daemon.clear()
    await asyncio.wait_for(asyncio.gather(*callers), 15)
    await world.well()

    assert world.daemon.counts["getdifficulty"] - before == 1
    assert world.daemon.max_in_flight <= 12


async def test_what_is_under_way_when_the_breaker_opens_is_not_sent_again(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("slow", 0.2)
    await asyncio.gather(*(world.call("getblock", height) for height in range(6)))
    world.daemon.clear()
    kept = world.line.made
    world.line.toxic(timeout=True, only=lambda number: number <= kept)
    asked = world.daemon.counts["getblock"]
    reads = [asyncio.ensure_future(world.call("getblock", height)) for height in range(6, 12)]
    await world.until(lambda health: health["daemon"]["in_flight"] == 6)

    world.daemon.fault("gibberish")
    await asyncio.gather(*(world.call("sendrawtransaction", f"{at:02x}" * 9) for at in range(3)))
    world.daemon.clear()
    world.line.reset()  # six kept connections end without a word, and the breaker is open
    answers = await asyncio.gather(*reads)

    assert {answer.body["error"]["code"] for answer in answers} == {-32000}
    assert world.daemon.counts["getblock"] == asked
