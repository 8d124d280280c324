import pytest
from simulator.harness import ask, call, settings

from verus_gateway.simulator import Simulator


async def test_the_status_tells_everything(sim: Simulator) -> None:
    await ask(sim.port, call("getinfo"))
    sim.fault("hang", methods=["getblock"])

    reply = await ask(sim.control_port, method="GET", password=None)

    assert reply.status == 200
    assert reply.json == {
        "chain": "VRSC",
        "height": 120,
        "tip": sim.chain.tip.hash,
        "branch": 0,
        "mempool": len(sim.chain.mempool),
        "faults": ["hang for getblock"],
        "counts": {"getinfo": 1},
        "max_in_flight": 1,
    }


async def test_faults_are_switched_on_and_off(sim: Simulator) -> None:
    path = "/fault/slow?value=1.5&count=2&method=getinfo&method=getblock"

    on = await ask(sim.control_port, path=path)
    off = await ask(sim.control_port, method="DELETE", path="/faults")

    assert on.json["faults"] == ["slow = 1.5 seconds for getblock, getinfo (2 to go)"]
    assert off.json["faults"] == []


async def test_the_control_port_stays_while_the_other_is_closed(sim: Simulator) -> None:
    await ask(sim.control_port, path="/fault/refuse")

    assert (await ask(sim.control_port, method="GET")).json["faults"] == ["refuse"]


async def test_blocks_are_mined_and_abandoned(sim: Simulator) -> None:
    mined = await ask(sim.control_port, path="/mine?n=3")
    once = await ask(sim.control_port, path="/mine")
    reorged = await ask(sim.control_port, path="/reorg?depth=2&grow=1")

    assert mined.json["height"] == 123
    assert once.json["height"] == 124
    assert (reorged.json["height"], reorged.json["branch"]) == (125, 1)


async def test_a_payment_is_drafted_for_sending(sim: Simulator) -> None:
    draft = (await ask(sim.control_port, method="GET", path="/transaction")).json

    sent = await ask(sim.port, call("sendrawtransaction", draft["hex"]))

    assert sent.json["result"] == draft["txid"]


async def test_a_chain_too_young_to_pay_says_so() -> None:
    async with Simulator(settings(start_height=5)) as sim:
        reply = await ask(sim.control_port, method="GET", path="/transaction")

    assert (reply.status, reply.json) == (400, {"error": "nothing to spend yet: mine more blocks"})


@pytest.mark.parametrize(
    ("method", "path", "status", "complaint"),
    [
        ("POST", "/fault/nonsense", 400, "no fault is named 'nonsense'"),
        ("POST", "/fault/slow?value=x", 400, "value must be a number"),
        ("POST", "/fault/hang?count=x", 400, "count must be a whole number"),
        ("POST", "/fault/hang?count=", 400, "count must be a whole number"),
        ("POST", "/fault/hang?speed=1", 400, "there is no option speed"),
        ("POST", "/mine?n=0", 400, "n must be at least 1"),
        ("POST", "/mine?m=1", 400, "there is no option m"),
        ("POST", "/reorg?depth=1000", 400, "depth must be from 1 to 120"),
        ("POST", "/reorg?grow=-1", 400, "grow must not be negative"),
        ("GET", "/?x=1", 400, "there is no option x"),
        ("GET", "/mine", 404, "there is no GET /mine, only GET /, GET /transaction"),
        ("PUT", "/fault/hang", 404, "there is no PUT /fault/hang"),
    ],
)
async def test_a_wrong_request_is_answered_with_one_sentence(
    sim: Simulator, method: str, path: str, status: int, complaint: str
) -> None:
    reply = await ask(sim.control_port, method=method, path=path)

    assert reply.status == status
    assert reply.json["error"].startswith(complaint)
    assert sim.chain.height == 120
    assert not sim.faults.active


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.example:80", "", "[::2]"])
async def test_a_foreign_host_is_refused(sim: Simulator, host: str) -> None:
    reply = await ask(sim.control_port, path="/fault/hang", host=host)

    assert reply.status == 403
    assert reply.json["error"].startswith("the Host header must name this machine")
    assert not sim.faults.active


@pytest.mark.parametrize("host", ["localhost:27487", "127.0.0.1", "[::1]:9", "LOCALHOST"])
async def test_names_of_this_machine_are_taken(sim: Simulator, host: str) -> None:
    assert (await ask(sim.control_port, method="GET", host=host)).status == 200


async def test_a_web_page_is_refused(sim: Simulator) -> None:
    reply = await ask(sim.control_port, path="/mine", origin="http://127.0.0.1")

    assert (reply.status, sim.chain.height) == (403, 120)
