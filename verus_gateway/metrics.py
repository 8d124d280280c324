"""What is counted, in plain integers on the way of a call, and rendered when asked for.

aioprometheus' own counters cost about 2 microseconds each and it does not escape label
values; so calls only touch integers here, the collectors are filled at scrape time, and
every label comes from a closed set: method names of the registry, the words in `errors`
and `pipeline`, numbers in a known range.
"""

import os
import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, TypeAlias, get_args

from aioprometheus.collectors import Counter, Gauge, Histogram, Registry
from aioprometheus.formats import text
from aioprometheus.histogram import Histogram as Buckets

import verus_gateway
from verus_gateway.breaker import Change
from verus_gateway.errors import DaemonUnavailable, RpcError
from verus_gateway.limits import Bound, Limiter
from verus_gateway.tip import Step

SECONDS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
)
"""Upper bounds of the latency buckets."""
_FASTEST: Final = SECONDS[0]


_VERUSD_CODES: Final = range(-99, 1)
"""verusd's rpc/protocol.h uses -1 to -36."""
_RPC_CODES: Final = range(-32768, -31999)
"""What JSON-RPC 2.0 section 5.1 reserves."""


class Timings:
    """A latency histogram: one count a bucket, the sum, nothing else."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Count an observation, several times over where there were several."""
        self.counts[bisect_left(SECONDS, seconds) if seconds > _FASTEST else 0] += times
        self.total += seconds * times

    def buckets(self) -> Buckets:
        """Return the histogram in aioprometheus' form: cumulative, with its +Inf."""
        made = Buckets(*SECONDS)
        made.buckets.update(zip(made.buckets, accumulate(self.counts), strict=True))
        made.observations = sum(self.counts)
        made.sum = self.total
        return made


class HttpCounts:
    """What is counted of HTTP, whatever the chain.

    Attributes:
        answered: Responses by status, but for those in `express`.
        in_flight: Requests being answered.
        batches: Batches.
        cut: Connections cut off, by the reason.
        express: Good answers of the express lane, at once or after waiting.
        express_others: Its other responses.
    """

    def __init__(self) -> None:
        self.answered: Tally[int] = Tally()
        self.in_flight = 0
        self.batches = 0
        self.cut: Tally[str] = Tally()
        self.express = 0
        self.express_others = 0

    @property
    def by_lane(self) -> int:
        """Requests that the express lane answered."""
        return self.express + self.express_others

    @property
    def responses(self) -> Tally[int]:
        """Responses by status."""
        return self.answered + Tally({200: self.express})


class ChainCounts:
    """What is counted of one chain's calls and of its daemon."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], Timings] = {}
        self.errors: Tally[tuple[str, str]] = Tally()
        self.daemon: dict[str, Timings] = {}
        self.breaker: Tally[str] = Tally()
        self.blocks = 0
        self.reorgs = 0

    def call(self, method: str, source: str, seconds: float) -> None:
        """Count a call that ended; *source* is the answer's, or ``error``."""
        self.timings(method, source).add(seconds)

    def timings(self, method: str, source: str) -> Timings:
        """Return where calls are counted that ended so."""
        timings = self.calls.get((method, source))
        if timings is None:
            timings = self.calls[method, source] = Timings()
        return timings

    def error(self, method: str, error: RpcError) -> None:
        """Count an error that a client was sent."""
        self.errors[method, code_label(error.code)] += 1

    def daemon_call(self, error: RpcError | None, seconds: float) -> None:
        """Count a call that reached the daemon."""
        outcome = "result" if error is None else "error"
        if isinstance(error, DaemonUnavailable):
            outcome = error.reason
        elif error is not None and error.verdict == "failed":
            outcome = "lost"
        timings = self.daemon.get(outcome)
        if timings is None:
            timings = self.daemon[outcome] = Timings()
        timings.add(seconds)

    def breaker_change(self, change: Change) -> None:
        """Count a change of the breaker's state."""
        self.breaker[change.new] += 1

    def step(self, step: Step) -> None:
        """Count a step of the tip."""
        self.blocks += 1
        self.reorgs += step.reorg


def code_label(code: int) -> str:
    """Return the label of an error code: itself where it is one that the family uses."""
    return str(code) if code in _VERUSD_CODES or code in _RPC_CODES else "other"


Reading: TypeAlias = Callable[[], float]
Readings: TypeAlias = Mapping[str, tuple[str, Reading]]
Tallies: TypeAlias = Mapping[str, tuple[str, str, Callable[[], Mapping[str, int]]]]
Labels: TypeAlias = dict[str, str]


class Metrics:
    """The collectors, filled at scrape time.

    Args:
        http: Counts of HTTP.
        limiter: Refusals and buckets.
        chains: From chain name to its counts and to what is read at scrape time.
        process: What is read of the process; a name in ``_total`` is a counter, others gauges.
        flaws: How many tokens were refused, by what was wrong with them.
        tallies: What is counted by a word: name, help, the word's label and how to read it.
    """

    def __init__(
        self,
        http: HttpCounts,
        limiter: Limiter,
        chains: Mapping[str, tuple[ChainCounts, Readings]],
        process: Readings,
        *,
        flaws: Callable[[], Mapping[str, int]] = dict,
        tallies: Tallies = MappingProxyType({}),
    ) -> None:
        self._http = http
        self._limiter = limiter
        self._tallies = tallies
        self._chains = chains
        self._process = process
        self._flaws = flaws
        self._started = time.time()

    def render(self) -> bytes:
        """Return everything in Prometheus' text format 0.0.4."""
        registry = Registry()
        for fill in (
            self._calls,
            self._daemons,
            self._tips,
            self._chain_readings,
            self._limits,
            self._of_process,
            self._by_words,
        ):
            fill(registry)
        return bytes(text.TextFormatter().marshall(registry))

    def _calls(self, registry: Registry) -> None:
        _histogram(
            registry,
            "verus_gateway_call_seconds",
            "JSON-RPC calls by method and source of the answer, and how long they took",
            (
                ({"chain": chain, "method": method, "source": source}, timings)
                for chain, (counts, _) in self._chains.items()
                for (method, source), timings in counts.calls.items()
            ),
        )
        _counter(
            registry,
            "verus_gateway_errors_total",
            "JSON-RPC errors sent, by method and code",
            (
                ({"chain": chain, "method": method, "code": code}, number)
                for chain, (counts, _) in self._chains.items()
                for (method, code), number in counts.errors.items()
            ),
        )

    def _daemons(self, registry: Registry) -> None:
        _histogram(
            registry,
            "verus_gateway_daemon_call_seconds",
            "Calls that reached the daemon, by outcome, and how long they took",
            (
                ({"chain": chain, "outcome": outcome}, timings)
                for chain, (counts, _) in self._chains.items()
                for outcome, timings in counts.daemon.items()
            ),
        )
        _counter(
            registry,
            "verus_gateway_breaker_changes_total",
            "Changes of the breaker, by the state entered",
            (
                ({"chain": chain, "state": state}, counts.breaker[state])
                for chain, (counts, _) in self._chains.items()
                for state in ("closed", "open", "half_open")
            ),
        )

    def _tips(self, registry: Registry) -> None:
        for name, help, read in (
            ("steps", "Times the newest block changed", attrgetter("blocks")),
            ("reorgs", "Times the newest block left its branch", attrgetter("reorgs")),
        ):
            _counter(
                registry,
                f"verus_gateway_tip_{name}_total",
                help,
                (({"chain": chain}, read(counts)) for chain, (counts, _) in self._chains.items()),
            )

    def _chain_readings(self, registry: Registry) -> None:
        made: dict[str, Counter | Gauge] = {}
        for chain, (_, readings) in self._chains.items():
            for name, (help, read) in readings.items():
                collector = made.get(name)
                if collector is None:
                    collector = made[name] = _collector(registry, name, help)
                collector.set({"chain": chain}, read())

    def _limits(self, registry: Registry) -> None:
        limiter = self._limiter
        _counter(
            registry,
            "verus_gateway_refused_total",
            "Calls refused by a limit, by rate class and bound",
            (
                ({"rate_class": name, "bound": bound}, limiter.refused[name, bound])
                for name in limiter.classes
                for bound in get_args(Bound)
            ),
        )
        _counter(
            registry,
            "verus_gateway_buckets_dropped_total",
            "Buckets dropped for room",
            [({}, limiter.dropped)],
        )
        for name, help, read in (
            ("buckets", "Callers and addresses whose use is remembered", limiter.remembered),
            ("near_limit", "Callers that have used most of their allowance", limiter.near),
        ):
            gauge = _gauge(registry, f"verus_gateway_{name}", help)
            for kind in ("named", "stranger"):
                gauge.set({"kind": kind}, read(named=kind == "named"))
        held = _gauge(registry, "verus_gateway_calls_inside", "Calls that wait for an answer")
        held.set({}, limiter.inside)

    def _of_process(self, registry: Registry) -> None:
        _counter(
            registry,
            "verus_gateway_http_responses_total",
            "HTTP responses sent, by status",
            (({"status": str(status)}, n) for status, n in self._http.responses.items()),
        )
        _counter(
            registry,
            "verus_gateway_batches_total",
            "JSON-RPC batches taken",
            [({}, self._http.batches)],
        )
        _counter(
            registry,
            "verus_gateway_tokens_refused_total",
            "Tokens refused, by what was wrong with them",
            (({"flaw": flaw}, n) for flaw, n in self._flaws().items()),
        )
        _counter(
            registry,
            "verus_gateway_connections_cut_total",
            "Connections cut off, by what was wrong with them",
            (
                ({"reason": reason}, self._http.cut[reason])
                for reason in ("crowd", "head", "reader")
            ),
        )
        for name, (help, read) in self._process.items():
            _collector(registry, name, help).set({}, read())
        for name, help, value in (
            ("verus_gateway_in_flight", "HTTP requests being answered", self._http.in_flight),
            ("process_start_time_seconds", "When the process started", self._started),
            ("process_resident_memory_bytes", "Resident memory", _resident()),
        ):
            _gauge(registry, name, help).set({}, value)
        info = _gauge(registry, "verus_gateway_info", "The version that runs")
        info.set({"version": verus_gateway.__version__}, 1)

    def _by_words(self, registry: Registry) -> None:
        for name, (help, label, read) in self._tallies.items():
            _counter(
                registry,
                f"verus_gateway_{name}",
                help,
                (({label: word}, number) for word, number in read().items()),
            )


def _counter(
    registry: Registry, name: str, help: str, values: Iterable[tuple[Labels, int]]
) -> None:
    counter = Counter(name, help, registry=registry)
    for labels, value in values:
        counter.set(labels, value)


def _collector(registry: Registry, name: str, help: str) -> Counter | Gauge:
    kind = Counter if name.endswith("_total") else Gauge
    return kind(f"verus_gateway_{name}", help, registry=registry)


def _gauge(registry: Registry, name: str, help: str) -> Gauge:
    return Gauge(name, help, registry=registry)


def _histogram(
    registry: Registry, name: str, help: str, values: Iterable[tuple[Labels, Timings]]
) -> None:
    histogram: Any = Histogram(name, help, registry=registry, buckets=SECONDS)
    for labels, timings in values:
        histogram.set_value(labels, timings.buckets())


def _resident() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  read each scrape
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # pragma: no cover  where there is no /proc
        return 0
