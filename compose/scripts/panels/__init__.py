"""What a panel is, and the PromQL that many of them have in common."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["timeseries", "stat", "table"]


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


def rate(metric: str, by: str, matchers: str = CHAIN) -> str:
    """Return the PromQL of a counter's increase a second, summed by labels."""
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


def quantile(q: float, metric: str, by: str = "chain") -> str:
    """Return the PromQL of a quantile of a histogram, by labels."""
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', f'le, {by}')})"
