"""The breakers' state and their reset as JSON, and who may ask."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from stack import Stack, StartStack, simulated, until

from verus_gateway import logs
from verus_gateway.config import BreakerConfig, ServerConfig

STATUS, RESET = "/admin/circuit-breaker/status", "/admin/circuit-breaker/reset"
TWICE = BreakerConfig(failure_threshold=2, recovery_timeout_seconds=600)


async def opened(start: StartStack, **members: Any) -> Stack:
    """Return a stack for operators whose daemon has gone and whose breaker is open."""
    stack = await start(scopes=("public", "admin"), rules=TWICE, **members)
    stack.simulator.fault("refuse")
    await until(lambda: stack.gateway.chain.breaker.name == "open")
    return stack


async def test_the_status_of_a_gateway_that_is_well(start: StartStack) -> None:
    stack = await start(scopes=("admin",), rules=TWICE)

    reply = await stack.get(STATUS)

    assert reply.status == 200
    assert reply.body == {
        "state": "closed",
        "chains": {
            "VRSC": {
                "state": "closed",
                "failures": 0,
                "threshold": 2,
                "recovery_timeout": 600.0,
                "retry_after": 0.0,
                "trial": {"in_flight": 0, "succeeded": 0, "needed": 3},
                "last_failure": None,
                "changes": [],
            }
        },
    }


async def test_the_status_of_an_open_breaker_says_when_and_why(start: StartStack) -> None:
    stack = await opened(start)

    told = (await stack.get(STATUS)).body

    breaker = told["chains"]["VRSC"]
    [change] = breaker["changes"]
    assert (told["state"], breaker["state"], breaker["failures"]) == ("open", "open", 2)
    assert 590 < breaker["retry_after"] <= 600
    assert (change["from"], change["to"]) == ("closed", "open")
    assert change["cause"] == breaker["last_failure"]["message"]
    assert datetime.fromisoformat(change["at"]).utcoffset() is not None
    assert 0 <= change["seconds_ago"] < 10


async def test_the_trial_calls_of_a_half_open_breaker_are_told(start: StartStack) -> None:
    stack = await opened(start)
    breaker = stack.gateway.chain.breaker
    breaker._clock = lambda: breaker.changes[-1].at + 601

    with breaker.guard():
        told = (await stack.get(STATUS)).body["chains"]["VRSC"]

    assert (told["state"], told["trial"]["in_flight"]) == ("half_open", 1)


async def test_a_reset_closes_the_breaker_and_is_audited(start: StartStack) -> None:
    stack = await opened(start)
    written = io.StringIO()

    with logs.writing("info", "json", written):
        reply = await stack.post({"reason": "verusd was updated", "chain": "VRSC"}, RESET)

    [line] = [
        each
        for each in map(msgspec.json.decode, written.getvalue().splitlines())
        if (each["logger"] == "verus_gateway.audit")
    ]
    assert (reply.status, reply.body["reset"]) == (200, ["VRSC"])
    newest = reply.body["chains"]["VRSC"]["changes"][0]
    assert newest["cause"] == "reset: verusd was updated (by anonymous)"
    assert newest["to"] == "closed"
    assert {name: line[name] for name in ("event", "who", "address", "why", "chains")} == {
        "event": "breaker reset",
        "who": "anonymous",
        "address": "127.0.0.1",
        "why": "verusd was updated",
        "chains": "VRSC",
    }


async def test_a_reset_without_a_body_closes_the_breaker_of_every_chain(
    start: StartStack,
) -> None:
    stack = await opened(start, chains={"VRSCTEST": simulated(chain="VRSCTEST")})
    stack.gateway.chains["VRSCTEST"].breaker.failures = 1

    reply = await stack.post(b"", RESET)

    assert (reply.status, reply.body["reset"]) == (200, ["VRSC", "VRSCTEST"])
    assert reply.body["chains"]["VRSC"]["changes"][0]["cause"] == (
        "reset: no reason given (by anonymous)"
    )
    assert reply.body["chains"]["VRSCTEST"]["failures"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"{", 400),
        (b'{"reason": 1}', 400),
        (b'{"why": "x"}', 400),
        (b'{"reason": "\xff"}', 400),
        (b'{"chain": "NOPE"}', 400),
        (b'{"reason": "%b"}' % (b"x" * 201), 400),
        (b" " * 4097, 413),
    ],
)
async def test_a_bad_order_resets_nothing(start: StartStack, body: bytes, status: int) -> None:
    stack = await opened(start)

    reply = await stack.post(body, RESET)

    assert (reply.status, reply.body["error"]["code"]) == (status, -32600)
    assert stack.gateway.chain.breaker.name == "open"


async def test_an_order_is_json_by_name(start: StartStack) -> None:
    stack = await opened(start)

    reply = await stack.post(b"{}", RESET, **{"Content-Type": "text/plain"})

    assert reply.status == 415
    assert stack.gateway.chain.breaker.name == "open"


async def test_an_order_that_never_ends_is_given_up(start: StartStack) -> None:
    stack = await start(server=ServerConfig(body_timeout=0.05))

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with stack.client.post(stack.url + RESET, data=never()) as response:
        assert response.status == 408


async def test_nobody_else_may_ask_or_reset(start: StartStack) -> None:
    stack = await start()

    asked, reset = await stack.get(STATUS), await stack.post(b"", RESET)

    assert [(reply.status, reply.body["error"]["code"]) for reply in (asked, reset)] == [
        (401, -32002),
        (401, -32002),
    ]
    assert "WWW-Authenticate" in reset.headers
