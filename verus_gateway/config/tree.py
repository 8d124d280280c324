"""What an operator may set: one frozen tree, each key with its type, unit and default."""

from collections.abc import Iterator
from hmac import compare_digest
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

Mode: TypeAlias = Literal["production", "development"]
Algorithm: TypeAlias = Literal["ES256", "RS256", "EdDSA"]

CHAIN_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"


class Secret:
    """A value that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<Secret>"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(Secret)  # of the value it would be a way to guess at it

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
    shared: Annotated[
        bool,
        Meta(description="one for all instances; false where each has a verusd of its own"),
    ] = True


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
    express_lane: Annotated[
        bool, Meta(description="whether answers in memory leave without aiohttp's handler tasks")
    ] = True
    body_timeout: Annotated[
        float, Meta(gt=0, description="seconds for a request body to arrive")
    ] = 10.0
    head_timeout: Annotated[
        float, Meta(gt=0, description="seconds from opening a connection to its first whole head")
    ] = 10.0
    read_timeout: Annotated[
        float, Meta(gt=0, description="seconds for a client to take what waits to be sent")
    ] = 30.0
    max_connections: Annotated[
        int, Meta(ge=1, description="connections at once; more are told so and closed")
    ] = 4096
    keepalive_timeout: Annotated[
        float, Meta(ge=0, description="seconds an idle connection is kept open")
    ] = 75.0
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description='networks of our own proxies; `"unix:"` for those on a Unix socket'),
    ] = ()
    forwarded_header: Annotated[
        Literal["X-Forwarded-For", "Forwarded"],
        Meta(description="the header to which these proxies append the client; no other is read"),
    ] = "X-Forwarded-For"
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


class AppConfig(Struct, frozen=True, kw_only=True):
    """``[auth.apps.ID]``."""

    app_key: Annotated[
        Secret, Meta(description="what the app signs with; better in a file or the environment")
    ] = Secret("")
    app_key_file: Annotated[str, Meta(description="file that holds the key")] = ""
    scopes: Annotated[tuple[str, ...], Meta(description="what the app may do")] = (
        "public",
        "read",
    )
    rate_class: Annotated[str, Meta(description="whose limits are the app's")] = "default"


class AuthConfig(Struct, frozen=True, kw_only=True):
    """``[auth]``."""

    anonymous_scopes: Annotated[
        tuple[str, ...], Meta(description="what a caller without a token may do")
    ] = ("public",)
    issuer: Annotated[
        str, Meta(description="whose tokens are good, as their `iss` says; without one, none are")
    ] = ""
    audience: Annotated[str, Meta(min_length=1, description="what a token's `aud` must name")] = (
        "verus-gateway"
    )
    jwks_url: Annotated[str, Meta(description="where the issuer's keys are")] = ""
    jwks_file: Annotated[
        str, Meta(description="file of the issuer's keys, in place of the URL")
    ] = ""
    revocations_url: Annotated[
        str, Meta(description="where the issuer lists what it revoked, signed by it")
    ] = ""
    refresh_seconds: Annotated[
        float, Meta(ge=1, le=300, description="seconds between two looks at that list")
    ] = 5.0
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=30, description="seconds by which the issuer's clock may differ")
    ] = 10.0
    max_token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds from a token's beginning to its end")
    ] = 3600.0
    app_window: Annotated[
        float, Meta(gt=0, le=3600, description="seconds by which an app's clock may differ")
    ] = 60.0
    apps: Annotated[
        dict[str, AppConfig], Meta(description="`[auth.apps.NAME]`: programs that sign their calls")
    ] = {}


class RateClass(Struct, frozen=True, kw_only=True):
    """``[rate_limit.classes.NAME]``, and ``[rate_limit.default]``."""

    rate: Annotated[float, Meta(gt=0, description="cost that comes back to a caller, a second")] = (
        1000.0
    )
    burst: Annotated[int, Meta(ge=1, description="cost that a caller may spend at once")] = 5_000
    concurrent: Annotated[
        int,
        Meta(ge=1, le=100_000, description="calls of a caller at once that memory cannot answer"),
    ] = 64


class AnonymousClass(RateClass, frozen=True, kw_only=True):
    """``[rate_limit.anonymous]``."""

    rate: Annotated[
        float, Meta(gt=0, description="cost that comes back to an address, a second")
    ] = 100.0
    burst: Annotated[int, Meta(ge=1, description="cost that an address may spend at once")] = 1_000
    concurrent: Annotated[
        int,
        Meta(ge=1, le=100_000, description="calls of an address at once that memory cannot answer"),
    ] = 32


class RateLimitConfig(Struct, frozen=True, kw_only=True):
    """``[rate_limit]``."""

    enabled: Annotated[
        bool, Meta(description="false charges nobody; the bounds of all calls at once stay")
    ] = True
    max_concurrent: Annotated[
        int, Meta(ge=1, le=100_000, description="calls at once, in all, that memory cannot answer")
    ] = 512
    reserved: Annotated[
        int, Meta(ge=0, description="how many of these are kept for callers with credentials")
    ] = 128
    max_buckets: Annotated[
        int,
        Meta(ge=2, le=10_000_000, description="callers and addresses remembered, of each so many"),
    ] = 50_000
    anonymous: AnonymousClass = AnonymousClass()
    default: RateClass = RateClass()
    classes: Annotated[
        dict[str, RateClass],
        Meta(description="`[rate_limit.classes.NAME]`: further ones, as `[rate_limit.default]`"),
    ] = {}


class TokenServiceConfig(Struct, frozen=True, kw_only=True):
    """``[token_service]``."""

    embedded: Annotated[
        bool, Meta(description="whether `serve` runs the token service too, and trusts it")
    ] = False
    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="port to listen on; 0 takes any free one")
    ] = 8081
    issuer: Annotated[
        str, Meta(description="its own address as clients see it; the `iss` of its tokens")
    ] = ""
    audience: Annotated[str, Meta(min_length=1, description="the `aud` of its tokens")] = (
        "verus-gateway"
    )
    folder: Annotated[
        str, Meta(description="where its keys, clients and revocations are, for its user alone")
    ] = ""
    algorithm: Annotated[Algorithm, Meta(description="what new keys sign with")] = "ES256"
    generate_keys: Annotated[
        bool, Meta(description="whether the first start makes keys where there are none")
    ] = False
    token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds of a token, if the client has no other")
    ] = 600.0
    max_token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds of a token, whatever the client has")
    ] = 3600.0
    requests_per_minute: Annotated[
        float, Meta(gt=0, le=60_000, description="requests of a client, and of an address")
    ] = 60.0


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
    default_ttl: Annotated[
        float, Meta(gt=0, description="seconds Redis keeps an answer at most, good for ever or not")
    ] = 86_400.0
    redis_url: Annotated[
        Secret, Meta(description="the Redis in which instances share answers; without one, none")
    ] = Secret("")
    redis_password_file: Annotated[
        str, Meta(description="file that holds the password for `redis_url`")
    ] = ""
    redis_secret: Annotated[
        Secret, Meta(description="seals what stands in Redis; the same for every instance")
    ] = Secret("")
    redis_secret_file: Annotated[
        str, Meta(description="file that holds it, in place of `redis_secret`")
    ] = ""
    state_url: Annotated[
        Secret,
        Meta(
            description="the Redis for what must not be evicted; without one, that of `redis_url`"
        ),
    ] = Secret("")
    state_password_file: Annotated[
        str, Meta(description="file that holds the password for `state_url`")
    ] = ""
    redis_prefix: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_.-]{1,32}$", description="first part of every name in Redis")
    ] = "vg"
    redis_timeout: Annotated[
        float, Meta(gt=0, le=5, description="seconds that one operation of Redis may take")
    ] = 0.05
    redis_max_entry_size: Annotated[
        int, Meta(ge=0, description="bytes of one answer kept in Redis")
    ] = 1_048_576
    refresh_calls: Annotated[
        int,
        Meta(ge=0, description="calls under one block that have an answer refreshed at the next"),
    ] = 10
    refresh_entries: Annotated[
        int, Meta(ge=1, le=1000, description="answers refreshed after a block, at most")
    ] = 64
    refresh_concurrency: Annotated[
        int, Meta(ge=1, le=64, description="of those, how many at the same time")
    ] = 2


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


class TracingConfig(Struct, frozen=True, kw_only=True):
    """``[tracing]``."""

    enabled: Annotated[
        bool, Meta(description="whether each call is a span; needs `verus-gateway[tracing]`")
    ] = False
    endpoint: Annotated[
        str,
        Meta(pattern=r"^https?://[^@\s]+$", description="where spans are sent, by OTLP over HTTP"),
    ] = "http://127.0.0.1:4318/v1/traces"
    service_name: Annotated[
        str, Meta(min_length=1, max_length=255, description="`service.name` of the spans")
    ] = "verus-gateway"
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="which part of the traces is sent")
    ] = 1.0


class OpenIdConfig(Struct, frozen=True, kw_only=True):
    """``[admin.openid]``."""

    issuer: Annotated[
        str, Meta(description="OpenID provider that may sign operators in; its issuer, exactly")
    ] = ""
    label: Annotated[str, Meta(description="what the page calls the provider")] = "OpenID Connect"
    client_id: Annotated[str, Meta(description="the gateway's name at the provider")] = ""
    client_secret: Annotated[
        Secret, Meta(description="the gateway's secret there; better in a file or the environment")
    ] = Secret("")
    client_secret_file: Annotated[str, Meta(description="file that holds the secret")] = ""
    claim: Annotated[
        str, Meta(min_length=1, description="claim of the ID token that says who it is")
    ] = "email"
    allowed: Annotated[
        tuple[str, ...], Meta(description="its values that may sign in; nobody else may")
    ] = ()


class AdminConfig(Struct, frozen=True, kw_only=True):
    """``[admin]``."""

    bind: Annotated[
        str,
        Meta(
            pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[^:\[\]/\s]+):[0-9]{1,5}$",
            description="`host:port` of a listener for `/admin` alone; empty for the public one",
        ),
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^$|^https?://[^/?#@\s]+$",
            description="where browsers find `/admin`; no path. OpenID Connect needs it",
        ),
    ] = ""
    account: Annotated[
        str, Meta(min_length=1, max_length=64, description="who signs in with the password")
    ] = "admin"
    password_hash: Annotated[
        Secret,
        Meta(description="from `verus-gateway admin hash-password`; without one, no sign-in"),
    ] = Secret("")
    password_hash_file: Annotated[str, Meta(description="file that holds the hash")] = ""
    idle_timeout: Annotated[
        float, Meta(gt=0, description="seconds without a click that end a session")
    ] = 1800.0
    session_timeout: Annotated[
        float, Meta(gt=0, description="seconds after which a session ends in any case")
    ] = 43200.0
    openid: OpenIdConfig = OpenIdConfig()


class Config(Struct, frozen=True, kw_only=True):
    """The whole file."""

    verus: VerusConfig = VerusConfig()
    chains: Annotated[
        dict[str, VerusConfig], Meta(description="`[chains.NAME]`: further daemons, as `[verus]`")
    ] = {}
    server: ServerConfig = ServerConfig()
    security: SecurityConfig = SecurityConfig()
    auth: AuthConfig = AuthConfig()
    token_service: TokenServiceConfig = TokenServiceConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    cache: CacheConfig = CacheConfig()
    logging: LoggingConfig = LoggingConfig()
    metrics: MetricsConfig = MetricsConfig()
    tracing: TracingConfig = TracingConfig()
    admin: AdminConfig = AdminConfig()


def tables_of(hint: Any) -> type[Struct] | None:
    """Return what each of a key's own tables (``[chains.NAME]``) is, None for other keys."""
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    inner = get_args(base)[1:] if get_origin(base) is dict else ()
    return inner[0] if inner and issubclass(inner[0], Struct) else None


def reference() -> Iterator[tuple[str, str, str, str]]:
    """Yield table, key, default and description of everything that may be set."""
    seen: set[type[Struct]] = set()
    yield from _reference(Config, "", seen)


def _reference(
    kind: type[Struct], table: str, seen: set[type[Struct]]
) -> Iterator[tuple[str, str, str, str]]:
    seen.add(kind)
    hints = get_type_hints(kind, include_extras=True)
    inner: list[tuple[type[Struct], str]] = []
    for field in msgspec.structs.fields(kind):
        hint, name = hints[field.name], f"{table}.{field.name}".lstrip(".")
        if isinstance(hint, type) and issubclass(hint, Struct):
            inner.append((hint, name))
            continue
        default = (
            field.default
            if field.default_factory is msgspec.NODEFAULT
            else (field.default_factory())
        )
        shown = "" if isinstance(default, Secret) else msgspec.json.encode(default).decode()
        yield table, field.name, shown, hint.__metadata__[0].description
        tables = tables_of(hint)
        if tables is not None:
            inner.append((tables, f"{name}.NAME"))
    for struct, name in inner:
        # A table whose keys stand elsewhere already ([chains.NAME] is as [verus]) is not repeated.
        if struct not in seen or not name.endswith(".NAME"):
            yield from _reference(struct, name, seen)
