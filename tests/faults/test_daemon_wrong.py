"""verusd answers, but not as it should: D7 to D11 and D13 to D18, D21."""

import time

import pytest
from faults.conftest import Begin
from stack import PASSWORD, simulated


@pytest.mark.fault("D7", "an HTML page, an empty 200")
@pytest.mark.parametrize("fault", ["gibberish", "empty"])
async def test_d7_what_is_no_answer_is_counted_and_never_shown(begin: Begin, fault: str) -> None:
    world = await begin()
    world.daemon.fault(fault, methods=["getdifficulty"])

    said = await world.call("getdifficulty")

    assert said.reason == "protocol"
    assert "html" not in str(said.body).lower()
    assert await world.metric("verus_gateway_daemon_call_seconds_count", outcome="protocol") >= 1


@pytest.mark.fault("D8", "an answer over the limit")
async def test_d8_a_huge_answer_is_cut_off_at_the_limit(begin: Begin) -> None:
    world = await begin(verus="max_response_size = 65536")
    world.daemon.fault("huge", 1_000_000, methods=["getdifficulty"])

    said = await world.call("getdifficulty")
    others = await world.call("getblockcount")

    assert said.body["error"]["code"] == -32603
    assert (others.body["result"], (await world.health())["breaker"]["state"]) == (20, "closed")


@pytest.mark.fault("D8", "a compressed answer")
async def test_d8_a_compressed_answer_is_not_unpacked(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("gzip", methods=["getdifficulty"])

    said = await world.call("getdifficulty")

    assert said.reason == "protocol"


@pytest.mark.fault("D9", "a wrong id, or none")
@pytest.mark.parametrize("fault", ["wrongid", "noid"])
async def test_d9_an_answer_to_something_else_reaches_nobody(begin: Begin, fault: str) -> None:
    world = await begin()
    world.daemon.fault(fault, methods=["getdifficulty"])

    said = await world.call("getdifficulty")

    assert said.reason == "protocol"


@pytest.mark.fault("D10", "HTTP 500 with an error in JSON")
async def test_d10_an_error_in_verusds_own_words_is_an_answer(begin: Begin) -> None:
    world = await begin()

    said = [await world.call("getblockhash", 10_000_000) for _ in range(10)]

    assert {(each.status, each.body["error"]["code"]) for each in said} == {(200, -8)}
    assert (await world.health())["breaker"]["state"] == "closed"


@pytest.mark.fault("D11", "the work queue is full")
async def test_d11_a_full_queue_lowers_the_limit_and_reads_are_tried_again(begin: Begin) -> None:
    world = await begin()
    world.daemon.fault("overload", methods=["getdifficulty"], count=1)

    read = await world.call("getdifficulty")
    limit = await world.metric("verus_gateway_daemon_limit")
    world.daemon.fault("overload", methods=["sendrawtransaction"])
    write = await world.call("sendrawtransaction", "00" * 100)

    assert "result" in read.body
    assert limit < 12
    assert write.reason == "overloaded"
    assert world.daemon.counts["sendrawtransaction"] == 0


@pytest.mark.fault("D13", "warm-up")
async def test_d13_a_daemon_that_warms_up_is_no_failure(begin: Begin) -> None:
    world = await begin()
    await world.call("getblockcount")

    world.daemon.fault("warmup")
    health = await world.until(lambda seen: seen["daemon"]["status"] == "warming_up")
    said = [await world.call("getdifficulty") for _ in range(10)]
    stale = await world.call("getblockcount")

    assert health["status"] == "degraded"
    assert {each.reason for each in said} == {"warming_up"}
    assert stale.body["degraded"]["source"] == "stale"
    assert (await world.health())["breaker"]["state"] == "closed"


@pytest.mark.fault("D14", "a new password")
async def test_d14_a_401_stops_the_calls_and_a_new_password_is_read(begin: Begin) -> None:
    world = await begin(settings=simulated(password="another-password-for-tests"), waits=False)
    secret = world.config.parent / "password"

    opened = await world.breaker("open")
    heard = sum(len(each.heard) for each in world.line.connections)
    calls = [await world.call("getdifficulty") for _ in range(5)]
    secret.write_text("another-password-for-tests")
    well = await world.well()

    assert heard
    assert "refused the user name or password" in opened["breaker"]["last_failure"]
    assert {each.reason for each in calls} <= {"breaker_open", "unauthorized"}
    assert well["breaker"]["state"] == "closed"
    everything = "\n".join(world.gateway.lines)
    assert PASSWORD not in everything
    assert "another-password-for-tests" not in everything


@pytest.mark.fault("D15", "403 and 404: the configuration is wrong")
@pytest.mark.parametrize(
    ("fault", "words"), [("forbidden", "rpcallowip"), ("notfound", "no verusd at this path")]
)
async def test_d15_a_wrong_configuration_is_named(begin: Begin, fault: str, words: str) -> None:
    world = await begin()

    world.daemon.fault(fault)
    health = await world.breaker("open")

    assert words in health["breaker"]["last_failure"]


@pytest.mark.fault("D16", "a reorganisation")
async def test_d16_nothing_of_an_abandoned_branch_is_fresh(begin: Begin) -> None:
    world = await begin()
    before = await world.call("getblockhash", 19)

    world.daemon.reorg(3)
    await world.until(lambda health: health["tip"]["reorgs"] == 1)
    after = await world.call("getblockhash", 19)

    assert before.body["result"] != after.body["result"]
    assert "degraded" not in after.body
    assert await world.told("reorganisation")


@pytest.mark.fault("D17", "the newest block is old")
async def test_d17_a_tip_that_stands_still_is_said_and_served(begin: Begin) -> None:
    old = time.time() - 7_200
    world = await begin(options={"clock": lambda: old}, waits=False)

    health = await world.until(lambda seen: "minutes old" in str(seen["warnings"]))
    said = await world.call("getblockcount")

    assert health["status"] == "degraded"
    assert said.body["result"] == 20


@pytest.mark.fault("D18", "another chain behind the same address")
async def test_d18_a_daemon_of_another_chain_is_refused(begin: Begin) -> None:
    world = await begin(settings=simulated(chain="VRSCTEST"), waits=False)

    health = await world.until(lambda seen: "VRSCTEST" in str(seen["warnings"]))
    said = await world.call("getblockcount")
    ready = await world.get("/health/ready")

    assert health["status"] == "unhealthy"
    assert "VRSCTEST, not VRSC" in said.body["error"]["message"]
    assert ready.status == 503


@pytest.mark.fault("D21", "the newest block is from the future")
async def test_d21_an_age_is_never_negative(begin: Begin) -> None:
    future = time.time() + 86_400
    world = await begin(options={"clock": lambda: future}, waits=False)

    health = await world.until(lambda seen: "in the future" in str(seen["warnings"]))

    assert health["tip"]["block_age"] == 0
