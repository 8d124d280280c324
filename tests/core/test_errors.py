from collections.abc import Iterator
from typing import get_args

import pytest

from verus_gateway import errors
from verus_gateway.errors import (
    ConfigError,
    DaemonError,
    DaemonUnavailable,
    PluginError,
    RpcError,
    StartupError,
)

TABLE: dict[str, tuple[int, int, str]] = {
    "RpcError": (-32603, 200, "unknown"),
    "ParseError": (-32700, 400, "unknown"),
    "InvalidRequest": (-32600, 400, "unknown"),
    "BodyTooLarge": (-32600, 413, "unknown"),
    "WrongMediaType": (-32600, 415, "unknown"),
    "WrongHttpMethod": (-32600, 405, "unknown"),
    "NoSuchPath": (-32600, 404, "unknown"),
    "BodyTimeout": (-32600, 408, "unknown"),
    "MethodNotFound": (-32601, 200, "unknown"),
    "InvalidParams": (-32602, 200, "unknown"),
    "InternalError": (-32603, 200, "unknown"),
    "AnswerTooLarge": (-32603, 200, "answered"),
    "DaemonUnavailable": (-32000, 200, "failed"),
    "Refused": (-32000, 200, "failed"),
    "WrongChain": (-32000, 200, "answered"),
    "TimedOut": (-32000, 200, "failed"),
    "Overloaded": (-32000, 200, "failed"),
    "Unauthorized": (-32000, 200, "failed"),
    "BadAnswer": (-32000, 200, "failed"),
    "BrokenOff": (-32000, 200, "failed"),
    "QueueFull": (-32000, 200, "unknown"),
    "QueueTimeout": (-32000, 200, "unknown"),
    "Shed": (-32000, 503, "unknown"),
    "WarmingUp": (-32000, 200, "answered"),
    "BreakerOpen": (-32000, 200, "unknown"),
    "OutcomeUnknown": (-32001, 200, "failed"),
    "LoginRequired": (-32002, 401, "unknown"),
    "InvalidToken": (-32002, 401, "unknown"),
    "RateLimited": (-32003, 429, "unknown"),
    "ScopeMissing": (-32004, 403, "unknown"),
    "DaemonError": (-1, 200, "answered"),
}
REASONS = {
    "DaemonUnavailable": "protocol",
    "Refused": "refused",
    "WrongChain": "protocol",
    "TimedOut": "timeout",
    "Overloaded": "overloaded",
    "Unauthorized": "unauthorized",
    "BadAnswer": "protocol",
    "BrokenOff": "protocol",
    "QueueFull": "overloaded",
    "QueueTimeout": "overloaded",
    "Shed": "overloaded",
    "WarmingUp": "warming_up",
    "BreakerOpen": "breaker_open",
}


def family(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for heir in kind.__subclasses__():
        if heir.__module__ == errors.__name__:
            yield from family(heir)


def test_the_table_names_every_error_once() -> None:
    assert {kind.__name__ for kind in family(RpcError)} == TABLE.keys()
    assert {kind.__name__ for kind in family(DaemonUnavailable)} == REASONS.keys()


@pytest.mark.parametrize("name", TABLE)
def test_an_error_has_its_code_its_status_and_its_verdict(name: str) -> None:
    error = getattr(errors, name)("what went wrong")

    assert (error.code, error.status, error.verdict) == TABLE[name]
    assert str(error) == error.message == "what went wrong"


@pytest.mark.parametrize("name", REASONS)
def test_a_daemon_that_is_away_says_why_and_when_to_try_again(name: str) -> None:
    error = getattr(errors, name)("away", retry_after=1.26)

    assert error.data == {"reason": REASONS[name], "retry_after": 1.3}
    assert error.retry_after == 1.26


def test_the_reasons_are_a_closed_set() -> None:
    assert set(REASONS.values()) == set(get_args(errors.Reason))


def test_only_a_refused_password_opens_the_breaker_at_once() -> None:
    at_once = [name for name in REASONS if getattr(errors, name).opens_at_once]

    assert at_once == ["Unauthorized"]


def test_verusd_keeps_its_own_words() -> None:
    error = DaemonError("Block not found", code=-5, data=[1])

    assert (error.code, error.message, error.data) == (-5, "Block not found", [1])


@pytest.mark.parametrize("kind", [ConfigError, PluginError])
def test_a_fault_at_the_start_has_a_line_for_each(kind: type[StartupError]) -> None:
    error = kind("one", "two")

    assert str(error) == "one\ntwo"
    assert error.faults == ("one", "two")


def test_the_tree_is_drawn_in_the_docstring() -> None:
    drawn = errors.__doc__ or ""

    for kind in (*family(RpcError), *family(StartupError)):
        assert kind.__name__ in drawn
