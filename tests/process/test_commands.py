"""The commands: what they print, and the status they end with."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import msgspec
import pytest
from process.conftest import Run
from process.distribution import distribution

from verus_gateway import passwords

GOOD = """
from verus_gateway.plugin import PUBLIC, method
async def hello(daemon):
    return "hello"
METHODS = (method("beside.hello", summary="Hello.", scope=PUBLIC, retry=True, handler=hello),)
"""


def test_help_and_version_are_there(run: Run) -> None:
    assert "new-plugin" in run("--help").stdout
    assert run("--version").stdout.startswith("verus-gateway 0.")
    assert "--block-time" in run("simulate", "--help").stdout


@pytest.mark.parametrize("words", [[], ["nonsense"], ["serve"], ["methods", "--nonsense"]])
def test_wrong_usage_ends_with_2(run: Run, words: list[str]) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_check_says_that_all_is_good(run: Run, config: Path) -> None:
    done = run("check", "--config", str(config))

    assert (done.returncode, done.stderr) == (0, "")
    assert "good" in done.stdout


def test_check_names_every_fault_of_config_and_plugins(
    run: Run, config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text() + "prot = 1\nmax_batch = 0\n[cach]\n")
    beside = distribution(tmp_path / "site", "acme-broken", "raise ValueError('broken')")

    done = run("check", "--config", str(config), path=beside)

    assert done.returncode == 2
    assert "server.prot: no such key, did you mean port?" in done.stderr
    assert "server.max_batch: Expected `int` >= 1" in done.stderr
    assert "cach: no such key, did you mean cache?" in done.stderr
    assert "acme-broken 1.0: acme_broken:METHODS does not import: ValueError" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_names_a_fault_of_the_config_alone(run: Run, config: Path) -> None:
    config.write_text(config.read_text() + "prot = 1\n")

    done = run("check", "--config", str(config))

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_serve_refuses_a_broken_plugin_with_one_line(
    run: Run, config: Path, tmp_path: Path
) -> None:
    beside = distribution(tmp_path / "site", "acme-broken", "METHODS = [1]")

    done = run("serve", "--config", str(config), path=beside)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "verus-gateway: acme-broken 1.0: acme_broken:METHODS is no tuple of rows"
    ]


def test_a_plugin_installed_beside_it_is_listed(run: Run, tmp_path: Path) -> None:
    beside = distribution(tmp_path / "site", "acme-beside", GOOD)

    table = run("methods", path=beside)
    rows = msgspec.json.decode(run("methods", "--json", path=beside).stdout)

    line = next(line for line in table.stdout.splitlines() if line.startswith("beside.hello"))
    assert line.split() == ["beside.hello", "public", "0", "s", "-", "1", "acme-beside", "1.0"]
    row = next(row for row in rows if row["name"] == "beside.hello")
    assert (row["distribution"], row["scope"], row["retry"]) == ("acme-beside 1.0", "public", True)


def test_methods_takes_a_configuration_too(run: Run, config: Path) -> None:
    done = run("methods", "--config", str(config))

    assert done.returncode == 0
    assert done.stdout.startswith("METHOD")


def test_a_reader_that_has_had_enough_is_no_traceback(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "head.py"
    script.write_text(
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-u', '-m', 'verus_gateway', 'methods'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "p.stdout.close()\n"
        "sys.stderr.write(p.stderr.read().decode())\n"
        "sys.exit(p.wait())\n"
    )
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )

    assert "Traceback" not in done.stderr
    assert run("--version").returncode == 0


def test_a_new_plugin_is_written_where_asked(run: Run, tmp_path: Path) -> None:
    done = run("new-plugin", "acme-pace", "--dir", str(tmp_path))
    again = run("new-plugin", "acme-pace", "--dir", str(tmp_path))

    assert done.returncode == 0
    assert (tmp_path / "acme-pace" / "pyproject.toml").is_file()
    assert again.returncode == 2
    assert "exists already" in again.stderr


async def _started(config: Path, beside: Path | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "verus_gateway", "serve", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | ({"PYTHONPATH": str(beside)} if beside else {}),
    )


async def _url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    return line.decode().split()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_ends_cleanly_on_a_signal(config: Path, number: signal.Signals) -> None:
    process = await _started(config)
    await _url(process)

    process.send_signal(number)
    _, errors = await process.communicate()

    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert b'"event":"stopped"' in errors
    assert b"correct horse battery" not in errors


async def test_a_plugin_installed_beside_it_answers(config: Path, tmp_path: Path) -> None:
    process = await _started(config, distribution(tmp_path / "site", "acme-beside", GOOD))
    url = await _url(process)

    async with aiohttp.ClientSession() as client:
        call = {"jsonrpc": "2.0", "id": 1, "method": "beside.hello"}
        async with client.post(url, json=call) as response:
            answer = await response.json()
    process.terminate()
    await process.communicate()

    assert answer == {"jsonrpc": "2.0", "result": "hello", "id": 1}


async def test_an_address_in_use_is_one_line_and_status_1(run: Run, config: Path) -> None:
    process = await _started(config)
    port = (await _url(process)).rpartition(":")[2]
    await asyncio.to_thread(_set_port, config, port)

    done = await asyncio.to_thread(run, "serve", "--config", str(config))
    process.terminate()
    await process.communicate()

    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("verus-gateway:")]
    assert len(lines) == 1
    assert "in use" in lines[0]
    assert "Traceback" not in done.stderr


def _set_port(config: Path, port: str) -> None:
    config.write_text(config.read_text().replace("port = 0", f"port = {port}"))


def test_a_password_is_hashed_from_standard_input() -> None:
    ended = hashing(b"correct horse battery\r\n")

    assert ended.returncode == 0
    hash = passwords.read(ended.stdout.decode())
    assert hash.fits("correct horse battery")
    assert not hash.cheap


def test_a_short_password_is_refused() -> None:
    ended = hashing(b"short\n")

    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr == b"verus-gateway: a password has at least 12 characters\n"


def hashing(typed: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(HASHING, input=typed, capture_output=True, check=False, timeout=30)  # noqa: S603  our own program


@pytest.mark.parametrize(("second", "status"), [("correct horse battery", 0), ("another one", 2)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    second: str, status: int
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  our own program
        HASHING, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    )
    shown = b""
    for ask, answer in ((b"Password: ", "correct horse battery"), (b"again: ", second)):
        while not shown.endswith(ask):
            shown += os.read(ours, 1)
        os.write(ours, answer.encode() + b"\n")
    output, _ = process.communicate(timeout=30)
    os.close(theirs)
    os.close(ours)

    assert process.returncode == status
    assert b"correct horse" not in shown
    assert (b"scrypt:" in output) is (status == 0)


HASHING = [sys.executable, "-m", "verus_gateway", "admin", "hash-password"]
