"""A handler of a plugin, run so that what it does reaches nobody but its caller.

An exit or an interrupt that a task raises ends the event loop, and with it the process; a
handler that takes no cancellation outlives every timeout around it. So a handler has a task of
its own, which catches the first and is left behind for the second.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Work: TypeAlias = Callable[[], Coroutine[Any, Any, T]]

FAREWELL: Final = 1.0
"""Seconds that tasks have to end when the process does."""


class Escaped(Exception):
    """A plugin raised what is no error: an exit, an interrupt, or a cancellation that nobody asked for."""


async def contained(work: Work[T], deadline: float) -> T:
    """Return what *work* does.

    Args:
        work: Begins what a plugin wrote.
        deadline: On the loop's clock. It is cancelled then, and not waited for.

    Raises:
        TimeoutError: it was not done in time.
        Escaped: it raised what is no error.
        Exception: what else it raised.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(_held(work))
    try:
        await asyncio.wait({task}, timeout=deadline - loop.time())
    finally:
        if not task.done():
            task.add_done_callback(_forget)
            task.cancel()
    if not task.done():
        raise TimeoutError("it was not done in time")
    if task.cancelled():
        raise Escaped("CancelledError")
    error = task.exception()
    if error is not None and not isinstance(error, Exception):
        raise Escaped(type(error).__name__) from error
    return task.result()


async def _held(work: Work[T]) -> T:
    try:
        return await work()
    except (SystemExit, KeyboardInterrupt) as error:
        raise Escaped(type(error).__name__) from error


def _forget(task: "asyncio.Task[Any]") -> None:
    """Look at how a task ended that nobody waits for any more, lest asyncio complain."""
    if not task.cancelled():
        task.exception()


def leave(loop: asyncio.AbstractEventLoop, seconds: float = FAREWELL) -> bool:
    """End all tasks of *loop*, which has stopped; return False where one takes no cancellation.

    asyncio waits for every one of them before it closes a loop, and would wait for ever.
    """
    tasks = asyncio.all_tasks(loop)
    for each in tasks:
        each.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
    left = sum(not each.done() for each in tasks)
    if left:
        log.error("tasks do not end", extra={"tasks": left})
    return not left
