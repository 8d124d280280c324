"""`contained`: a handler's end is its caller's business only."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from verus_gateway.containment import Escaped, contained, leave


def raising(error: BaseException) -> Callable[[], Coroutine[Any, Any, None]]:
    async def work() -> None:
        await asyncio.sleep(0)
        raise error

    return work


def soon(seconds: float = 0.02) -> float:
    return asyncio.get_running_loop().time() + seconds


async def stays() -> None:
    for _ in range(2):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def test_what_work_returns_comes_back() -> None:
    async def work() -> int:
        return 7

    assert await contained(work, soon()) == 7


async def test_an_error_comes_back_as_it_was() -> None:
    with pytest.raises(KeyError, match="mine"):
        await contained(raising(KeyError("mine")), soon())


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseException(),
        BaseExceptionGroup("x", [SystemExit()]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_no_error_becomes_one(error: BaseException) -> None:
    with pytest.raises(Escaped, match=type(error).__name__):
        await contained(raising(error), soon())


async def test_work_that_cancels_its_own_task_is_no_cancellation_of_its_caller() -> None:
    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    with pytest.raises(Escaped, match="CancelledError"):
        await contained(work, soon())


async def test_work_is_cancelled_at_its_deadline() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await contained(work, soon())
    await asyncio.wait_for(ended.wait(), 5)


async def test_work_that_fails_after_its_deadline_is_nobodys_concern() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise SystemExit

    with pytest.raises(TimeoutError):
        await contained(work, soon())
    for _ in range(5):
        await asyncio.sleep(0)


async def test_work_that_takes_no_cancellation_is_not_waited_for() -> None:
    before = asyncio.all_tasks()

    with pytest.raises(TimeoutError):
        await contained(stays, soon())
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before

    assert len(left) == 1
    for each in left:
        each.cancel()


@pytest.mark.parametrize("turns", [0, 3], ids=["before it begins", "under way"])
async def test_who_leaves_ends_the_work(turns: int) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    caller = asyncio.ensure_future(contained(work, soon(60)))
    for _ in range(turns):
        await asyncio.sleep(0)
    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.sleep(0)
    assert seen == (["began", "ended"] if turns else [])


def test_a_loop_whose_tasks_do_not_end_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def ends() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        held = [loop.create_task(stays()), loop.create_task(ends())]
        runner.run(asyncio.sleep(0))

        clean = leave(loop, 0.02)

        assert not clean
        assert ended == ["ended"]
        assert [each.done() for each in held] == [False, True]
        assert "tasks do not end" in caplog.text
        for _ in range(2):  # what the test leaves behind in its own process
            held[0].cancel()
            runner.run(asyncio.sleep(0))


def test_a_loop_without_tasks_is_just_left(caplog: pytest.LogCaptureFixture) -> None:
    with asyncio.Runner() as runner, caplog.at_level(logging.ERROR):
        clean = leave(runner.get_loop())

    assert clean
    assert caplog.text == ""
