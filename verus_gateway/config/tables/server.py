"""How clients are served, and what is kept from them."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from verus_gateway.config.secret import Secret

Mode: TypeAlias = Literal["production", "development"]


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
        bool,
        Meta(
            description="whether requests with a known head are answered without aiohttp's handlers"
        ),
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
