"""What an operator may set: one frozen tree, made of the tables."""

from typing import Annotated

from msgspec import Meta, Struct

from verus_gateway.config.tables.admin import AdminConfig
from verus_gateway.config.tables.cache import CacheConfig
from verus_gateway.config.tables.callers import AuthConfig, RateLimitConfig
from verus_gateway.config.tables.daemon import VerusConfig
from verus_gateway.config.tables.issuer import TokenServiceConfig
from verus_gateway.config.tables.server import SecurityConfig, ServerConfig
from verus_gateway.config.tables.telemetry import LoggingConfig, MetricsConfig, TracingConfig


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
