"""Write Grafana's dashboards: ``python compose/scripts/dashboards.py [--check]``.

They are code, so that each panel has a unit, a description and a data source, and so that a test
can hold every expression against the metrics that there are.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

FOLDER: Final = Path(__file__).parents[2] / "configs" / "grafana" / "dashboards"
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
WIDTH: Final = 24

Kind = Literal["timeseries", "stat", "table"]
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: What stands over it.
        about: What it tells, and when to worry.
        unit: Grafana's name of a unit: ``reqps``, ``s``, ``percentunit``, ``bytes``, ``short``.
        series: From legend to PromQL.
        kind: Lines over time, one figure, or a table of the present.
        width: Columns of 24.
    """

    title: str
    about: str
    unit: str
    series: dict[str, str]
    kind: Kind = "timeseries"
    width: int = 12


CHAIN: Final = 'chain=~"$chain"'
CALLS: Final = "verus_gateway_call_seconds"
VERUSD: Final = "verus_gateway_daemon_call_seconds"


def _rate(metric: str, by: str, matchers: str = CHAIN) -> str:
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


def _quantile(q: float, metric: str, by: str = "chain") -> str:
    return f"histogram_quantile({q}, {_rate(f'{metric}_bucket', f'le, {by}')})"


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
        series={"{{chain}}": _rate(f"{CALLS}_count", "chain")},
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
        series={"{{source}}": _rate(f"{CALLS}_count", "source")},
    ),
    Panel(
        title="How long calls take",
        about="The middle one, and the slowest in a hundred.",
        unit="s",
        series={"p50 {{chain}}": _quantile(0.5, CALLS), "p99 {{chain}}": _quantile(0.99, CALLS)},
    ),
    Panel(
        title="Errors by code",
        about="-32000, -32001 and -32603 are ours; the others are the caller's or verusd's word.",
        unit="reqps",
        series={"{{code}}": _rate("verus_gateway_errors_total", "code")},
    ),
    Panel(
        title="HTTP by status",
        about="200 is every well-formed call, also one whose answer is an error.",
        unit="reqps",
        series={"{{status}}": _rate("verus_gateway_http_responses_total", "status", "")},
    ),
)

DAEMON: Final = (
    Panel(
        title="Calls at verusd by outcome",
        about="result and error are answers; every other word is a failure and counts for the breaker.",
        unit="reqps",
        series={"{{outcome}}": _rate(f"{VERUSD}_count", "outcome")},
    ),
    Panel(
        title="How long verusd takes",
        about="Without waiting for a turn. Rising before it goes away.",
        unit="s",
        series={"p50 {{chain}}": _quantile(0.5, VERUSD), "p99 {{chain}}": _quantile(0.99, VERUSD)},
    ),
    Panel(
        title="Calls at verusd and before it",
        about="Waiting calls say that more is asked than verusd answers.",
        unit="short",
        series={
            "at verusd {{chain}}": f"sum by (chain) (verus_gateway_daemon_in_flight{{{CHAIN}}})",
            "waiting {{chain}}": f"sum by (chain) (verus_gateway_daemon_waiting{{{CHAIN}}})",
            "limit {{chain}}": f"sum by (chain) (verus_gateway_daemon_limit{{{CHAIN}}})",
        },
    ),
    Panel(
        title="Breaker",
        about="0 closed, 0.5 half open, 1 open; the worst of all instances.",
        unit="short",
        series={"{{chain}}": f"max by (chain) (verus_gateway_breaker_open{{{CHAIN}}})"},
    ),
    Panel(
        title="Changes of the breaker",
        about="Each opening is a failure of verusd that callers saw.",
        unit="short",
        series={
            "{{state}}": "sum by (state) "
            f"(increase(verus_gateway_breaker_changes_total{{{CHAIN}}}[$__rate_interval]))"
        },
    ),
    Panel(
        title="Age of the newest block",
        about="Over 30 minutes the chain stands still or verusd is not in step.",
        unit="s",
        series={
            "{{chain}}": "time() - max by (chain) "
            f"(verus_gateway_tip_block_time_seconds{{{CHAIN}}} > 0)"
        },
    ),
    Panel(
        title="Blocks and reorganisations",
        about="A reorganisation makes everything kept from the old branch stale.",
        unit="short",
        series={
            "blocks {{chain}}": f"max by (chain) (increase(verus_gateway_tip_steps_total{{{CHAIN}}}[1h]))",
            "reorganisations {{chain}}": "max by (chain) "
            f"(increase(verus_gateway_tip_reorgs_total{{{CHAIN}}}[1h]))",
        },
    ),
)

METHODS: Final = (
    Panel(
        title="Calls by method",
        about="The ten that are called most.",
        unit="reqps",
        series={"{{method}}": f"topk(10, {_rate(f'{CALLS}_count', 'method')})"},
    ),
    Panel(
        title="Slowest methods",
        about="The slowest call in a hundred, the ten slowest methods.",
        unit="s",
        series={"{{method}}": f"topk(10, {_quantile(0.99, CALLS, 'method')})"},
    ),
    Panel(
        title="Time spent",
        about="Seconds of all callers' waiting in each second, by method: what to make cheaper.",
        unit="short",
        series={"{{method}}": f"topk(10, {_rate(f'{CALLS}_sum', 'method')})"},
    ),
    Panel(
        title="Errors by method",
        about="The ten with most errors of any kind.",
        unit="reqps",
        series={
            "{{method}} {{code}}": f"topk(10, {_rate('verus_gateway_errors_total', 'method, code')})"
        },
    ),
    Panel(
        title="Methods now",
        about="Calls a second by method and source.",
        unit="reqps",
        series={"": _rate(f"{CALLS}_count", "method, source")},
        kind="table",
        width=24,
    ),
)

CACHE: Final = (
    Panel(
        title="Answers from the cache",
        about="Of those that came from the cache or from verusd.",
        unit="percentunit",
        series={"{{chain}}": f"chain:verus_gateway_cache_hits:ratio_rate5m{{{CHAIN}}}"},
    ),
    Panel(
        title="Degraded answers",
        about="Kept or constant answers given while verusd was away. Each is marked.",
        unit="percentunit",
        series={"{{chain}}": f"chain:verus_gateway_degraded:ratio_rate5m{{{CHAIN}}}"},
    ),
    Panel(
        title="Bytes kept",
        about="All instances together; each has [cache] max_size of its own.",
        unit="bytes",
        series={"{{chain}}": f"sum by (chain) (verus_gateway_cache_bytes{{{CHAIN}}})"},
    ),
    Panel(
        title="Answers kept",
        about="All instances together.",
        unit="short",
        series={"{{chain}}": f"sum by (chain) (verus_gateway_cache_entries{{{CHAIN}}})"},
    ),
    Panel(
        title="Dropped for room",
        about="Many a second say that the cache is too small.",
        unit="ops",
        series={"{{chain}}": _rate("verus_gateway_cache_evictions_total", "chain")},
    ),
)

ACCESS: Final = (
    Panel(
        title="Refused for want of a scope or a token",
        about="-32002 and -32004, by method.",
        unit="reqps",
        series={
            "{{method}} {{code}}": _rate(
                "verus_gateway_errors_total", "method, code", f'{CHAIN}, code=~"-32002|-32004"'
            )
        },
    ),
    Panel(
        title="Refused for too many calls",
        about="-32003. A wallet that is refused is one that polls.",
        unit="reqps",
        series={
            "{{method}}": _rate("verus_gateway_errors_total", "method", f'{CHAIN}, code="-32003"')
        },
    ),
    Panel(
        title="HTTP 401, 403 and 429",
        about="Single calls that were refused, and what is no call at all.",
        unit="reqps",
        series={
            "{{status}}": _rate(
                "verus_gateway_http_responses_total", "status", 'status=~"401|403|429"'
            )
        },
    ),
    Panel(
        title="Unknown methods",
        about="Somebody looks for what is not offered, or a wallet needs a method that is not.",
        unit="reqps",
        series={
            "{{code}}": _rate("verus_gateway_errors_total", "code", f'{CHAIN}, method="unknown"')
        },
    ),
)

LIMITS: Final = (
    Panel(
        title="Refused by a limit",
        about="By rate class and by what was exceeded: rate, concurrency, or the load of all.",
        unit="reqps",
        series={
            "{{rate_class}} {{bound}}": _rate(
                "verus_gateway_refused_total", "rate_class, bound", ""
            )
        },
    ),
    Panel(
        title="Near their limit",
        about="Callers and addresses that have used most of their allowance.",
        unit="short",
        series={"{{kind}}": "sum by (kind) (verus_gateway_near_limit)"},
    ),
    Panel(
        title="Callers remembered",
        about="Buckets in use; they are dropped for room at [rate_limit] max_buckets.",
        unit="short",
        series={"{{kind}}": "sum by (kind) (verus_gateway_buckets)"},
    ),
    Panel(
        title="Calls inside",
        about="Calls that wait for an answer, of [rate_limit] max_concurrent for each instance.",
        unit="short",
        series={"{{instance}}": "verus_gateway_calls_inside"},
    ),
    Panel(
        title="Tokens refused",
        about="By what was wrong with them. expired is a client that does not renew.",
        unit="reqps",
        series={"{{flaw}}": _rate("verus_gateway_tokens_refused_total", "flaw", "")},
    ),
    Panel(
        title="Token service",
        about="Tokens given and taken back, requests refused and turned away.",
        unit="reqps",
        series={
            "given": "rate(verus_gateway_issuer_tokens_issued_total[$__rate_interval])",
            "taken back": "rate(verus_gateway_issuer_tokens_revoked_total[$__rate_interval])",
            "refused": "rate(verus_gateway_issuer_refusals_total[$__rate_interval])",
            "throttled": "rate(verus_gateway_issuer_throttled_total[$__rate_interval])",
        },
    ),
)

REDIS: Final = (
    Panel(
        title="Redis",
        about="1 while an instance may ask Redis. 0: it goes on alone.",
        unit="short",
        series={"{{instance}}": "verus_gateway_redis_up"},
    ),
    Panel(
        title="Instances that hear each other",
        about="Should be all of them on each. Fewer: an instance is cut off, or a name is stale.",
        unit="short",
        series={"{{instance}}": "verus_gateway_instances"},
    ),
    Panel(
        title="Looks in Redis",
        about="hit is an answer that another instance fetched; away and alone say Redis is not there.",
        unit="reqps",
        series={"{{outcome}}": _rate("verus_gateway_redis_looks_total", "outcome", "")},
    ),
    Panel(
        title="Faults of Redis",
        about="By cause. noauth and noperm are faults of the configuration.",
        unit="reqps",
        series={"{{cause}}": _rate("verus_gateway_redis_faults_total", "cause", "")},
    ),
    Panel(
        title="Writes to Redis",
        about="Taken, and not made because Redis was slow or away.",
        unit="reqps",
        series={
            "taken": "sum (rate(verus_gateway_redis_writes_total[$__rate_interval]))",
            "dropped": "sum (rate(verus_gateway_redis_writes_dropped_total[$__rate_interval]))",
        },
    ),
)

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
        series={"{{instance}}": _rate("verus_gateway_http_responses_total", "instance", "")},
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

DASHBOARDS: Final = {
    "overview": ("Overview", OVERVIEW),
    "daemon": ("Daemon and breaker", DAEMON),
    "methods": ("Methods", METHODS),
    "cache": ("Cache", CACHE + REDIS),
    "access": ("Access and limits", ACCESS + LIMITS),
    "instances": ("Instances", INSTANCES),
}


def _target(number: int, legend: str, expression: str, kind: Kind) -> Json:
    instant = kind != "timeseries"
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expression,
        "format": "table" if kind == "table" else "time_series",
        "instant": instant,
        "legendFormat": legend or "__auto",
        "range": not instant,
        "refId": chr(ord("A") + number),
    }


def _panel(number: int, panel: Panel, x: int, y: int) -> Json:
    height = 4 if panel.kind == "stat" else 8
    made: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"h": height, "w": panel.width, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            _target(at, legend, expression, panel.kind)
            for at, (legend, expression) in enumerate(panel.series.items())
        ],
    }
    if panel.kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "auto"}
    if panel.kind == "timeseries":
        made["options"] = {"tooltip": {"mode": "multi", "sort": "desc"}}
    return made


def dashboard(name: str) -> Json:
    """Return one dashboard in Grafana's form."""
    title, panels = DASHBOARDS[name]
    placed: list[Json] = []
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y = 0, y + 8
        placed.append(_panel(number, panel, x, y))
        x += panel.width
    variable = {
        "name": "chain",
        "label": "Chain",
        "type": "query",
        "datasource": SOURCE,
        "definition": "label_values(verus_gateway_tip_height, chain)",
        "query": {"query": "label_values(verus_gateway_tip_height, chain)", "refId": "chain"},
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
    }
    return {
        "uid": f"verus-gateway-{name}",
        "title": f"Verus Gateway: {title}",
        "tags": ["verus-gateway"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [variable]},
        "links": [
            {
                "title": "Verus Gateway",
                "type": "dashboards",
                "tags": ["verus-gateway"],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "panels": placed,
    }


def main(argv: Sequence[str]) -> int:
    """Write all dashboards, or with ``--check`` name those that are not what this file says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where stale")
    check: bool = parser.parse_args(argv).check
    stale = False
    for name in DASHBOARDS:
        file = FOLDER / f"{name}.json"
        text = msgspec.json.format(msgspec.json.encode(dashboard(name)), indent=2) + b"\n"
        if check and (not file.exists() or file.read_bytes() != text):
            sys.stdout.write(f"{file} is stale: run compose/scripts/dashboards.py\n")
            stale = True
        elif not check:
            file.write_bytes(text)
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
