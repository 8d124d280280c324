"""The clients of the token service: who they are and what their tokens may grant."""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from verus_gateway.errors import StartupError
from verus_gateway.issuer import files, secret
from verus_gateway.tokens import SCOPE

log = logging.getLogger(__name__)

T = TypeVar("T")

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


Register: TypeAlias = dict[str, Client]
"""Clients by name."""


class Clients(Protocol):
    """Where clients are found."""

    @property
    def known(self) -> bool:
        """Whether it is known who they are; until then nobody can be told from a stranger."""
        ...

    def find(self, id: str) -> Client | None:
        """Return the client of this name, None where there is none.

        Called from threads; must not block for long.
        """
        ...

    async def look(self) -> None:
        """See whether they changed; called once a second."""
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
        self._clients = _in_file(self._path)

    def __repr__(self) -> str:
        return f"<FileClients {len(self)} in {self._path}>"

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def known(self) -> bool:
        """Whether it is known who they are: always, from the file."""
        return True

    async def look(self) -> None:
        """Do nothing: the file is looked at whenever somebody asks."""

    def find(self, id: str) -> Client | None:
        """Return the client of this name as the file has it now."""
        if self._watch.changed():
            try:
                self._clients = _in_file(self._path)
            except (StartupError, OSError) as error:
                log.warning("the clients stay as they are", extra={"cause": str(error)})
        return self._clients.get(id)


def listed(folder: Path) -> list[Client]:
    """Return all clients of a folder by name."""
    return by_name(_in_file(folder / FILE))


def by_name(clients: Register) -> list[Client]:
    """Return clients in the order of their names."""
    return sorted(clients.values(), key=lambda client: client.id)


def add(
    folder: Path,
    id: str,
    scopes: Sequence[str],
    *,
    lifetime: float | None = None,
    rate_class: str = "default",
) -> str:
    """Add a client to a folder and return its secret, which is not kept.

    Raises:
        StartupError: the name is taken, or something is not what it must be.
    """
    make = partial(added, id=id, scopes=scopes, lifetime=lifetime, rate_class=rate_class)
    return change(folder, make)


def disable(folder: Path, id: str) -> None:
    """Let a client of a folder get no tokens any more.

    Raises:
        StartupError: there is none of this name.
    """
    change(folder, partial(disabled, id=id))


def rotate(folder: Path, id: str) -> str:
    """Give a client of a folder another secret, which is returned and not kept.

    Raises:
        StartupError: there is none of this name.
    """
    return change(folder, partial(rotated, id=id))


def change(folder: Path, how: Callable[[Register], tuple[Register, T]]) -> T:
    """Change the clients of a folder, alone, and return what else *how* returns.

    Raises:
        StartupError: they cannot be read, or *how* refuses.
    """
    with files.alone(folder):
        after, told = how(_in_file(folder / FILE))
        files.replace(folder / FILE, written(after))
    return told


def added(
    clients: Register,
    *,
    id: str,
    scopes: Sequence[str],
    lifetime: float | None = None,
    rate_class: str = "default",
) -> tuple[Register, str]:
    """Return the clients with one more, and its secret.

    Raises:
        StartupError: the name is taken, or something is not what it must be.
    """
    faults = list(_faults(id, scopes, lifetime, rate_class))
    if faults:
        raise StartupError(*faults)
    if id in clients:
        raise StartupError(f"client {id}: is there already")
    fresh = secret.make()
    client = Client(
        id=id,
        secret=secret.hashed(fresh),
        scopes=tuple(dict.fromkeys(scopes)),
        lifetime=lifetime,
        rate_class=rate_class,
        since=_today(),
    )
    return {**clients, id: client}, fresh


def disabled(clients: Register, *, id: str) -> tuple[Register, None]:
    """Return the clients, of which one gets no tokens any more.

    Raises:
        StartupError: there is none of this name.
    """
    return {**clients, id: msgspec.structs.replace(_one(clients, id), disabled=True)}, None


def rotated(clients: Register, *, id: str) -> tuple[Register, str]:
    """Return the clients, of which one has another secret, and that; the old one ends at once.

    Raises:
        StartupError: there is none of this name.
    """
    fresh = secret.make()
    client = msgspec.structs.replace(
        _one(clients, id), secret=secret.hashed(fresh), since=_today(), disabled=False
    )
    return {**clients, id: client}, fresh


def _one(clients: Register, id: str) -> Client:
    if id not in clients:
        raise StartupError(f"client {id[:64]}: there is none of this name")
    return clients[id]


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


def read(text: bytes, where: str) -> Register:
    """Return the clients in *text*, none where it is empty.

    Raises:
        StartupError: it is no list of clients; *where* it stands begins the line.
    """
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text, type=_File).clients
        for client in found:
            secret.check(client.secret)
    except ValueError as error:
        raise StartupError(f"{where}: {error}") from None
    return {client.id: client for client in found}


def written(clients: Register) -> bytes:
    """Return clients as a text."""
    text = msgspec.json.format(msgspec.json.encode(_File(list(clients.values()))), indent=1)
    return text + b"\n"


def _in_file(path: Path) -> Register:
    return read(files.read(path), str(path))


def _today() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
