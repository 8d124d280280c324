"""Each form of URL against the real thing: a server, a socket, TLS, Sentinels, a cluster."""

import subprocess
import time
from pathlib import Path

import pytest
from ports import free_port
from redis_servers import Servers, eventually, needs_redis, until
from stack import StartStack

from verus_gateway.config import CacheConfig, Secret
from verus_gateway.redis_url import parse
from verus_gateway.shared.client import client
from verus_gateway.shared.link import Away, Link

pytestmark = needs_redis


async def works(start: StartStack, url: str, height: int = 7) -> None:
    """See that two instances share an answer and a revocation over *url*."""
    kept = CacheConfig(redis_url=Secret(url), redis_timeout=0.25)
    first = await start(cache=kept)
    second = await start(cache=kept, beside=first.simulator)
    store = first.gateway.store
    assert store is not None
    other = second.gateway.store
    assert other is not None
    await eventually(lambda: store.alone() == other.alone() == "")
    await first.call("getblock", height)
    await eventually(lambda: store.readings()["redis_writes_total"][1]() >= 2)

    answer = await second.call("getblock", height)
    await first.gateway.access.revocations.revoke(f"number {height}", time.time() + 60)
    known = second.gateway.access.revocations
    await eventually(lambda: known.known(f"number {height}"))

    assert repr(first.gateway.shelf).endswith(" 0 writes owed>")
    assert answer["result"]["height"] == height
    assert first.simulator.counts["getblock"] == 1


async def test_a_server(start: StartStack, redis: Servers) -> None:
    await works(start, redis.one().url + "/3")


async def test_a_server_with_a_password(start: StartStack, redis: Servers) -> None:
    server = redis.one("--requirepass", "correct-horse-battery")

    await works(start, f"redis://:correct-horse-battery@127.0.0.1:{server.port}")


async def test_a_socket(start: StartStack, redis: Servers, tmp_path: Path) -> None:
    redis.one("--unixsocket", str(tmp_path / "s"))

    await works(start, f"unix://{tmp_path}/s?db=1")


async def test_tls_with_an_authority_of_our_own(
    start: StartStack, redis: Servers, tmp_path: Path
) -> None:
    _certify(tmp_path)
    port = free_port()
    redis.one(
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key")),
    )

    await works(start, f"rediss://localhost:{port}?ca={tmp_path}/cert.pem")


async def test_a_certificate_of_nobody_we_know_is_refused(redis: Servers, tmp_path: Path) -> None:
    _certify(tmp_path)
    port = free_port()
    redis.one(
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key")),
    )
    made = client(parse(f"rediss://localhost:{port}"), seconds=1)

    with pytest.raises(Away, match="refused"):
        await Link("test", made, timeout=1)._tried(made.run([("PING",)]), 1)

    await made.close()


async def test_sentinels_name_the_master_and_the_next_one_after_it_died(
    start: StartStack, redis: Servers
) -> None:
    master, replica, sentinels = redis.trio()
    hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
    url = f"redis+sentinel://{hosts}/main"
    await works(start, url)

    master.kill()
    until(lambda: "role:master" in replica.command("info", "replication"), 20)

    await works(start, url, 8)


async def test_a_cluster(start: StartStack, redis: Servers) -> None:
    nodes = redis.cluster()

    await works(start, "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in nodes[:2]))


def _certify(folder: Path) -> None:
    subprocess.run(  # noqa: S603  our own words
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "cert.pem")),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
