"""What a configuration must not say of who calls, from where and how much."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from verus_gateway.config.tree import Config, RateLimitConfig, ServerConfig

CLASS_NAME: Final = r"[a-z0-9_-]{1,32}"
"""Of a rate class: it stands in a header and in a label."""
BUILT_IN: Final = frozenset({"anonymous", "default"})
UNIX: Final = "unix:"


def contradictions(config: Config) -> Iterator[str]:
    """Yield what cannot be meant."""
    yield from _of_proxies(config.server)
    yield from _of_rates(config.rate_limit)


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
