import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from simulator.harness import NOW, Run, Time, settings

from verus_gateway.simulator import Chain, Simulator
from verus_gateway.simulator.commands import Node
from verus_gateway.simulator.methods import table
from verus_gateway.simulator.univalue import parse, write


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def sim(time: Time) -> AsyncIterator[Simulator]:
    async with Simulator(settings(), time, sleep=time.no_sleep) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def long_chain() -> Chain:
    """For looking at only."""
    return Chain(7, height=300, now=NOW)


@pytest.fixture
def chain() -> Chain:
    return Chain(7, height=120, now=NOW)


@pytest.fixture
def node(chain: Chain) -> Node:
    return Node(chain=chain, now=lambda: NOW)


@pytest.fixture
def run(node: Node) -> Run:
    """Execute one command; parameters and result travel as JSON text."""
    known = table()

    def execute(method: str, *params: object) -> Any:
        command = known.by_name[method]
        result = command.execute(node, parse(json.dumps(params).encode()))
        return json.loads(write(result))

    return execute
