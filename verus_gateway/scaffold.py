"""A new method plugin, written out: a distribution that installs, answers and tests itself."""

import re
from pathlib import Path
from string import Template
from typing import Final

from verus_gateway.errors import StartupError

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST: Final = 40

_PYPROJECT: Final = Template("""\
[build-system]
requires = ["flit_core>=3.11,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "$name"
version = "0.1.0"
description = "Methods for Verus Gateway"
requires-python = ">=3.11,<3.14"
dependencies = ["verus-gateway"]

[dependency-groups]
dev = ["pytest>=8.4", "pytest-asyncio>=1"]

[project.entry-points."verus_gateway.methods"]
$module = "$module:METHODS"

[tool.flit.module]
name = "$module"

[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
""")

_MODULE: Final = Template('''\
"""Methods of $name."""

from verus_gateway.plugin import PUBLIC, TIP, Daemon, Json, Stale, decode, integer, method, optional

MOST = integer("a number of blocks", low=1, high=100)


async def pace(daemon: Daemon, blocks: int = 10) -> Json:
    """Return the mean seconds between the newest blocks."""
    newest = decode(await daemon.call("getblockcount"))
    oldest = max(0, newest - blocks)
    times = []
    for height in (oldest, newest):
        block = decode(await daemon.call("getblock", str(height)))
        times.append(int(block["time"]))
    return {"blocks": newest - oldest, "seconds": (times[1] - times[0]) // max(1, newest - oldest)}


METHODS = (
    method(
        "$module.pace",
        optional("blocks", MOST, example=10),
        summary="Mean seconds between the newest blocks.",
        scope=PUBLIC,
        ttl=TIP,
        fallback=Stale(600),
        cost=2,
        handler=pace,
    ),
)
''')

_TEST: Final = Template("""\
import pytest
from verus_gateway.plugin import InvalidParams
from verus_gateway.testing import FakeDaemon, find, run

from $module import METHODS

PACE = find(METHODS, "$module.pace")


async def test_pace_divides_the_time_between_two_blocks() -> None:
    daemon = FakeDaemon({"getblockcount": 30, "getblock": {"time": 600}})

    answer = await run(PACE, daemon, 10)

    assert answer == {"blocks": 10, "seconds": 0}
    assert daemon.asked == [("getblockcount", ()), ("getblock", ("20",)), ("getblock", ("30",))]


async def test_pace_refuses_a_number_that_is_none() -> None:
    with pytest.raises(InvalidParams, match="blocks"):
        await run(PACE, FakeDaemon(), "ten")
""")

_README: Final = Template("""\
# $name

Methods for Verus Gateway.

    pip install -e . pytest pytest-asyncio
    verus-gateway methods
    python -m pytest
""")


def write(name: str, parent: Path) -> list[Path]:
    """Write the plugin called *name* into a new folder of *parent*.

    Returns:
        The files, in the order in which they are read best.

    Raises:
        StartupError: the name cannot be a distribution's, or the folder exists.
    """
    if NAME.fullmatch(name) is None or len(name) > LONGEST:
        raise StartupError(
            f"{name[:64]!r} is no name for a plugin: small letters, digits and single hyphens"
        )
    folder = parent / name
    if folder.exists():
        raise StartupError(f"{folder} exists already; nothing was written")
    module = name.replace("-", "_")
    files = {
        "README.md": _README,
        "pyproject.toml": _PYPROJECT,
        f"{module}/__init__.py": _MODULE,
        f"tests/test_{module}.py": _TEST,
    }
    for path, template in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.substitute(name=name, module=module), encoding="utf-8")
    (folder / module / "py.typed").touch()
    return [folder / path for path in files]
