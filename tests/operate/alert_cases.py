"""For each alert what makes it fire, and what is close to it and does not.

Series are in promtool's notation: ``0+60x20`` is 0, 60, 120 and so on, a minute apart.
"""

from typing import Final, NamedTuple

Series = dict[str, str]


class Case(NamedTuple):
    """One alert of one severity.

    Attributes:
        severity: Its label.
        at: When it is looked at: ``10m``.
        fires: Series with which it fires.
        quiet: Series with which it does not; none where it always fires.
    """

    severity: str
    at: str
    fires: Series
    quiet: Series | None


CHAIN: Final = 'chain="VRSC"'
GATEWAY: Final = 'job="verus-gateway"'


def calls(minutes: int, **per_minute: float) -> Series:
    """Return calls by source of their answer."""
    return {
        f'verus_gateway_call_seconds_count{{{CHAIN},method="m",source="{source}"}}': (
            f"0+{number}x{minutes}"
        )
        for source, number in per_minute.items()
    }


def failing(minutes: int, per_minute: float, code: str = "-32000", of: float = 600) -> Series:
    """Return calls of which some fail."""
    name = f'verus_gateway_errors_total{{{CHAIN},method="m",code="{code}"}}'
    return {**calls(minutes, daemon=of), name: f"0+{per_minute}x{minutes}"}


def taking(minutes: int, *, fast: float, slow: float) -> Series:
    """Return calls by how long they take: under a second, or two to five."""
    name = f'verus_gateway_call_seconds_bucket{{{CHAIN},method="m",source="daemon",le='
    both = fast + slow
    buckets = {"1.0": fast, "2.5": fast, "5.0": both, "+Inf": both}
    return {
        **calls(minutes, daemon=both),
        **{f'{name}"{le}"}}': f"0+{number}x{minutes}" for le, number in buckets.items()},
    }


def tip(height: str, made: str, confirmed: str = "1x99") -> Series:
    return {
        f"verus_gateway_tip_height{{{CHAIN}}}": height,
        f"verus_gateway_tip_block_time_seconds{{{CHAIN}}}": made,
        f"verus_gateway_tip_confirmed{{{CHAIN}}}": confirmed,
    }


def redis(*, up: int, state: int) -> Series:
    return {
        'verus_gateway_redis_up{instance="a"}': f"{up}x9",
        'verus_gateway_redis_state_up{instance="a"}': f"{state}x9",
    }


def faults(cause: str) -> Series:
    return {f'verus_gateway_redis_faults_total{{instance="a",cause="{cause}"}}': "0+1x20"}


def writes(*, dropped: int) -> Series:
    """Return a hundred writes a minute, of which some were not made."""
    return {
        'verus_gateway_redis_up{instance="a"}': "1x30",
        'verus_gateway_redis_writes_total{instance="a"}': f"0+{100 - dropped}x30",
        'verus_gateway_redis_writes_dropped_total{instance="a"}': f"0+{dropped}x30",
    }


def hearing(instances: int) -> Series:
    """Return two instances that are up, one of which hears so many."""
    return {
        **{f'up{{{GATEWAY},instance="{name}"}}': "1x9" for name in "ab"},
        **{f'verus_gateway_redis_state_up{{instance="{name}"}}': "1x9" for name in "ab"},
        'verus_gateway_instances{instance="a"}': "2x9",
        'verus_gateway_instances{instance="b"}': f"{instances}x9",
    }


DAY: Final = 1440
CASES: Final[dict[tuple[str, str], Case]] = {
    (name, case.severity): case
    for name, case in (
        (
            "DaemonDown",
            Case(
                "page",
                "5m",
                {f'verus_gateway_tip_confirmed{{{CHAIN},instance="a"}}': "0x9"},
                {
                    f'verus_gateway_tip_confirmed{{{CHAIN},instance="a"}}': "0x9",
                    f'verus_gateway_tip_confirmed{{{CHAIN},instance="b"}}': "1x9",
                },
            ),
        ),
        (
            "BreakerOpen",
            Case(
                "ticket",
                "5m",
                {f"verus_gateway_breaker_open{{{CHAIN}}}": "1x9"},
                {f"verus_gateway_breaker_open{{{CHAIN}}}": "0.5x9"},
            ),
        ),
        ("TipStuck", Case("page", "50m", tip("9x99", "60x99"), tip("9+1x99", "60x99"))),
        (
            "DaemonNotSynced",
            Case("ticket", "70m", tip("9+1x99", "60x99"), tip("9+1x99", "60+60x99")),
        ),
        (
            "DaemonQueueFull",
            Case(
                "ticket",
                "8m",
                {f"verus_gateway_daemon_waiting{{{CHAIN}}}": "150x9"},
                {f"verus_gateway_daemon_waiting{{{CHAIN}}}": "90x9"},
            ),
        ),
        ("HighErrorRate", Case("page", "15m", failing(20, 60), failing(20, 60, code="-5"))),
        (
            "LowSuccessRate",
            Case(
                "ticket", "20m", calls(30, daemon=480, stale=120), calls(30, daemon=590, stale=10)
            ),
        ),
        (
            "HighResponseTime",
            Case("ticket", "20m", taking(30, fast=500, slow=100), taking(30, fast=600, slow=1)),
        ),
        (
            "CacheUseless",
            Case("ticket", "50m", calls(60, daemon=594, cache=6), calls(60, daemon=300, cache=300)),
        ),
        (
            "GatewayDown",
            Case(
                "page",
                "5m",
                {f'up{{{GATEWAY},instance="a"}}': "0x9"},
                {f'up{{{GATEWAY},instance="a"}}': "0x9", f'up{{{GATEWAY},instance="b"}}': "1x9"},
            ),
        ),
        (
            "InstanceDown",
            Case(
                "ticket",
                "8m",
                {f'up{{{GATEWAY},instance="a"}}': "0x9", f'up{{{GATEWAY},instance="b"}}': "1x9"},
                {f'up{{{GATEWAY},instance="a"}}': "0 0 1x9"},
            ),
        ),
        (
            "InstanceFlapping",
            Case(
                "ticket",
                "10m",
                {f'process_start_time_seconds{{{GATEWAY},instance="a"}}': "9 9 60 60 120 200x9"},
                {f'process_start_time_seconds{{{GATEWAY},instance="a"}}': "9 9 60 60x20"},
            ),
        ),
        (
            "EventLoopBlocked",
            Case(
                "ticket",
                "10m",
                {f'verus_gateway_loop_blocked_total{{{GATEWAY},instance="a"}}': "0 0 1 2 3x9"},
                {f'verus_gateway_loop_blocked_total{{{GATEWAY},instance="a"}}': "3x20"},
            ),
        ),
        (
            "RedisDown",
            Case(
                "ticket",
                "5m",
                {'verus_gateway_redis_up{instance="a"}': "0x9"},
                {'verus_gateway_redis_up{instance="a"}': "0 1x9"},
            ),
        ),
        ("RedisStateDown", Case("ticket", "5m", redis(up=1, state=0), redis(up=0, state=0))),
        (
            "RedisStateEvicts",
            Case(
                "ticket",
                "8m",
                {'verus_gateway_redis_state_evicts{instance="a"}': "1x9"},
                {'verus_gateway_redis_state_evicts{instance="a"}': "0x9"},
            ),
        ),
        ("RedisRefuses", Case("ticket", "16m", faults("oom"), faults("timeout"))),
        ("RedisWritesDropped", Case("ticket", "25m", writes(dropped=6), writes(dropped=4))),
        ("InstancesApart", Case("ticket", "8m", hearing(1), hearing(2))),
        (
            "IssuerUnknown",
            Case(
                "ticket",
                "8m",
                {'verus_gateway_token_keys{instance="a"}': "0x9"},
                {'verus_gateway_token_keys{instance="a"}': "1x9"},
            ),
        ),
        (
            "TokenServiceDown",
            Case(
                "page", "5m", {'up{job="token-service"}': "0x9"}, {'up{job="token-service"}': "1x9"}
            ),
        ),
        (
            "EndpointDown",
            Case(
                "page",
                "5m",
                {'probe_success{job="endpoint"}': "0x9"},
                {'probe_success{job="endpoint"}': "1x9"},
            ),
        ),
        (
            "CertificateExpiring",
            Case(
                "ticket",
                "70m",
                {'probe_ssl_earliest_cert_expiry{job="endpoint"}': f"{10 * 86400}x99"},
                {'probe_ssl_earliest_cert_expiry{job="endpoint"}': f"{20 * 86400}x99"},
            ),
        ),
        ("Watchdog", Case("none", "1m", {"up": "1x9"}, None)),
        ("AvailabilityBurn", Case("page", "75m", failing(90, 12), failing(90, 3))),
        ("AvailabilityBurn", Case("ticket", "26h", failing(2 * DAY, 3), failing(2 * DAY, 0.3))),
        (
            "LatencyBurn",
            Case("page", "75m", taking(90, fast=450, slow=150), taking(90, fast=590, slow=10)),
        ),
        (
            "LatencyBurn",
            Case(
                "ticket",
                "26h",
                taking(2 * DAY, fast=570, slow=30),
                taking(2 * DAY, fast=598, slow=2),
            ),
        ),
    )
}
