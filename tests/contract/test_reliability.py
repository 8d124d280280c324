"""The table of faults is of the tests there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r'@pytest\.mark\.fault\(\s*"(\w+)",\s*"([^"]+)",?\s*\)')
TEST = re.compile(r"^(?:async )?def test_(\w+)", re.MULTILINE)


def declared() -> set[tuple[str, str, str]]:
    """Return id, fault and sentence of every test that injects a fault."""
    found = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text("utf-8")
        for mark in MARK.finditer(text):
            test = TEST.search(text, mark.end())
            assert test is not None
            words = test[1].split("_")
            sentence = " ".join(words[1:] if words[0][1:].isdigit() else words)
            found.add((mark[1], mark[2], sentence))
    return found


def test_each_fault_that_is_injected_stands_in_the_table_and_no_other() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w\d+) \| (.*?) \| (.*?) \| (\w+) \|$", page, re.MULTILINE)

    assert {(id, what, sentence) for id, what, sentence, _ in rows} == declared()
    assert {outcome for *_, outcome in rows} == {"passed"}
