"""The commands of the token service, as an operator types them."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import encode_basic_auth
from process.conftest import Run
from process.distribution import distribution

from verus_gateway.issuer import clients, keyring

SHARING = """
from verus_gateway.plugin import method
METHODS = (method("acme.share", summary="Shares.", scope="acme"),)
"""


@pytest.fixture
def generating(service: Path) -> Path:
    """Return the same, and keys are to be made."""
    service.write_text(service.read_text() + "generate_keys = true\n")
    return service


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Return a good configuration file of a token service."""
    file = tmp_path / "tokens.toml"
    file.write_text(
        f'[token_service]\nissuer = "https://tokens.example"\nfolder = "{tmp_path / "tokens"}"\n'
        "port = 0\n",
        encoding="utf-8",
    )
    return file


def test_a_client_is_added_listed_rotated_and_disabled(run: Run, service: Path) -> None:
    option = ("--config", str(service))

    added = run("client", "add", "alice", *option, "--scopes", "read", "public", "--lifetime", "90")
    listed = run("client", "list", *option)
    rotated = run("client", "rotate", "alice", *option)
    disabled = run("client", "disable", "alice", *option)
    after = run("client", "list", *option)
    again = run("client", "add", "alice", *option, "--scopes", "read")

    secrets = [
        re.findall(r"^client_secret  (\S{43})$", each.stdout, re.MULTILINE)[0]
        for each in (added, rotated)
    ]
    assert secrets[0] != secrets[1]
    assert listed.stdout.startswith("alice: enabled, read public, 90 s, default, 20")
    assert (disabled.returncode, disabled.stdout) == (0, "alice gets no tokens any more.\n")
    assert after.stdout.startswith("alice: disabled, read public, 90 s, default, 20")
    assert not any(secret in listed.stdout + after.stdout for secret in secrets)
    assert (again.returncode, again.stderr) == (
        2,
        "verus-gateway: client alice: is there already\n",
    )


def test_a_scope_that_nothing_asks_for_is_refused_and_those_that_there_are_are_named(
    run: Run, service: Path
) -> None:
    option = ("--config", str(service))

    refused = run("client", "add", "alice", *option, "--scopes", "read", "brodcast")
    listed = run("client", "list", *option)

    assert (refused.returncode, refused.stdout, listed.stdout) == (2, "", "")
    assert refused.stderr == (
        "verus-gateway: client alice: nothing asks for the scope 'brodcast'; "
        "there are admin, broadcast, public, read, wallet, wallet-build\n"
    )


def test_a_third_partys_scope_is_known_where_its_plugin_is_installed(
    run: Run, service: Path, tmp_path: Path
) -> None:
    plugin = distribution(tmp_path / "site", "acme", SHARING)
    add = ("client", "add", "alice", "--config", str(service), "--scopes", "acme")

    without, beside = run(*add), run(*add, path=plugin)

    assert (without.returncode, beside.returncode) == (2, 0)


def test_a_client_with_the_services_lifetime_is_listed_so(run: Run, service: Path) -> None:
    run("client", "add", "bob", "--config", str(service), "--scopes", "read")

    assert ", default lifetime, " in run("client", "list", "--config", str(service)).stdout


def test_keys_are_rotated_and_replaced(run: Run, service: Path, tmp_path: Path) -> None:
    option = ("--config", str(service))
    none = run("tokens", "rotate-key", *option)
    keyring.create(tmp_path / "tokens", "ES256")
    before = (tmp_path / "tokens" / keyring.FILE).read_text()

    rotated = run("tokens", "rotate-key", *option)
    replaced = run("tokens", "rotate-key", "--compromised", *option)

    assert (none.returncode, "there are no keys" in none.stderr) == (2, True)
    first, second = (each.stdout.split()[2] for each in (rotated, replaced))
    assert first in before
    assert second not in before
    assert first not in (tmp_path / "tokens" / keyring.FILE).read_text()


def test_keys_are_thrown_away_by_rotate_key_only(run: Run, service: Path, tmp_path: Path) -> None:
    keyring.create(tmp_path / "tokens", "ES256")
    before = (tmp_path / "tokens" / keyring.FILE).read_text()

    refused = run("tokens", "--compromised", "--config", str(service))

    assert refused.returncode == 2
    assert "--compromised goes with rotate-key; nothing was thrown away" in refused.stderr
    assert (tmp_path / "tokens" / keyring.FILE).read_text() == before


def test_without_keys_it_does_not_start(run: Run, service: Path) -> None:
    ended = run("tokens", "--config", str(service))

    assert ended.returncode == 2
    assert "there are no keys; token_service.generate_keys makes some" in ended.stderr


async def test_it_serves_until_it_is_told_to_end(generating: Path, tmp_path: Path) -> None:
    secret = clients.add(tmp_path / "tokens", "alice", ["read"])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "verus_gateway", "tokens", "--config", str(generating)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    url = line.split()[-1]

    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": encode_basic_auth("alice", secret)}
        form = {"grant_type": "client_credentials"}
        async with session.post(f"{url}/oauth/token", data=form, headers=headers) as response:
            status = response.status
    process.send_signal(signal.SIGTERM)
    _, log = await asyncio.wait_for(process.communicate(), 20)

    assert line.startswith("verus-gateway tokens listens on http://127.0.0.1:")
    assert (status, process.returncode) == (200, 0)
    assert b"token issued" in log
    assert secret.encode() not in log
