"""The table of methods, for people and for programs."""

from typing import Any, Final

import msgspec

from verus_gateway.openrpc import fallback_text, kept_text
from verus_gateway.registry import Registry, Row

HEAD: Final = ("METHOD", "SCOPE", "TTL", "FALLBACK", "COST", "DISTRIBUTION")


def as_json(methods: Registry) -> str:
    """Return one JSON array in one line."""
    return msgspec.json.encode([_described(row) for row in methods]).decode() + "\n"


def as_text(methods: Registry) -> str:
    """Return aligned columns, a line for each row."""
    rows = [HEAD, *(_cells(row) for row in methods)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in rows
    )
    return "".join(f"{line}\n" for line in lines)


def _described(row: Row) -> dict[str, Any]:
    method = row.method
    return {
        "name": method.name,
        "params": [
            {"name": p.name, "required": p.required, "schema": p.kind.schema} for p in method.params
        ],
        "summary": method.summary,
        "scope": method.scope,
        "ttl": kept_text(method),
        "fallback": fallback_text(method.fallback),
        "cost": method.cost,
        "retry": method.retry,
        "distribution": row.origin,
    }


def _cells(row: Row) -> tuple[str, ...]:
    method = row.method
    return (
        method.usage(),
        method.scope,
        kept_text(method),
        fallback_text(method.fallback),
        str(method.cost),
        row.origin,
    )
