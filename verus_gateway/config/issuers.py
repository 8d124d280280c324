"""What must not be said about tokens although each key is well formed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from verus_gateway.config import sharing
from verus_gateway.config.tables.callers import AuthConfig
from verus_gateway.config.tables.issuer import TokenServiceConfig
from verus_gateway.config.tree import Config

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SOURCES: Final = ("issuer", "jwks_url", "jwks_file", "revocations_url")


def contradictions(config: Config) -> Iterator[str]:
    """Yield what cannot be meant, whatever the mode."""
    if config.token_service.embedded:
        yield from _of_service(config)
        if config.token_service.max_token_lifetime > config.auth.max_token_lifetime:
            yield "token_service.max_token_lifetime: is over auth.max_token_lifetime"
        for key in SOURCES:
            if getattr(config.auth, key):
                yield f"auth.{key}: the embedded token service is the issuer"
    else:
        yield from _of_issuer(config.auth)


def weaknesses(config: Config) -> Iterator[str]:
    """Yield what production must not be started with."""
    for key in ("jwks_url", "revocations_url"):
        if getattr(config.auth, key) and not protected(getattr(config.auth, key)):
            yield f"auth.{key}: needs https beyond this machine and its container network"
    if config.token_service.embedded:
        yield from _weak_service(config.token_service)


def service_faults(config: Config) -> Iterator[str]:
    """Yield what the token service must not be started with when it runs alone."""
    service = config.token_service
    yield from _of_service(config)
    yield from sharing.contradictions(config.cache)
    if config.security.mode == "production":
        yield from _weak_service(service)
    elif service.host not in LOOPBACK:
        yield "token_service.host: development mode listens on loopback only"


def _of_service(config: Config) -> Iterator[str]:
    service, cache = config.token_service, config.cache
    parts = urlsplit(service.issuer)
    if not service.issuer:
        yield "token_service.issuer: is missing"
    elif parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        yield "token_service.issuer: is an address without query and fragment (RFC 8414)"
    if not service.folder:
        yield "token_service.folder: is missing"
    if service.token_lifetime > service.max_token_lifetime:
        yield "token_service.token_lifetime: is over token_service.max_token_lifetime"
    if service.clients == "redis" and not cache.redis_url:
        yield "token_service.clients: there is no cache.redis_url"
    elif service.clients == "redis" and not (cache.redis_secret or cache.redis_secret_file):
        yield "token_service.clients: needs cache.redis_secret: without it Redis could add clients"


def _weak_service(service: TokenServiceConfig) -> Iterator[str]:
    if service.issuer and not protected(service.issuer):
        yield "token_service.issuer: needs https beyond this machine and its container network"


def _of_issuer(auth: AuthConfig) -> Iterator[str]:
    sources = [key for key in ("jwks_url", "jwks_file") if getattr(auth, key)]
    if auth.issuer and len(sources) != 1:
        yield "auth: give exactly one of jwks_url, jwks_file with issuer"
    if not auth.issuer:
        for key in (*sources, *(["revocations_url"] if auth.revocations_url else [])):
            yield f"auth.{key}: needs issuer"
    if auth.jwks_file and not Path(auth.jwks_file).is_file():
        yield f"auth.jwks_file: {auth.jwks_file} is no file"
    for key in ("jwks_url", "revocations_url"):
        if getattr(auth, key) and urlsplit(getattr(auth, key)).scheme not in {"http", "https"}:
            yield f"auth.{key}: is no http or https address"


def protected(url: str) -> bool:
    """Tell whether nobody on the way can change what *url* gives.

    A name without a dot is one of a container network: engines resolve those themselves.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    named_by_engine = bool(host) and not set(host) & set(".:")
    return parts.scheme == "https" or host in LOOPBACK or named_by_engine
