"""What is asked for and not installed."""

import pytest

from verus_gateway.config import TracingConfig, extras

MISSING = ["tracing.enabled: is not installed: pip install 'verus-gateway[tracing]'"]


@pytest.mark.parametrize("needed", ["no_such_package.sdk", "msgspec.no_such_module"])
def test_tracing_without_what_it_needs_is_a_fault(needed: str) -> None:
    assert list(extras.contradictions(TracingConfig(enabled=True), (needed,))) == MISSING


def test_tracing_that_is_off_needs_nothing() -> None:
    assert list(extras.contradictions(TracingConfig(), ("no_such_package.sdk",))) == []


def test_what_tracing_needs_is_what_the_extra_installs() -> None:
    assert list(extras.contradictions(TracingConfig(enabled=True))) == []
