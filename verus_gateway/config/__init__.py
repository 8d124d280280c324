"""What an operator may set, and reading it."""

from verus_gateway.config.keys import reference
from verus_gateway.config.reader import load, load_token_service
from verus_gateway.config.secret import Secret
from verus_gateway.config.tables.admin import AdminConfig, OpenIdConfig
from verus_gateway.config.tables.cache import CacheConfig
from verus_gateway.config.tables.callers import (
    AnonymousClass,
    AppConfig,
    AuthConfig,
    RateClass,
    RateLimitConfig,
)
from verus_gateway.config.tables.daemon import BreakerConfig, VerusConfig
from verus_gateway.config.tables.issuer import TokenServiceConfig
from verus_gateway.config.tables.server import Mode, SecurityConfig, ServerConfig
from verus_gateway.config.tables.telemetry import LoggingConfig, MetricsConfig, TracingConfig
from verus_gateway.config.tree import Config

__all__ = [
    "AdminConfig",
    "AnonymousClass",
    "AppConfig",
    "AuthConfig",
    "BreakerConfig",
    "CacheConfig",
    "Config",
    "LoggingConfig",
    "MetricsConfig",
    "Mode",
    "OpenIdConfig",
    "RateClass",
    "RateLimitConfig",
    "Secret",
    "SecurityConfig",
    "ServerConfig",
    "TokenServiceConfig",
    "TracingConfig",
    "VerusConfig",
    "load",
    "load_token_service",
    "reference",
]
