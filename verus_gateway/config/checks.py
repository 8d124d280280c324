"""What a configuration must not say although each of its keys is well formed."""

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from verus_gateway.config import access, extras, issuers, operators, sharing
from verus_gateway.config.tables.admin import AdminConfig
from verus_gateway.config.tables.cache import CacheConfig
from verus_gateway.config.tables.callers import AppConfig
from verus_gateway.config.tables.daemon import CHAIN_NAME, VerusConfig
from verus_gateway.config.tree import Config

SHORTEST_SECRET: Final = 16
PLACEHOLDERS: Final = re.compile(
    r"change.?me|pass(word|wort)?\d*|secret\d*|default.*|example.*|verus.?rpc.?password|admin\d*|x+",
    re.IGNORECASE,
)
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SECRET_KEYS: Final = frozenset(
    {
        *("rpc_password", "blocknotify_secret", "redis_secret", "app_key"),
        *("password_hash", "client_secret"),
    }
)
URL_KEYS: Final = frozenset({"redis_url", "state_url"})
"""Keys whose value is a secret where it holds a password."""
MOUNTED: Final = Path("/run/secrets")
"""Where container engines mount secrets: readable by all, but all is one user there."""


def variable(value: object) -> str | None:
    """Return the name in ``"${NAME}"``, None where *value* is no such text."""
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        return value[2:-1]
    return None


def contradictions(config: Config) -> Iterator[str]:
    """Yield what cannot be meant, whatever the mode."""
    for table, verus in _daemons(config):
        yield from _of_daemon(table, verus)
    for name, verus in config.chains.items():
        yield from _of_chain(config, name, verus)
    yield from issuers.contradictions(config)
    if config.cache.max_entry_size > config.cache.max_size:
        yield "cache.max_entry_size: is over cache.max_size"
    yield from access.contradictions(config)
    yield from sharing.contradictions(config.cache)
    yield from operators.contradictions(config.admin)
    yield from extras.contradictions(config.tracing)


def _of_daemon(table: str, verus: VerusConfig) -> Iterator[str]:
    sources = (verus.rpc_password, verus.rpc_password_file, verus.rpc_cookie_file)
    if sum(map(bool, sources)) != 1:
        yield f"{table}: give exactly one of rpc_password, rpc_password_file, rpc_cookie_file"
    if not verus.rpc_cookie_file and not verus.rpc_user:
        yield f"{table}.rpc_user: is missing"
    if verus.rpc_password_file and not Path(verus.rpc_password_file).is_file():
        yield f"{table}.rpc_password_file: {verus.rpc_password_file} is no file"


def _of_chain(config: Config, name: str, verus: VerusConfig) -> Iterator[str]:
    if re.fullmatch(CHAIN_NAME, name) is None:
        yield f"chains.{name[:64]}: a chain's name is letters, digits, dots, - and _"
    if name == config.verus.chain:
        yield f"chains.{name}: is the chain of [verus]"
    if verus.chain not in {name, VerusConfig().chain}:
        yield f"chains.{name}.chain: the table's name is the chain's"


def _daemons(config: Config) -> Iterator[tuple[str, VerusConfig]]:
    yield "verus", config.verus
    for name, verus in config.chains.items():
        yield f"chains.{name}", verus


def weaknesses(config: Config, document: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Yield what production must not be started with; development only listens on loopback.

    Args:
        config: What the file says, filled in.
        document: The file as written, to tell a literal secret from a named one.
        path: The file, whose mode matters where it holds a secret.
    """
    if config.security.mode == "development":
        yield from _beyond_loopback(config)
        return
    if "admin" in config.auth.anonymous_scopes:
        yield "auth.anonymous_scopes: admin is for nobody without a token"
    yield from issuers.weaknesses(config)
    yield from _weak_secrets(config)
    yield from _weak_keys(config.auth.apps)
    for table, verus in _daemons(config):
        yield from _weak_password(table, verus)
    yield from _weak_admin(config.admin)
    yield from _open_secrets(document, path)


def service_weaknesses(config: Config, document: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Yield which secrets of the token service production must not be started with.

    Args:
        config: What the file says, filled in.
        document: The file as written, without the tables that the token service passes over.
        path: The file, whose mode matters where it holds a secret.
    """
    if config.security.mode == "production":
        yield from _weak_cache(config.cache)
        yield from _open_secrets(document, path)


def _weak_secrets(config: Config) -> Iterator[str]:
    if config.security.blocknotify_secret:
        yield from _weak("security.blocknotify_secret", config.security.blocknotify_secret.reveal())
    yield from _weak_cache(config.cache)


def _weak_cache(cache: CacheConfig) -> Iterator[str]:
    if cache.redis_secret:
        yield from _weak("cache.redis_secret", cache.redis_secret.reveal())
    for key in ("redis_password_file", "redis_secret_file", "state_password_file"):
        if getattr(cache, key):
            yield from _weak_file(f"cache.{key}", Path(getattr(cache, key)))


def _open_secrets(document: Mapping[str, Any], path: Path) -> Iterator[str]:
    for key in _literal_secrets(document, ""):
        if _readable_by_all(path):
            yield f"{key}: stands in a file that everybody may read (chmod 600)"


def _beyond_loopback(config: Config) -> Iterator[str]:
    bind = config.admin.bind.rpartition(":")[0].strip("[]")
    tokens = config.token_service.host if config.token_service.embedded else ""
    hosts = (
        ("server.host", config.server.host),
        ("admin.bind", bind),
        ("token_service.host", tokens),
    )
    for key, host in hosts:
        if host and host not in LOOPBACK:
            yield f"{key}: development mode listens on loopback only"


def _weak_admin(admin: AdminConfig) -> Iterator[str]:
    if admin.password_hash_file:
        yield from _weak_file("admin.password_hash_file", Path(admin.password_hash_file))
    with suppress(OSError, ValueError):  # named among the contradictions
        if operators.hash_of(admin).cheap:
            yield f"{operators.hash_key(admin)}: costs too little to guess; make it anew"
    if admin.openid.client_secret:
        yield from _weak("admin.openid.client_secret", admin.openid.client_secret.reveal())
    if admin.openid.client_secret_file:
        file = Path(admin.openid.client_secret_file)
        yield from _weak_file("admin.openid.client_secret_file", file)


def _weak_password(table: str, verus: VerusConfig) -> Iterator[str]:
    if verus.rpc_password:
        yield from _weak(f"{table}.rpc_password", verus.rpc_password.reveal())
    if verus.rpc_cookie_file:
        file = Path(verus.rpc_cookie_file)
        if file.is_file() and _readable_by_all(file):
            yield f"{table}.rpc_cookie_file: everybody may read {file}"
    if verus.rpc_password_file:
        yield from _weak_file(f"{table}.rpc_password_file", Path(verus.rpc_password_file))


def _weak_keys(apps: Mapping[str, AppConfig]) -> Iterator[str]:
    for id, app in apps.items():
        if app.app_key:
            yield from _weak(f"auth.apps.{id}.app_key", app.app_key.reveal())
        if app.app_key_file:
            yield from _weak_file(f"auth.apps.{id}.app_key_file", Path(app.app_key_file))


def _weak_file(key: str, file: Path) -> Iterator[str]:
    if not file.is_file():
        return  # named among the contradictions
    try:
        secret = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        yield f"{key}: {file} cannot be read as text"
        return
    yield from _weak(key, secret)
    if _readable_by_all(file):
        yield f"{key}: everybody may read {file} (chmod 600)"


def _literal_secrets(table: Mapping[str, Any], where: str) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _literal_secrets(value, f"{where}{key}.")
        elif variable(value) is None and (
            key in SECRET_KEYS or (key in URL_KEYS and sharing.holds_password(value))
        ):
            yield f"{where}{key}"


def _weak(key: str, secret: str) -> Iterator[str]:
    if PLACEHOLDERS.fullmatch(secret):
        yield f"{key}: is a placeholder; production needs a secret of its own"
    elif len(secret) < SHORTEST_SECRET:
        yield f"{key}: is shorter than {SHORTEST_SECRET} characters"


def _readable_by_all(file: Path) -> bool:
    if file.absolute().is_relative_to(MOUNTED):
        return False
    return bool(file.stat().st_mode & stat.S_IROTH)
