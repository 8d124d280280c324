"""The plugin that ``verus-gateway new-plugin`` writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verus_gateway import scaffold
from verus_gateway.errors import StartupError


def _run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_own_tests_pass(tmp_path: Path) -> None:
    scaffold.write("acme-pace", tmp_path)

    done = _run(tmp_path / "acme-pace", "-m", "pytest", "-q", "-W", "error")

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_it_installs_beside_the_gateway_and_is_offered(tmp_path: Path) -> None:
    scaffold.write("acme-pace", tmp_path)
    target = tmp_path / "site"
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]

    installed = _run(tmp_path, *pip, "--target", str(target), str(tmp_path / "acme-pace"))
    listed = _run(target, "-m", "verus_gateway", "methods")

    assert installed.returncode == 0, installed.stderr
    assert "acme_pace.pace [blocks]" in listed.stdout


@pytest.mark.parametrize("name", ["", "Acme", "acme_pace", "-acme", "a" * 41, "../acme", "acme--x"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartupError, match="no name for a plugin"):
        scaffold.write(name, tmp_path)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()

    with pytest.raises(StartupError, match="exists already"):
        scaffold.write("acme", tmp_path)

    assert list((tmp_path / "acme").iterdir()) == []
