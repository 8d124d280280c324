import re

import pytest

import verus_gateway
from verus_gateway.auth import anonymous
from verus_gateway.breaker import Change
from verus_gateway.buckets import Allowance
from verus_gateway.errors import (
    DaemonError,
    InvalidParams,
    OutcomeUnknown,
    QueueFull,
    Refused,
    RpcError,
)
from verus_gateway.limits import Limiter
from verus_gateway.metrics import SECONDS, ChainCounts, HttpCounts, Metrics, Timings, code_label
from verus_gateway.testing import FakeClock
from verus_gateway.tip import Block, Step

LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"(?:\{(?P<labels>[a-z_]+=\"[^\"\\\n]*\"(?:,[a-z_]+=\"[^\"\\\n]*\")*)\})?"
    r" (?P<value>-?[0-9.eE+-]+|\+Inf|NaN)"
)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: bytes) -> Samples:
    """Read the text format line by line; every line must be a comment or a sample."""
    samples: Samples = {}
    announced: set[str] = set()
    for line in text.decode().splitlines():
        if line.startswith("# "):
            kind, name = line.split()[1:3]
            assert kind in {"HELP", "TYPE"}
            announced.add(name)
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        labels = frozenset(re.findall(r'([a-z_]+)="([^"]*)"', match["labels"] or ""))
        assert (match["name"], labels) not in samples
        assert any(match["name"].startswith(name) for name in announced)
        samples[match["name"], labels] = float(match["value"])
    return samples


def sample(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


@pytest.fixture
def counts() -> ChainCounts:
    return ChainCounts()


@pytest.fixture
def http() -> HttpCounts:
    return HttpCounts()


@pytest.fixture
def limiter() -> Limiter:
    classes = {
        name: Allowance(name=name, rate=1, burst=2, concurrent=1)
        for name in ("anonymous", "default")
    }
    return Limiter(classes, most=1, clock=FakeClock())


@pytest.fixture
def metrics(counts: ChainCounts, http: HttpCounts, limiter: Limiter) -> Metrics:
    own = {"tip_height": ("Height", lambda: 5.0)}
    other = {"tip_height": ("Height", lambda: 7.0)}
    chains = {"VRSC": (counts, own), "VRSCTEST": (ChainCounts(), other)}
    return Metrics(http, limiter, chains, {"event_loop_lag_seconds": ("Lag", lambda: 0.25)})


def test_what_nobody_has_used_yet_is_rendered_all_the_same(metrics: Metrics) -> None:
    samples = parse(metrics.render())

    for chain in ("VRSC", "VRSCTEST"):
        assert sample(samples, "verus_gateway_tip_steps_total", chain=chain) == 0
        for state in ("closed", "open", "half_open"):
            name = "verus_gateway_breaker_changes_total"
            assert sample(samples, name, chain=chain, state=state) == 0


def test_the_buckets_of_a_histogram_are_cumulative(counts: ChainCounts, metrics: Metrics) -> None:
    for seconds in (0.0001, 0.0005, 0.003, 0.003, 0.3, 29.0, 31.0):
        counts.call("getinfo", "cache", seconds)

    samples = parse(metrics.render())

    name, labels = "verus_gateway_call_seconds", {"chain": "VRSC", "method": "getinfo"}
    bounds = [str(float(bound)).removesuffix(".0") for bound in SECONDS]
    found = {
        dict(key)["le"].removesuffix(".0"): value
        for (each, key), value in samples.items()
        if each == f"{name}_bucket"
    }
    assert list(found) == [*bounds, "+Inf"]
    values = list(found.values())
    assert values == sorted(values)
    assert (found["0.0005"], found["0.005"], found["30"], found["+Inf"]) == (2, 4, 6, 7)
    assert sample(samples, f"{name}_count", source="cache", **labels) == 7
    assert sample(samples, f"{name}_sum", source="cache", **labels) == pytest.approx(60.3066)


def test_timings_count_each_observation_once() -> None:
    timings = Timings()

    timings.add(SECONDS[0])
    timings.add(10**6)

    assert (timings.counts[0], timings.counts[-1], sum(timings.counts)) == (1, 1, 2)


def test_errors_are_counted_by_code_not_by_status(counts: ChainCounts, metrics: Metrics) -> None:
    counts.error("getblock", DaemonError("no", code=-5))
    counts.error("getblock", DaemonError("no", code=-5))
    counts.error("unknown", InvalidParams("no"))

    samples = parse(metrics.render())

    name = "verus_gateway_errors_total"
    assert sample(samples, name, chain="VRSC", method="getblock", code="-5") == 2
    assert sample(samples, name, chain="VRSC", method="unknown", code="-32602") == 1


@pytest.mark.parametrize(
    ("code", "label"),
    [(-1, "-1"), (-28, "-28"), (0, "0"), (-32700, "-32700"), (-32000, "-32000")]
    + [(code, "other") for code in (1, -100, -31998, -32769, 10**30)],
)
def test_a_code_that_nobody_knows_is_no_label(code: int, label: str) -> None:
    assert code_label(code) == label


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "result"),
        (DaemonError("no", code=-5), "error"),
        (Refused("no"), "refused"),
        (QueueFull("full"), "overloaded"),
        (OutcomeUnknown("lost"), "lost"),
    ],
)
def test_calls_at_the_daemon_are_counted_by_outcome(
    counts: ChainCounts, metrics: Metrics, error: RpcError | None, outcome: str
) -> None:
    counts.daemon_call(error, 0.2)

    samples = parse(metrics.render())

    name = "verus_gateway_daemon_call_seconds_count"
    assert sample(samples, name, chain="VRSC", outcome=outcome) == 1


def test_changes_of_the_breaker_are_counted(counts: ChainCounts, metrics: Metrics) -> None:
    counts.breaker_change(Change(0, "closed", "open", "x"))
    counts.breaker_change(Change(0, "half_open", "open", "x"))

    samples = parse(metrics.render())

    name = "verus_gateway_breaker_changes_total"
    assert sample(samples, name, chain="VRSC", state="open") == 2
    assert sample(samples, name, chain="VRSC", state="closed") == 0


def test_steps_of_the_tip_are_counted(counts: ChainCounts, metrics: Metrics) -> None:
    block = Block("a", 1, 1, "")
    counts.step(Step(None, block, reorg=False))
    counts.step(Step(block, block, reorg=True))

    samples = parse(metrics.render())

    assert sample(samples, "verus_gateway_tip_steps_total", chain="VRSC") == 2
    assert sample(samples, "verus_gateway_tip_reorgs_total", chain="VRSC") == 1


def test_http_and_the_process_are_counted_too(http: HttpCounts, metrics: Metrics) -> None:
    http.answered[200] += 3
    http.batches = 2
    http.in_flight = 1

    samples = parse(metrics.render())

    assert sample(samples, "verus_gateway_http_responses_total", status="200") == 3
    assert sample(samples, "verus_gateway_batches_total") == 2
    assert sample(samples, "verus_gateway_in_flight") == 1
    assert sample(samples, "verus_gateway_event_loop_lag_seconds") == 0.25
    assert sample(samples, "verus_gateway_info", version=verus_gateway.__version__) == 1
    assert sample(samples, "process_resident_memory_bytes") > 1_000_000
    assert sample(samples, "process_start_time_seconds") > 1_700_000_000


def test_each_chain_has_its_own_gauges(metrics: Metrics) -> None:
    samples = parse(metrics.render())

    assert sample(samples, "verus_gateway_tip_height", chain="VRSC") == 5
    assert sample(samples, "verus_gateway_tip_height", chain="VRSCTEST") == 7


def test_rendering_twice_counts_nothing_twice(counts: ChainCounts, metrics: Metrics) -> None:
    counts.call("getinfo", "cache", 0.1)

    first, second = parse(metrics.render()), parse(metrics.render())

    del first["process_resident_memory_bytes", frozenset()]
    del second["process_resident_memory_bytes", frozenset()]
    assert first == second


def test_refusals_and_buckets_are_told_by_closed_sets_of_labels(
    limiter: Limiter, metrics: Metrics
) -> None:
    stranger = anonymous([])
    for _ in range(5):
        limiter.take(stranger, "192.0.2.1")
    with limiter.inside_for(stranger, "192.0.2.1"):
        samples = parse(metrics.render())

    name = "verus_gateway_refused_total"
    refused = {key: value for (each, key), value in samples.items() if each == name}
    assert len(refused) == 6
    assert sample(samples, name, rate_class="anonymous", bound="rate") == 3
    assert sample(samples, "verus_gateway_buckets", kind="stranger") == 1
    assert sample(samples, "verus_gateway_buckets", kind="named") == 0
    assert sample(samples, "verus_gateway_near_limit", kind="stranger") == 1
    assert sample(samples, "verus_gateway_buckets_dropped_total") == 0
    assert sample(samples, "verus_gateway_calls_inside") == 1
