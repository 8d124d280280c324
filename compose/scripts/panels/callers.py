"""Who is refused what, and why."""

from typing import Final

from panels import CHAIN, Panel, rate

ACCESS: Final = (
    Panel(
        title="Refused for want of a scope or a token",
        about="-32002 and -32004, by method.",
        unit="reqps",
        series={
            "{{method}} {{code}}": rate(
                "verus_gateway_errors_total", "method, code", f'{CHAIN}, code=~"-32002|-32004"'
            )
        },
    ),
    Panel(
        title="Refused for too many calls",
        about="-32003. A wallet that is refused is one that polls.",
        unit="reqps",
        series={
            "{{method}}": rate("verus_gateway_errors_total", "method", f'{CHAIN}, code="-32003"')
        },
    ),
    Panel(
        title="HTTP 401, 403 and 429",
        about="Single calls that were refused, and what is no call at all.",
        unit="reqps",
        series={
            "{{status}}": rate(
                "verus_gateway_http_responses_total", "status", 'status=~"401|403|429"'
            )
        },
    ),
    Panel(
        title="Unknown methods",
        about="Somebody looks for what is not offered, or a wallet needs a method that is not.",
        unit="reqps",
        series={
            "{{code}}": rate("verus_gateway_errors_total", "code", f'{CHAIN}, method="unknown"')
        },
    ),
)

LIMITS: Final = (
    Panel(
        title="Refused by a limit",
        about="By rate class and by what was exceeded: rate, concurrency, or the load of all.",
        unit="reqps",
        series={
            "{{rate_class}} {{bound}}": rate("verus_gateway_refused_total", "rate_class, bound", "")
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
        series={"{{flaw}}": rate("verus_gateway_tokens_refused_total", "flaw", "")},
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
