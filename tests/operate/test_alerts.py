"""Each alert fires when it should and only then, and whoever it wakes can read why."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from operate.alert_cases import CASES, Series
from operate.compose_files import ROOT

RULES = sorted((ROOT / "configs/prometheus/rules").glob("*.yml"))
PAGES = ROOT / "docs/operate/alerts"
ALERTS: list[dict[str, Any]] = [
    rule
    for file in RULES
    for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def promtool(folder: Path, alert: str, severity: str, at: str, series: Series) -> str:
    """Return what promtool says of the number of firing alerts, where one is expected."""
    test = {
        "rule_files": list(map(str, RULES)),
        "evaluation_interval": "4m" if at.endswith("h") else "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{alert}",severity="{severity}",'
                        f'alertstate="firing"}})',
                        "eval_time": at,
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                ],
            }
        ],
    }
    file = folder / "case.yml"
    file.write_text(yaml.safe_dump(test), "utf-8")
    ended = subprocess.run(  # noqa: S603  our own words
        [str(shutil.which("promtool")), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return "fires" if ended.returncode == 0 else ended.stdout + ended.stderr


@needs_promtool
@pytest.mark.parametrize(("alert", "severity"), CASES)
def test_an_alert_fires(alert: str, severity: str, tmp_path: Path) -> None:
    case = CASES[alert, severity]

    assert promtool(tmp_path, alert, severity, case.at, case.fires) == "fires"


@needs_promtool
@pytest.mark.parametrize(
    ("alert", "severity"), [key for key, case in CASES.items() if case.quiet is not None]
)
def test_an_alert_is_quiet_where_it_is_close(alert: str, severity: str, tmp_path: Path) -> None:
    case = CASES[alert, severity]
    assert case.quiet is not None

    said = promtool(tmp_path, alert, severity, case.at, case.quiet)

    assert re.search(r"exp: ?\{\} 1E\+00|exp:\s*\{\s*\} 1E\+00", said), said
    assert re.search(r"got: ?nil|got:\s*nil", said), said


def test_every_alert_has_its_cases() -> None:
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS} == set(CASES)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    pages = {str(page.relative_to(ROOT)) for page in PAGES.glob("*.md")}

    assert {rule["annotations"]["runbook"] for rule in ALERTS} == pages - {
        "docs/operate/alerts/index.md"
    }
    for rule in ALERTS:
        text = (ROOT / rule["annotations"]["runbook"]).read_text("utf-8")
        assert text.startswith(f"# {rule['alert']}\n")
        for heading in ("## What it means", "## Look", "## Do"):
            assert heading in text, rule["alert"]


def test_every_alert_says_what_and_why_and_how_urgent() -> None:
    for rule in ALERTS:
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert rule["labels"]["severity"] in {"page", "ticket", "none"}
