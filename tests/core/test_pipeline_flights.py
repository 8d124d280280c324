import asyncio
import gc

import pytest
from core.doubles import Gateway, Held, fresh, turn

from verus_gateway.errors import InvalidParams, OutcomeUnknown
from verus_gateway.outcomes import Answer, Miss
from verus_gateway.testing import FakeDaemon

# ---------------------------------------------------------------- blocks and flights


async def test_a_thousand_equal_calls_to_a_cold_cache_are_one_call_to_the_daemon() -> None:
    daemon = Held({"getblock": 1})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)
    calls = [asyncio.create_task(gateway.call("getblock", 5)) for _ in range(1000)]
    await turn()

    daemon.may_answer.set()
    answers = await asyncio.gather(*calls)

    assert len(daemon.asked) == 1
    assert set(answers) == {fresh(b"1")}


async def test_an_answer_computed_before_a_block_is_not_fresh_after_it() -> None:
    daemon = Held({"getinfo": "before"})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)
    slow = asyncio.create_task(gateway.call("getinfo"))
    await turn()

    await gateway.block("b", 6, "a")
    daemon.may_answer.set()
    await slow
    daemon.answers["getinfo"] = "after"

    assert await gateway.call("getinfo") == fresh(b'"after"')


async def test_who_calls_after_a_block_does_not_get_the_flight_from_before() -> None:
    daemon = Held({"getinfo": "before"})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)
    before = asyncio.create_task(gateway.call("getinfo"))
    await turn()

    await gateway.block("b", 6, "a")
    daemon.answers["getinfo"] = "after"
    after = asyncio.create_task(gateway.call("getinfo"))
    await turn()
    daemon.may_answer.set()

    assert [(await before).value, (await after).value] == [b'"before"', b'"after"']


async def test_a_reorganisation_at_the_same_height_ends_what_was_kept() -> None:
    daemon = FakeDaemon({"getblock": "old branch", "ticker": "old branch"})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)
    for name, params in (("getblock", [5]), ("ticker", [])):
        await gateway.call(name, *params)
        daemon.answers[name] = "new branch"

    await gateway.block("b", 5)

    assert await gateway.call("getblock", 5) == fresh(b'"new branch"')
    assert await gateway.call("ticker") == fresh(b'"new branch"')


async def test_while_the_tip_is_in_doubt_nothing_that_depends_on_it_is_fresh() -> None:
    daemon = FakeDaemon({"getinfo": 1, "echo": 1})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)
    await gateway.call("getinfo")
    await gateway.call("echo")

    gateway.tip.doubt()
    sources = [(await gateway.call(name)).source for name in ("getinfo", "echo")]

    assert sources == ["daemon", "cache"]


async def test_the_last_caller_to_leave_cancels_the_call() -> None:
    daemon = Held({"getinfo": 1})
    gateway = Gateway(daemon)
    calls = [asyncio.create_task(gateway.call("getinfo")) for _ in range(2)]
    await turn()

    calls[0].cancel()
    await turn()
    after_one = daemon.cancelled
    calls[1].cancel()
    await turn()

    assert (after_one, daemon.cancelled) == (0, 1)


async def test_what_is_not_kept_is_not_shared() -> None:
    daemon = Held({"template": 1, "oldest": 1})
    gateway = Gateway(daemon)
    names = ("template", "oldest")
    calls = [asyncio.create_task(gateway.call(name)) for name in names * 2]
    await turn()

    daemon.may_answer.set()
    await asyncio.gather(*calls)

    assert len(daemon.asked) == 4


# ---------------------------------------------------------------- writes


async def test_a_write_is_sent_once_for_each_caller() -> None:
    daemon = FakeDaemon({"sendrawtransaction": "txid"})
    gateway = Gateway(daemon)

    await asyncio.gather(*(gateway.call("sendrawtransaction", "00") for _ in range(3)))

    assert daemon.asked == [("sendrawtransaction", ("00",))] * 3


async def test_a_write_is_seen_through_although_its_caller_leaves() -> None:
    daemon = Held({"sendrawtransaction": "txid"})
    gateway = Gateway(daemon)
    call = asyncio.create_task(gateway.call("sendrawtransaction", "00"))
    await turn()
    call.cancel()
    await turn()

    draining = asyncio.create_task(gateway.pipeline.drain(60))
    await turn()
    waited = not draining.done()
    daemon.may_answer.set()
    await draining

    assert (call.cancelled(), waited, daemon.cancelled) == (True, True, 0)
    assert len(daemon.asked) == 1


async def test_the_error_of_a_write_that_nobody_waits_for_is_seen() -> None:
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    daemon = Held({"sendrawtransaction": OutcomeUnknown("lost")})
    gateway = Gateway(daemon)
    call = asyncio.create_task(gateway.call("sendrawtransaction", "00"))
    await turn()
    call.cancel()

    daemon.may_answer.set()
    await gateway.pipeline.drain(60)
    await turn()
    left = call.cancelled()
    del call
    gc.collect()

    assert (left, gateway.pipeline._writes, unseen) == (True, set(), [])


async def test_a_write_may_be_cancelled_with_the_loop() -> None:
    daemon = Held({"sendrawtransaction": "txid"})
    gateway = Gateway(daemon)
    call = asyncio.create_task(gateway.call("sendrawtransaction", "00"))
    await turn()

    [write] = gateway.pipeline._writes
    write.cancel()
    await turn()

    assert (call.cancelled(), daemon.cancelled, gateway.pipeline._writes) == (True, 1, set())


async def test_there_is_nothing_to_wait_for_without_writes() -> None:
    await Gateway(FakeDaemon()).pipeline.drain(60)


# ---------------------------------------------------------------- ahead of callers


async def test_each_permitted_call_is_noted_and_a_refused_one_is_not() -> None:
    noted: list[tuple[Miss, int]] = []
    gateway = Gateway(FakeDaemon({"getblock": 1}), note=lambda *each: noted.append(each))
    await gateway.block("a", 5)

    await gateway.call("getblock", 5)
    await gateway.call("getblock", 5)
    with pytest.raises(InvalidParams):
        await gateway.call("getblock", "five")

    assert [(miss.method.name, miss.params, times) for miss, times in noted] == [
        ("getblock", (5,), 1)
    ] * 2


async def test_a_refresh_asks_once_under_a_tip_and_serves_the_next_caller() -> None:
    noted: list[tuple[Miss, int]] = []
    daemon = FakeDaemon({"getblock": "old"})
    gateway = Gateway(daemon, note=lambda *each: noted.append(each))
    await gateway.block("a", 5)
    await gateway.call("getblock", 5)
    await gateway.block("b", 6, "a")
    daemon.answers["getblock"] = "new"

    asked = [await gateway.pipeline.refresh(noted[0][0]) for _ in range(2)]

    assert asked == [True, False]
    assert await gateway.call("getblock", 5) == Answer(b'"new"', "cache")
    assert len(daemon.asked) == 2


async def test_a_refresh_and_a_caller_are_one_flight() -> None:
    noted: list[tuple[Miss, int]] = []
    daemon = Held({"getinfo": 1})
    gateway = Gateway(daemon, note=lambda *each: noted.append(each))
    await gateway.block("a", 5)
    calling = asyncio.create_task(gateway.call("getinfo"))
    await turn()

    refreshing = asyncio.create_task(gateway.pipeline.refresh(noted[0][0]))
    await turn()
    daemon.may_answer.set()

    assert (await refreshing, (await calling).value) == (True, b"1")
    assert len(daemon.asked) == 1
