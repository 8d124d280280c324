"""What a configuration must not say of who calls, from where and how much."""

import re
from collections.abc import Container, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from verus_gateway.config.tables.callers import AppConfig, RateLimitConfig
from verus_gateway.config.tables.server import ServerConfig
from verus_gateway.config.tree import Config

CLASS_NAME: Final = r"[a-z0-9_-]{1,32}"
"""Of a rate class: it stands in a header and in a label."""
ORIGIN: Final = r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
"""As browsers write it (RFC 6454 section 6.2); they compare it letter by letter."""
APP_ID: Final = r"[\x21-\x7e]{1,64}"
"""Of an app: it stands in a header."""
BUILT_IN: Final = frozenset({"anonymous", "default"})
UNIX: Final = "unix:"


def contradictions(config: Config) -> Iterator[str]:
    """Yield what cannot be meant."""
    yield from _of_proxies(config.server)
    for origin in config.security.cors_origins:
        if origin != "*" and re.fullmatch(ORIGIN, origin) is None:
            yield (
                f"security.cors_origins: {origin[:64]!r} is no origin: a scheme and a host in small "
                "letters, a port where it is not the usual one, and no more"
            )
    yield from _of_rates(config.rate_limit)
    classes = {*BUILT_IN, *config.rate_limit.classes}
    for id, app in config.auth.apps.items():
        yield from _of_app(f"auth.apps.{id[:64]}", id, app, classes)


def _of_proxies(server: ServerConfig) -> Iterator[str]:
    for name in server.trusted_proxies:
        if name == UNIX:
            continue
        try:
            network = ip_network(name)
        except ValueError as error:
            yield f"server.trusted_proxies: {error}"
            continue
        if network.prefixlen == 0:
            yield f"server.trusted_proxies: {name} lets everybody choose the own address"


def _of_rates(rates: RateLimitConfig) -> Iterator[str]:
    if rates.reserved >= rates.max_concurrent:
        yield "rate_limit.reserved: leaves no place of rate_limit.max_concurrent to strangers"
    for name in rates.classes:
        where = f"rate_limit.classes.{name[:64]}"
        if name in BUILT_IN:
            yield f"{where}: is set in [rate_limit.{name}]"
        elif re.fullmatch(CLASS_NAME, name) is None:
            yield f"{where}: a class's name is small letters, digits, - and _"


def _of_app(where: str, id: str, app: AppConfig, classes: Container[str]) -> Iterator[str]:
    if re.fullmatch(APP_ID, id) is None:
        yield f"{where}: an app's id is 1 to 64 visible ASCII characters"
    if bool(app.app_key) == bool(app.app_key_file):
        yield f"{where}: give exactly one of app_key, app_key_file"
    if app.app_key_file and not holds_text(Path(app.app_key_file)):
        yield f"{where}.app_key_file: {app.app_key_file} is no file with a key"
    if app.rate_class not in classes:
        yield f"{where}.rate_class: there is no class {app.rate_class[:64]!r}"


def holds_text(file: Path) -> bool:
    """Tell whether *file* can be read, and has more than blanks in it."""
    try:
        return bool(file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False
