"""The threat model points at what is there."""

import re

from contract.doc_pages import PAGES, ROOT

PAGE = PAGES["docs/security/threat-model.md"]


def test_every_module_and_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", PAGE)) - {
        "tests/",
        "verus_gateway/",
    }

    missing = [
        name
        for name in named
        if not any((ROOT / top / name).exists() for top in ("tests", "verus_gateway"))
    ]

    assert len(named) > 40
    assert missing == []


def test_every_defence_of_the_gateway_names_a_test_that_shows_it() -> None:
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    defences = [(threat, shown) for threat, where, shown in rows if ".py" in where]

    assert len(defences) > 20
    assert [threat for threat, shown in defences if "test_" not in shown] == []


def test_the_policy_for_reports_leads_to_the_threat_model() -> None:
    policy = (ROOT / "SECURITY.md").read_text("utf-8")

    linked = re.findall(r"\]\(([^)]+)\)", policy)

    assert "docs/security/threat-model.md" in linked
    assert all((ROOT / each).is_file() for each in linked)
