from collections.abc import Callable

import pytest
from core.doubles import ANY, Gateway

from verus_gateway.breaker import Breaker, Rules
from verus_gateway.errors import (
    BreakerOpen,
    DaemonError,
    InvalidParams,
    QueueFull,
    Refused,
    RpcError,
    TimedOut,
    Unauthorized,
    WarmingUp,
)
from verus_gateway.gate import Gate
from verus_gateway.guard import GuardedDaemon
from verus_gateway.outcomes import Answer, Miss
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeClock, FakeDaemon

# ---------------------------------------------------------------- fallbacks

AWAY: list[Callable[[], RpcError]] = [
    lambda: Refused("x"),
    lambda: TimedOut("x"),
    lambda: WarmingUp("x"),
    lambda: BreakerOpen("x"),
    lambda: QueueFull("x"),
    lambda: Unauthorized("x"),
]


@pytest.mark.parametrize("away", AWAY)
async def test_while_the_daemon_is_away_the_last_answer_stands_in(
    away: Callable[[], RpcError],
) -> None:
    daemon = FakeDaemon({"getinfo": 1, "oldest": 2})
    gateway = Gateway(daemon)
    for name in ("getinfo", "oldest"):
        await gateway.call(name)
        daemon.answers[name] = away()
    gateway.clock.advance(42)

    answers = [await gateway.call(name) for name in ("getinfo", "oldest")]

    assert answers == [Answer(b"1", "stale", 42.0), Answer(b"2", "stale", 42.0)]
    assert all(answer.degraded for answer in answers)


async def test_a_daemon_that_would_refuse_is_not_waited_for() -> None:
    gateway = Gateway(FakeDaemon({"getinfo": 1}))
    await gateway.call("getinfo")
    gateway.clock.advance(42)
    gateway.away = True

    found = [
        gateway.pipeline.look(Call(name, [], b"1"), ANY) for name in ("getinfo", "ticker", "oldest")
    ]

    assert found[:2] == [Answer(b"1", "stale", 42.0), Answer(b'{"price":null}', "default")]
    assert isinstance(found[2], Miss)  # nothing kept here: another tier may have it


async def test_an_answer_that_is_too_old_does_not_stand_in() -> None:
    daemon = FakeDaemon({"getinfo": 1})
    gateway = Gateway(daemon)
    await gateway.call("getinfo")
    daemon.answers["getinfo"] = Refused("away")
    gateway.clock.advance(60.1)

    with pytest.raises(Refused):
        await gateway.call("getinfo")


async def test_a_constant_stands_in_whether_or_not_anything_was_kept() -> None:
    daemon = FakeDaemon()
    gateway = Gateway(daemon)

    answer = await gateway.call("ticker")

    assert answer == Answer(b'{"price":null}', "default")
    assert answer.degraded


@pytest.mark.parametrize("name", ["echo", "template", "getinfo"])
async def test_without_a_fallback_the_error_is_the_answer(name: str) -> None:
    with pytest.raises(Refused):
        await Gateway(FakeDaemon()).call(name)


async def test_an_error_that_the_daemon_answered_with_is_never_replaced() -> None:
    daemon = FakeDaemon({"getinfo": 1, "ticker": DaemonError("no", code=-1)})
    gateway = Gateway(daemon)
    await gateway.call("getinfo")
    daemon.answers["getinfo"] = DaemonError("no", code=-1)

    for name in ("getinfo", "ticker"):
        with pytest.raises(DaemonError):
            await gateway.call(name)


async def test_a_fresh_answer_is_not_degraded() -> None:
    gateway = Gateway(FakeDaemon({"getinfo": 1}))

    assert not (await gateway.call("getinfo")).degraded


# ---------------------------------------------------------------- the breaker


def guarded(daemon: FakeDaemon) -> tuple[Breaker, GuardedDaemon]:
    clock = FakeClock()
    breaker = Breaker(Rules(5, 60, 3), clock)
    return breaker, GuardedDaemon(daemon, breaker, Gate(8, 8, clock), lambda *_: None)


async def test_clients_cannot_open_the_breaker_with_wrong_parameters() -> None:
    daemon = FakeDaemon({"getblock": DaemonError("Block not found", code=-5)})
    breaker, way = guarded(daemon)
    gateway = Gateway(way)

    for number in range(1000):
        with pytest.raises(InvalidParams):
            await gateway.call("getblock", -number - 1)
        with pytest.raises(DaemonError):
            await gateway.call("getblock", number)

    assert (breaker.name, len(daemon.asked)) == ("closed", 1000)


async def test_an_open_breaker_is_answered_from_what_was_kept() -> None:
    daemon = FakeDaemon({"getinfo": 1})
    breaker, way = guarded(daemon)
    gateway = Gateway(way)
    await gateway.call("getinfo")
    daemon.answers["getinfo"] = Unauthorized("401")

    sources = [(await gateway.call("getinfo")).source for _ in range(3)]

    assert (sources, breaker.name, len(daemon.asked)) == (["stale"] * 3, "open", 2)


async def test_what_a_null_has_ended_does_not_stand_in_later() -> None:
    daemon = FakeDaemon({"getinfo": 1})
    gateway = Gateway(daemon)
    for answer in (1, None, Refused("away")):
        daemon.answers["getinfo"] = answer
        gateway.clock.advance(5)
        if isinstance(answer, Refused):
            break
        await gateway.call("getinfo")

    with pytest.raises(Refused):
        await gateway.call("getinfo")
