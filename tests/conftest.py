"""What the whole suite keeps track of: which faults were injected, and what came of it."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
_SHOWN: pytest.StashKey[dict[tuple[str, str, str], str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing shown."""
    config.stash[_SHOWN] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what came of each test that injects a fault."""
    report = yield
    if call.when == "call" or report.outcome != "passed":
        for mark in item.iter_markers("fault"):
            row = (str(mark.args[0]), str(mark.args[1]), _sentence(item))
            before = item.config.stash[_SHOWN].get(row, "passed")
            item.config.stash[_SHOWN][row] = _worst(before, report.outcome)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table into the page that `FAULT_TABLE` names."""
    if page := os.environ.get("FAULT_TABLE"):
        path = Path(page)
        head, _, rest = path.read_text("utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        table = "\n".join(_table(session.config.stash[_SHOWN]))
        path.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", "utf-8")


def _sentence(item: pytest.Item) -> str:
    """Return the test's name as words: ``test_d7_what_is_no_answer`` says "what is no answer"."""
    name = item.name.partition("[")[0].removeprefix("test_")
    first, _, rest = name.partition("_")
    words = rest if first[1:].isdigit() else name
    return words.replace("_", " ")


def _worst(one: str, other: str) -> str:
    return max(one, other, key=("passed", "skipped", "failed").index)


def _table(shown: dict[tuple[str, str, str], str]) -> Iterator[str]:
    yield "| id | fault | what happens | shown |"
    yield "| --- | --- | --- | --- |"
    for (id, what, sentence), outcome in sorted(shown.items(), key=_place):
        yield f"| {id} | {what} | {sentence} | {outcome} |"


def _place(row: tuple[tuple[str, str, str], str]) -> tuple[str, int, str, str]:
    (id, what, sentence), _ = row
    return id[0], int(id[1:]), what, sentence
