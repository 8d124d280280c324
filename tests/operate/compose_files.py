"""The Compose files as Compose itself reads them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
PROGRAM = Path(sys.executable).with_name("docker-compose")

SET = {"DOMAIN": "rpc.example.org", "SECRETS_DIR": "/secrets", "CONFIG_DIR": "/configs"}
"""What auto-config would have written."""

STACKS: Mapping[str, tuple[str, ...]] = {
    "production": ("docker-compose.yml",),
    "monitored": ("docker-compose.yml", "docker-compose.monitoring.yml"),
    "dev": ("docker-compose.dev.yml",),
    "test": ("docker-compose.test.yml",),
    "verus-test": ("docker-compose.verus-test.yml",),
}


def asked(
    files: tuple[str, ...], *words: str, environment: Mapping[str, str] = SET
) -> "subprocess.CompletedProcess[str]":
    """Run ``docker-compose`` on *files* with nothing else in its environment."""
    named = [word for file in files for word in ("-f", str(COMPOSE / file))]
    return subprocess.run(  # noqa: S603  our own words
        [PROGRAM, "--env-file", "/dev/null", "--profile", "*", *named, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
    )


def read(stack: str) -> dict[str, Any]:
    """Return what Compose makes of a stack's files."""
    answer = asked(STACKS[stack], "config", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    config: dict[str, Any] = msgspec.json.decode(answer.stdout)
    return config
