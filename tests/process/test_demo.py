"""The demo, as the README's first command runs it."""

import asyncio
import re
import shlex
import signal
import socket
import sys

import msgspec
import pytest
from ports import free_port

from verus_gateway import demo
from verus_gateway.cli import main


async def _until(lines: list[str], pattern: str) -> None:
    for _ in range(600):
        if any(re.search(pattern, line) for line in lines):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"no line with {pattern!r} in {lines}")


async def _run(command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output


async def _run_shell(script: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", script, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output


async def test_the_demo_prints_commands_that_work_and_ends_cleanly() -> None:
    port, tokens, simulator = free_port(), free_port(), free_port(1)
    options = f"--port {port} --token-port {tokens} --simulator-port {simulator} --block-time 0.5"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "verus_gateway", "demo", *options.split()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    lines: list[str] = []
    reading = asyncio.create_task(_collect(process, lines))
    await _until(lines, "Ctrl-C ends the demo")
    commands = [line.strip() for line in lines if line.strip().startswith(("curl", "TOKEN"))]
    call, break_it, health, mend_it, *access = commands

    answer = msgspec.json.decode(await _run(call))
    # In one shell, as they are typed: the token is in a variable of it.
    said = (await _run_shell("\necho\n".join(access))).splitlines()
    refused, _, granted, revoked, again = (msgspec.json.decode(line or b"{}") for line in said)
    await _until(lines, "new block")
    await _run(break_it)
    await _until(lines, "breaker open")
    degraded = msgspec.json.decode(await _run(health))
    await _run(mend_it)
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.wait(), 20)
    await reading

    assert refused["error"]["code"] == -32002
    assert isinstance(granted["result"], list)
    assert revoked == {}
    assert again["error"]["message"] == "invalid_token"
    assert answer["result"]["name"] == "VRSC"
    assert degraded["status"] == "degraded"
    assert process.returncode == 0
    assert not any("Traceback" in line for line in lines)
    assert lines[-1].strip() == "The demo has ended."


async def _collect(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode())


def test_a_demo_whose_simulator_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        status = main(["demo", "--port", "0", "--simulator-port", port])

    assert status == 1
    assert "the simulated verusd did not start" in capfd.readouterr().err


def test_the_demo_ends_its_simulator_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = free_port(1)
    plan = demo.Plan(port=0, token_port=0, simulator_port=simulator)

    status = demo.run(plan, lambda serving: serving.close())

    assert status == 0
    assert capsys.readouterr().out == "The demo has ended.\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", simulator), 1.0)
