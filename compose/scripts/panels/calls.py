"""What is asked, how it ends and how long it takes."""

from typing import Final

from panels import CALLS, CHAIN, Panel, quantile, rate

OVERVIEW: Final = (
    Panel(
        title="Instances",
        about="Gateways that answer Prometheus.",
        unit="short",
        series={"up": 'sum(up{job="verus-gateway"})'},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Daemon",
        about="1 where verusd confirms its newest block to at least one gateway.",
        unit="short",
        series={"{{chain}}": f"max by (chain) (verus_gateway_tip_confirmed{{{CHAIN}}})"},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Height",
        about="The newest block.",
        unit="none",
        series={"{{chain}}": f"max by (chain) (verus_gateway_tip_height{{{CHAIN}}})"},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Calls",
        about="Calls a second, all sources.",
        unit="reqps",
        series={"{{chain}}": rate(f"{CALLS}_count", "chain")},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Answered",
        about="Calls of an hour that the gateway could answer. The objective is 99.9 %.",
        unit="percentunit",
        series={"{{chain}}": f"1 - chain:verus_gateway_call_errors:ratio_rate1h{{{CHAIN}}}"},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Within a second",
        about="Calls of an hour that took less than a second. The objective is 99 %.",
        unit="percentunit",
        series={"{{chain}}": f"1 - chain:verus_gateway_call_slow:ratio_rate1h{{{CHAIN}}}"},
        kind="stat",
        width=4,
    ),
    Panel(
        title="Calls by source",
        about="Where answers come from: verusd, the cache, kept ones (stale), constants (default).",
        unit="reqps",
        series={"{{source}}": rate(f"{CALLS}_count", "source")},
    ),
    Panel(
        title="How long calls take",
        about="The middle one, and the slowest in a hundred.",
        unit="s",
        series={"p50 {{chain}}": quantile(0.5, CALLS), "p99 {{chain}}": quantile(0.99, CALLS)},
    ),
    Panel(
        title="Errors by code",
        about="-32000, -32001 and -32603 are ours; the others are the caller's or verusd's word.",
        unit="reqps",
        series={"{{code}}": rate("verus_gateway_errors_total", "code")},
    ),
    Panel(
        title="HTTP by status",
        about="200 is every well-formed call, also one whose answer is an error.",
        unit="reqps",
        series={"{{status}}": rate("verus_gateway_http_responses_total", "status", "")},
    ),
)

METHODS: Final = (
    Panel(
        title="Calls by method",
        about="The ten that are called most.",
        unit="reqps",
        series={"{{method}}": f"topk(10, {rate(f'{CALLS}_count', 'method')})"},
    ),
    Panel(
        title="Slowest methods",
        about="The slowest call in a hundred, the ten slowest methods.",
        unit="s",
        series={"{{method}}": f"topk(10, {quantile(0.99, CALLS, 'method')})"},
    ),
    Panel(
        title="Time spent",
        about="Seconds of all callers' waiting in each second, by method: what to make cheaper.",
        unit="short",
        series={"{{method}}": f"topk(10, {rate(f'{CALLS}_sum', 'method')})"},
    ),
    Panel(
        title="Errors by method",
        about="The ten with most errors of any kind.",
        unit="reqps",
        series={
            "{{method}} {{code}}": f"topk(10, {rate('verus_gateway_errors_total', 'method, code')})"
        },
    ),
    Panel(
        title="Methods now",
        about="Calls a second by method and source.",
        unit="reqps",
        series={"": rate(f"{CALLS}_count", "method, source")},
        kind="table",
        width=24,
    ),
)
