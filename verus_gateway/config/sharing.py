"""What the settings of a shared Redis must not say."""

from collections.abc import Iterator
from pathlib import Path

from verus_gateway import redis_url
from verus_gateway.config import access
from verus_gateway.config.secret import Secret
from verus_gateway.config.tables.cache import CacheConfig


def contradictions(cache: CacheConfig) -> Iterator[str]:
    """Yield what cannot be meant."""
    for kind in ("redis", "state"):
        url, file = getattr(cache, f"{kind}_url"), getattr(cache, f"{kind}_password_file")
        if url:
            yield from _of_url(f"cache.{kind}_url", url, file)
        if file and not url:
            yield f"cache.{kind}_password_file: there is no cache.{kind}_url"
        if file and not Path(file).is_file():
            yield f"cache.{kind}_password_file: {file} is no file"
    yield from _of_secret(cache)
    for key in ("redis_secret", "redis_secret_file", "state_url"):
        if getattr(cache, key) and not cache.redis_url:
            yield f"cache.{key}: there is no cache.redis_url"


def _of_secret(cache: CacheConfig) -> Iterator[str]:
    file = cache.redis_secret_file
    if cache.redis_secret and file:
        yield "cache: give one of redis_secret, redis_secret_file"
    if file and not access.holds_text(Path(file)):
        yield f"cache.redis_secret_file: {file} is no file with a secret"


def holds_password(url: str) -> bool:
    """Tell whether a URL is a secret."""
    try:
        return bool(redis_url.parse(url).password)
    except ValueError:
        return False  # named among the contradictions


def _of_url(key: str, url: Secret, password_file: str) -> Iterator[str]:
    try:
        place = redis_url.parse(url.reveal())
    except ValueError as error:
        yield f"{key}: {error}"
        return
    if place.password and password_file:
        yield f"{key}: holds a password, and a file with one is given as well"
    if place.ca and not Path(place.ca).is_file():
        yield f"{key}: {place.ca} is no file"
