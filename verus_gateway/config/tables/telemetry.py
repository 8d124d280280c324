"""What is told of calls: lines, figures, spans."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class LoggingConfig(Struct, frozen=True, kw_only=True):
    """``[logging]``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="least severe line written")
    ] = "info"
    format: Annotated[
        Literal["json", "text"], Meta(description="one JSON object or one text line each")
    ] = "json"


class MetricsConfig(Struct, frozen=True, kw_only=True):
    """``[metrics]``."""

    enabled: Annotated[bool, Meta(description="whether `GET /metrics` exists")] = True


class TracingConfig(Struct, frozen=True, kw_only=True):
    """``[tracing]``."""

    enabled: Annotated[
        bool, Meta(description="whether each call is a span; needs `verus-gateway[tracing]`")
    ] = False
    endpoint: Annotated[
        str,
        Meta(pattern=r"^https?://[^@\s]+$", description="where spans are sent, by OTLP over HTTP"),
    ] = "http://127.0.0.1:4318/v1/traces"
    service_name: Annotated[
        str, Meta(min_length=1, max_length=255, description="`service.name` of the spans")
    ] = "verus-gateway"
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="which part of the traces is sent")
    ] = 1.0
