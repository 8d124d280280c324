"""How each instance fares."""

from typing import Final

from panels import Panel, rate

INSTANCES: Final = (
    Panel(
        title="HTTP requests in flight",
        about="Should be alike on all instances.",
        unit="short",
        series={"{{instance}}": "verus_gateway_in_flight"},
    ),
    Panel(
        title="HTTP requests",
        about="How Caddy spreads them.",
        unit="reqps",
        series={"{{instance}}": rate("verus_gateway_http_responses_total", "instance", "")},
    ),
    Panel(
        title="Memory",
        about="A line that only rises is a leak; one at GATEWAY_MEMORY ends in a restart.",
        unit="bytes",
        series={"{{instance}}": 'process_resident_memory_bytes{job="verus-gateway"}'},
    ),
    Panel(
        title="Lateness of the event loop",
        about="Over a second everybody waits.",
        unit="s",
        series={"{{instance}}": "verus_gateway_loop_lag_seconds"},
    ),
    Panel(
        title="Running since",
        about="Seconds since the start.",
        unit="s",
        series={"{{instance}}": 'time() - process_start_time_seconds{job="verus-gateway"}'},
    ),
    Panel(
        title="Versions",
        about="More than one only during an upgrade.",
        unit="short",
        series={"": "count by (version) (verus_gateway_info)"},
        kind="table",
    ),
)
