"""Where Redis is and what is shown there, from the settings."""

from pathlib import Path

from verus_gateway import redis_url
from verus_gateway.config import CacheConfig, Secret
from verus_gateway.redis_url import Place
from verus_gateway.shared.client import client
from verus_gateway.shared.link import Link


def place_of(url: Secret, password_file: str) -> Place:
    """Return the place that *url* names, entered with the password of *password_file*."""
    place = redis_url.parse(url.reveal())
    if password_file:
        return place.with_password(Path(password_file).read_text("utf-8").strip())
    return place


def state_place(cache: CacheConfig) -> Place:
    """Return where what must last is kept."""
    if cache.state_url:
        return place_of(cache.state_url, cache.state_password_file)
    return place_of(cache.redis_url, cache.redis_password_file)


def key_of(cache: CacheConfig) -> bytes:
    """Return what seals the answers, from the file where there is one; empty seals nothing."""
    if cache.redis_secret_file:
        return Path(cache.redis_secret_file).read_bytes().strip()
    return cache.redis_secret.reveal().encode()


def link_to(name: str, place: Place, timeout: float) -> Link:
    """Return a link to *place* that is not yet up."""
    return Link(name, client(place, seconds=timeout), timeout=timeout, place=str(place))
