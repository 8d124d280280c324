"""The command ``verus-gateway simulate``."""

import argparse
import asyncio
import secrets
import signal
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NoReturn

from verus_gateway.simulator.faults import KINDS
from verus_gateway.simulator.settings import Settings
from verus_gateway.simulator.simulator import Simulator

PROGRAM: Final = "verus-gateway simulate"


def main(argv: Sequence[str]) -> int:
    """Run the simulated verusd until it is interrupted.

    Returns:
        The exit status: 0 after SIGINT or SIGTERM, 1 where a port is taken, 2 for wrong usage.
    """
    try:
        simulator = Simulator(_settings(_parser().parse_args(argv)))
    except SystemExit as end:
        return int(end.code or 0)
    except (ValueError, OSError) as error:
        return _complain(str(error), 2)
    try:
        asyncio.run(_serve(simulator))
    except OSError as error:
        where = f"{simulator.settings.host}:{simulator.settings.port}"
        control = simulator.settings.control_port
        ports = where if control is None else f"{where} or 127.0.0.1:{control}"
        return _complain(f"cannot listen on {ports}: {str(error.strerror).partition(' (')[0]}", 1)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SystemExit(_complain(message, 2))


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {kind.name:<10} {kind.does}" for kind in KINDS.values())
    parser = _Parser(
        prog=PROGRAM,
        description="A simulated verusd: a growing chain in memory behind a JSON-RPC port.",
        epilog=f"faults:\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=27486, help="JSON-RPC port, 0 for any (default %(default)s)")
    add("--control-port", type=int, default=27487, help="control port on 127.0.0.1, 0 for any")
    add("--user", default="verus", help="user name (default %(default)s)")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--password", help="password (default: made up and printed)")
    secret.add_argument("--password-file", type=Path, help="file whose first line is the password")
    add("--seed", type=int, default=1, help="what the chain follows from (default %(default)s)")
    add("--block-time", type=float, default=60.0, help="seconds between blocks, 0 for none")
    add("--start-height", type=int, default=1000, help="height at the start")
    add("--threads", type=int, default=4, help="workers (default %(default)s)")
    add("--work-queue", type=int, default=16, help="waiting requests (default %(default)s)")
    add("--latency", type=float, default=0.0, help="seconds a command takes")
    add("--warmup", type=float, default=0.0, help="seconds of error -28 after the start")
    add("--fault", action="append", default=[], metavar="NAME[=VALUE]", help="may be repeated")
    add("--chain", default="VRSC", help="VRSC, VRSCTEST or a name of your own")
    return parser


def _settings(given: argparse.Namespace) -> Settings:
    password = given.password
    if given.password_file is not None:
        password = given.password_file.read_text().partition("\n")[0].strip()
        if not password:
            raise ValueError(f"{given.password_file} holds no password")
    return Settings(
        host=given.host,
        port=given.port,
        control_port=given.control_port,
        user=given.user,
        password=secrets.token_urlsafe() if password is None else password,
        seed=given.seed,
        block_time=given.block_time,
        start_height=given.start_height,
        chain=given.chain,
        threads=given.threads,
        work_queue=given.work_queue,
        latency=given.latency,
        warmup=given.warmup,
        faults=tuple(given.fault),
    )


async def _serve(simulator: Simulator) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    simulator.listen(lambda _kind, line: _say(line))
    async with simulator:
        _introduce(simulator)
        await ended.wait()
    _say("ended")


def _introduce(simulator: Simulator) -> None:
    settings = simulator.settings
    _say(f"simulated verusd, chain {settings.chain}, on {simulator.url}")
    _say(f"control port: http://127.0.0.1:{simulator.control_port}")
    call = '{"method":"getinfo","params":[],"id":1}'
    _say(f"try: curl -u '{settings.user}:{settings.password}' -d '{call}' {simulator.url}/")
    if not _loopback(settings.host):
        _say(f"warning: {settings.host} is not loopback: others can reach this port")
    for fault in simulator.faults.active.values():
        _say(f"fault {fault}")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {sentence}\n")
    return status
