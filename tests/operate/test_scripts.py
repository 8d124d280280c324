"""The scripts for operators: the shell's in its own tests, PowerShell's parsed, auto-config run."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tree_sitter_powershell
from operate.compose_files import COMPOSE, ROOT
from operate.test_images import ran
from tree_sitter import Language, Node, Parser

from verus_gateway import config, passwords

SCRIPTS = COMPOSE / "scripts"
Configure = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("*.bats")), ids=lambda f: f.name)
def test_the_shell_scripts_pass_their_own_tests(file: Path) -> None:
    status, said = ran("bats", file)

    assert status == 0, said


def parsed(text: bytes) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text).root_node


@pytest.mark.parametrize("file", sorted(SCRIPTS.glob("*.ps1")), ids=lambda file: file.name)
def test_a_powershell_script_is_well_formed_and_stands_beside_a_shell_script(file: Path) -> None:
    assert not parsed(file.read_bytes()).has_error
    assert file.with_suffix(".sh").exists()
    assert len(file.read_text("utf-8").splitlines()) < 30, "what is not run here stays thin"


def test_a_powershell_script_that_is_not_would_be_noticed() -> None:
    assert parsed(b'if ($a { Write-Output "b"').has_error


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Run auto-config for a folder of its own."""

    def configured(
        *words: str, program: str = "auto-config.py"
    ) -> "subprocess.CompletedProcess[str]":
        python = [sys.executable] if program.endswith(".py") else []
        places = (
            *("--secrets-dir", tmp_path / "secrets", "--config-dir", tmp_path / "config"),
            *("--env-file", tmp_path / ".env"),
        )
        return subprocess.run(  # noqa: S603  our own script
            [*python, SCRIPTS / program, *places, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return configured


def test_it_makes_secrets_that_compose_can_use_and_shows_none(
    configure: Configure, tmp_path: Path
) -> None:
    made = configure("--domain", "rpc.example.org", "--non-interactive")

    assert made.returncode == 0, made.stderr
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o444
        text = file.read_text("utf-8")
        assert text not in made.stdout + made.stderr
        if file.name.endswith(("-password", "-secret")):
            assert re.fullmatch(r"[\w-]{43}", text)
    environment = (tmp_path / ".env").read_text("utf-8")
    shown = subprocess.run(  # noqa: S603  our own words
        [
            *(Path(sys.executable).with_name("docker-compose"), "--env-file", tmp_path / ".env"),
            *("-f", COMPOSE / "docker-compose.yml", "-f", COMPOSE / "docker-compose.monitoring.yml"),
            "config",
        ],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"], "HOME": "/"},
    ).stdout  # fmt: skip
    for file in (*folder.glob("*-password"), folder / "redis-secret"):
        assert file.read_text("utf-8") not in shown + environment


def test_it_never_overwrites_and_rotates_only_what_is_named(
    configure: Configure, tmp_path: Path
) -> None:
    configure("--domain", "rpc.example.org", "--non-interactive")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    configure("--domain", "other.example.org", "--chain", "VRSCTEST", "--non-interactive")
    same = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    configure("--domain", "x.example.org", "--rotate", "redis-password", "--non-interactive")
    after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert same == before
    assert {file.name for file in after if after[file] != before[file]} == {
        "redis-password",
        "redis-users.acl",
    }


@pytest.mark.parametrize(("chain", "port"), [("VRSC", 27486), ("VRSCTEST", 18843)])
def test_the_gateway_would_start_with_what_it_wrote(
    configure: Configure, tmp_path: Path, chain: str, port: int
) -> None:
    configure("--domain", "rpc.example.org", "--chain", chain, "--non-interactive")
    file = tmp_path / "config" / "gateway.toml"
    file.write_text(
        file.read_text("utf-8").replace("/run/secrets", str(tmp_path / "secrets")), "utf-8"
    )
    for secret in (tmp_path / "secrets").iterdir():
        secret.chmod(0o400)

    loaded = config.load(file, {})

    password = (tmp_path / "secrets" / "admin-password").read_text("utf-8")
    hash = (tmp_path / "secrets" / "admin-password-hash").read_text("utf-8")
    tokens = config.load_token_service(tmp_path / "config" / "tokens.toml", {})
    assert passwords.read(hash).fits(password)
    assert loaded.auth.issuer == tokens.token_service.issuer == "https://rpc.example.org"
    assert loaded.verus.chain == chain
    assert loaded.verus.rpc_url == f"http://verus-daemon:{port}"
    assert loaded.verus.rpc_password_file.endswith("verusd-password")
    assert loaded.cache.redis_secret_file.endswith("redis-secret")


def test_check_names_everything_that_is_wrong_and_changes_nothing(
    configure: Configure, tmp_path: Path
) -> None:
    configure("--domain", "rpc.example.org", "--non-interactive")
    good = ("--alert-webhook", "https://a.example/x", "--alert-watchdog", "https://b.example/y")
    configure("--domain", "rpc.example.org", *good, "--non-interactive")
    assert configure("--check").stdout == "good\n"
    secrets = tmp_path / "secrets"
    secrets.chmod(0o755)
    (secrets / "verusd-password").chmod(0o600)
    (secrets / "grafana-admin-password").unlink()
    (tmp_path / ".env").unlink()

    checked = configure("--check")

    assert checked.returncode == 1
    for fault in ("is open to others", "chmod 444", "grafana-admin-password is missing", ".env is"):
        assert fault in checked.stdout
    assert not (secrets / "grafana-admin-password").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--domain", "not a name"),
        ("--domain", "x.example.org", "--rotate", "nothing"),
        ("--domain", "x.example.org", "--alert-webhook", "ftp://x"),
        (),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(configure: Configure, words: tuple[str, ...]) -> None:
    refused = configure(*words, "--non-interactive")

    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_it_warns_below_real_needs(configure: Configure) -> None:
    made = configure("--domain", "rpc.example.org", "--memory", "4", "--non-interactive")

    assert "warning: verusd needs 16 GiB at the tip of VRSC, not 4" in made.stdout


def test_the_shells_front_passes_everything_through(configure: Configure) -> None:
    made = configure("--domain", "localhost", "--non-interactive", program="auto-config.sh")
    checked = configure("--check", program="auto-config.sh")

    assert (made.returncode, checked.returncode) == (0, 1)
    assert "nobody is told" in checked.stdout


def test_it_asks_for_what_no_flag_says(tmp_path: Path) -> None:
    places = ("--secrets-dir", "s", "--config-dir", "c", "--env-file", "e")
    asked = subprocess.run(  # noqa: S603  our own script
        [sys.executable, SCRIPTS / "auto-config.py", *places],
        input="rpc.example.org\n\n\n",
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert asked.returncode == 0, asked.stderr
    assert "DOMAIN=rpc.example.org" in (tmp_path / "e").read_text("utf-8")
    assert (ROOT / "compose/scripts/auto-config.py").stat().st_mode & 0o111
