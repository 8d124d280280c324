"""The layers of the architecture hold, and the machine that holds them would notice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter import cli; sys.exit(cli.lint_imports_command())"


def lint(folder: Path) -> tuple[int, str]:
    """Run the linter of imports on the project in *folder*, none of it from elsewhere."""
    members = [str(path) for path in sorted((folder / "plugins").iterdir())]
    ended = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *members])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Copy the packages and their contracts."""
    nothing_made = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("verus_gateway", "plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=nothing_made)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_layers_hold(copied: Path) -> None:
    status, said = lint(copied)

    assert status == 0, said
    assert " 0 broken" in said


def test_a_module_that_nobody_placed_is_named(copied: Path) -> None:
    (copied / "verus_gateway" / "stray.py").write_text('"""Placed nowhere."""\n')

    status, said = lint(copied)

    assert status == 1
    assert "A request flows one way BROKEN" in said
    assert "stray" in said


def test_a_lower_layer_that_imports_a_higher_one_is_named(copied: Path) -> None:
    module = copied / "verus_gateway" / "errors.py"
    module.write_text(module.read_text("utf-8") + "\nimport verus_gateway.pipeline\n")

    status, said = lint(copied)

    assert status == 1
    assert "A request flows one way BROKEN" in said
    assert "verus_gateway.errors -> verus_gateway.pipeline" in said


def test_a_plugin_that_reaches_past_the_interface_is_named(copied: Path) -> None:
    module = copied / "plugins" / "example" / "acme_example" / "__init__.py"
    module.write_text(module.read_text("utf-8") + "\nimport verus_gateway.cache\n")

    status, said = lint(copied)

    assert status == 1
    assert "Plugins see only verus_gateway.plugin BROKEN" in said
    assert "acme_example -> verus_gateway.cache" in said


def test_a_stage_that_speaks_http_is_named(copied: Path) -> None:
    module = copied / "verus_gateway" / "cache.py"
    module.write_text(module.read_text("utf-8") + "\nimport aiohttp\n")

    status, said = lint(copied)

    assert status == 1
    assert "Only the edges speak HTTP BROKEN" in said
    assert "verus_gateway.cache -> aiohttp" in said
