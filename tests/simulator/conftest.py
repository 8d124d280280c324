from collections.abc import AsyncIterator

import pytest
from simulator.harness import NOW, Run, Time, executor, settings

from verus_gateway.simulator import Chain, Simulator
from verus_gateway.simulator.commands import Node


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
    return executor(node)
