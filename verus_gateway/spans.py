"""One span for each call, by OpenTelemetry's SDK.

An extra brings the SDK, so this module is imported only where an operator wants traces.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from verus_gateway.config import TracingConfig
from verus_gateway.outcomes import Answer
from verus_gateway.tracing import CURRENT, Outcome, State

QUEUE: Final = 2_048
"""Spans that wait to be sent; of more, the oldest go."""
BATCH: Final = 512
EXPORT_SECONDS: Final = 5.0
"""Seconds for which one batch is tried, retries included."""
FLUSH_SECONDS: Final = 5.0
"""Seconds for which the end waits for spans to be sent."""
LONGEST_STATE: Final = 512
"""Characters of a ``tracestate`` that is passed on: verusd bounds the whole head at 8192 bytes."""
PARENTS: Final = ("traceparent", "tracestate")


class CallSpan:
    """The span of one call.

    Args:
        span: The SDK's.
        breaker: Tells the breaker's state.
    """

    def __init__(self, span: Span, breaker: State) -> None:
        self._span = span
        self._breaker = breaker

    @contextmanager
    def current(self) -> Iterator[None]:
        """Have requests to verusd name this span as their parent."""
        token = CURRENT.set(_headers(self._span.get_span_context()))
        try:
            yield
        finally:
            CURRENT.reset(token)

    def end(self, outcome: Outcome | None) -> None:
        """Note what came of the call, None where its caller left; only the first time counts."""
        if not self._span.is_recording():
            return
        self._span.set_attribute("verus.breaker", self._breaker())
        if isinstance(outcome, Answer):
            self._span.set_attribute("verus.source", outcome.source)
        elif outcome is None:
            self._span.set_attribute("verus.source", "gone")
        else:
            self._span.set_attribute("verus.source", "error")
            self._span.set_attribute("rpc.jsonrpc.error_code", outcome.code)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class RequestTrace:
    """The spans of one request.

    Args:
        begin: Begins the span of a call to a method.
        breaker: Tells the breaker's state.
    """

    def __init__(self, begin: Callable[[str], Span], breaker: State) -> None:
        self._begin = begin
        self._breaker = breaker
        self._calls: list[CallSpan] = []

    def begin(self, method: str) -> CallSpan:
        """Begin the span of a call."""
        call = CallSpan(self._begin(method), self._breaker)
        self._calls.append(call)
        return call

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End what was not ended: its caller has left."""
        for call in self._calls:
            call.end(None)


class OpenTelemetry:
    """Makes spans; they are sent while it is `running`.

    Args:
        settings: The table.
        processor: Takes the spans, in place of what sends them.
    """

    def __init__(self, settings: TracingConfig, processor: SpanProcessor | None = None) -> None:
        ratio = TraceIdRatioBased(settings.sample_ratio)
        self._settings = settings
        self._processor = processor
        self._provider = TracerProvider(
            # A stranger who says "sampled" must not make us send more than we want to.
            sampler=ParentBased(root=ratio, remote_parent_sampled=ratio),
            resource=Resource.create({SERVICE_NAME: settings.service_name}),
            shutdown_on_exit=False,
        )
        self._tracer = self._provider.get_tracer("verus_gateway")
        self._propagator = TraceContextTextMapPropagator()

    def trace(self, chain: str, breaker: State, headers: Mapping[str, str]) -> RequestTrace:
        """Return what makes the spans of one request, children of the span that it names."""
        given = {name: headers[name] for name in PARENTS if name in headers}
        parent = self._propagator.extract(given, Context())

        def begin(method: str) -> Span:
            said = {"rpc.system": "jsonrpc", "rpc.method": method, "verus.chain": chain}
            return self._tracer.start_span(
                method, context=parent, kind=SpanKind.SERVER, attributes=said
            )

        return RequestTrace(begin, breaker)

    @asynccontextmanager
    async def running(self, patience: float = FLUSH_SECONDS) -> AsyncIterator[None]:
        """Send spans from a thread of its own; at the end, what waits, but not for ever.

        Args:
            patience: Seconds for which the end waits.
        """
        self._provider.add_span_processor(self._processor or _sender(self._settings.endpoint))
        try:
            yield
        finally:
            end = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
            end.start()
            await asyncio.to_thread(end.join, patience)


def _headers(own: SpanContext) -> dict[str, str]:
    parent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags & 1:02x}"
    state = own.trace_state.to_header()
    if not state or len(state) > LONGEST_STATE:
        return {"traceparent": parent}
    return {"traceparent": parent, "tracestate": state}


def _sender(endpoint: str) -> SpanProcessor:
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
    return BatchSpanProcessor(exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH)
