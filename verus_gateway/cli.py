"""The commands: what is typed, and the exit status it ends with."""

import argparse
import asyncio
import atexit
import gc
import getpass
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

import verus_gateway
from verus_gateway import (
    app,
    cli_tokens,
    config,
    containment,
    demo,
    listing,
    logs,
    passwords,
    registry,
    scaffold,
    simulator,
    workers,
)
from verus_gateway.config import Config
from verus_gateway.errors import StartupError
from verus_gateway.reload import Reload
from verus_gateway.serve import serve, warn_of
from verus_gateway.shared.port import doubt_of
from verus_gateway.shared.siblings import Siblings

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2

Run = Callable[[Coroutine[Any, Any, None]], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done; 2 wrong config, plugin or usage, in a line for each fault; 1 anything else.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["simulate"]:  # a program of its own, with options of its own
        return simulator.main(words[1:])
    arguments = _parser().parse_args(words)
    try:
        status: int = arguments.command(arguments)
    except StartupError as error:
        for fault in error.faults:
            print(f"verus-gateway: {fault}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has had enough
        return FAILED
    except OSError as error:
        print(f"verus-gateway: {error.strerror or error}", file=sys.stderr)
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verus-gateway", description="A resilient JSON-RPC gateway in front of verusd."
    )
    version = f"verus-gateway {verus_gateway.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    cli_tokens.add_commands(commands, _run)
    _add_looking(commands)
    _add_making(commands)
    _add_trying(commands)
    return parser


def _add_serve(commands: Any) -> None:
    command = commands.add_parser("serve", help="run the gateway")
    _config_option(command, required=True)
    command.add_argument(
        "--workers", type=_number_of_workers, default=1, metavar="N", help="processes (1)"
    )
    for own, kind in (("--worker", int), ("--hub", Path), ("--port", int)):
        command.add_argument(own, type=kind, help=argparse.SUPPRESS)
    command.set_defaults(command=_serve)


def _add_looking(commands: Any) -> None:
    command = commands.add_parser("check", help="load config and plugins, print every fault")
    _config_option(command, required=True)
    command.set_defaults(command=_check)

    command = commands.add_parser("methods", help="print the table of methods")
    _config_option(command, required=False)
    command.add_argument("--json", action="store_true", help="as one JSON array")
    command.set_defaults(command=_methods)


def _add_making(commands: Any) -> None:
    command = commands.add_parser("admin", help="what signing in to the admin page needs")
    inner = command.add_subparsers(required=True, metavar="COMMAND")
    command = inner.add_parser("hash-password", help="ask for a password, print its hash")
    command.set_defaults(command=_hash_password)

    command = commands.add_parser("new-plugin", help="write a plugin of your own to start from")
    command.add_argument("name", metavar="NAME", help="of the distribution: acme-pace")
    command.add_argument(
        "--dir", type=Path, default=Path(), metavar="FOLDER", help="where its folder goes (here)"
    )
    command.set_defaults(command=_new_plugin)


def _add_trying(commands: Any) -> None:
    commands.add_parser("simulate", help="run the simulated verusd alone", add_help=False)

    command = commands.add_parser("demo", help="run the gateway in front of a simulated verusd")
    command.add_argument("--port", type=int, default=8080, help="of the gateway (8080)")
    command.add_argument("--token-port", type=int, default=8081, help="of the token service (8081)")
    command.add_argument(
        "--simulator-port", type=int, default=27486, help="of the simulated verusd (27486)"
    )
    command.add_argument(
        "--block-time", type=float, default=10.0, help="seconds between blocks (10)"
    )
    command.set_defaults(command=_demo)


def _config_option(command: argparse.ArgumentParser, *, required: bool) -> None:
    command.add_argument(
        "--config", type=Path, required=required, metavar="FILE", help="the TOML file"
    )


def _loaded(arguments: argparse.Namespace) -> Config:
    return config.load(arguments.config, os.environ)


def _serve(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    if arguments.worker is None and arguments.workers > 1:
        return _parent(arguments, settings)
    own = arguments.worker is not None
    siblings = Siblings(arguments.hub, arguments.worker) if own else None
    gateway = app.load(settings, siblings)
    tell = partial(os.kill, os.getppid(), signal.SIGHUP) if own else lambda: None
    gateway.reload = Reload(gateway, lambda: _settings(arguments), tell)
    with logs.writing(settings.logging.level, settings.logging.format):
        warn_of(settings.security.mode)
        _run(
            serve(
                app.application(gateway),
                settings.server,
                _listens,
                beside=app.beside(gateway),
                reload=gateway.reload,
                reuse_port=siblings is not None,
            )
        )
    return DONE


def _listens(url: str) -> None:
    # What was made until now stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
    print(f"verus-gateway listens on {url}", flush=True)


def _settings(arguments: argparse.Namespace) -> Config:
    """Return what the file says, a worker's part of it in a worker."""
    settings = _loaded(arguments)
    if arguments.worker is None:
        return settings
    settings = workers.part_of(settings, arguments.workers)
    server = msgspec.structs.replace(settings.server, port=arguments.port)
    return msgspec.structs.replace(settings, server=server)


def _parent(arguments: argparse.Namespace, settings: Config) -> int:
    app.load(workers.part_of(settings, arguments.workers))  # its faults are told once
    parent = workers.Parent(
        workers.command(arguments.config, arguments.workers),
        arguments.workers,
        host=settings.server.host,
        port=settings.server.port,
    )
    told = f"with {arguments.workers} workers"
    with logs.writing(settings.logging.level, settings.logging.format):
        _run(parent.run(lambda url: print(f"verus-gateway listens on {url} {told}", flush=True)))
    return parent.status


def _number_of_workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= workers.MOST:
        raise argparse.ArgumentTypeError(f"between 1 and {workers.MOST}")
    return number


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run *main* on uvloop, which answers a quarter more calls than asyncio's own loop."""
    runner = asyncio.Runner(loop_factory=_loop_factory())
    try:
        runner.run(main)
    finally:
        if containment.leave(runner.get_loop()):
            runner.close()
        else:  # pragma: no cover  what follows leaves no time to write down that it ran
            atexit.register(_end_at_once, runner)


def _end_at_once(_: asyncio.Runner) -> None:  # pragma: no cover  as above
    """End the process; a task that takes no end would keep Python from taking itself apart."""
    os._exit(FAILED)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  not to be had on every platform
    except ImportError:  # pragma: no cover  Windows
        return None
    return uvloop.new_event_loop


def _check(arguments: argparse.Namespace) -> int:
    faults: list[str] = []
    settings = Config()
    try:
        settings = _loaded(arguments)
    except StartupError as error:
        faults += error.faults
    try:
        methods = registry.load(registry.installed(), settings.security.wallet_methods)
    except StartupError as error:
        faults += error.faults
    else:
        if not faults:
            print(f"{arguments.config}: good; {methods!r:.200}"[:400])
    if faults:
        raise StartupError(*faults)
    doubt = asyncio.run(doubt_of(settings.cache))
    if doubt:
        print(f"verus-gateway: warning: {doubt}", file=sys.stderr)
    return DONE


def _methods(arguments: argparse.Namespace) -> int:
    wallet_methods = _loaded(arguments).security.wallet_methods if arguments.config else ()
    methods = registry.load(registry.installed(), wallet_methods)
    if arguments.json:
        sys.stdout.write(listing.as_json(methods))
    else:
        sys.stdout.write(listing.as_text(methods))
    return DONE


def _hash_password(_: argparse.Namespace) -> int:
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("The same again: ") != password:
            raise StartupError("these were two different passwords")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < passwords.SHORTEST:
        raise StartupError(f"a password has at least {passwords.SHORTEST} characters")
    print(passwords.hashed(password, secrets.token_bytes(passwords.SALT)))
    return DONE


def _new_plugin(arguments: argparse.Namespace) -> int:
    files = scaffold.write(arguments.name, arguments.dir)
    print("Written:", *files, sep="\n  ")
    print(f"Next: pip install -e {files[0].parent} && verus-gateway methods")
    return DONE


def _demo(arguments: argparse.Namespace) -> int:
    plan = demo.Plan(
        port=arguments.port,
        token_port=arguments.token_port,
        simulator_port=arguments.simulator_port,
        block_time=arguments.block_time,
    )
    return demo.run(plan, _run)
