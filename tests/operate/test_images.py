"""Dockerfiles and shell scripts pass their linters."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from operate.compose_files import COMPOSE, ROOT

DOCKERFILES = sorted(COMPOSE.glob("Dockerfile*"))
SCRIPTS = sorted([*COMPOSE.rglob("*.sh"), ROOT / ".ci/run", ROOT / ".ci/system-packages"])


def ran(program: str, *words: str | Path) -> tuple[int, str]:
    """Run a program of the virtual environment."""
    ended = subprocess.run(  # noqa: S603  our own words
        [Path(sys.executable).with_name(program), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_passes_hadolint(file: Path) -> None:
    assert ran("hadolint", "--failure-threshold", "style", file) == (0, "")


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_passes_shellcheck(file: Path) -> None:
    assert ran("shellcheck", "--external-sources", file) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_keeps_to_what_every_engine_understands(file: Path) -> None:
    text = file.read_text("utf-8")

    assert not re.search(
        r"^# syntax=|<<-?[\"']?EOF|--link|--network=|--start-interval", text, re.MULTILINE
    )
    assert all(base.startswith("${") for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE)


def test_the_image_of_the_gateway_installs_from_the_lock_alone() -> None:
    text = (COMPOSE / "Dockerfile").read_text("utf-8")

    assert "--require-hashes --no-deps -r requirements.lock" in text
    installs = re.findall(r"pip install (.+)", text)
    assert all("--no-deps" in each for each in installs)
    assert "HEALTHCHECK" in text
    assert '["python", "-m", "verus_gateway.healthcheck"]' in text


def test_verusd_is_unpacked_only_when_its_hash_is_right() -> None:
    text = (COMPOSE / "Dockerfile.verus").read_text("utf-8")

    assert re.findall(r"^ARG VERUS_SHA256_\w+=([0-9a-f]{64})$", text, re.MULTILINE)
    assert "unpack-release" in text
    assert "master" not in text
