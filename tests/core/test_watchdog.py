import asyncio
import logging
import threading

import pytest

from verus_gateway.testing import FakeClock
from verus_gateway.watchdog import BEAT, Watchdog


class Ended(Exception):
    """The test has seen enough heartbeats."""


async def beats(watchdog: Watchdog, clock: FakeClock, *pauses: float) -> None:
    """Let heartbeats come after these seconds instead of the quarter they ask for."""
    left = list(pauses)

    async def sleep(seconds: float) -> None:
        assert seconds == BEAT
        if not left:
            raise Ended
        clock.advance(left.pop(0))

    with pytest.raises(Ended):
        await watchdog.beat(sleep)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def watchdog(clock: FakeClock) -> Watchdog:
    return Watchdog(blocked_after=5, clock=clock)


async def test_a_loop_in_time_has_no_lag(watchdog: Watchdog, clock: FakeClock) -> None:
    await beats(watchdog, clock, BEAT, BEAT)

    assert (watchdog.lag, watchdog.take_lag()) == (0.0, 0.0)


async def test_the_worst_lag_is_told_once(watchdog: Watchdog, clock: FakeClock) -> None:
    await beats(watchdog, clock, BEAT + 0.5, BEAT + 2, BEAT)

    assert [watchdog.take_lag(), watchdog.take_lag()] == [2.0, 0.0]


async def test_a_lag_that_has_not_ended_counts_as_well(
    watchdog: Watchdog, clock: FakeClock
) -> None:
    await beats(watchdog, clock, BEAT + 1)
    clock.advance(BEAT + 3)

    assert watchdog.take_lag() == 3.0


def test_who_holds_the_loop_is_logged_once(
    watchdog: Watchdog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.advance(BEAT + 4.9)
    watchdog.look()
    before = len(caplog.records)
    clock.advance(0.2)

    watchdog.look()
    watchdog.look()

    [record] = caplog.records
    assert (before, record.levelname, record.getMessage()) == (0, "ERROR", "event loop is blocked")
    assert "test_who_holds_the_loop_is_logged_once" in vars(record)["stack"]
    assert vars(record)["lag_seconds"] == 5.1
    assert watchdog.blocked == 1


async def test_a_loop_that_runs_again_is_logged_and_may_block_again(
    watchdog: Watchdog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        clock.advance(BEAT + 6)
        watchdog.look()
        await beats(watchdog, clock, 0)

    assert [record.getMessage() for record in caplog.records] == [
        "event loop is blocked",
        "event loop runs again",
    ] * 2
    assert vars(caplog.records[1])["lag_seconds"] == 6.0
    assert watchdog.blocked == 2


async def test_a_loop_whose_thread_is_gone_has_no_stack(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Watchdog] = []
    thread = threading.Thread(target=lambda: made.append(Watchdog(clock=clock)))
    thread.start()
    thread.join()
    clock.advance(60)

    made[0].look()

    assert vars(caplog.records[0])["stack"] == ""


@pytest.mark.parametrize(("root", "plugin"), [(__name__, "acme 1.0"), ("nobody", None)])
async def test_the_plugin_on_the_stack_is_named(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, root: str, plugin: str | None
) -> None:
    watchdog = Watchdog(suspects={root.partition(".")[0]: "acme 1.0"}, clock=clock)
    clock.advance(60)

    watchdog.look()

    assert vars(caplog.records[0])["plugin"] == plugin


async def test_the_heartbeat_knows_the_loops_own_thread(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Watchdog] = []
    thread = threading.Thread(target=lambda: made.append(Watchdog(clock=clock)))
    thread.start()
    thread.join()

    await beats(made[0], clock)
    clock.advance(60)
    made[0].look()

    assert "test_the_heartbeat_knows" in vars(caplog.records[0])["stack"]


class Stops(threading.Event):
    """Stands for the pauses of the looking thread: so many, then the end."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left = pauses

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == 1.0
        self.left -= 1
        return self.left < 0


def test_the_thread_looks_until_it_is_stopped(
    watchdog: Watchdog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    clock.advance(60)

    watchdog.watch(Stops(3))

    assert watchdog.blocked == 1


async def test_the_pause_is_asyncios_own_unless_said(watchdog: Watchdog) -> None:
    beating = asyncio.create_task(watchdog.beat())
    await asyncio.sleep(0)

    beating.cancel()

    with pytest.raises(asyncio.CancelledError):
        await beating
