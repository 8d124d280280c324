"""A client of redis-py for each kind of place: one try, short timeouts, one pool."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias, cast

from redis import asyncio as aioredis
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from verus_gateway.redis_url import Place
from verus_gateway.shared.faults import AWAY, fault_of
from verus_gateway.tasks import ended

Command: TypeAlias = tuple[str | bytes | int, ...]
"""A command's words: ``("GET", name)``."""

LOOK: Final = 0.1
"""Seconds before a cluster's map of slots is read again after a node failed."""
FAILURES: Final = (RedisError, RedisClusterException, OSError, RuntimeError)
"""What redis-py raises where a server does not answer.

RuntimeError is uvloop's, where the connection was closed in the moment before something is sent.
"""
CONNECTIONS: Final = 32
"""Connections of the pool, to one server or to each node of a cluster."""


class Client(Protocol):
    """A Redis, however many servers it consists of."""

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one go; return a result or an exception for each, in order.

        Raises:
            RedisError, OSError: nothing came back.
        """
        ...

    async def forget(self) -> None:
        """Drop connections and what is known of the servers: the next command looks anew."""
        ...

    async def close(self) -> None:
        """End every connection."""
        ...

    def pubsub(self) -> PubSub:
        """Return a subscriber with a connection of its own."""
        ...


class Single:
    """One server, or the master that the Sentinels name."""

    together = True

    def __init__(self, redis: "aioredis.Redis", *others: "aioredis.Redis") -> None:
        self._redis = redis
        self._others = others

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one go."""
        return await _run(self._redis.pipeline(transaction=False), commands)

    async def forget(self) -> None:
        """Drop every connection; a Sentinel is asked again for the master."""
        for redis in (self._redis, *self._others):
            await redis.connection_pool.disconnect()

    async def close(self) -> None:
        """End every connection."""
        for redis in (self._redis, *self._others):
            await redis.aclose()
            await redis.connection_pool.disconnect()

    def pubsub(self) -> PubSub:
        """Return a subscriber."""
        return self._redis.pubsub()


class Cluster:
    """The nodes of a cluster, each asked for its own slots."""

    together = False

    def __init__(self, redis: "aioredis.RedisCluster") -> None:
        self._redis = redis
        self._looking: asyncio.Task[None] | None = None

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send *commands* in one go to each node; MOVED and ASK are followed."""
        _ = await self._redis.initialize()
        try:
            results = await self._sent(commands)
        except FAILURES:
            self._look_again()
            if len(commands) == 1:
                raise
            # One node that is gone must not take the answers of the others with it.
            each = await asyncio.gather(
                *(self._sent([command]) for command in commands), return_exceptions=True
            )
            return [one if isinstance(one, BaseException) else one[0] for one in each]
        if any(isinstance(result, RedisError) and fault_of(result) in AWAY for result in results):
            self._look_again()
        return results

    async def forget(self) -> None:
        """Drop the map of slots with every connection; the next command asks for it again."""
        await self.close()

    async def close(self) -> None:
        """End every connection."""
        if self._looking is not None:
            await ended(self._looking)
        await self._redis.aclose()

    def pubsub(self) -> PubSub:
        """Return a subscriber; any node tells what was published at any other."""
        return cast("PubSub", self._redis.pubsub())

    async def _sent(self, commands: Sequence[Command]) -> list[Any]:
        return await _run(self._redis.pipeline(transaction=False), commands)

    def _look_again(self) -> None:
        """Ask the nodes who has which slots now, in the background, one look at a time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._looked())

    async def _looked(self) -> None:
        with suppress(*FAILURES):  # the next command that fails looks again
            await asyncio.sleep(LOOK)
            await self._redis.nodes_manager.initialize()


async def _run(pipeline: Any, commands: Sequence[Command]) -> list[Any]:
    for command in commands:
        pipeline.execute_command(*command)
    return list(await pipeline.execute(raise_on_error=False))


def client(place: Place, *, seconds: float, connections: int = CONNECTIONS) -> Single | Cluster:
    """Return a client of *place* that has not yet connected.

    Args:
        place: Where it is.
        seconds: For a connection, and for each answer.
        connections: At once, at most, to each server.
    """
    options = {**_options(place, seconds), "max_connections": connections}
    match place.kind:
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in place.hosts]
            made = aioredis.RedisCluster(
                startup_nodes=nodes,
                require_full_coverage=False,  # two thirds of a cache are better than none
                reinitialize_steps=0,  # a slot that moved is noted by itself; connections stay
                **_tls(place),
                **options,
            )
            return Cluster(made)
        case "sentinel":
            asked = _sentinel(place, seconds)
            master = asked.master_for(place.master, db=place.database, **_tls(place), **options)
            return Single(master, *asked.sentinels)
        case "socket":
            redis = aioredis.Redis(unix_socket_path=place.path, db=place.database, **options)
            return Single(redis)
        case _:
            [(host, port)] = place.hosts
            redis = aioredis.Redis(
                host=host, port=port, db=place.database, **_tls(place), **options
            )
            return Single(redis)


def _sentinel(place: Place, seconds: float) -> Any:
    return aioredis.Sentinel(  # type: ignore[no-untyped-call]  # of redis-py
        place.hosts,
        sentinel_kwargs={
            **_options(place, seconds),
            **_tls(place),
            "username": place.sentinel_user or None,
            "password": place.sentinel_password or None,
        },
    )


def _options(place: Place, seconds: float) -> dict[str, Any]:
    return {
        "username": place.user or None,
        "password": place.password or None,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # RESP3 would need HELLO and CLIENT in the ACL, and brings us nothing
        "driver_info": None,  # CLIENT SETINFO is not there before 7.2
    }


def _tls(place: Place) -> dict[str, Any]:
    if not place.tls:
        return {}
    return {"ssl": True, "ssl_cert_reqs": "required", "ssl_ca_certs": place.ca or None}
