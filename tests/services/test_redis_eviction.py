"""Whether a real Redis may evict what must not be lost, as health, the log and ``check`` say it."""

import subprocess
import sys
from pathlib import Path

import pytest
from redis_servers import Server, Servers, eventually, needs_redis
from services.test_shared_answers import cache
from stack import Stack, StartStack

from verus_gateway.config import CacheConfig, Secret
from verus_gateway.shared.port import doubt_of

pytestmark = needs_redis

EVICTING = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")


def doubt(stack: Stack) -> str:
    assert stack.gateway.store is not None
    return stack.gateway.store.doubt()


async def test_answers_and_state_in_one_redis_that_evicts_degrade_health_and_no_call(
    start: StartStack, redis: Servers
) -> None:
    server = redis.one(*EVICTING)
    stack = await start(cache=cache(server.url))
    await eventually(lambda: doubt(stack) != "", 5)

    answer = await stack.call("getblockcount")
    health = (await stack.get("/health")).body
    metrics = (await stack.get("/metrics")).body

    assert answer["result"] == 20
    assert health["status"] == "degraded"
    assert health["warnings"] == [doubt(stack)]
    assert doubt(stack).endswith("its maxmemory-policy is allkeys-lru, not noeviction")
    assert "verus_gateway_redis_state_evicts 1" in metrics
    assert "verus_gateway_redis_state_up 1" in metrics


async def test_state_in_a_redis_of_its_own_is_safe_whatever_the_other_evicts(
    start: StartStack, redis: Servers
) -> None:
    answers, state = redis.one(*EVICTING), redis.one()
    stack = await start(cache=cache(answers.url, state_url=Secret(state.url)))

    await eventually(lambda: "noeviction" in repr(stack.gateway.store._eviction), 5)  # type: ignore[union-attr]

    assert (await stack.get("/health")).body["status"] == "healthy"


async def test_a_user_that_may_not_ask_is_no_fault(start: StartStack, redis: Servers) -> None:
    server = redis.one(*EVICTING)
    server.command("ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-info")
    stack = await start(cache=cache(f"redis://mute:secret@127.0.0.1:{server.port}"))

    health = (await stack.get("/health")).body
    metrics = (await stack.get("/metrics")).body

    assert (health["status"], health["warnings"], doubt(stack)) == ("healthy", [], "")
    assert 'redis_faults_total{cause="noperm"} 0' in metrics


async def test_a_cluster_tells_too(redis: Servers) -> None:
    nodes = redis.cluster()
    for node in nodes:
        node.command("config", "set", "maxmemory-policy", "allkeys-lfu")
    url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)

    told = await doubt_of(CacheConfig(redis_url=Secret(url)))

    assert "allkeys-lfu" in told


def checked(server: Server, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``verus-gateway check`` over a configuration with this Redis."""
    file = folder / "gateway.toml"
    file.write_text(
        '[verus]\nrpc_user = "u"\nrpc_password = "correct horse battery"\n'
        f'[cache]\nredis_url = "{server.url}"\n'
    )
    file.chmod(0o600)
    return subprocess.run(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "verus_gateway", "check", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("there", [True, False])
def test_check_warns_where_it_can_ask_and_ends_well_in_any_case(
    redis: Servers, tmp_path: Path, *, there: bool
) -> None:
    server = redis.one(*EVICTING)
    if not there:
        server.kill()

    done = checked(server, tmp_path)

    assert done.returncode == 0, done.stderr
    assert ("warning: redis for state" in done.stderr) is there
