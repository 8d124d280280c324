"""The commands of the token service: running it, its keys, its clients."""

import argparse
import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from verus_gateway import config, logs, registry
from verus_gateway.config import Config, TokenServiceConfig
from verus_gateway.errors import StartupError
from verus_gateway.issuer import clients, keyring, sharedclients
from verus_gateway.issuer.clients import Client, Register
from verus_gateway.issuing import TokenService, clients_of
from verus_gateway.revocations import Revocations
from verus_gateway.serve import serve, warn_of
from verus_gateway.shared.port import shared_by, sheet_of
from verus_gateway.sheet import Sheet
from verus_gateway.shelf import MemoryShelf
from verus_gateway.web.keys import Drain

DONE: Final = 0
GRACE: Final = 60.0
"""Seconds that a retired key is published beyond the end of its last token: clocks differ."""

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, None]], None]


def add_commands(commands: Any, run_loop: Run) -> None:
    """Add ``tokens`` and ``client`` to the program's commands."""
    command = commands.add_parser("tokens", help="run the token service, or change its keys")
    command.add_argument("action", nargs="?", choices=["rotate-key"], help="instead of running")
    _config_option(command)
    command.add_argument(
        "--compromised",
        action="store_true",
        help="with rotate-key: throw all keys away, every token ends",
    )
    command.set_defaults(command=lambda arguments: _tokens(arguments, run_loop))

    command = commands.add_parser("client", help="clients of the token service")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("add", help="add one and print its secret, once")
    _config_option(action)
    action.add_argument("name", metavar="NAME")
    action.add_argument("--scopes", nargs="+", required=True, metavar="SCOPE")
    action.add_argument("--lifetime", type=float, metavar="SECONDS", help="of its tokens")
    action.add_argument("--rate-class", default="default", metavar="CLASS")
    action.set_defaults(command=_add)
    action = actions.add_parser("list", help="print them, without secrets")
    _config_option(action)
    action.set_defaults(command=_list)
    for name, what, does in (
        ("disable", "let one get no tokens any more", _disable),
        ("rotate", "give one another secret and print it, once", _rotate),
    ):
        action = actions.add_parser(name, help=what)
        _config_option(action)
        action.add_argument("name", metavar="NAME")
        action.set_defaults(command=does)


def _config_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the TOML file")


def _loaded(arguments: argparse.Namespace) -> Config:
    return config.load_token_service(arguments.config, os.environ)


def _tokens(arguments: argparse.Namespace, run_loop: Run) -> int:
    if arguments.compromised and arguments.action is None:
        raise StartupError("--compromised goes with rotate-key; nothing was thrown away")
    settings = _loaded(arguments)
    if arguments.action == "rotate-key":
        return _rotate_key(settings.token_service, compromised=arguments.compromised)
    shared = shared_by(settings.cache)
    revocations = Revocations(shared.shelf() if shared else MemoryShelf())
    table = settings.token_service
    service = TokenService(settings, revocations, Drain(), shared, clients_of(table, shared))
    listener = msgspec.structs.replace(settings.server, host=table.host, port=table.port)
    with logs.writing(settings.logging.level, settings.logging.format):
        warn_of(settings.security.mode)
        run_loop(
            serve(
                service.application(),
                listener,
                lambda url: print(f"verus-gateway tokens listens on {url}", flush=True),
            )
        )
    return DONE


def _rotate_key(table: TokenServiceConfig, *, compromised: bool) -> int:
    folder = Path(table.folder)
    if compromised:
        kid = keyring.replace(folder, table.algorithm)
    else:
        overlap = table.max_token_lifetime + GRACE
        kid = keyring.rotate(folder, table.algorithm, overlap, time.time())
    print(f"The key {kid} signs from now on.")
    return DONE


def _add(arguments: argparse.Namespace) -> int:
    _refuse_unknown(arguments.name, arguments.scopes)
    add = partial(
        clients.added,
        id=arguments.name,
        scopes=arguments.scopes,
        lifetime=arguments.lifetime,
        rate_class=arguments.rate_class,
    )
    secret = _changed(arguments, add)
    _show(arguments.name, secret)
    return DONE


def _refuse_unknown(name: str, scopes: Sequence[str]) -> None:
    """Refuse what nothing asks for: a typing error would be found out by the client."""
    known = registry.load(registry.installed()).scopes()
    unknown = sorted(set(scopes) - known)
    if unknown:
        raise StartupError(
            f"client {name[:64]}: nothing asks for the scope {unknown[0][:64]!r}; "
            f"there are {', '.join(sorted(known))}"
        )


def _list(arguments: argparse.Namespace) -> int:
    for client in _listed(_loaded(arguments)):
        state = "disabled" if client.disabled else "enabled"
        lifetime = f"{client.lifetime:g} s" if client.lifetime else "default lifetime"
        scopes = " ".join(client.scopes)
        print(f"{client.id}: {state}, {scopes}, {lifetime}, {client.rate_class}, {client.since}")
    return DONE


def _disable(arguments: argparse.Namespace) -> int:
    _changed(arguments, partial(clients.disabled, id=arguments.name))
    print(f"{arguments.name} gets no tokens any more.")
    return DONE


def _rotate(arguments: argparse.Namespace) -> int:
    secret = _changed(arguments, partial(clients.rotated, id=arguments.name))
    _show(arguments.name, secret)
    return DONE


def _listed(settings: Config) -> list[Client]:
    if settings.token_service.clients == "folder":
        return clients.listed(Path(settings.token_service.folder))
    return clients.by_name(asyncio.run(_on_sheet(settings, sharedclients.shown)))


def _changed(arguments: argparse.Namespace, change: Callable[[Register], tuple[Register, T]]) -> T:
    settings = _loaded(arguments)
    if settings.token_service.clients == "folder":
        return clients.change(Path(settings.token_service.folder), change)
    return asyncio.run(_on_sheet(settings, partial(sharedclients.changed, change=change)))


async def _on_sheet(settings: Config, ask: Callable[[Sheet], Awaitable[T]]) -> T:
    # The error of the command says it, no line of the log beside it.
    logging.getLogger("verus_gateway").addHandler(logging.NullHandler())
    async with sheet_of(settings.cache, sharedclients.SHEET) as sheet:
        return await ask(sheet)


def _show(name: str, secret: str) -> None:
    print(f"client_id      {name}\nclient_secret  {secret}")
    print("The secret is shown this once: only its hash is kept.")
