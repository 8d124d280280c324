"""What an operator may set, and reading it."""

from verus_gateway.config.reader import load
from verus_gateway.config.tree import (
    AdminConfig,
    AppConfig,
    AuthConfig,
    BreakerConfig,
    CacheConfig,
    Config,
    LoggingConfig,
    MetricsConfig,
    Mode,
    OpenIdConfig,
    RateClass,
    RateLimitConfig,
    Secret,
    SecurityConfig,
    ServerConfig,
    VerusConfig,
    reference,
)

__all__ = [
    "AdminConfig",
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
    "VerusConfig",
    "load",
    "reference",
]
