"""The benchmark's own arithmetic, and that its client sees what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.cases import Measured, cases
from bench.contestants import Setting, peer
from bench.openloop import Order, measure
from bench.report import judged, table
from bench.targets import verdicts

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def measured(case: str, contestant: str, cpu: float) -> Measured:
    return Measured(case, contestant, 1000.0, cpu, 10, 0, [1000])


def test_ratios_are_of_the_servers_cpu_and_missing_peers_are_said() -> None:
    found = [measured("hit", "gateway with token", 10.0), measured("hit", "bare aiohttp", 35.0)]

    judgements = {each.what: each for each in verdicts(found, {})}

    assert judgements["hit, 150 B, over bare aiohttp"].found == pytest.approx(3.5)
    assert judgements["hit, 150 B, over bare aiohttp"].reached
    assert judgements["hit, 150 B, over nginx proxy_cache"].reached is None
    assert "not measured" in judged(list(judgements.values()))
    assert "3.50" in table(found)


def test_a_target_that_is_missed_is_said_plainly() -> None:
    life = {
        "life": {"idle_bytes": 90e6, "bytes_per_cached_byte": 1.1},
        "workers": {"scale": 1.9},
        "open loop": [
            {"contestant": "gateway", "p99": 4.0},
            {"contestant": "nginx proxy_cache", "p99": 1.0},
        ],
    }

    reached = {each.what: each.reached for each in verdicts([], life)}

    assert reached["MB resident at rest"] is False
    assert reached["bytes per byte of cached answers"] is True
    assert reached["two workers over one"] is True
    assert reached["p99 over nginx's, open loop"] is False


def test_a_peer_is_a_name_and_a_command_that_is_filled_in() -> None:
    made = peer("mine=sh -c 'serve --listen {port} --to {upstream}'")
    told = Setting(Path("/nowhere"), 1, 2, "getblockcount")

    assert (made.name, made.missing) == ("mine", False)
    assert made.command(told) == ["sh", "-c", "serve --listen 1 --to 2"]
    assert {case.name for case in cases(made, "", [made]) if made in case.asks} >= {"hit", "miss"}


@pytest.mark.parametrize("text", ["", "mine", "=sh", "mine= ", "mine=sh {prot}", "mine=sh {}"])
def test_a_peer_that_cannot_be_filled_in_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"peer is|nothing is known"):
        peer(text)


@asynccontextmanager
async def server(delay: float = 0.0) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            await asyncio.sleep(delay)
            writer.write(ANSWER)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        listening.close()


def order(port: int, expected: str = "ok", connections: int = 2) -> Order:
    return Order(port, 200.0, 0.2, connections, "{}", expected)


async def test_the_open_loop_client_counts_every_answer_and_every_wrong_one() -> None:
    async with server() as port:
        good = await measure(order(port))
        bad = await measure(order(port, expected="no"))

    assert (good.calls, good.wrong) == (40, 0)
    assert (bad.calls, bad.wrong) == (40, 40)


async def test_a_slow_answer_counts_in_all_calls_that_it_delays() -> None:
    async with server(delay=0.02) as port:
        found = await measure(order(port, connections=1))

    # 40 calls are due within 0.2 s and one connection answers one in 20 ms: the last waits long.
    assert found.worst > 500
    assert found.p50 > 200
