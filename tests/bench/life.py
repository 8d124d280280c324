"""What is measured of one gateway over its life: start, memory, descriptors, growth, latency."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import contestants as who
from bench.cases import CALL, HIT, SMALL_ANSWER, Bench, batch
from bench.contestants import started
from bench.load import Ask, Round, drive
from bench.processes import Running, pinned

_CLIENT: Final = Path(__file__).with_name("openloop.py")
_BLOCKS: Final = Ask('{"jsonrpc":"2.0","id":1,"method":"getblock","params":["%d"]}', "")
_HOUR: Final = 360_000
"""Calls that stand for an hour of traffic: a hundred a second."""

Progress = Callable[[str], None]


def starts(bench: Bench, progress: Progress) -> dict[str, Any]:
    """Measure the start, memory at rest, memory of answers, and what an hour's calls leave."""
    progress("start, memory, descriptors")
    with started(
        [who.GATEWAY], bench.folder, "getblockcount", core=bench.core, side=bench.side
    ) as up:
        server = up[who.GATEWAY.name]
        _round(server, HIT, bench, connections=64)
        idle, descriptors = server.resident(), server.descriptors()
        calls = 0
        while calls < _HOUR:
            calls += _round(server, HIT, bench, connections=64, seconds=3).calls
        after = server.resident(), server.descriptors()
        kept = _cache(server)
        _round(server, _BLOCKS, bench, seconds=3)
        grown, full = server.resident() - after[0], _cache(server) - kept
        return {
            "start_seconds": server.started_in,
            "idle_bytes": idle,
            "idle_descriptors": descriptors,
            "hour_calls": calls,
            "hour_grown_bytes": after[0] - idle,
            "hour_grown_descriptors": after[1] - descriptors,
            "cached_bytes": full,
            "bytes_per_cached_byte": grown / max(full, 1),
        }


def growth(bench: Bench, progress: Progress) -> dict[str, list[tuple[int, float]]]:
    """Measure the CPU microseconds of a call over connections, batch size and entries in memory."""
    progress("growth")
    with started(
        [who.GATEWAY], bench.folder, "getblockcount", core=bench.core, side=bench.side
    ) as up:
        server = up[who.GATEWAY.name]
        _round(server, HIT, bench)
        connections = [
            (number, _round(server, HIT, bench, connections=number).cpu)
            for number in (1, 8, 64, 256, 512)
        ]
        for size in (1, 10, 50, 100):
            _round(server, batch(size), bench)
        sizes = [(size, _round(server, batch(size), bench).cpu) for size in (1, 10, 50, 100)]
        entries = [(_entries(server), _round(server, HIT, bench).cpu)]
        for _ in range(3):
            _round(
                server,
                _BLOCKS._replace(
                    body=_BLOCKS.body.replace("getblock", "getblockhash").replace('"%d"', "%d")
                ),
                bench,
                seconds=2,
            )
            entries.append((_entries(server), _round(server, HIT, bench).cpu))
    methods = [(number, _with_methods(number, bench)) for number in (0, 1_000, 10_000)]
    grown = {"connections": connections, "batch size": sizes, "entries": entries}
    return {**grown, "further methods": methods}


def _with_methods(number: int, bench: Bench) -> float:
    """Return the CPU microseconds of a hit where a plugin declares so many methods more."""
    place = bench.folder / f"methods-{number}"
    (place / "many_methods-1.dist-info").mkdir(parents=True)
    (place / "many_methods-1.dist-info" / "METADATA").write_text("Name: many-methods\nVersion: 1\n")
    (place / "many_methods-1.dist-info" / "entry_points.txt").write_text(
        "[verus_gateway.methods]\nmany = many_methods:rows\n"
    )
    (place / "many_methods.py").write_text(_ROWS.format(number=number))
    many = who.GATEWAY._replace(more=(("PYTHONPATH", str(place)),))
    with started([many], bench.folder, "getblockcount", core=bench.core, side=bench.side) as up:
        _round(up[many.name], HIT, bench)
        return _round(up[many.name], HIT, bench).cpu


_ROWS: Final = """
from verus_gateway.plugin import PUBLIC, method

rows = tuple(
    method(f"many.m{{n}}", summary="x", scope=PUBLIC, retry=True) for n in range({number})
)
"""


def workers(bench: Bench, progress: Progress) -> dict[str, float]:
    """Measure what a call costs with one worker, and with one on each core at the same time.

    The client has to share the cores with the second worker, so calls a second say nothing;
    server CPU a call does: twice the calls of one worker fit where a call costs the same.
    """
    progress("workers")
    both = [who.GATEWAY, who.ORDINARY._replace(name="second", command=who.gateway())]
    with started(both[:1], bench.folder, "getblockcount", core=bench.core, side=bench.side) as up:
        one = up[who.GATEWAY.name]
        _round(one, HIT, bench)
        alone = _round(one, HIT, bench, seconds=2).cpu
        with started(
            both[1:], bench.folder, "getblockcount", core=bench.side, side=bench.side
        ) as more:
            two = more["second"]
            _round(two, HIT, bench)
            second = drive_both(one, two, bench)
    return {"one_us": alone, "two_us": second, "scale": 2 * alone / second}


def drive_both(one: Running, two: Running, bench: Bench) -> float:
    """Return the mean CPU microseconds of a call while both servers are under load."""
    client = pinned(
        bench.side, ["wrk", "-t1", "-c64", "-d4s", f"-s{bench.folder / 'round.lua'}", one.url]
    )
    with subprocess.Popen(client, stdout=subprocess.PIPE, text=True) as beside:
        before = one.cpu_seconds()
        found = drive(two, HIT, seconds=4, core=bench.side, folder=bench.folder)
        said = beside.communicate()[0]
        used = one.cpu_seconds() - before
    calls = int(json.loads(said.partition("RESULT ")[2])["calls"])
    return (used / calls * 1e6 + found.cpu) / 2


def latencies(bench: Bench, rates: dict[str, float], progress: Progress) -> list[dict[str, Any]]:
    """Send at half of each one's capacity, whether it answers or not; two rounds in turn."""
    here = [each for each in (who.GATEWAY, who.NGINX_CACHE, who.BARE) if each.name in rates]
    found: list[dict[str, Any]] = []
    with started(here, bench.folder, "getblockcount", core=bench.core, side=bench.side) as up:
        for number in range(2):
            progress(f"open loop, round {number + 1} of 2")
            for each in here:
                if each.name not in up:
                    continue
                order = {
                    "port": up[each.name].port,
                    "rate": min(rates[each.name] / 2, CLIENT_MOST),
                    "seconds": 3.0,
                    "connections": 32,
                    "body": CALL,
                    "expected": SMALL_ANSWER,
                }
                found.append({"contestant": each.name, **_open_loop(order, bench)})
    return found


CLIENT_MOST: Final = 12_000.0
"""Calls a second that the open-loop client sends on time on one core of a busy machine."""


def _open_loop(order: dict[str, Any], bench: Bench) -> dict[str, Any]:
    ran = subprocess.run(
        pinned(bench.side, [sys.executable, str(_CLIENT)]),
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _round(
    server: Running, ask: Ask, bench: Bench, *, connections: int = 64, seconds: float = 1
) -> Round:
    return drive(
        server,
        ask,
        seconds=seconds,
        core=bench.side,
        folder=bench.folder,
        connections=connections,
    )


def _cache(server: Running) -> int:
    return int(_health(server)["cache"]["bytes"])


def _entries(server: Running) -> int:
    return int(_health(server)["cache"]["entries"])


def _health(server: Running) -> dict[str, Any]:
    with urllib.request.urlopen(server.url + "health", timeout=5) as response:  # noqa: S310  our own server
        found: dict[str, Any] = json.loads(response.read())
    return found
