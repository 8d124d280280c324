"""The commands where OpenTelemetry's SDK is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = (
    "import sys\n"
    "sys.modules['opentelemetry'] = None\n"
    "from verus_gateway.cli import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)
DAEMON = '[verus]\nrpc_user = "u"\nrpc_password = "4fd0b9a5c1e27786"\n'


def run(command: str, text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    file = folder / "gateway.toml"
    file.write_text(DAEMON + text)
    file.chmod(0o600)
    return subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", WITHOUT, command, "--config", str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["serve", "check"])
def test_tracing_that_is_not_installed_ends_the_start_with_one_line(
    command: str, tmp_path: Path
) -> None:
    done = run(command, "[tracing]\nenabled = true\n", tmp_path)

    assert done.returncode == 2
    assert done.stderr == (
        f"verus-gateway: {tmp_path}/gateway.toml: tracing.enabled: "
        "is not installed: pip install 'verus-gateway[tracing]'\n"
    )


def test_without_tracing_nothing_needs_the_sdk(tmp_path: Path) -> None:
    done = run("check", "", tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
