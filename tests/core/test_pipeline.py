import pytest
from core.doubles import ANY, Gateway, fresh

from verus_gateway.auth import Caller, anonymous
from verus_gateway.errors import (
    DaemonError,
    InvalidParams,
    LoginRequired,
    MethodNotFound,
    Refused,
    ScopeMissing,
)
from verus_gateway.outcomes import Answer
from verus_gateway.pipeline import UNKNOWN
from verus_gateway.plugin import PUBLIC
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeDaemon

# ---------------------------------------------------------------- the way of a call


async def test_an_unknown_method_is_not_found() -> None:
    with pytest.raises(MethodNotFound):
        await Gateway(FakeDaemon()).call("getnothing")


async def test_the_scope_is_asked_for_before_the_parameters() -> None:
    gateway = Gateway(FakeDaemon())

    with pytest.raises(LoginRequired):
        await gateway.call("getblock", "nonsense", caller=anonymous([PUBLIC]))
    with pytest.raises(ScopeMissing):
        await gateway.call("getblock", "nonsense", caller=Caller("bob", frozenset({PUBLIC})))


async def test_wrong_parameters_never_reach_the_daemon() -> None:
    daemon = FakeDaemon({"getblock": 1})

    with pytest.raises(InvalidParams):
        await Gateway(daemon).call("getblock", "5")

    assert daemon.asked == []


async def test_an_answer_is_kept_until_the_next_block() -> None:
    daemon = FakeDaemon({"getblock": {"height": 5}})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)

    first = await gateway.call("getblock", 5)
    gateway.clock.advance(10)
    second = await gateway.call("getblock", 5)
    await gateway.block("b", 6, "a")
    third = await gateway.call("getblock", 5)

    value = b'{"height":5}'
    assert [first, second, third] == [fresh(value), Answer(value, "cache"), fresh(value)]
    assert len(daemon.asked) == 2


async def test_named_and_positional_parameters_share_one_answer() -> None:
    daemon = FakeDaemon({"getblock": 1})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)

    await gateway.call("getblock", 5)
    answer = await gateway.pipeline.answer(Call("getblock", {"height": 5}), ANY)

    assert answer.source == "cache"


async def test_chains_do_not_share_answers() -> None:
    kept = [Gateway(FakeDaemon({"echo": 1}), chain=chain) for chain in ("VRSC", "VRSCTEST")]

    for gateway in kept:
        await gateway.call("echo")

    keys = [set(gateway.cache._entries) for gateway in kept]
    assert not keys[0] & keys[1]


async def test_the_caller_gets_the_document_of_what_it_may_call() -> None:
    gateway = Gateway(FakeDaemon())

    answer = await gateway.call("rpc.discover", caller=anonymous([PUBLIC]))

    assert answer == Answer(b'["public"]', "cache")


def test_only_names_that_are_offered_become_labels() -> None:
    pipeline = Gateway(FakeDaemon()).pipeline

    labels = [pipeline.label(name) for name in ("getinfo", "rpc.discover", "x" * 99, "")]

    assert labels == ["getinfo", "rpc.discover", UNKNOWN, UNKNOWN]


async def test_without_the_cache_each_call_asks_and_old_answers_still_stand_in() -> None:
    daemon = FakeDaemon({"getinfo": 1})
    gateway = Gateway(daemon, fresh=False)
    await gateway.block("a", 5)

    sources = [(await gateway.call("getinfo")).source for _ in range(2)]
    daemon.answers["getinfo"] = Refused("away")
    sources.append((await gateway.call("getinfo")).source)

    assert sources == ["daemon", "daemon", "stale"]


# ---------------------------------------------------------------- what is never kept


@pytest.mark.parametrize("name", ["echo", "ticker", "getinfo"])
async def test_a_null_is_never_kept(name: str) -> None:
    daemon = FakeDaemon({name: None})
    gateway = Gateway(daemon)
    await gateway.block("a", 5)

    first = await gateway.call(name)
    daemon.answers[name] = 1
    second = await gateway.call(name)

    assert [first.value, second.value] == [b"null", b"1"]


async def test_an_error_is_never_kept() -> None:
    daemon = FakeDaemon({"echo": DaemonError("no such transaction", code=-5)})
    gateway = Gateway(daemon)

    with pytest.raises(DaemonError):
        await gateway.call("echo")
    daemon.answers["echo"] = 1

    assert await gateway.call("echo") == fresh(b"1")


@pytest.mark.parametrize("name", ["template", "sendrawtransaction"])
async def test_what_has_no_ttl_and_no_fallback_is_not_kept(name: str) -> None:
    gateway = Gateway(FakeDaemon({name: 1}))

    await gateway.call(name, *(["00"] if name == "sendrawtransaction" else []))

    assert len(gateway.cache) == 0
