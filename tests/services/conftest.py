"""Real services beside the real gateway."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_servers import Servers, servers
from stack import start

__all__ = ["redis", "start"]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Servers]:
    """Start Redis servers as asked for."""
    with servers(tmp_path / "redis") as started:
        yield started
