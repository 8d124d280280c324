"""Health, readiness, metrics, the last resort, and what a malformed request may log."""

import asyncio
import io
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pytest_aiohttp import AiohttpClient
from stack import StartStack

from verus_gateway import logs
from verus_gateway.metrics import HttpCounts
from verus_gateway.web.keys import COUNTS, DRAIN, LIMITS, Drain, Limits
from verus_gateway.web.middleware import frame
from verus_gateway.web.protocol import Protocol, Server


async def test_a_gateway_that_is_well_says_so(start: StartStack) -> None:
    stack = await start()

    health, live, ready = [
        await stack.get(path) for path in ("/health", "/health/live", "/health/ready")
    ]

    assert (health.status, health.body["status"], health.body["warnings"]) == (200, "healthy", [])
    assert health.body["tip"]["height"] == 20
    assert health.body["daemon"]["status"] == "up"
    assert (live.status, live.body) == (200, {"status": "alive"})
    assert (ready.status, ready.body) == (200, {"status": "ready"})


async def test_while_it_drains_it_is_not_ready_and_closes_connections(start: StartStack) -> None:
    stack = await start()
    stack.gateway.drain.draining = True

    ready, health = await stack.get("/health/ready"), await stack.get("/health")
    answer = await stack.post({"id": 1, "method": "getblockcount"})

    assert (ready.status, ready.body) == (503, {"status": "draining"})
    assert (health.status, health.body["status"]) == (503, "unhealthy")
    assert (answer.status, answer.body["result"]) == (200, 20)
    assert answer.headers["Connection"] == "close"


async def test_metrics_count_calls_errors_and_responses(start: StartStack) -> None:
    stack = await start()
    await stack.call("getblockcount")
    await stack.call("getblockcount")
    await stack.call('nope"\n')
    await stack.post([{"id": 1, "method": "getblockcount"}])

    text = (await stack.get("/metrics")).body

    labels = 'chain="VRSC",method="getblockcount",source='
    assert f'verus_gateway_call_seconds_count{{{labels}"daemon"}} 1' in text
    assert f'verus_gateway_call_seconds_count{{{labels}"cache"}} 2' in text
    assert 'verus_gateway_errors_total{chain="VRSC",code="-32601",method="unknown"} 1' in text
    assert 'verus_gateway_http_responses_total{status="200"} 4' in text
    assert "verus_gateway_batches_total 1" in text
    assert "nope" not in text


async def test_without_metrics_there_is_no_such_path(start: StartStack) -> None:
    stack = await start(metrics=False)

    assert (await stack.get("/metrics")).status == 404


async def test_a_fault_of_the_gateway_is_a_500_that_tells_a_number_only(
    aiohttp_client: AiohttpClient,
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ZeroDivisionError("secret detail")

    client = await aiohttp_client(_app(broken))
    written = io.StringIO()

    with logs.writing("info", "json", written):
        response = await client.get("/", headers={"X-Request-ID": "trace-1"})
        body = msgspec.json.decode(await response.read())

    assert response.status == 500
    assert body["error"] == {
        "code": -32603,
        "message": "internal error",
        "data": {"incident": "trace-1"},
    }
    line = msgspec.json.decode(written.getvalue().splitlines()[0])
    assert line["request_id"] == "trace-1"
    assert "ZeroDivisionError" in line["traceback"]


async def test_an_http_error_of_the_framework_keeps_its_status(
    aiohttp_client: AiohttpClient,
) -> None:
    async def gone(_: web.Request) -> web.Response:
        raise web.HTTPGone

    client = await aiohttp_client(_app(gone))

    response = await client.get("/")

    assert response.status == 410
    assert msgspec.json.decode(await response.read())["error"]["code"] == -32600


async def test_bytes_that_are_no_http_write_no_traceback(start: StartStack) -> None:
    stack = await start()
    written = io.StringIO()
    port = int(stack.url.rpartition(":")[2])

    with logs.writing("info", "json", written):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"NOT HTTP AT ALL\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"Server: verus-gateway" in head
    assert b"X-Request-ID: " in head
    assert b"aiohttp" not in answer
    assert msgspec.json.decode(body)["error"]["code"] == -32600
    assert written.getvalue() == ""


async def test_a_fault_below_the_middleware_is_logged_and_tells_nothing(
    start: StartStack, caplog: pytest.LogCaptureFixture
) -> None:
    stack = await start()
    request: Any = make_mocked_request("POST", "/", writer=Sent(0))
    protocol = Protocol(Server(_never), loop=asyncio.get_running_loop())

    response = protocol.handle_error(request, 500, ZeroDivisionError("secret"))

    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    assert b"secret" not in response.body
    assert response.status == 500
    assert [record.getMessage() for record in caplog.records] == ["request failed"]
    assert (await stack.get("/health/live")).status == 200


async def test_no_second_answer_is_written_into_a_first() -> None:
    request: Any = make_mocked_request("POST", "/", writer=Sent(1))
    protocol = Protocol(Server(_never), loop=asyncio.get_running_loop())

    with pytest.raises(ConnectionError):
        protocol.handle_error(request, 400)


class Sent:
    """A writer that has sent so many bytes."""

    def __init__(self, size: int) -> None:
        self.output_size = size


async def _never(_: web.BaseRequest) -> web.StreamResponse:
    raise NotImplementedError


def _app(handler: Any) -> web.Application:
    app = web.Application(middlewares=[frame])
    app[COUNTS], app[DRAIN] = HttpCounts(), Drain()
    app[LIMITS] = Limits(
        body=1, batch=1, batch_results=1, body_seconds=1, origins=frozenset({"https://a.example"})
    )
    app.router.add_get("/", handler)
    return app
