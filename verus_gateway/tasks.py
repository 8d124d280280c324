"""Tasks in the background, which last as long as the process: none of them dies unheard."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def begun(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """Have *work* done in the background under a *name*; it is an alarm where it fails."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(log_death)
    return task


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancel a background task and wait until it is gone."""
    task.cancel()
    await asyncio.wait([task])


def log_death(task: "asyncio.Task[None]") -> None:
    """Log that a background task, which never ends by itself, has died of an error."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("%s died", task.get_name(), exc_info=error)
