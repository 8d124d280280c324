"""The process itself in trouble: signals, clocks, descriptors, pipes, clients: P1 to P14."""

import asyncio
import os
import resource
import shutil
import signal
from pathlib import Path

import aiohttp
import pytest
from faults.conftest import Begin
from faults.world import World
from process.distribution import distribution

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
CALL = b'{"id":1,"method":"getblockcount"}'
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


async def opened(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the gateway."""
    return await asyncio.open_connection("127.0.0.1", int(world.gateway.url.rpartition(":")[2]))


def slow(world: World, seconds: float = 0.5) -> None:
    """Make one method slow."""
    world.daemon.fault("slow", seconds, methods=["getdifficulty"])


@pytest.mark.fault("P1", "SIGTERM while calls are in flight")
async def test_p1_calls_in_flight_are_finished_and_the_status_is_0(begin: Begin) -> None:
    world = await begin(server="drain_seconds = 0.3")
    slow(world)

    call = asyncio.ensure_future(world.call("getdifficulty"))
    await world.until(lambda health: health["daemon"]["in_flight"] == 1)
    os.kill(world.gateway.pid, signal.SIGTERM)
    await asyncio.sleep(0.1)
    ready = await world.get("/health/ready")
    said = await call
    status = await world.gateway.ended()

    assert (ready.status, status) == (503, 0)
    assert "result" in said.body


@pytest.mark.fault("P2", "a second signal")
async def test_p2_a_second_signal_ends_it_at_once(begin: Begin) -> None:
    world = await begin(server="drain_seconds = 60")

    os.kill(world.gateway.pid, signal.SIGTERM)
    await world.until(lambda health: health["status"] == "unhealthy")
    os.kill(world.gateway.pid, signal.SIGTERM)

    assert await world.gateway.ended() == 1


@pytest.mark.fault("P3", "kill -9")
async def test_p3_nothing_is_left_that_hinders_the_next_start(begin: Begin) -> None:
    world = await begin()
    await world.gateway.end(signal.SIGKILL)

    await world.gateway.start()

    assert (await world.well())["status"] == "healthy"


@pytest.mark.skipif(not FAKETIME.exists(), reason="SKIPPED: libfaketime is not installed")
@pytest.mark.fault("P4", "the wall clock jumps")
@pytest.mark.parametrize("jump", ["+90d", "-90d"])
async def test_p4_a_jump_of_the_wall_clock_moves_no_deadline(
    begin: Begin, tmp_path: Path, jump: str
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    world = await begin(environment=environment)
    await world.call("getblockcount")

    clock.write_text(jump)
    word = "in the future" if jump.startswith("-") else "minutes old"
    await world.until(lambda health: word in str(health["warnings"]))
    kept = await world.call("getblockcount")
    slow(world, 0.1)
    asked = await world.call("getdifficulty")
    world.daemon.mine()
    await world.until(lambda health: health["tip"]["height"] == 21)

    assert kept.headers["Cache-Status"].endswith("hit")
    assert "result" in asked.body
    assert (await world.health())["breaker"]["state"] == "closed"


def few_descriptors() -> None:
    """Leave the new process a few dozen file descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


@pytest.mark.fault("P6", "no file descriptors are left")
async def test_p6_without_descriptors_it_waits_and_recovers(begin: Begin) -> None:
    world = await begin(before=few_descriptors)
    many = [await opened(world) for _ in range(80)]

    used = cpu_seconds(world.gateway.pid)
    await asyncio.sleep(1.0)  # what it uses in one second is what is measured
    spun = cpu_seconds(world.gateway.pid) - used
    for _, writer in many:
        writer.close()
    await world.well()

    assert spun < 0.9
    assert (await world.call("getblockcount")).body["result"] == 20


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


async def cut_off(reader: asyncio.StreamReader) -> bytes:
    """Return what is said until the connection ends."""
    try:
        return await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionResetError:
        return b""


@pytest.mark.fault("P7", "a client that does not finish its head")
@pytest.mark.parametrize("said", [b"", HEAD])
async def test_p7_a_slow_head_is_cut_off(begin: Begin, said: bytes) -> None:
    world = await begin(server="head_timeout = 0.3")
    reader, writer = await opened(world)

    writer.write(said)
    end = await cut_off(reader)

    writer.close()
    assert end == b""
    assert await world.metric("verus_gateway_connections_cut_total", reason="head") == 1


@pytest.mark.fault("P7", "a client that does not finish its body")
async def test_p7_a_slow_body_is_refused(begin: Begin) -> None:
    world = await begin(server="body_timeout = 0.3")
    reader, writer = await opened(world)

    writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

    writer.close()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head


@pytest.mark.fault("P7", "a client that does not read")
async def test_p7_a_client_that_does_not_read_is_cut_off_and_others_are_not(begin: Begin) -> None:
    world = await begin(server="read_timeout = 0.5")
    world.daemon.fault("huge", 20_000_000, methods=["getdifficulty"])
    reader, writer = await opened(world)

    body = CALL.replace(b"getblockcount", b"getdifficulty")
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    await asyncio.wait_for(cut(world, "reader"), 15)

    others = await world.call("getblockcount")
    writer.transport.abort()
    assert others.body["result"] == 20
    assert not reader.at_eof()


async def cut(world: World, reason: str) -> None:
    """Wait until a connection was cut off for *reason*."""
    while await world.metric("verus_gateway_connections_cut_total", reason=reason) == 0:  # noqa: ASYNC110  another process
        await asyncio.sleep(0.05)


BULKY = """
from verus_gateway.plugin import FOREVER, INTEGER, PUBLIC, method, required
async def bulky(daemon, number):
    return f"{number:020d}" * 1000
METHODS = (method("bulky.text", required("number", INTEGER), summary="Much text.", scope=PUBLIC,
                  ttl=FOREVER, handler=bulky),)
"""


@pytest.mark.fault("P8", "memory runs short")
async def test_p8_what_is_kept_stays_within_its_bound(begin: Begin, tmp_path: Path) -> None:
    path = str(distribution(tmp_path / "site", "acme-bulky", BULKY))
    kept = "[cache]\nmax_size = 2000000\nmax_entry_size = 100000"
    world = await begin(
        environment={"PYTHONPATH": path}, more=f"{kept}\n[rate_limit]\nenabled = false"
    )
    numbers = iter(range(4_000))  # eighty megabytes of text

    async def ask() -> None:
        for number in numbers:
            await world.call("bulky.text", number)

    await ask_some(world)
    before = await world.metric("process_resident_memory_bytes")
    await asyncio.gather(*(ask() for _ in range(16)))
    grown = await world.metric("process_resident_memory_bytes") - before

    assert (await world.health())["cache"]["bytes"] <= 2_000_000
    assert grown < 25_000_000


async def ask_some(world: World) -> None:
    """Fill the cache once, so that what it takes is not counted as growth."""
    for number in range(150):
        await world.call("bulky.text", -number)


@pytest.mark.fault("P9", "too many connections")
async def test_p9_connections_over_the_limit_are_told_so(begin: Begin) -> None:
    world = await begin(server="max_connections = 8")
    async with aiohttp.ClientSession() as client:
        held = [await opened(world) for _ in range(8)]

        response = await client.get(world.gateway.url + "/health")
        refused = (response.status, response.headers["Retry-After"], await response.json())
        for _, writer in held:
            writer.close()
        await world.well()

    status, again, body = refused
    assert (status, again, body["error"]["code"]) == (503, "1", -32000)


LOUD = """
from verus_gateway.plugin import PUBLIC, method
async def fail(daemon):
    raise ValueError("x" * 2000)
METHODS = (method("failing.loudly", summary="Fails.", scope=PUBLIC, retry=True, handler=fail),)
"""
"""Each call gives a line with a traceback; three hundred are far more than a pipe holds."""


@pytest.mark.fault("P10", "nobody reads the log")
async def test_p10_a_blocked_log_blocks_no_call(begin: Begin, tmp_path: Path) -> None:
    path = str(distribution(tmp_path / "site", "acme-loud", LOUD))
    world = await begin(environment={"PYTHONPATH": path}, kill=True)
    world.gateway.deaf()

    said = [await world.call("failing.loudly") for _ in range(300)]

    assert {each.body["error"]["code"] for each in said} == {-32603}
    assert (await world.call("getblockcount")).body["result"] == 20


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0,
    reason="SKIPPED: a hosts file of its own needs root and unshare",
)
@pytest.mark.fault("P11", "the name of the daemon's host changes its address")
async def test_p11_an_old_address_is_not_kept_for_ever(begin: Begin, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.9 verusd.test\n127.0.0.1 localhost\n")
    world = await begin(starts=False)
    text = world.config.read_text().replace("http://127.0.0.1", "http://verusd.test")
    world.config.write_text(text)
    world.gateway.inside = f"mount --bind {hosts} /etc/hosts"
    await world.gateway.start()
    await world.breaker("open")

    hosts.write_text("127.0.0.1 verusd.test\n127.0.0.1 localhost\n")

    assert (await world.well())["daemon"]["status"] == "up"


@pytest.mark.fault("P12", "the configuration is reloaded, and has a fault")
async def test_p12_a_broken_file_leaves_everything_as_it_is_and_a_good_one_is_taken_up(
    begin: Begin,
) -> None:
    world = await begin()
    good = world.config.read_text("utf-8")
    await world.call("getblockhash", 5)

    world.config.write_text(good.replace("[auth]", "[auht]"))
    os.kill(world.gateway.pid, signal.SIGHUP)
    refused = await world.told("configuration refused")
    still = await world.call("getblockhash", 5)
    world.config.write_text(good.replace('"public", "read", "broadcast"', '"public"'))
    os.kill(world.gateway.pid, signal.SIGHUP)
    await world.told("configuration in force")
    after = await world.call("getblockhash", 5)

    assert "did you mean auth?" in refused["faults"]
    assert "result" in still.body
    assert (after.status, after.body["error"]["code"]) == (401, -32002)


@pytest.mark.fault("P13", "a client leaves during a read")
async def test_p13_a_read_nobody_waits_for_is_cancelled(begin: Begin) -> None:
    world = await begin()
    slow(world, 0.8)
    call = asyncio.ensure_future(world.call("getdifficulty"))
    await world.until(lambda health: health["daemon"]["in_flight"] == 1)

    call.cancel()

    await world.until(lambda health: health["daemon"]["in_flight"] == 0)


@pytest.mark.fault("P13", "a client leaves during a write")
async def test_p13_a_write_nobody_waits_for_goes_to_its_end(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("slow", 0.5, methods=["sendrawtransaction"])
    call = asyncio.ensure_future(world.call("sendrawtransaction", "00" * 100))
    await world.until(lambda health: health["daemon"]["in_flight"] == 1)

    call.cancel()
    await world.until(lambda health: health["daemon"]["in_flight"] == 0)

    assert world.daemon.counts["sendrawtransaction"] == 1
    assert await world.metric("verus_gateway_daemon_call_seconds_count", outcome="error") == 1


@pytest.mark.fault("P14", "bytes that are no HTTP")
async def test_p14_malformed_requests_get_400_and_no_traceback(begin: Begin) -> None:
    world = await begin()

    for words in (b"\x00\x01\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n"):
        reader, writer = await opened(world)
        writer.write(words)
        end = await cut_off(reader)
        writer.close()
        assert end.partition(b" ")[2].startswith(b"400 ")

    assert "Traceback" not in "\n".join(world.gateway.lines)
