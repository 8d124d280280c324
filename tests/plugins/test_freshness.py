"""Every row under blocks and reorganisations: what a block or a branch ends is asked for anew."""

import math

import pytest

from verus_gateway import registry
from verus_gateway.auth import Caller
from verus_gateway.breaker import Breaker, Rules
from verus_gateway.cache import Cache
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import Method, UntilBlock
from verus_gateway.registry import Row
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeClock, FakeDaemon
from verus_gateway.tip import Tip

OFFERED = registry.load(registry.installed())
KEPT = [row for row in OFFERED if row.method.ttl != 0]


class Chain:
    """One row's pipeline over a daemon that counts its answers, and a tip that the test moves."""

    def __init__(self, row: Row) -> None:
        self.row = row.method
        self.clock = FakeClock()
        self.daemon = FakeDaemon({name: {} for name in ("getrawtransaction", self.row.name)})
        self.node = FakeDaemon()
        self.tip = Tip(self.node, interval=1e6, clock=self.clock)
        self.pipeline = Pipeline(
            OFFERED,
            Cache(max_size=10**6, max_entry_size=10**5, tip_max_age=120, clock=self.clock),
            self.tip,
            self.daemon,
            chain="VRSC",
            timeout=60.0,
            breaker=Breaker(Rules()),
            discover=lambda _: b"",
            largest=10**6,
        )

    async def block(self, hash: str, height: int, previous: str) -> None:
        header = {"hash": hash, "height": height, "time": 1, "previousblockhash": previous}
        self.node.answers |= {"getbestblockhash": hash, "getblockheader": header}
        await self.tip.poll()

    async def source(self) -> str:
        """Return where the answer to the row's example came from."""
        caller = Caller(None, frozenset({self.row.scope}))
        call = Call(self.row.name, self.row.example(), b"1")
        return (await self.pipeline.answer(call, caller)).source

    @property
    def ttl(self) -> object:
        return self.row.lasts(self.row.read(self.row.example()))


def until_a_block(row: Method) -> bool:
    return isinstance(row.lasts(row.read(row.example())), UntilBlock)


MOVING = [row for row in KEPT if until_a_block(row.method)]
LASTING = [row for row in KEPT if not until_a_block(row.method)]


def ids(row: Row) -> str:
    return row.method.name


@pytest.mark.parametrize("row", MOVING, ids=ids)
async def test_an_answer_that_a_block_ends_is_asked_for_under_each_tip(row: Row) -> None:
    chain = Chain(row)
    await chain.block("a", 5, "")
    sources = [await chain.source(), await chain.source()]

    await chain.block("b", 6, "a")
    sources += [await chain.source(), await chain.source()]
    await chain.block("c", 6, "a")  # the same height: another branch
    sources += [await chain.source(), await chain.source()]

    assert chain.tip.branch == 1
    assert sources == ["daemon", "cache"] * 3


@pytest.mark.parametrize("row", MOVING, ids=ids)
async def test_an_answer_of_an_abandoned_branch_is_not_fresh_when_its_block_is_back(
    row: Row,
) -> None:
    chain = Chain(row)
    for hash, previous in (("a", ""), ("b", "a"), ("c", "a")):
        await chain.block(hash, 5 if hash == "a" else 6, previous)
        await chain.source()

    await chain.block("b", 6, "a")

    assert await chain.source() == "daemon"


@pytest.mark.parametrize("row", MOVING, ids=ids)
async def test_an_announced_block_ends_it_before_anything_is_asked(row: Row) -> None:
    chain = Chain(row)
    await chain.block("a", 5, "")
    await chain.source()

    chain.tip.announce("b")

    assert await chain.source() == "daemon"


@pytest.mark.parametrize("row", MOVING, ids=ids)
async def test_nothing_that_a_block_ends_is_fresh_while_the_tip_is_in_doubt(row: Row) -> None:
    chain = Chain(row)
    await chain.block("a", 5, "")
    await chain.source()

    chain.tip.doubt()

    assert await chain.source() == "daemon"


@pytest.mark.parametrize("row", LASTING, ids=ids)
async def test_what_no_block_ends_outlives_blocks_and_only_what_is_content_a_branch(
    row: Row,
) -> None:
    chain = Chain(row)
    await chain.block("a", 5, "")
    await chain.source()

    await chain.block("b", 6, "a")
    after_a_block = await chain.source()
    await chain.block("c", 6, "a")
    after_a_branch = await chain.source()

    assert after_a_block == "cache"
    assert after_a_branch == ("cache" if chain.ttl == math.inf else "daemon")


def test_rows_of_every_kind_were_seen() -> None:
    assert len(MOVING) > 60
    assert {"getvdxfid", "hashdata", "decoderawtransaction"} <= {ids(row) for row in LASTING}
