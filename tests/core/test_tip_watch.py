import asyncio
from collections.abc import Awaitable

import pytest

from verus_gateway.errors import BreakerOpen, DaemonError, Refused, RpcError, TimedOut
from verus_gateway.testing import FakeClock, FakeDaemon
from verus_gateway.tip import Tip


@pytest.fixture
def daemon() -> FakeDaemon:
    header = {"hash": "a5", "height": 5, "time": 1005, "previousblockhash": "a4"}
    return FakeDaemon({"getbestblockhash": "a5", "getblockheader": header})


@pytest.fixture
def tip(daemon: FakeDaemon) -> Tip:
    return Tip(daemon, interval=1, patience=5, clock=FakeClock())


# ---------------------------------------------------------------- the watch


class Pauses:
    """Stands for sleep: each pause lasts until the test ends it."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.ends: asyncio.Queue[None] = asyncio.Queue()

    def __call__(self, seconds: float) -> Awaitable[None]:
        self.asked.append(seconds)
        return self.ends.get()


async def looks(daemon: FakeDaemon, number: int) -> None:
    """Wait until the daemon was asked for its newest hash so often."""
    for _ in range(100):
        if sum(name == "getbestblockhash" for name, _ in daemon.asked) >= number:
            return
        await asyncio.sleep(0)
    pytest.fail("nobody looked")


async def test_the_watch_looks_at_each_interval_and_at_each_announcement(
    tip: Tip, daemon: FakeDaemon
) -> None:
    pauses = Pauses()
    watch = asyncio.create_task(tip.watch(pauses))
    await looks(daemon, 1)

    pauses.ends.put_nowait(None)
    await looks(daemon, 2)
    tip.announce("a6")
    await looks(daemon, 3)

    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
    assert set(pauses.asked) == {1}


# ---------------------------------------------------------------- away and back


async def test_a_daemon_that_goes_away_is_told_once_and_again_when_it_is_back(
    tip: Tip, daemon: FakeDaemon
) -> None:
    told: list[RpcError | None] = []
    refused, timed_out = Refused("no"), TimedOut("slow")
    tip.listen_away(told.append)

    for answer in (refused, refused, timed_out, "a5", "a5"):
        daemon.answers["getbestblockhash"] = answer
        await tip.poll()

    assert told == [refused, timed_out, None]
    assert tip.away is None


async def test_an_open_breaker_says_nothing_new_about_a_daemon_that_is_away(
    tip: Tip, daemon: FakeDaemon
) -> None:
    told: list[RpcError | None] = []
    refused = Refused("no")
    tip.listen_away(told.append)

    for answer in (refused, BreakerOpen("open")):
        daemon.answers["getbestblockhash"] = answer
        await tip.poll()

    assert (told, tip.away) == ([refused], "refused")


async def test_an_open_breaker_is_news_where_the_daemon_seemed_well(
    tip: Tip, daemon: FakeDaemon
) -> None:
    daemon.answers["getbestblockhash"] = BreakerOpen("open")

    await tip.poll()

    assert tip.away == "breaker_open"


async def test_an_error_in_the_daemons_own_words_is_gibberish_here(
    tip: Tip, daemon: FakeDaemon
) -> None:
    daemon.answers["getbestblockhash"] = DaemonError("no such method", code=-32601)

    await tip.poll()

    assert tip.away == "protocol"
