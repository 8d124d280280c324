"""One instance, many chains, each with its own daemon."""

import asyncio

import pytest
from stack import StartStack, simulated, until

from verus_gateway.config import BreakerConfig
from verus_gateway.tasks import begun, ended


async def test_each_chain_answers_under_its_own_path(start: StartStack) -> None:
    stack = await start(chains={"vTEST": simulated(chain="vTEST", start_height=7)})

    default = await stack.call("getblockcount")
    named = await stack.call("getblockcount", path="/chain/VRSC")
    other = await stack.call("getblockcount", path="/chain/vTEST")

    assert (default["result"], named["result"], other["result"]) == (20, 20, 7)


async def test_a_chain_that_nobody_serves_is_not_found(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post({"method": "getblockcount"}, "/chain/nowhere")

    assert reply.status == 404
    assert reply.body["error"]["code"] == -32600


async def test_equal_calls_to_two_chains_do_not_share_an_answer(start: StartStack) -> None:
    stack = await start(chains={"vTEST": simulated(chain="vTEST")})

    one = await stack.call("getblockhash", 3)
    other = await stack.call("getblockhash", 3, path="/chain/vTEST")

    assert one["result"] != other["result"]


async def test_one_daemon_that_dies_leaves_the_other_chain_alone(start: StartStack) -> None:
    stack = await start(
        rules=BreakerConfig(failure_threshold=2),
        chains={"vTEST": simulated(chain="vTEST")},
    )
    stack.others["vTEST"].fault("refuse")
    await until(lambda: stack.gateway.chains["vTEST"].breaker.name == "open")

    health = (await stack.get("/health")).body
    well = await stack.call("getblockcount")
    metrics = (await stack.get("/metrics")).body

    assert health["status"] == "degraded"
    assert health["warnings"][0].startswith("vTEST: ")
    assert health["chains"]["VRSC"]["breaker"]["state"] == "closed"
    assert well["result"] == 20
    assert 'verus_gateway_breaker_open{chain="vTEST"} 1.0' in metrics
    assert 'verus_gateway_breaker_open{chain="VRSC"} 0.0' in metrics


async def test_the_openrpc_document_names_every_chain(start: StartStack) -> None:
    stack = await start(chains={"vTEST": simulated(chain="vTEST")})

    document = (await stack.get("/openrpc.json")).body

    assert document["servers"] == [
        {"name": "VRSC", "url": "/"},
        {"name": "vTEST", "url": "/chain/vTEST"},
    ]


async def test_a_chain_says_how_it_is(start: StartStack) -> None:
    stack = await start()

    assert repr(stack.gateway.chain) == (
        "<Chain VRSC, <Tip 20, confirmed>, <Breaker closed, 0 failures>>"
    )


async def test_the_death_of_a_background_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def dying() -> None:
        raise ZeroDivisionError

    task = begun(dying(), "tip of VRSC")
    await asyncio.wait([task])
    await ended(task)

    assert [record.getMessage() for record in caplog.records] == ["tip of VRSC died"]
