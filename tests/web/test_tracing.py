"""One span for each call, from the trace that the request names to the request at verusd."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from stack import PASSWORD, Stack, StartStack, simulated, until

from verus_gateway.config import AnonymousClass, BreakerConfig, RateLimitConfig, TracingConfig
from verus_gateway.plugin import PUBLIC, Daemon, Json, method
from verus_gateway.simulator import Simulator
from verus_gateway.spans import OpenTelemetry
from verus_gateway.tracing import named

ON = TracingConfig(enabled=True)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


class Kept:
    """Spans that a test looks at."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.processor = SimpleSpanProcessor(self._exporter)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def rows(self, *keys: str) -> list[tuple[Any, ...]]:
        return [tuple((span.attributes or {}).get(key) for key in keys) for span in self.spans]


class Slow:
    """A method whose calls stay until they are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.row = method("acme.slow", summary="x", scope=PUBLIC, retry=True, handler=self.answer)

    async def answer(self, daemon: Daemon) -> Json:
        del daemon
        self.begun += 1
        await self.go.wait()
        return 1


@pytest.fixture
def kept() -> Kept:
    return Kept()


@asynccontextmanager
async def before(simulator: Simulator) -> AsyncIterator[tuple[str, list[tuple[str, str | None]]]]:
    """Note the method and the ``traceparent`` of each request to a simulated verusd."""
    seen: list[tuple[str, str | None]] = []

    async def passed_on(request: web.Request) -> web.Response:
        call = await request.json()
        seen.append((call["method"], request.headers.get("traceparent")))
        async with client.post(simulator.url, json=call) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    known = {"Authorization": aiohttp.encode_basic_auth("verus", PASSWORD)}
    async with aiohttp.ClientSession(headers=known) as client, served(passed_on) as url:
        yield url, seen


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """Serve every POST by *handler*."""
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def call(name: str, *params: Any, id: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": name, "params": list(params)}


async def test_a_call_is_one_span_that_says_what_came_of_it(start: StartStack, kept: Kept) -> None:
    stack = await start(tracing=ON, spans=kept.processor)

    await stack.post(call("getblock", 7))
    await stack.post(call("getblock", 7))

    keys = ("rpc.system", "rpc.method", "verus.chain", "verus.source", "verus.breaker")
    assert kept.rows(*keys) == [
        ("jsonrpc", "getblock", "VRSC", "daemon", "closed"),
        ("jsonrpc", "getblock", "VRSC", "cache", "closed"),
    ]
    assert [(span.name, span.kind) for span in kept.spans] == [("getblock", SpanKind.SERVER)] * 2
    assert all(span.parent is None and span.status.is_unset for span in kept.spans)


async def test_an_error_has_its_code_and_a_strangers_words_are_no_name(
    start: StartStack, kept: Kept
) -> None:
    stack = await start(tracing=ON, spans=kept.processor)

    await stack.post([call("made.up.by.a.stranger"), {"id": 1}, call("getblock", 999_999)])

    assert sorted(kept.rows("rpc.method", "verus.source", "rpc.jsonrpc.error_code")) == [
        ("getblock", "error", -8),
        ("unknown", "error", -32601),
        ("unknown", "error", -32600),
    ]
    assert {span.status.status_code for span in kept.spans} == {StatusCode.ERROR}


async def test_a_request_without_a_readable_call_has_no_span(start: StartStack, kept: Kept) -> None:
    stack = await start(tracing=ON, spans=kept.processor)

    refused = await stack.post(b"{")

    assert (refused.status, kept.spans) == (400, ())


async def test_the_trace_of_a_request_goes_on_at_verusd(start: StartStack, kept: Kept) -> None:
    async with Simulator(simulated()) as simulator, before(simulator) as (url, seen):
        stack = await start(
            beside=simulator, verus={"rpc_url": url}, tracing=ON, spans=kept.processor
        )
        calls = [call("getblock", 3), call("getblock", 4), call("getblock", 3)]

        await stack.post(calls, traceparent=GIVEN)
        await stack.post(call("getblock", 5), traceparent=GIVEN)
        asked = [parent for name, parent in seen if name == "getblock" and parent]
        ours = {f"00-{TRACE}-{span.context.span_id:016x}-01" for span in kept.spans if span.context}

    assert len(asked) == len(set(asked)) == 3
    assert set(asked) <= ours
    assert {f"{span.parent.span_id:016x}" for span in kept.spans if span.parent} == {PARENT}
    assert len(kept.spans) == 4
    assert {parent for name, parent in seen if name != "getblock"} == {None}
    assert not named()


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("vendor=abc,other=1", "vendor=abc,other=1"),
        ("not a list of members", None),
        ("vendor=" + "x" * 255 + ",other=" + "y" * 255, None),
    ],
)
async def test_the_callers_tracestate_goes_along_where_it_is_one_and_short(
    start: StartStack, kept: Kept, given: str, passed: str | None
) -> None:
    seen: list[str | None] = []

    async def passed_on(request: web.Request) -> web.Response:
        if (await request.json())["method"] == "getblock":
            seen.append(request.headers.get("tracestate"))
        return web.json_response({"result": {}, "error": None, "id": 1})

    async with served(passed_on) as url:
        stack = await start(verus={"rpc_url": url}, tracing=ON, spans=kept.processor, wait=False)

        await stack.post(call("getblock", 3), traceparent=GIVEN, tracestate=given)
        await stack.post(call("getblock", 4), tracestate=given)

    assert seen == [passed, None]


@pytest.mark.parametrize("parent", ["", "00-0-0-01", "nonsense\xff", f"ff-{TRACE}-{PARENT}-01"])
async def test_a_parent_that_is_none_begins_a_trace_of_our_own(
    start: StartStack, kept: Kept, parent: str
) -> None:
    stack = await start(tracing=ON, spans=kept.processor)

    answer = await stack.post(call("getblockcount"), traceparent=parent)

    assert answer.body["result"] == 20
    [span] = kept.spans
    assert span.parent is None


@pytest.mark.parametrize(("ratio", "flags"), [(1.0, "00"), (0.0, "01")])
async def test_what_is_not_sampled_is_passed_on_as_such_and_not_kept(
    start: StartStack, kept: Kept, ratio: float, flags: str
) -> None:
    settings = TracingConfig(enabled=True, sample_ratio=ratio)
    async with Simulator(simulated()) as simulator, before(simulator) as (url, seen):
        stack = await start(
            beside=simulator, verus={"rpc_url": url}, tracing=settings, spans=kept.processor
        )

        await stack.post(call("getblock", 3), traceparent=f"00-{TRACE}-{PARENT}-{flags}")
        [asked] = [parent for name, parent in seen if name == "getblock" and parent]

    assert asked.startswith(f"00-{TRACE}-")
    assert asked.endswith("-00")
    assert kept.spans == ()


async def test_a_fallback_and_an_open_breaker_are_told(start: StartStack, kept: Kept) -> None:
    rules = BreakerConfig(failure_threshold=1, recovery_timeout_seconds=600)
    stack = await start(tracing=ON, spans=kept.processor, rules=rules)
    await stack.post(call("getblockcount"))
    stack.simulator.fault("refuse")
    await until(lambda: stack.gateway.chain.breaker.name == "open")

    await stack.post(call("getblockcount"))

    assert kept.rows("verus.source", "verus.breaker") == [("daemon", "closed"), ("stale", "open")]


async def test_a_caller_without_a_place_has_spans_too(start: StartStack, kept: Kept) -> None:
    slow = Slow()
    rates = RateLimitConfig(anonymous=AnonymousClass(concurrent=1))
    stack = await start(tracing=ON, spans=kept.processor, rates=rates, offered=(slow.row,))
    under_way = asyncio.create_task(stack.post(call("acme.slow")))
    await until(lambda: slow.begun == 1)

    await stack.post(call("acme.slow"))
    await stack.post([call("acme.slow"), call("acme.slow", id=2)])
    slow.go.set()
    await under_way

    key = "rpc.jsonrpc.error_code"
    assert kept.rows(key) == [(-32003,), (-32003,), (-32003,), (None,)]


async def test_a_caller_that_leaves_ends_its_span(start: StartStack, kept: Kept) -> None:
    slow = Slow()
    stack = await start(tracing=ON, spans=kept.processor, offered=(slow.row,))
    under_way = asyncio.create_task(stack.post(call("acme.slow")))
    await until(lambda: slow.begun == 1)

    under_way.cancel()
    await until(lambda: bool(kept.spans))

    assert kept.rows("rpc.method", "verus.source") == [("acme.slow", "gone")]


async def test_tracing_closes_the_express_lane_and_no_tracing_leaves_it_open(
    start: StartStack, kept: Kept
) -> None:
    traced = await start(tracing=ON, spans=kept.processor)
    other = await start()
    for stack in (traced, other):
        for _ in range(4):
            await stack.post(call("getblock", 7))

    assert (traced.gateway.counts.express, traced.gateway.express) == (0, False)
    assert other.gateway.express
    assert other.gateway.counts.express > 0
    assert len(kept.spans) == 4


async def test_spans_arrive_at_a_receiver_in_batches_when_the_gateway_ends(
    start: StartStack,
) -> None:
    received: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.Response:
        received.append(ExportTraceServiceRequest.FromString(await _plain(request)))
        return web.Response(content_type="application/x-protobuf")

    async with served(take) as url:
        settings = TracingConfig(enabled=True, endpoint=f"{url}/v1/traces", service_name="ours")
        stack: Stack = await start(tracing=settings)
        for height in range(5):
            await stack.post(call("getblock", height))
        assert received == []

        await stack.runner.cleanup()

    [batch] = received
    [resource] = batch.resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "ours"
    assert [span.name for span in resource.scope_spans[0].spans] == ["getblock"] * 5


async def _plain(request: web.Request) -> bytes:
    assert request.path == "/v1/traces"
    assert request.content_type == "application/x-protobuf"
    return await request.read()


async def test_a_receiver_that_hangs_does_not_hold_up_the_end() -> None:
    let_go = threading.Event()

    class Stuck(SpanProcessor):
        def shutdown(self) -> None:
            let_go.wait(30)

    tracing = OpenTelemetry(ON, Stuck())

    async with asyncio.timeout(20):
        async with tracing.running(patience=0.01):
            pass

    assert not let_go.is_set()
    let_go.set()
