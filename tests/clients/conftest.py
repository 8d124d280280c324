"""Client libraries as their registries ship them, beside the stack they are driven against."""

import shutil
import subprocess
from pathlib import Path

import pytest
from stack import start

__all__ = ["node_modules", "start"]

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Return the folder of the npm packages, installed from the lock file."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("NO NPM HERE: the npm clients and the OpenRPC meta-schema are not tested")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603  npm, found on the path
    assert done.returncode == 0, done.stderr
    return HERE / "node_modules"
