from typing import Any

import pytest

from verus_gateway.health import EARLY_BLOCK, OLD_BLOCK, Facts, judge, report


def facts(**other: Any) -> Facts:
    well: dict[str, Any] = {
        "draining": False,
        "away": None,
        "breaker": "closed",
        "retry_after": 0.0,
        "height": 5,
        "confirmed": True,
        "block_age": 60.0,
        "lag": 0.0,
    }
    return Facts(**(well | other))


def test_all_is_well_where_nothing_is_wrong() -> None:
    assert judge(facts()) == ("healthy", [])
    assert judge(facts(block_age=None)) == ("healthy", [])
    assert judge(facts(block_age=OLD_BLOCK, lag=1.0)) == ("healthy", [])


WARNINGS: list[tuple[dict[str, Any], str]] = [
    ({"away": "refused"}, "the daemon does not answer: refused"),
    ({"breaker": "open", "retry_after": 42.4}, "the breaker is open, retry in 42 s"),
    ({"breaker": "half_open", "retry_after": 1.0}, "the breaker is half_open, retry in 1 s"),
    ({"height": None, "confirmed": False}, "the newest block was never seen"),
    ({"confirmed": False}, "the newest block is not confirmed"),
    ({"block_age": OLD_BLOCK + 60}, "the newest block is 31 minutes old"),
    ({"block_age": -EARLY_BLOCK - 60}, "the newest block is 11 minutes in the future"),
    ({"lag": 1.26}, "the event loop is 1.3 s late"),
    ({"alone": "Redis is away"}, "this instance stands alone: Redis is away"),
    ({"doubt": "redis may evict"}, "redis may evict"),
    (
        {"keyless": "https://tokens.example"},
        "no key of https://tokens.example is known: no token is good",
    ),
]


@pytest.mark.parametrize(("other", "warning"), WARNINGS)
def test_each_thing_that_is_wrong_is_a_warning(other: dict[str, Any], warning: str) -> None:
    assert judge(facts(**other)) == ("degraded", [warning])


def test_an_unconfirmed_block_is_no_second_warning_of_an_absent_daemon() -> None:
    _, warnings = judge(facts(away="timeout", confirmed=False))

    assert warnings == ["the daemon does not answer: timeout"]


def test_the_daemon_of_another_chain_is_no_daemon_of_ours() -> None:
    other = "the daemon's chain is VRSCTEST, not VRSC"

    assert judge(facts(stranger=other, away="protocol")) == ("unhealthy", [other])


def test_who_shuts_down_is_unhealthy_however_well() -> None:
    assert judge(facts(draining=True)) == ("unhealthy", ["shutting down"])
    assert judge(facts(draining=True, lag=2.0))[1] == [
        "shutting down",
        "the event loop is 2.0 s late",
    ]


@pytest.mark.parametrize(
    ("other", "code", "status"),
    [
        ({}, 200, "healthy"),
        ({"away": "refused"}, 200, "degraded"),
        ({"draining": True}, 503, "unhealthy"),
    ],
)
def test_only_an_unhealthy_gateway_answers_503(
    other: dict[str, Any], code: int, status: str
) -> None:
    said, body = report({"VRSC": facts(**other)}, {"version": "1"})

    assert (said, body["status"], body["version"]) == (code, status, "1")


def test_the_worst_chain_decides_and_each_warning_names_its_own() -> None:
    chains = {"VRSC": facts(), "VRSCTEST": facts(away="refused"), "PBaaS": facts()}

    code, body = report(chains, {})

    assert (code, body["status"]) == (200, "degraded")
    assert body["warnings"] == ["VRSCTEST: the daemon does not answer: refused"]


def test_the_only_chain_is_not_named() -> None:
    _, body = report({"VRSC": facts(away="refused")}, {})

    assert body["warnings"] == ["the daemon does not answer: refused"]
