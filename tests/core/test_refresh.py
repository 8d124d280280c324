"""What many asked for under the last block is asked for again at the next."""

import asyncio
from typing import Any

import pytest

from verus_gateway.errors import Refused
from verus_gateway.freshness import Ttl
from verus_gateway.outcomes import Miss
from verus_gateway.plugin import FOREVER, MEMPOOL, PUBLIC, TIP, Method, method
from verus_gateway.refresh import NOTED, Refresher, Rules

RULES = Rules(calls=2, entries=2, at_once=1)


class Asker:
    """Remembers what it was asked, and how many questions were open at the same time."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer: bool | Refused = True
        self.open = self.most_open = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.idle = True

    async def ask(self, call: Miss) -> bool:
        self.asked.append(call.key)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self.may_answer.wait()
        finally:
            self.open -= 1
        if isinstance(self.answer, Refused):
            raise self.answer
        return self.answer

    def refresher(self, rules: Rules = RULES) -> Refresher[Miss]:
        return Refresher(rules, self.ask, lambda: self.idle)


def row(ttl: Ttl = TIP, **columns: Any) -> Method:
    return method("getinfo", summary="x", scope=PUBLIC, ttl=ttl, **columns)


def call(key: bytes = b"a", of: Method | None = None) -> Miss:
    asked = of or row()
    return Miss(asked, (), key, asked.lasts(()))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def noted_and_begun(refresher: Refresher[Miss], *keys: bytes) -> None:
    for key in keys:
        refresher.note(call(key))
    refresher.begin()
    await settle()


async def test_only_what_was_asked_for_often_is_asked_for_again() -> None:
    asker = Asker()
    refresher = asker.refresher()

    await noted_and_begun(refresher, b"a", b"b", b"a")

    assert asker.asked == [b"a"]
    assert (refresher.refreshed, refresher.failed) == (1, 0)


async def test_the_most_frequent_come_first_and_no_more_than_allowed() -> None:
    asker = Asker()

    await noted_and_begun(asker.refresher(), *[b"a"] * 2, *[b"b"] * 4, *[b"c"] * 3)

    assert asker.asked == [b"b", b"c"]


async def test_counts_begin_anew_with_each_block() -> None:
    asker = Asker()
    refresher = asker.refresher()
    await noted_and_begun(refresher, b"a", b"a")

    await noted_and_begun(refresher, b"a")

    assert asker.asked == [b"a"]


async def test_no_more_than_allowed_are_open_at_the_same_time() -> None:
    asker = Asker()
    asker.may_answer.clear()
    refresher = asker.refresher(Rules(calls=1, entries=10, at_once=3))

    await noted_and_begun(refresher, *(b"%d" % number for number in range(9)))
    asker.may_answer.set()
    await settle()

    assert asker.most_open == 3
    assert len(asker.asked) == 9


async def test_a_new_block_ends_the_round_of_the_last_one() -> None:
    asker = Asker()
    asker.may_answer.clear()
    refresher = asker.refresher()
    await noted_and_begun(refresher, b"a", b"a", b"b", b"b")

    await noted_and_begun(refresher)

    assert (asker.asked, asker.open) == ([b"a"], 0)


async def test_while_verusd_is_not_well_nothing_is_asked() -> None:
    asker = Asker()
    asker.idle = False

    await noted_and_begun(asker.refresher(), b"a", b"a")

    assert asker.asked == []


async def test_a_failure_is_counted_and_the_next_is_asked() -> None:
    asker = Asker()
    asker.answer = Refused("away")
    refresher = asker.refresher()

    await noted_and_begun(refresher, b"a", b"a", b"b", b"b")

    assert asker.asked == [b"a", b"b"]
    assert (refresher.refreshed, refresher.failed) == (0, 2)


async def test_what_was_fresh_already_is_not_counted() -> None:
    asker = Asker()
    asker.answer = False
    refresher = asker.refresher()

    await noted_and_begun(refresher, b"a", b"a")

    assert (refresher.refreshed, refresher.failed) == (0, 0)


@pytest.mark.parametrize(
    "of",
    [
        row(FOREVER),
        row(MEMPOOL),
        row(60.0),
        row(0, retry=True),
        row(cost=6),
        method("sendrawtransaction", summary="x", scope=PUBLIC),
        row(ttl_if=((FOREVER, lambda params: not params),)),
    ],
)
async def test_what_a_block_does_not_end_or_what_costs_much_is_left_to_callers(of: Method) -> None:
    asker = Asker()
    refresher = asker.refresher()
    for _ in range(5):
        refresher.note(call(of=of))

    refresher.begin()
    await settle()

    assert asker.asked == []


async def test_it_can_be_turned_off() -> None:
    asker = Asker()

    await noted_and_begun(asker.refresher(Rules(calls=0, entries=1, at_once=1)), *[b"a"] * 99)

    assert asker.asked == []


async def test_counts_are_bounded() -> None:
    refresher = Asker().refresher()

    for number in range(NOTED + 5):
        refresher.note(call(b"%d" % number))

    assert repr(refresher) == f"<Refresher {NOTED} noted, 0 refreshed>"


async def test_at_the_end_nothing_more_is_asked() -> None:
    asker = Asker()
    asker.may_answer.clear()
    refresher = asker.refresher()
    await noted_and_begun(refresher, b"a", b"a", b"b", b"b")

    await refresher.end()

    assert (asker.asked, asker.open) == ([b"a"], 0)


async def test_the_end_without_a_round_is_the_end() -> None:
    await Asker().refresher().end()
