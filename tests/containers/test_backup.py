"""Backup, wipe, restore: what is put back is what was there, and nobody else can read it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from containers.conftest import COMPOSE, Stack
from containers.engine import Engine

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def stack(
    running: Engine, files: list[Path], environment: dict[str, str], tmp_path: Path
) -> Iterator[Stack]:
    """Have a stack whose settings may be wiped: only what keeps something runs."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    own = dict(environment)
    for name in ("SECRETS_DIR", "CONFIG_DIR"):
        own[name] = str(tmp_path / name.lower())
        shutil.copytree(environment[name], own[name])
    own["ENV_FILE"] = str(tmp_path / "env")
    lines = [f"{key}={value}" for key, value in own.items() if key != "ENV_FILE"]
    Path(own["ENV_FILE"]).write_text("\n".join(lines) + "\n")
    made = Stack(running, [files[0]], own, "verus-gateway")
    yield made
    made.down()


@pytest.fixture
def script(stack: Stack, tmp_path: Path) -> Script:
    """Run backup.sh or restore.sh as its operator does."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase made for this test")

    def ran(name: str, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **stack.engine.environment,
            **stack.environment,
            "COMPOSE": stack.engine.compose_program,
            "GNUPGHOME": str(tmp_path / "gnupg"),
        }
        (tmp_path / "gnupg").mkdir(mode=0o700, exist_ok=True)
        return subprocess.run(  # noqa: S603  our own script
            [COMPOSE / "scripts" / name, "--passphrase-file", passphrase, *words],
            env=environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    return ran


def contents(folder: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def test_what_was_wiped_comes_back(stack: Stack, script: Script, tmp_path: Path) -> None:
    stack.up("redis", "token-service")
    add = ("verus-gateway", "client", "add", "--config", "/etc/verus-gateway/tokens.toml")
    stack.execute("token-service", *add, "--scopes", "read", "--", "shop")
    stack.execute("redis", "sh", "-c", "echo kept >/data/mark")
    before = [contents(stack.environment[name]) for name in ("SECRETS_DIR", "CONFIG_DIR")]
    archive = tmp_path / "all.backup"

    made = script("backup.sh", str(archive))
    assert made.returncode == 0, made.stdout + made.stderr
    for secret in before[0].values():
        assert secret not in archive.read_bytes()
        assert secret.decode() not in made.stdout
    refused = script("restore.sh", str(archive))
    assert refused.returncode == 1, "what is there is not overwritten"

    stack.down()
    for name in ("SECRETS_DIR", "CONFIG_DIR"):
        shutil.rmtree(stack.environment[name])
    Path(stack.environment["ENV_FILE"]).unlink()
    restored = script("restore.sh", str(archive))
    assert restored.returncode == 0, restored.stdout + restored.stderr

    assert [contents(stack.environment[n]) for n in ("SECRETS_DIR", "CONFIG_DIR")] == before
    assert Path(stack.environment["SECRETS_DIR"]).stat().st_mode & 0o777 == 0o700
    stack.up("redis", "token-service")
    assert stack.execute("redis", "cat", "/data/mark") == "kept\n"
    listed = stack.execute("token-service", *add[:2], "list", *add[3:])
    assert "shop" in listed


def test_a_damaged_backup_or_a_wrong_passphrase_restores_nothing(
    script: Script, tmp_path: Path
) -> None:
    archive = tmp_path / "all.backup"
    assert script("backup.sh", str(archive)).returncode == 0
    listed = script("restore.sh", "--list", str(archive))
    assert "secrets/verusd-password" in listed.stdout
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)

    damaged = script("restore.sh", "--force", str(archive))
    (tmp_path / "passphrase").write_text("another one")
    wrong = script("restore.sh", "--force", str(archive))

    assert (damaged.returncode, wrong.returncode) == (1, 1)
    assert "wrong passphrase, or damaged" in wrong.stderr
