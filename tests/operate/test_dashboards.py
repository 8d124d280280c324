"""Every panel and every rule reads metrics that there are, and says what it shows."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
import yaml
from operate.compose_files import ROOT
from operate.promql import known, names, rules

FOLDER = ROOT / "configs/grafana/dashboards"
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: msgspec.json.decode(file.read_bytes()) for file in sorted(FOLDER.glob("*.json"))
}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
]
KNOWN = known()


def test_the_files_are_what_the_code_says() -> None:
    ended = subprocess.run(  # noqa: S603  our own script
        [sys.executable, ROOT / "compose/scripts/dashboards.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_there_is_one_dashboard_for_each_question() -> None:
    assert DASHBOARDS.keys() == {"overview", "daemon", "methods", "cache", "access", "instances"}
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)
    assert not any(dashboard["editable"] for dashboard in DASHBOARDS.values())


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_and_reads_what_there_is(panel: dict[str, Any]) -> None:
    source = yaml.safe_load(
        (ROOT / "configs/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"][0]

    assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert names(target["expr"]) <= KNOWN, target["expr"]


@pytest.mark.parametrize(
    "rule", rules(), ids=lambda rule: f"{rule.get('alert', rule.get('record'))}"
)
def test_a_rule_reads_what_there_is(rule: dict[str, Any]) -> None:
    assert names(rule["expr"]) <= KNOWN


def test_a_metric_that_is_not_there_would_be_noticed() -> None:
    assert not names("rate(verus_gateway_calls_of_nobody_total[5m])") <= KNOWN
    with pytest.raises(ValueError, match=r"\w"):
        names("sum by (chain (up)")
