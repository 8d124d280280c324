"""What must not be said about the admin page although each key is well formed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from verus_gateway import passwords
from verus_gateway.config.tables.admin import AdminConfig, OpenIdConfig
from verus_gateway.passwords import Hash

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def contradictions(admin: AdminConfig) -> Iterator[str]:
    """Yield what cannot be meant, whatever the mode."""
    if admin.password_hash and admin.password_hash_file:
        yield "admin: give one of password_hash, password_hash_file"
    yield from _of_hash(admin)
    if admin.bind and int(admin.bind.rpartition(":")[2]) > 65535:  # noqa: PLR2004  the last port
        yield "admin.bind: no port is over 65535"
    if admin.idle_timeout > admin.session_timeout:
        yield "admin.idle_timeout: is over admin.session_timeout"
    if admin.openid != OpenIdConfig():
        yield from _of_openid(admin)


def _of_hash(admin: AdminConfig) -> Iterator[str]:
    try:
        hash_of(admin)
    except (OSError, UnicodeDecodeError):
        yield f"admin.password_hash_file: {admin.password_hash_file} cannot be read as text"
    except ValueError as error:
        if admin.password_hash or admin.password_hash_file:
            yield f"{hash_key(admin)}: {error}"


def hash_of(admin: AdminConfig) -> Hash:
    """Return the configured hash.

    Raises:
        OSError: its file cannot be read.
        ValueError: it is none.
    """
    if admin.password_hash_file:
        return passwords.read(Path(admin.password_hash_file).read_text("utf-8"))
    return passwords.read(admin.password_hash.reveal())


def hash_key(admin: AdminConfig) -> str:
    """Return the key that the hash comes from."""
    return f"admin.password_hash{'_file' if admin.password_hash_file else ''}"


def _of_openid(admin: AdminConfig) -> Iterator[str]:
    openid = admin.openid
    for key in ("issuer", "client_id", "allowed"):
        if not getattr(openid, key):
            yield f"admin.openid.{key}: is missing"
    if not admin.public_url:
        yield "admin.public_url: is missing; the provider sends browsers back to it"
    if bool(openid.client_secret) == bool(openid.client_secret_file):
        yield "admin.openid: give exactly one of client_secret, client_secret_file"
    if openid.client_secret_file and not Path(openid.client_secret_file).is_file():
        yield f"admin.openid.client_secret_file: {openid.client_secret_file} is no file"
    for key, url in (("openid.issuer", openid.issuer), ("public_url", admin.public_url)):
        if url and not _private(url):
            yield f"admin.{key}: is an https URL; http is for loopback only"


def _private(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
