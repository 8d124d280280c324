"""The commands as a user runs them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``verus-gateway`` with these words and wait for its end."""

    def ran(*words: str, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
        return subprocess.run(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "verus_gateway", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
            timeout=30,
        )

    return ran


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a good configuration file that only its owner may read."""
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[verus]\nrpc_url = "http://127.0.0.1:1"\nrpc_user = "u"\n'
        'rpc_password = "correct horse battery"\n[server]\nport = 0\n',
        encoding="utf-8",
    )
    file.chmod(0o600)
    return file
