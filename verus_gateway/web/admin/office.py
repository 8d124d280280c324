"""What the pages' handlers work with, and what they may say no with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from verus_gateway import passwords
from verus_gateway.attempts import Attempts
from verus_gateway.config import AdminConfig, Secret
from verus_gateway.desk import Desk
from verus_gateway.errors import ConfigError
from verus_gateway.shelf import Shelf
from verus_gateway.web.admin.openid import Client, OpenId
from verus_gateway.web.admin.password import PasswordDoor
from verus_gateway.web.admin.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where the pages remember: apart, so that strangers' attempts push out no session."""

    sessions: Shelf
    attempts: Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Everything behind the pages.

    Attributes:
        desk: The breakers and what is told of them.
        sessions: Of operators.
        attempts: Counts sign-ins.
        password: Signs in by password, None where there is none.
        openid: Signs in by a provider, None where there is none.
        label: What the page calls that provider.
        origin: The origin that browsers see, "" for the one that they say they see.
        secure: Whether cookies are for https and loopback only.
    """

    desk: Desk
    sessions: Sessions
    attempts: Attempts
    password: PasswordDoor | None
    openid: OpenId | None
    label: str
    origin: str
    secure: bool


def furnish(admin: AdminConfig, desk: Desk, shelves: Shelves, *, secure: bool) -> Office | None:
    """Return what *admin* asks for, None where it names no way to sign in.

    Raises:
        ConfigError: a file that holds a secret cannot be read.
    """
    text = _secret("admin.password_hash_file", admin.password_hash, admin.password_hash_file)
    if not text and not admin.openid.issuer:
        return None
    return Office(
        desk=desk,
        sessions=Sessions(
            shelves.sessions,
            secure=secure,
            idle=admin.idle_timeout,
            longest=admin.session_timeout,
        ),
        attempts=Attempts(shelves.attempts),
        password=PasswordDoor(admin.account, passwords.read(text)) if text else None,
        openid=OpenId(_client(admin)) if admin.openid.issuer else None,
        label=admin.openid.label,
        origin=admin.public_url,
        secure=secure,
    )


def _client(admin: AdminConfig) -> Client:
    openid = admin.openid
    key = "admin.openid.client_secret_file"
    return Client(
        issuer=openid.issuer,
        client_id=openid.client_id,
        client_secret=_secret(key, openid.client_secret, openid.client_secret_file),
        redirect_uri=f"{admin.public_url}/admin/login/openid/callback",
        claim=openid.claim,
        allowed=frozenset(openid.allowed),
    )


def _secret(key: str, secret: Secret, file: str) -> str:
    if not file:
        return secret.reveal()
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{key}: {file} cannot be read as text") from None


OFFICE: Final = web.AppKey("OFFICE", Office)


class Refused(Exception):
    """A request that a page answers with no.

    Args:
        status: Of HTTP.
        heading: What the page says in large letters.
        problem: What it says below.
        retry_after: Seconds after which it may be tried again, 0 where that changes nothing.
    """

    def __init__(self, status: int, heading: str, problem: str, *, retry_after: int = 0) -> None:
        super().__init__(problem)
        self.status = status
        self.heading = heading
        self.problem = problem
        self.retry_after = retry_after
