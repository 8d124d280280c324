"""Write Grafana's dashboards: ``python compose/scripts/dashboards.py [--check]``.

They are code, so that each panel has a unit, a description and a data source, and so that a test
can hold every expression against the metrics that there are.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from panels import Kind, Panel
from panels.callers import ACCESS, LIMITS
from panels.calls import METHODS, OVERVIEW
from panels.instances import INSTANCES
from panels.sources import CACHE, DAEMON, REDIS

FOLDER: Final = Path(__file__).parents[2] / "configs" / "grafana" / "dashboards"
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
WIDTH: Final = 24

Json = dict[str, Any]

DASHBOARDS: Final = {
    "overview": ("Overview", OVERVIEW),
    "daemon": ("Daemon and breaker", DAEMON),
    "methods": ("Methods", METHODS),
    "cache": ("Cache", CACHE + REDIS),
    "access": ("Access and limits", ACCESS + LIMITS),
    "instances": ("Instances", INSTANCES),
}


_VARIABLE: Final = {
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
_LINK: Final = {
    "title": "Verus Gateway",
    "type": "dashboards",
    "tags": ["verus-gateway"],
    "asDropdown": True,
    "keepTime": True,
    "includeVars": True,
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


def _placed(panels: Sequence[Panel]) -> list[Json]:
    """Return panels in rows, from left to right as many as fit."""
    placed: list[Json] = []
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y = 0, y + 8
        placed.append(_panel(number, panel, x, y))
        x += panel.width
    return placed


def dashboard(name: str) -> Json:
    """Return one dashboard in Grafana's form."""
    title, panels = DASHBOARDS[name]
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
        "templating": {"list": [_VARIABLE]},
        "links": [_LINK],
        "panels": _placed(panels),
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
