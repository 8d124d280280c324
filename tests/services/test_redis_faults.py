"""Redis going wrong under a real gateway, each fault a test named after it."""

import asyncio
import hashlib
import time
from math import inf
from pathlib import Path

import pytest
from redis_servers import Server, Servers, eventually, needs_redis, until
from services.test_in_concert import together
from services.test_shared_answers import cache, three
from stack import UNLIMITED, Stack, StartStack

from verus_gateway.breaker import Closed, Open
from verus_gateway.config import CacheConfig, Secret

pytestmark = needs_redis

ROOT = Path(__file__).parents[2]


def alone(stack: Stack) -> str:
    assert stack.gateway.store is not None
    return stack.gateway.store.alone()


async def load(stacks: list[Stack], seconds: float) -> list[object]:
    """Call the instances for some time, each call another one; return what was no result."""
    wrong: list[object] = []
    ends = time.monotonic() + seconds

    async def caller(number: int) -> None:
        height = number
        while time.monotonic() < ends:
            answer = await stacks[number % len(stacks)].call("getblock", height % 20)
            height += 7
            if answer.get("error") is not None:
                wrong.append(answer)

    await asyncio.gather(*(caller(number) for number in range(12)))
    return wrong


@pytest.mark.fault("R1", "Redis is not there at the start")
async def test_r1_down_at_start(start: StartStack, redis: Servers) -> None:
    server = redis.one()
    server.kill()
    stack = await start(cache=cache(server.url))

    answer = await stack.call("getblockcount")
    health = (await stack.get("/health")).body
    assert stack.gateway.store is not None
    revoked = await stack.gateway.store.revoked()
    server.start()
    await eventually(lambda: alone(stack) == "", 5)

    assert answer["result"] == 20
    assert revoked is None
    assert health["status"] == "degraded"
    assert "stands alone" in health["warnings"][0]


@pytest.mark.fault("R2", "Redis is killed under load")
async def test_r2_killed_under_load_no_call_fails_and_it_is_shared_again_within_five_seconds(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url), rates=UNLIMITED)
    await together(stacks)
    loaded = asyncio.create_task(load(stacks, 2.0))
    await asyncio.sleep(0.5)

    server.kill()
    wrong = await loaded
    server.start()
    began = time.monotonic()
    await eventually(lambda: all(alone(stack) == "" for stack in stacks), 10)

    assert wrong == []
    assert time.monotonic() - began < 5


@pytest.mark.fault("R3", "Redis hangs")
async def test_r3_a_server_that_hangs_costs_its_timeout_and_piles_nothing_up(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stack = await start(cache=cache(server.url, redis_timeout=0.05), rates=UNLIMITED)
    await stack.call("getblock", 1)
    server.pause()

    tasks = len(asyncio.all_tasks())
    wrong = await load([stack], 1.0)
    await eventually(lambda: alone(stack) != "")
    left = len(asyncio.all_tasks()) - tasks
    server.resume()

    assert wrong == []
    assert left < 60
    await eventually(lambda: alone(stack) == "", 5)


@pytest.mark.fault("R4", "the memory of Redis is full")
async def test_r4_full_memory_is_a_miss_and_reading_goes_on(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stack = await start(cache=cache(server.url))
    await stack.call("getblock", 1)
    until(lambda: server.command("keys", "vg:c:*") != "")
    server.command("config", "set", "maxmemory", "1")
    server.command("config", "set", "maxmemory-policy", "noeviction")

    answers = [await stack.call("getblock", height) for height in range(2, 8)]
    store = stack.gateway.store
    assert store is not None
    await eventually(lambda: store.tallies()["redis_faults_total"][2]()["oom"] > 0)

    assert [answer["result"]["height"] for answer in answers] == [2, 3, 4, 5, 6, 7]
    assert store.details()["status"] == "up"


@pytest.mark.fault("R4", "the server became a replica")
async def test_r4_a_server_that_became_a_replica_is_left_and_tried_again(
    start: StartStack, redis: Servers
) -> None:
    server, other = redis.one(), redis.one()
    stack = await start(cache=cache(server.url))
    server.command("replicaof", "127.0.0.1", str(other.port))

    await stack.call("getblock", 3)
    await eventually(lambda: _faults(stack)["readonly"] > 0)
    server.command("replicaof", "no", "one")

    await eventually(lambda: alone(stack) == "", 5)


@pytest.mark.fault("R4", "the password of Redis is wrong")
async def test_r4_a_wrong_password_is_named_in_health_and_calls_are_answered(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one("--requirepass", "correct-horse-battery")
    stack = await start(cache=cache(f"redis://:wrong@127.0.0.1:{server.port}"))

    answer = await stack.call("getblockcount")
    health = (await stack.get("/health")).body

    assert answer["result"] == 20
    assert health["warnings"][0].endswith("does not answer: noauth")


@pytest.mark.fault("R6", "a master of the cluster is lost")
async def test_r6_a_cluster_that_loses_a_master_fails_no_call(
    start: StartStack, redis: Servers
) -> None:
    nodes = redis.cluster()
    url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    stacks = await three(start, cache(url), rates=UNLIMITED)
    await together(stacks)
    loaded = asyncio.create_task(load(stacks, 5.0))
    await asyncio.sleep(0.5)

    next(node for node in nodes if "role:master" in node.command("info", "replication")).kill()
    wrong = await loaded

    assert wrong == []
    await eventually(lambda: all(alone(stack) == "" for stack in stacks), 15)


@pytest.mark.fault("R7", "revocations are evicted")
async def test_r7_evicted_revocations_are_remembered_by_every_instance(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url))
    await together(stacks)
    await stacks[0].gateway.access.revocations.revoke("number", time.time() + 60)
    known = [stack.gateway.access.revocations for stack in stacks]
    await eventually(lambda: all(revocations.known("number") for revocations in known), 1)

    server.command("flushall")

    assert all([await revocations.revoked("number") for revocations in known])


async def test_a_revoked_token_is_refused_by_all_within_a_second_also_with_redis_gone_afterwards(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url))
    await together(stacks)
    known = [stack.gateway.access.revocations for stack in stacks]

    await known[1].revoke("number", time.time() + 60)
    await eventually(lambda: all(revocations.known("number") for revocations in known), 1)
    server.kill()
    await eventually(lambda: all(alone(stack) for stack in stacks))

    assert all([await revocations.revoked("number") for revocations in known])
    assert not any([await revocations.revoked("another") for revocations in known])


async def test_what_was_revoked_while_an_instance_was_away_it_learns_when_it_comes(
    start: StartStack, redis: Servers
) -> None:
    kept = cache(redis.one().url)
    first = await start(cache=kept)
    await first.gateway.access.revocations.revoke("number", time.time() + 60)

    later = await start(cache=kept, beside=first.simulator)

    await eventually(lambda: later.gateway.access.revocations.known("number"), 2)


async def test_what_was_revoked_while_redis_was_away_is_told_when_it_is_back(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    kept = cache(server.url)
    first = await start(cache=kept)
    server.kill()
    await eventually(lambda: alone(first) != "")

    await first.gateway.access.revocations.revoke("number", time.time() + 60)
    server.start()
    await eventually(lambda: server.command("keys", "vg:s:jti:*") != "")
    later = await start(cache=kept, beside=first.simulator)

    await eventually(lambda: later.gateway.access.revocations.known("number"), 2)


async def test_what_an_instance_revoked_while_it_was_cut_off_all_hear_when_it_is_back(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url))
    await together(stacks)
    known = [stack.gateway.access.revocations for stack in stacks]
    assert stacks[0].gateway.store is not None
    link = stacks[0].gateway.store.link  # type: ignore[attr-defined]  # of a Redis
    link._state = Open(until=inf)  # the others hear each other all the time

    await known[0].revoke("number", time.time() + 60)
    await asyncio.sleep(0.3)
    unheard = [revocations.known("number") for revocations in known]
    link._state = Closed()
    await eventually(lambda: all(revocations.known("number") for revocations in known), 5)

    assert unheard == [True, False, False]


@pytest.mark.fault("R8", "the instances cannot hear each other")
async def test_r8_cut_off_each_grants_its_part_of_an_allowance(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one()
    stacks = await three(start, cache(server.url))
    await together(stacks)
    limiters = [stack.gateway.limiter for stack in stacks]
    whole = limiters[0]._classes["anonymous"].rate
    await asyncio.sleep(0.3)

    server.kill()
    await eventually(
        lambda: all(limiter._classes["anonymous"].rate < whole for limiter in limiters)
    )
    parts = [limiter._classes["anonymous"].rate for limiter in limiters]
    server.start()

    assert parts == [pytest.approx(whole / 3)] * 3
    await eventually(
        lambda: all(limiter._classes["anonymous"].rate == whole for limiter in limiters)
    )


@pytest.mark.fault("R9", "Redis takes no more clients")
async def test_r9_too_many_clients_is_a_miss(start: StartStack, redis: Servers) -> None:
    server = redis.one("--maxclients", "1")
    held = await asyncio.open_connection("127.0.0.1", server.port)
    stack = await start(cache=cache(server.url))

    answer = await stack.call("getblockcount")
    said = alone(stack)
    held[1].close()
    await held[1].wait_closed()

    assert answer["result"] == 20
    assert said.endswith("does not answer: refused")


async def test_everything_works_for_a_user_who_may_do_only_what_the_rule_allows(
    start: StartStack, redis: Servers, tmp_path: Path
) -> None:
    password = "correct-horse-battery-staple"
    rule = (ROOT / "configs" / "redis" / "users.acl").read_text("utf-8")
    file = tmp_path / "users.acl"
    sealed = hashlib.sha256(password.encode()).hexdigest()
    file.write_text(rule.replace("PASSWORD_SHA256", sealed), "utf-8")
    server = redis.one("--aclfile", str(file))
    stacks = await three(start, cache(_url(server, password)))
    await together(stacks)
    await stacks[0].gateway.access.revocations.revoke("number", time.time() + 60)
    claims = [await stack.gateway.salts.claim("salt:x", 30) for stack in stacks]
    await stacks[0].gateway.shelf.put("session:x", b"y", 30)
    kept = [await stack.gateway.shelf.get("session:x") for stack in stacks]
    await stacks[1].gateway.shelf.drop("session:x")
    await stacks[0].call("getblock", 7)
    await asyncio.sleep(0.1)
    answers = [await stack.call("getblock", 7) for stack in stacks]
    stacks[2].gateway.desk.reset(None, "to see that it may")
    later = await start(cache=cache(_url(server, password)), beside=stacks[0].simulator)
    await eventually(lambda: later.gateway.access.revocations.known("number"), 2)

    assert claims == [True, False, False]
    assert kept == [b"y"] * 3
    assert await stacks[2].gateway.shelf.get("session:x") is None
    assert [answer["result"]["height"] for answer in answers] == [7] * 3
    assert all(_faults(stack)["noperm"] == 0 for stack in [*stacks, later])
    assert later.gateway.chain.breaker.name == "closed"


async def test_state_stands_in_a_redis_of_its_own(start: StartStack, redis: Servers) -> None:
    answers, state = redis.one(), redis.one()
    kept = CacheConfig(
        redis_url=Secret(answers.url), state_url=Secret(state.url), redis_timeout=0.25
    )
    stacks = await three(start, kept)
    await together(stacks)

    await stacks[0].gateway.shelf.put("session:x", b"y", 30)
    await stacks[0].call("getblock", 7)
    until(lambda: answers.command("keys", "*") != "")

    assert answers.command("keys", "vg:s:*") == ""
    assert state.command("keys", "vg:s:*") == "vg:s:session:x"
    assert state.command("keys", "vg:c:*") == ""


async def test_a_session_that_ended_while_redis_was_away_stays_ended(
    start: StartStack, redis: Servers
) -> None:
    state = redis.one("--appendonly", "yes")
    first = await start(cache=cache(state.url))
    shelf = first.gateway.shelf
    await shelf.put("session:x", b"y", 60)
    await shelf.put("session:kept", b"z", 60)
    state.pause()
    for height in range(5):
        await first.call("getblock", height)
    await eventually(lambda: alone(first) != "")

    await shelf.drop("session:x")
    during = [await shelf.get("session:x"), await shelf.get("session:kept")]
    claims = [await shelf.claim("salt:a", 60), await shelf.claim("salt:a", 60)]
    state.resume()
    await eventually(lambda: alone(first) == "", 5)
    await eventually(lambda: state.command("exists", "vg:s:session:x") == "0")

    assert during == [None, b"z"]
    assert claims == [True, False]
    await eventually(lambda: state.command("exists", "vg:s:salt:a") == "1")
    assert await shelf.get("session:x") is None


def _url(server: Server, password: str) -> str:
    return f"redis://gateway:{password}@127.0.0.1:{server.port}"


def _faults(stack: Stack) -> "dict[str, int]":
    assert stack.gateway.store is not None
    return dict(stack.gateway.store.tallies()["redis_faults_total"][2]())
