"""What is built to be installed: each distribution's wheel holds all that its code reads."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from flit_core.buildapi import build_wheel; build_wheel(sys.argv[1])"
DISTRIBUTIONS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def held(distribution: Path, folder: Path) -> set[str]:
    """Return the names of the files in the wheel of *distribution*, which is built in *folder*."""
    command = [sys.executable, "-c", BUILD, str(folder)]
    subprocess.run(command, cwd=distribution, check=True)  # noqa: S603  our own interpreter
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as opened:
        return set(opened.namelist())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda path: path.name)
def test_a_wheel_holds_every_file_of_its_package(distribution: Path, tmp_path: Path) -> None:
    (mark,) = distribution.glob("*/py.typed")
    package = mark.parent
    sources = {
        str(path.relative_to(distribution))
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    names = held(distribution, tmp_path)

    assert sources <= names
    assert any(name.endswith("entry_points.txt") for name in names)


def test_the_admin_page_is_in_the_wheel(tmp_path: Path) -> None:
    names = held(ROOT, tmp_path)

    folder = "verus_gateway/web/admin"
    assert {
        f"{folder}/templates/layout.html",
        f"{folder}/static/page.css",
        f"{folder}/static/page.js",
    } <= names
    assert not any(name.startswith("tests/") for name in names)
