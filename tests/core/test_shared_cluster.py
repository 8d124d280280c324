"""The client of a cluster, over nodes that are played."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ClusterDownError, ResponseError
from redis.exceptions import ConnectionError as Gone

from verus_gateway.shared.client import LOOK, Cluster

Answer = Callable[[tuple[Any, ...]], Any]


class Pipeline:
    """Commands that are sent in one go."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._commands: list[tuple[Any, ...]] = []

    def execute_command(self, *command: Any) -> None:
        self._commands.append(command)

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert raise_on_error is False
        return [self._answer(command) for command in self._commands]


class Nodes:
    """redis-py's cluster client, as far as ours needs it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.nodes_manager = self
        self.looks = -1  # the first is that of the client's own start

    async def initialize(self) -> None:
        self.looks += 1

    def pipeline(self, *, transaction: bool) -> Pipeline:
        assert transaction is False
        return Pipeline(self._answer)

    async def aclose(self) -> None:
        self.looks = -99


def one_is_gone(command: tuple[Any, ...]) -> Any:
    if command[1] == "gone":
        raise Gone("refused")
    return command[1]


def cluster(answer: Answer) -> tuple[Cluster, Nodes]:
    nodes: Any = Nodes(answer)
    return Cluster(nodes), nodes


async def test_a_node_that_is_gone_takes_no_answers_of_others_with_it() -> None:
    client, nodes = cluster(one_is_gone)

    here, gone = await client.run([("GET", "here"), ("GET", "gone")])
    await asyncio.sleep(LOOK * 2)  # the look in the background

    assert here == "here"
    assert isinstance(gone, Gone)
    assert nodes.looks == 1
    await client.close()


async def test_one_command_to_a_node_that_is_gone_is_its_error() -> None:
    client, _ = cluster(one_is_gone)

    with pytest.raises(Gone):
        await client.run([("GET", "gone")])

    await client.close()


@pytest.mark.parametrize(
    ("answer", "looks"), [(ClusterDownError("down"), 1), (ResponseError("WRONGTYPE no"), 0)]
)
async def test_only_what_tells_of_another_map_has_it_read_again(
    answer: Exception, looks: int
) -> None:
    client, nodes = cluster(lambda _: answer)

    results = await client.run([("GET", "a")])
    await asyncio.sleep(LOOK * 2)

    assert results == [answer]
    assert nodes.looks == looks
    await client.close()
