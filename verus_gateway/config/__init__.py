"""What an operator may set, and reading it."""

from verus_gateway.config.reader import load
from verus_gateway.config.tree import (
    AppConfig,
    AuthConfig,
    BreakerConfig,
    CacheConfig,
    Config,
    LoggingConfig,
    MetricsConfig,
    Mode,
    RateClass,
    RateLimitConfig,
    Secret,
    SecurityConfig,
    ServerConfig,
    VerusConfig,
    reference,
)

__all__ = [
    "AppConfig",
    "AuthConfig",
    "BreakerConfig",
    "CacheConfig",
    "Config",
    "LoggingConfig",
    "MetricsConfig",
    "Mode",
    "RateClass",
    "RateLimitConfig",
    "Secret",
    "SecurityConfig",
    "ServerConfig",
    "VerusConfig",
    "load",
    "reference",
]
