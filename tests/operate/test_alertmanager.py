"""Who is told of what, with a real Alertmanager: routes, and what is not told beside something else."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import msgspec
import pytest
from operate.compose_files import ROOT
from operate.promql import rules
from ports import free_port

FILE = ROOT / "configs/alertmanager/alertmanager.yml"
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
ALERTS = {(rule["alert"], rule["labels"]["severity"]) for rule in rules() if "alert" in rule}

needs_alertmanager = pytest.mark.skipif(
    PROGRAM is None or shutil.which("amtool") is None,
    reason="Alertmanager is not installed (Debian: prometheus-alertmanager)",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the configuration with addresses in it: Debian's Alertmanager is older than url_file."""
    made = tmp_path / "alertmanager.yml"
    text, number = re.subn(
        r"url_file: [\w/-]+", 'url: "http://127.0.0.1:9/"', FILE.read_text("utf-8")
    )
    assert number == 3
    made.write_text(text, "utf-8")
    return made


def amtool(*words: str | Path) -> str:
    """Run amtool and return what it says."""
    ended = subprocess.run(  # noqa: S603  our own words
        [str(shutil.which("amtool")), *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


@needs_alertmanager
def test_the_configuration_is_valid(file: Path) -> None:
    assert "SUCCESS" in amtool("check-config", file)


@needs_alertmanager
@pytest.mark.parametrize(("alert", "severity"), sorted(ALERTS))
def test_an_alert_goes_to_who_its_severity_says(file: Path, alert: str, severity: str) -> None:
    receiver = {"page": "page", "ticket": "ticket", "none": "watchdog"}[severity]

    told = amtool(
        *("config", "routes", "test", "--config.file", file),
        *(f"alertname={alert}", f"severity={severity}", "chain=VRSC"),
    )

    assert told == receiver


def test_every_receivers_address_is_a_secret_file() -> None:
    text = FILE.read_text("utf-8")

    assert re.findall(r"\burl: |api_key: |auth_password: ", text) == []
    assert set(re.findall(r"url_file: (\S+?)[,}]", text)) == {
        "/run/secrets/alert-webhook-url",
        "/run/secrets/alert-watchdog-url",
    }


State = Callable[..., dict[tuple[str, str], str]]


@pytest.fixture
def states(file: Path, tmp_path: Path) -> Iterator[State]:
    """Run Alertmanager; return what tells it of alerts and returns the state of each."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    words = [
        *(str(PROGRAM), f"--config.file={file}", f"--storage.path={tmp_path / 'data'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    ]

    def told(*alerts: tuple[str, str, str]) -> dict[tuple[str, str], str]:
        now = datetime.now(UTC).isoformat()
        body = [
            {"labels": {"alertname": n, "severity": s, "chain": c}, "startsAt": now}
            for n, s, c in alerts
        ]
        head = {"Content-Type": "application/json"}
        urlopen(Request(url, msgspec.json.encode(body), head), timeout=5).close()
        known: dict[tuple[str, str], str] = {}
        for _ in range(50):
            with urlopen(url, timeout=5) as answer:
                found: list[dict[str, Any]] = msgspec.json.decode(answer.read())
            known = {
                (each["labels"]["alertname"], each["labels"]["chain"]): each["status"]["state"]
                for each in found
            }
            if len(known) == len(alerts) and "unprocessed" not in known.values():
                break
            time.sleep(0.2)
        return known

    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            for _ in range(100):
                try:
                    urlopen(url, timeout=1).close()
                    break
                except URLError:
                    time.sleep(0.1)
            yield told
        finally:
            process.terminate()


@needs_alertmanager
def test_what_follows_from_something_else_is_not_told_beside_it(states: State) -> None:
    known = states(
        ("DaemonDown", "page", "VRSC"),
        ("BreakerOpen", "ticket", "VRSC"),
        ("AvailabilityBurn", "page", "VRSC"),
        ("BreakerOpen", "ticket", "VRSCTEST"),
        ("CertificateExpiring", "ticket", "VRSC"),
        ("Watchdog", "none", "VRSC"),
    )

    assert known == {
        ("DaemonDown", "VRSC"): "active",
        ("BreakerOpen", "VRSC"): "suppressed",
        ("AvailabilityBurn", "VRSC"): "suppressed",
        ("BreakerOpen", "VRSCTEST"): "active",
        ("CertificateExpiring", "VRSC"): "active",
        ("Watchdog", "VRSC"): "active",
    }
