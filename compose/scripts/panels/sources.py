"""Where answers come from: verusd, the cache, Redis."""

from typing import Final

from panels import CHAIN, VERUSD, Panel, quantile, rate

DAEMON: Final = (
    Panel(
        title="Calls at verusd by outcome",
        about="result and error are answers; every other word is a failure and counts for the breaker.",
        unit="reqps",
        series={"{{outcome}}": rate(f"{VERUSD}_count", "outcome")},
    ),
    Panel(
        title="How long verusd takes",
        about="Without waiting for a turn. Rising before it goes away.",
        unit="s",
        series={"p50 {{chain}}": quantile(0.5, VERUSD), "p99 {{chain}}": quantile(0.99, VERUSD)},
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
        series={"{{chain}}": rate("verus_gateway_cache_evictions_total", "chain")},
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
        title="Redis for state",
        about="1 while an instance may ask the Redis for revocations and sessions. evicts: 1 where it may lose them.",
        unit="short",
        series={
            "{{instance}}": "verus_gateway_redis_state_up",
            "evicts {{instance}}": "verus_gateway_redis_state_evicts",
        },
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
        series={"{{outcome}}": rate("verus_gateway_redis_looks_total", "outcome", "")},
    ),
    Panel(
        title="Faults of Redis",
        about="By cause. noauth and noperm are faults of the configuration.",
        unit="reqps",
        series={"{{cause}}": rate("verus_gateway_redis_faults_total", "cause", "")},
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
    Panel(
        title="Notes between instances",
        about="By what became of them. broken: an instance has another secret or version. dropped: not sent.",
        unit="ops",
        series={
            "{{fate}}": rate("verus_gateway_notes_total", "fate", ""),
            "dropped": "sum (rate(verus_gateway_notes_dropped_total[$__rate_interval]))",
        },
    ),
)
