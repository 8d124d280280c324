"""The clients of the token service: who they are and what their tokens may grant."""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from verus_gateway.errors import StartupError
from verus_gateway.issuer import files, secret
from verus_gateway.tokens import SCOPE

log = logging.getLogger(__name__)

FILE: Final = "clients.json"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RATE_CLASS: Final = re.compile(r"[a-z0-9_-]{1,32}")
SHORTEST_LIFETIME, LONGEST_LIFETIME = 60.0, 86_400.0
"""Seconds of a token."""


class Client(Struct, frozen=True, kw_only=True):
    """Somebody who may get tokens.

    Attributes:
        id: The name.
        secret: Its hash.
        scopes: What its tokens may grant.
        lifetime: Seconds of its tokens, None for what the service gives.
        rate_class: Which limits are its tokens'.
        disabled: Whether it gets none any more.
        since: When the secret was made, in words.
    """

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    secret: str
    scopes: tuple[str, ...]
    lifetime: Annotated[float, Meta(ge=60, le=86_400)] | None = None
    rate_class: Annotated[str, Meta(min_length=1, max_length=32)] = "default"
    disabled: bool = False
    since: str = ""


class Clients(Protocol):
    """Where clients are found. Called from threads; must not block for long."""

    def find(self, id: str) -> Client | None:
        """Return the client of this name, None where there is none."""
        ...

    def __len__(self) -> int: ...


class _File(Struct, frozen=True):
    clients: list[Client]


class FileClients:
    """Clients of a file, read again when it changes.

    Args:
        folder: Where the file is.

    Raises:
        StartupError: it is no file of clients, or others may read it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._watch = files.Watch(self._path)
        self._watch.changed()
        self._clients = _read(self._path)

    def __repr__(self) -> str:
        return f"<FileClients {len(self)} in {self._path}>"

    def __len__(self) -> int:
        return len(self._clients)

    def find(self, id: str) -> Client | None:
        """Return the client of this name as the file has it now."""
        if self._watch.changed():
            try:
                self._clients = _read(self._path)
            except (StartupError, OSError) as error:
                log.warning("the clients stay as they are", extra={"cause": str(error)})
        return self._clients.get(id)


def listed(folder: Path) -> list[Client]:
    """Return all clients of a folder by name."""
    return sorted(_read(folder / FILE).values(), key=lambda client: client.id)


def add(
    folder: Path,
    id: str,
    scopes: Sequence[str],
    *,
    lifetime: float | None = None,
    rate_class: str = "default",
) -> str:
    """Add a client and return its secret, which is not kept.

    Raises:
        StartupError: the name is taken, or something is not what it must be.
    """
    faults = list(_faults(id, scopes, lifetime, rate_class))
    if faults:
        raise StartupError(*faults)
    fresh = secret.make()
    client = Client(
        id=id,
        secret=secret.hashed(fresh),
        scopes=tuple(dict.fromkeys(scopes)),
        lifetime=lifetime,
        rate_class=rate_class,
        since=_today(),
    )
    with files.alone(folder):
        clients = _read(folder / FILE)
        if id in clients:
            raise StartupError(f"client {id}: is there already")
        _write(folder, {**clients, id: client})
    return fresh


def disable(folder: Path, id: str) -> None:
    """Let a client get no tokens any more.

    Raises:
        StartupError: there is none of this name.
    """
    _change(folder, id, lambda client: msgspec.structs.replace(client, disabled=True))


def rotate(folder: Path, id: str) -> str:
    """Give a client another secret, which is returned and not kept; the old one ends at once.

    Raises:
        StartupError: there is none of this name.
    """
    fresh = secret.make()
    changes = {"secret": secret.hashed(fresh), "since": _today(), "disabled": False}
    _change(folder, id, lambda client: msgspec.structs.replace(client, **changes))
    return fresh


def _faults(id: str, scopes: Sequence[str], lifetime: float | None, rate_class: str) -> "list[str]":
    faults = []
    if NAME.fullmatch(id) is None:
        faults.append("a client's name is letters, digits, dots, - and _, at most 64")
    if not scopes or not all(SCOPE.fullmatch(scope) for scope in scopes):
        faults.append(f"client {id[:64]}: scopes are words, at least one")
    if lifetime is not None and not SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        faults.append(f"client {id[:64]}: a lifetime is 60 to 86400 seconds")
    if RATE_CLASS.fullmatch(rate_class) is None:
        faults.append(f"client {id[:64]}: a rate class is small letters, digits, - and _")
    return faults


def _change(folder: Path, id: str, change: Callable[[Client], Client]) -> None:
    with files.alone(folder):
        clients = _read(folder / FILE)
        if id not in clients:
            raise StartupError(f"client {id[:64]}: there is none of this name")
        _write(folder, {**clients, id: change(clients[id])})


def _read(path: Path) -> dict[str, Client]:
    text = files.read(path)
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text, type=_File).clients
        for client in found:
            secret.check(client.secret)
    except ValueError as error:
        raise StartupError(f"{path}: {error}") from None
    return {client.id: client for client in found}


def _write(folder: Path, clients: dict[str, Client]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_File(list(clients.values()))), indent=1)
    files.replace(folder / FILE, text + b"\n")


def _today() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
