"""What a configuration asks for that is installed only where it is asked for."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

from verus_gateway.config.tables.telemetry import TracingConfig

NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
"""What the extra ``tracing`` brings."""


def contradictions(tracing: TracingConfig, needed: tuple[str, ...] = NEEDED) -> Iterator[str]:
    """Yield what is asked for and not installed.

    Args:
        tracing: The table.
        needed: Modules without which nothing is traced.
    """
    if tracing.enabled and not all(map(_installed, needed)):
        yield "tracing.enabled: is not installed: pip install 'verus-gateway[tracing]'"


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False
