"""Plugins that misbehave, each in a real gateway process: G1 to G7."""

import asyncio
from pathlib import Path

import pytest
from faults.conftest import Begin
from faults.world import World
from process.conftest import Run
from process.distribution import distribution

BAD = """
import asyncio
import sys
import time

from verus_gateway.plugin import FOREVER, OBJECT, PUBLIC, TIP, DaemonError, Raw, method, required

async def raises(daemon):
    raise ValueError("the secret of the plugin")

async def hangs(daemon):
    await asyncio.Event().wait()

async def blocks(daemon):
    time.sleep(7.0)

async def nan(daemon):
    return float("nan")

async def octets(daemon):
    return b"octets"

async def cyclic(daemon):
    ring = []
    ring.append(ring)
    return ring

async def torn(daemon):
    return Raw(b'{"torn":')

async def huge(daemon):
    return "x" * 2_000_000

async def leaks(daemon):
    asyncio.create_task(asyncio.sleep(3600))
    return None

async def scribbles(daemon, given):
    given["scribbled"] = True
    return given

async def exits(daemon):
    sys.exit("the plugin leaves")

async def interrupts(daemon):
    await asyncio.sleep(0)
    raise KeyboardInterrupt

async def cancels(daemon):
    raise asyncio.CancelledError

async def cancels_itself(daemon):
    asyncio.current_task().cancel()
    await asyncio.sleep(1)

async def raises_the_base(daemon):
    raise BaseException("the base of all")

async def stays(daemon):
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass

async def recurs(daemon):
    return await recurs(daemon)

async def complains(daemon):
    raise DaemonError(object(), code="a word")

def exits_early(params):
    sys.exit("before the handler")

def row(name, handler, *params, **more):
    return method(f"bad.{name}", *params, summary=name, scope=PUBLIC,
                  handler=handler, **{"retry": True, **more})

METHODS = (
    row("raises", raises), row("hangs", hangs), row("blocks", blocks), row("nan", nan),
    row("octets", octets), row("cyclic", cyclic), row("torn", torn), row("huge", huge),
    row("leaks", leaks), row("exits", exits), row("interrupts", interrupts), row("cancels", cancels),
    row("cancels_itself", cancels_itself), row("raises_the_base", raises_the_base), row("stays", stays),
    row("recurs", recurs), row("complains", complains),
    row("kept_exits", exits, ttl=TIP), row("written_exits", exits, retry=False),
    row("accepts_and_exits", raises, accepts=exits_early),
    row("lasts_and_exits", raises, ttl=TIP, ttl_if=((FOREVER, exits_early),)),
    row("scribbles", scribbles, required("given", OBJECT), ttl=TIP),
)
"""


async def bad(begin: Begin, folder: Path, verus: str = "") -> World:
    """Run a gateway that has the worst of plugins installed."""
    path = distribution(folder / "site", "acme-bad", BAD)
    return await begin(environment={"PYTHONPATH": str(path)}, verus=verus)


@pytest.mark.fault("G1", "a plugin raises")
async def test_g1_what_a_plugin_raises_is_an_error_with_a_number(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    said = await world.call("bad.raises")
    await world.call("getblockcount")
    line = await world.told("plugin failed")

    error = said.body["error"]
    assert (error["code"], error["data"]["incident"]) == (-32603, line["incident"])
    assert "secret" not in str(said.body)
    assert "ValueError" in line["traceback"]
    assert await world.metric("verus_gateway_errors_total", method="bad.raises") == 1


LEAVING = [
    "exits", "interrupts", "cancels", "cancels_itself", "raises_the_base", "recurs", "complains",
    "kept_exits", "written_exits", "accepts_and_exits", "lasts_and_exits",
]  # fmt: skip


@pytest.mark.fault("G1", "a plugin exits, interrupts or cancels")
async def test_g1_what_ends_other_programs_is_an_error_with_a_number(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    said = {name: await world.call(f"bad.{name}") for name in LEAVING * 3}

    for name, each in said.items():
        assert each.body["error"]["code"] == -32603, name
        assert each.body["error"]["message"] == f"bad.{name} failed"
        assert await world.metric("verus_gateway_errors_total", method=f"bad.{name}") == 3
    assert len(world.gateway.events("plugin failed")) == 3 * len(LEAVING)
    assert (await world.call("getblockcount")).body["result"] == 20
    assert await world.gateway.end() == 0


@pytest.mark.fault("G2", "a plugin hangs and takes no cancellation")
async def test_g2_a_plugin_that_cannot_be_ended_is_left_behind_at_its_deadline(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    said = await asyncio.wait_for(world.call("bad.stays"), 10)

    assert said.body["error"]["code"] == -32603
    assert (await world.call("getblockcount")).body["result"] == 20
    assert await world.gateway.end() == 1
    assert world.gateway.events("tasks do not end")[0]["tasks"] == 1


@pytest.mark.fault("G2", "a plugin hangs")
async def test_g2_a_plugin_that_hangs_is_ended_by_its_deadline(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    hung = asyncio.ensure_future(world.call("bad.hangs"))
    others = await world.call("getblockcount")
    said = await asyncio.wait_for(hung, 10)

    assert others.body["result"] == 20
    assert said.body["error"]["code"] == -32603


@pytest.mark.fault("P5", "the event loop is blocked for seconds")
@pytest.mark.fault("G3", "a plugin blocks the loop")
async def test_g3_the_watchdog_names_the_plugin_that_holds_the_loop(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    await world.call("bad.blocks")
    await world.well()
    line = await world.told("event loop is blocked")

    assert line["plugin"] == "acme-bad 1.0"
    assert "time.sleep" in line["stack"]
    assert await world.metric("verus_gateway_loop_lag_seconds") >= 5
    assert await world.metric("verus_gateway_loop_blocked_total") == 1


@pytest.mark.fault("G4", "a plugin returns what JSON cannot carry, or too much of it")
@pytest.mark.parametrize("name", ["nan", "octets", "cyclic", "torn", "huge"])
async def test_g4_what_json_cannot_carry_is_an_error(
    begin: Begin, tmp_path: Path, name: str
) -> None:
    world = await bad(begin, tmp_path, verus="max_response_size = 1048576")

    said = await world.call(f"bad.{name}")

    assert said.body["error"]["code"] == -32603
    assert (await world.call("getblockcount")).body["result"] == 20


@pytest.mark.fault("G5", "declarations that contradict themselves or each other")
def test_g5_every_reason_is_named_and_nothing_starts(
    run: Run, config: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    distribution(site, "acme-import", "import nothing_of_this_name")
    distribution(site, "acme-row", "METHODS = (5,)")
    twice = """
from verus_gateway.plugin import PUBLIC, method
METHODS = (method("getinfo", summary="Mine.", scope=PUBLIC, retry=True),)
"""
    distribution(site, "zzz-twice", twice)

    done = run("serve", "--config", str(config), path=site)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert [line.split()[1] for line in done.stderr.splitlines()] == [
        "acme-import",
        "acme-row",
        "zzz-twice",
    ]


@pytest.mark.fault("G6", "a plugin leaves tasks behind")
async def test_g6_tasks_that_a_plugin_leaves_behind_hinder_no_end(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)
    before = await world.metric("verus_gateway_tasks")

    for _ in range(20):
        await world.call("bad.leaks")

    assert await world.metric("verus_gateway_tasks") - before >= 20
    assert await world.gateway.end() == 0


@pytest.mark.fault("G7", "a plugin changes what it is given")
async def test_g7_a_plugin_that_scribbles_on_its_parameters_changes_nobodys_answer(
    begin: Begin, tmp_path: Path
) -> None:
    world = await bad(begin, tmp_path)

    first = await world.call("bad.scribbles", {"a": 1})
    again = await world.call("bad.scribbles", {"a": 1})
    other = await world.call("bad.scribbles", {"a": 1, "scribbled": True})

    assert first.body["result"] == again.body["result"] == {"a": 1, "scribbled": True}
    assert again.headers["Cache-Status"].endswith("hit")
    assert other.headers["Cache-Status"].endswith("miss")
