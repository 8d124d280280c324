"""What must not be said about tokens although each key is well formed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from verus_gateway.config.tree import AuthConfig

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def contradictions(auth: AuthConfig) -> Iterator[str]:
    """Yield what cannot be meant, whatever the mode."""
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


def weaknesses(auth: AuthConfig) -> Iterator[str]:
    """Yield what production must not be started with."""
    for key in ("jwks_url", "revocations_url"):
        if getattr(auth, key) and not protected(getattr(auth, key)):
            yield f"auth.{key}: needs https beyond this machine and its container network"


def protected(url: str) -> bool:
    """Tell whether nobody on the way can change what *url* gives.

    A name without a dot is one of a container network: engines resolve those themselves.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    named_by_engine = bool(host) and not set(host) & set(".:")
    return parts.scheme == "https" or host in LOOPBACK or named_by_engine
