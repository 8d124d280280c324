"""Which metrics an expression reads, and which there are."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml
from operate.compose_files import ROOT

RULES = sorted((ROOT / "configs/prometheus/rules").glob("*.yml"))
FOREIGN = {"up", "probe_success", "probe_ssl_earliest_cert_expiry"}
"""Of Prometheus itself and of the blackbox exporter."""


def names(expression: str) -> set[str]:
    """Return the metrics that *expression* reads.

    Raises:
        ValueError: it is no PromQL.
    """
    filled = expression.replace("$__rate_interval", "5m").replace("$chain", "VRSC")
    return set(_walk(promql_parser.parse(filled)))


def _walk(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
    for inner in ("expr", "lhs", "rhs", "vector_selector"):
        if hasattr(node, inner):
            yield from _walk(getattr(node, inner))
    for argument in getattr(node, "args", []):
        yield from _walk(argument)


def rules() -> list[dict[str, Any]]:
    """Return all rules, recording and alerting."""
    return [
        rule
        for file in RULES
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


def exported() -> set[str]:
    """Return every series name of the reference, which is generated from what the code exports."""
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    found = set()
    for name, kind in re.findall(
        r"^\| `(\w+)` \| (counter|gauge|histogram) \|", page, re.MULTILINE
    ):
        suffixes = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        found |= {name + suffix for suffix in suffixes}
    return found


def known() -> set[str]:
    """Return everything that an expression may read."""
    return exported() | FOREIGN | {rule["record"] for rule in rules() if "record" in rule}
