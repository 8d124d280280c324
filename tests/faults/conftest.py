"""The faults, each a test against a real gateway process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from faults.world import World, world
from process.conftest import config, run

__all__ = ["begin", "config", "run"]

Begin = Callable[..., Awaitable[World]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Run a `World`; keywords as `world` takes them."""
    async with AsyncExitStack() as stack:

        async def begun(**wanted: Any) -> World:
            return await stack.enter_async_context(world(tmp_path, **wanted))

        yield begun
