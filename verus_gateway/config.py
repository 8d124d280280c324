"""What an operator may set: one frozen tree, read once from TOML, every fault named."""

import difflib
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta, Struct

from verus_gateway.errors import ConfigError

Mode: TypeAlias = Literal["production", "development"]

SHORTEST_SECRET: Final = 16
PLACEHOLDERS: Final = re.compile(
    r"change.?me|pass(word|wort)?\d*|secret\d*|default.*|example.*|verus.?rpc.?password|admin\d*|x+",
    re.IGNORECASE,
)
CHAIN_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SECRET_KEYS: Final = frozenset({"rpc_password", "blocknotify_secret"})
MOUNTED: Final = Path("/run/secrets")
"""Where container engines mount secrets: readable by all, but all is one user there."""


class Secret:
    """A value that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<Secret>"

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value


class BreakerConfig(Struct, frozen=True, kw_only=True):
    """``[verus.circuit_breaker]``."""

    failure_threshold: Annotated[
        int, Meta(ge=1, description="consecutive failures that open the breaker")
    ] = 5
    recovery_timeout_seconds: Annotated[
        float, Meta(gt=0, description="seconds it stays open before it tries again")
    ] = 60.0
    half_open_max_requests: Annotated[
        int, Meta(ge=1, description="trial calls at once; that many successes close it")
    ] = 3


class VerusConfig(Struct, frozen=True, kw_only=True):
    """``[verus]``."""

    rpc_url: Annotated[
        str, Meta(pattern=r"^https?://[^/@]+/?$", description="where verusd listens; no path")
    ] = "http://127.0.0.1:27486"
    rpc_user: Annotated[str, Meta(description="`rpcuser` of verusd")] = ""
    rpc_password: Annotated[
        Secret, Meta(description="`rpcpassword` of verusd; better in a file or the environment")
    ] = Secret("")
    rpc_password_file: Annotated[
        str, Meta(description="file that holds the password; read again after a 401")
    ] = ""
    rpc_cookie_file: Annotated[
        str, Meta(description="verusd's own `.cookie`; read again after a 401")
    ] = ""
    chain: Annotated[
        str, Meta(pattern=f"^{CHAIN_NAME}$", description="the chain's name: in keys, labels, paths")
    ] = "VRSC"
    connect_timeout: Annotated[float, Meta(gt=0, description="seconds to get a connection")] = 2.0
    request_timeout: Annotated[
        float, Meta(gt=0, description="seconds for a whole call, waiting and retries included")
    ] = 30.0
    max_response_size: Annotated[
        int, Meta(ge=1024, description="bytes of one answer of verusd")
    ] = 33_554_432
    max_concurrency: Annotated[
        int, Meta(ge=1, le=1024, description="calls at verusd at once; keep below its work queue")
    ] = 12
    max_queue: Annotated[
        int, Meta(ge=0, le=100_000, description="calls that may wait for their turn")
    ] = 256
    tip_poll_seconds: Annotated[
        float, Meta(gt=0, description="seconds between two looks at the newest block")
    ] = 1.0
    circuit_breaker: BreakerConfig = BreakerConfig()


class ServerConfig(Struct, frozen=True, kw_only=True):
    """``[server]``."""

    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="port to listen on; 0 takes any free one")
    ] = 8080
    max_request_size: Annotated[int, Meta(ge=64, description="bytes of one request body")] = (
        1_048_576
    )
    max_batch: Annotated[int, Meta(ge=1, le=10_000, description="calls in one batch")] = 100
    max_batch_response: Annotated[
        int, Meta(ge=1024, description="bytes of all results of one batch")
    ] = 33_554_432
    body_timeout: Annotated[
        float, Meta(gt=0, description="seconds for a request body to arrive")
    ] = 10.0
    keepalive_timeout: Annotated[
        float, Meta(ge=0, description="seconds an idle connection is kept open")
    ] = 75.0
    drain_seconds: Annotated[
        float, Meta(ge=0, description="seconds to go on serving, not ready, after SIGTERM")
    ] = 0.0
    shutdown_timeout: Annotated[
        float, Meta(ge=0, description="seconds for calls in flight to finish after that")
    ] = 25.0


class SecurityConfig(Struct, frozen=True, kw_only=True):
    """``[security]``."""

    mode: Annotated[
        Mode, Meta(description="`development` allows weak secrets, and only on loopback")
    ] = "production"
    cors_origins: Annotated[
        tuple[str, ...], Meta(description='origins whose pages may call; `["*"]` for all')
    ] = ()
    blocknotify_secret: Annotated[
        Secret, Meta(description="what verusd's `-blocknotify` shows; without one, no route")
    ] = Secret("")
    wallet_methods: Annotated[
        tuple[str, ...], Meta(description="methods of scope `wallet` that are offered")
    ] = ()


class AuthConfig(Struct, frozen=True, kw_only=True):
    """``[auth]``."""

    anonymous_scopes: Annotated[
        tuple[str, ...], Meta(description="what a caller without a token may do")
    ] = ("public",)


class CacheConfig(Struct, frozen=True, kw_only=True):
    """``[cache]``."""

    enabled: Annotated[
        bool, Meta(description="false asks verusd each time; old answers still serve as fallback")
    ] = True
    max_size: Annotated[int, Meta(ge=0, description="bytes of memory for answers")] = 104_857_600
    max_entry_size: Annotated[int, Meta(ge=0, description="bytes of one answer kept")] = 8_388_608
    tip_max_age: Annotated[
        float, Meta(gt=0, description="seconds an answer is served when no block arrives")
    ] = 120.0


class LoggingConfig(Struct, frozen=True, kw_only=True):
    """``[logging]``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="least severe line written")
    ] = "info"
    format: Annotated[
        Literal["json", "text"], Meta(description="one JSON object or one text line each")
    ] = "json"


class MetricsConfig(Struct, frozen=True, kw_only=True):
    """``[metrics]``."""

    enabled: Annotated[bool, Meta(description="whether `GET /metrics` exists")] = True


class Config(Struct, frozen=True, kw_only=True):
    """The whole file."""

    verus: VerusConfig = VerusConfig()
    chains: Annotated[
        dict[str, VerusConfig], Meta(description="`[chains.NAME]`: further daemons, as `[verus]`")
    ] = {}
    server: ServerConfig = ServerConfig()
    security: SecurityConfig = SecurityConfig()
    auth: AuthConfig = AuthConfig()
    cache: CacheConfig = CacheConfig()
    logging: LoggingConfig = LoggingConfig()
    metrics: MetricsConfig = MetricsConfig()


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read *path*; a value ``"${NAME}"`` is taken from *environment*.

    Raises:
        ConfigError: one line for each fault, with file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    faults: list[str] = []
    filled = _filled(document, environment, "", faults)
    faults += _faults(filled, Config, "")
    if faults:
        raise ConfigError(*(f"{path}: {fault}" for fault in faults))
    config: Config = msgspec.convert(filled, Config, dec_hook=_secret)
    wrong = [*_contradictions(config), *_weaknesses(config, document, path)]
    if wrong:
        raise ConfigError(*(f"{path}: {fault}" for fault in wrong))
    return config


def _filled(value: Any, environment: Mapping[str, str], where: str, faults: list[str]) -> Any:
    # Filled in after parsing, so that a secret can never be read as TOML.
    match value:
        case dict():
            return {
                key: _filled(member, environment, f"{where}.{key}", faults)
                for key, member in value.items()
            }
        case str() if value.startswith("${") and value.endswith("}"):
            name = value[2:-1]
            if name not in environment:
                faults.append(f"{where[1:]}: the environment has no {name}")
            return environment.get(name, "")
        case _:
            return value


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")


def _faults(table: Any, kind: type[Struct], where: str) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"{where[1:]}: is a table"
        return
    known = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        name = f"{where}.{key}"[1:]
        if key not in known:
            yield f"{name}: no such key{_nearest(key, known)}"
        elif isinstance(known[key], type) and issubclass(known[key], Struct):
            yield from _faults(value, known[key], f"{where}.{key}")
        elif key == "chains" and isinstance(value, dict):
            for chain, table in value.items():
                yield from _faults(table, VerusConfig, f"{where}.{key}.{chain}")
        else:
            try:
                msgspec.convert(value, known[key], dec_hook=_secret)
            except msgspec.ValidationError as error:
                yield f"{name}: {error}"


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f", did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def _contradictions(config: Config) -> Iterator[str]:
    for table, verus in _daemons(config):
        sources = (verus.rpc_password, verus.rpc_password_file, verus.rpc_cookie_file)
        if sum(map(bool, sources)) != 1:
            yield f"{table}: give exactly one of rpc_password, rpc_password_file, rpc_cookie_file"
        if not verus.rpc_cookie_file and not verus.rpc_user:
            yield f"{table}.rpc_user: is missing"
        if verus.rpc_password_file and not Path(verus.rpc_password_file).is_file():
            yield f"{table}.rpc_password_file: {verus.rpc_password_file} is no file"
    for name, verus in config.chains.items():
        if re.fullmatch(CHAIN_NAME, name) is None:
            yield f"chains.{name[:64]}: a chain's name is letters, digits, dots, - and _"
        if name == config.verus.chain:
            yield f"chains.{name}: is the chain of [verus]"
        if verus.chain not in {name, VerusConfig().chain}:
            yield f"chains.{name}.chain: the table's name is the chain's"
    if config.cache.max_entry_size > config.cache.max_size:
        yield "cache.max_entry_size: is over cache.max_size"


def _daemons(config: Config) -> Iterator[tuple[str, VerusConfig]]:
    yield "verus", config.verus
    for name, verus in config.chains.items():
        yield f"chains.{name}", verus


def _weaknesses(config: Config, document: Mapping[str, Any], path: Path) -> Iterator[str]:
    if config.security.mode == "development":
        if config.server.host not in LOOPBACK:
            yield "server.host: development mode listens on loopback only"
        return
    secret = config.security.blocknotify_secret
    if secret:
        yield from _weak("security.blocknotify_secret", secret.reveal())
    for table, verus in _daemons(config):
        if verus.rpc_password:
            yield from _weak(f"{table}.rpc_password", verus.rpc_password.reveal())
        if verus.rpc_password_file:
            file = Path(verus.rpc_password_file)
            yield from _weak(f"{table}.rpc_password_file", file.read_text("utf-8").strip())
            if _readable_by_all(file):
                yield f"{table}.rpc_password_file: everybody may read {file} (chmod 600)"
    for key in _literal_secrets(document, ""):
        if _readable_by_all(path):
            yield f"{key}: stands in a file that everybody may read (chmod 600)"


def _literal_secrets(table: Mapping[str, Any], where: str) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _literal_secrets(value, f"{where}{key}.")
        elif key in SECRET_KEYS and not str(value).startswith("${"):
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


def reference() -> Iterator[tuple[str, str, str, str]]:
    """Yield table, key, default and description of everything that may be set."""
    yield from _reference(Config, "")


def _reference(kind: type[Struct], table: str) -> Iterator[tuple[str, str, str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    inner: list[tuple[type[Struct], str]] = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, Struct):
            inner.append((hint, f"{table}.{field.name}".lstrip(".")))
            continue
        default = (
            field.default
            if field.default_factory is msgspec.NODEFAULT
            else (field.default_factory())
        )
        shown = "" if isinstance(default, Secret) else msgspec.json.encode(default).decode()
        yield table, field.name, shown, hint.__metadata__[0].description
    for struct, name in inner:
        yield from _reference(struct, name)
