import errno
import os
import stat
from base64 import b64encode
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from simulator.harness import Time, ask, call, settings, settle

from verus_gateway import simulator
from verus_gateway.simulator import Settings, Simulator


def test_four_names_are_public() -> None:
    assert sorted(simulator.__all__) == ["Chain", "Settings", "Simulator", "main"]


async def test_it_starts_quickly_with_a_thousand_blocks() -> None:
    best = 9.0
    for _ in range(3):
        began = perf_counter()
        async with Simulator(Settings(password="pw", port=0, control_port=0)):
            best = min(best, perf_counter() - began)
    assert best < 6


async def test_the_chain_grows_with_the_clock(time: Time) -> None:
    heard: list[str] = []
    async with Simulator(settings(block_time=10), time, sleep=time.sleep) as sim:
        sim.listen(lambda kind, line: heard.append(f"{kind}: {line}"))
        await time.advance(9)
        assert sim.chain.height == 120

        await time.advance(1)

        tip = sim.chain.tip
        assert (tip.height, tip.time) == (121, int(time.now))
        assert heard == [f"block: block 121 {tip.hash}, {len(tip.transactions)} tx"]
        await time.advance(10)
        assert sim.chain.height == 122


async def test_without_a_block_time_only_commands_make_blocks(sim: Simulator, time: Time) -> None:
    await time.advance(10_000)
    assert sim.chain.height == 120

    sim.mine(2)

    assert sim.chain.height == 122
    with pytest.raises(ValueError, match="n must be at least 1"):
        sim.mine(0)


async def test_a_reorg_is_seen_by_clients_and_heard_of(sim: Simulator) -> None:
    heard: list[tuple[str, str]] = []
    sim.listen(lambda kind, line: heard.append((kind, line)))
    before = (await ask(sim.port, call("getbestblockhash"))).json["result"]

    sim.reorg(2)

    after = (await ask(sim.port, call("getbestblockhash"))).json["result"]
    assert before != after == sim.chain.tip.hash
    assert heard == [("reorg", f"reorg, depth 2: block 120 {after} is the tip")]
    sim.reorg(1, grow=1)
    assert sim.chain.height == 121


async def test_two_of_one_seed_give_the_same_bytes(time: Time) -> None:
    answers = []
    for _ in range(2):
        async with Simulator(settings(seed=5), time) as sim:
            answers.append((await ask(sim.port, call("getblock", "120", 2))).body)
    assert answers[0] == answers[1]


async def test_faults_of_the_settings_are_on_from_the_start(time: Time) -> None:
    async with Simulator(settings(faults=("empty", "slow=2")), time) as sim:
        assert (await ask(sim.port, call("getinfo"))).body == b""
        assert sim.faults.active["slow"].value == 2


async def test_a_simulator_can_start_with_its_port_closed(time: Time) -> None:
    async with Simulator(settings(faults=("refuse",)), time) as sim:
        assert sim.port > 0
        with pytest.raises(ConnectionRefusedError):
            await ask(sim.port, call("getinfo"))


async def test_a_cookie_is_written_for_the_owner_only_and_taken_away(
    time: Time, tmp_path: Path
) -> None:
    path = tmp_path / ".cookie"
    path.write_text("left over")
    with_cookie = settings(password="", cookie_file=path)
    async with Simulator(with_cookie, time, cookie=lambda: "ab" * 32) as sim:
        assert path.read_text() == "__cookie__:" + "ab" * 32
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        basic = b64encode(path.read_bytes()).decode()
        reply = await ask(sim.port, call("getblockcount"), authorization=f"Basic {basic}")
        assert reply.status == 200
        assert (await ask(sim.port, call("getblockcount"), password="")).status == 401

    assert not path.exists()


async def test_no_cookie_is_written_beside_a_password(time: Time, tmp_path: Path) -> None:
    async with Simulator(settings(cookie_file=tmp_path / ".cookie"), time):
        assert os.listdir(tmp_path) == []  # noqa: PTH208  pathlib's way is refused in coroutines


async def test_a_cookie_that_cannot_be_written_ends_the_start(time: Time, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / ".cookie"
    sim = Simulator(settings(password="", cookie_file=nowhere), time)

    with pytest.raises(FileNotFoundError):
        await sim.start()

    with pytest.raises(ConnectionRefusedError):
        await ask(sim.port, call("getinfo"))


async def test_a_taken_port_ends_the_start_and_closes_the_other(time: Time, sim: Simulator) -> None:
    second = Simulator(settings(control_port=sim.port), time)

    with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
        await second.start()

    with pytest.raises(ConnectionRefusedError):
        await ask(second.port, call("getinfo"))


async def test_without_a_control_port_there_is_none(time: Time) -> None:
    async with Simulator(settings(control_port=None), time) as sim:
        assert sim.control_port is None


async def test_stopping_twice_is_stopping_once(time: Time) -> None:
    sim = Simulator(settings(block_time=1), time, sleep=time.sleep)
    await sim.start()
    sim.fault("flap")
    await settle()

    await sim.stop()
    await sim.stop()

    assert repr(sim._listener) == f"<Listener shut, 127.0.0.1:{sim.port}>"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"threads": 0}, "threads must be at least 1"),
        ({"work_queue": 0}, "work_queue must be at least 1"),
        ({"latency": -1}, "latency must be at least 0"),
        ({"start_height": -1}, "start_height must be at least 0"),
        ({"block_time": -1}, "block_time must be at least 0"),
        ({"port": 65536}, "port must be from 0 to 65535"),
        ({"control_port": -1}, "control_port must be from 0 to 65535"),
        ({"password": ""}, "a password or a cookie_file is needed"),
        ({"user": "a:b"}, "user must not contain a colon"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        settings(**changes)


def test_a_fault_in_the_settings_must_exist() -> None:
    with pytest.raises(ValueError, match="no fault is named 'x'"):
        Simulator(settings(faults=("x",)))


async def test_it_says_what_it_is_without_its_password(sim: Simulator) -> None:
    sim.fault("hang")

    assert repr(sim) == f"<Simulator {sim.url}, {sim.chain!r}, faults hang>"
    assert "pw" not in repr(sim.settings)
    assert repr(sim._listener) == f"<Listener open, 127.0.0.1:{sim.port}>"
