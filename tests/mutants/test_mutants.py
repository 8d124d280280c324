"""The lists of mutants are in step with the code, and the command that tries them does its work."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mutants.lists import LISTS, ROOT, all_in
from mutants.making import Change, mutants
from mutants.trying import Suite

KNOWN = all_in(LISTS)

SOURCE = """\
def full(count, most):
    return count >= most
"""
TESTS = """\
from counting import full

def test_it_is_full_with_as_many_as_fit():
    assert [full(count, 2) for count in (0, 1, 2)] == [False, False, True]
"""
LIST = """\
module = "counting"
tests = ["test_counting.py"]

[[alive]]
why = "counts grow by one and stop there"
changes = [["full", "return count >= most", "return count {} most"]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a module of one line, its test and the list of what may live."""
    (tmp_path / "counting.py").write_text(SOURCE, "utf-8")
    (tmp_path / "test_counting.py").write_text(TESTS, "utf-8")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "counting.toml").write_text(LIST.format("=="), "utf-8")
    return tmp_path


def tried(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    places = ("--root", str(folder), "--lists", str(folder / "lists"), "--out", str(folder / "out"))
    return subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "mutants", *places, *arguments],
        env={"PYTHONPATH": f"{ROOT / 'tests'}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# ---------------------------------------------------------------- the lists


@pytest.mark.parametrize("name", KNOWN)
def test_each_change_that_is_listed_can_still_be_made(name: str) -> None:
    watched = KNOWN[name]
    listed = Counter(change for change, _ in watched.alive)
    lines = {change.before.partition("\n")[0] for change in listed}

    found = mutants(watched.file.read_text("utf-8"), lambda line: line in lines)

    gone = listed - Counter(each.change for each in found)
    assert not gone, f"mend tests/mutants/lists/{name}.toml; make mutants ONLY={name} tells how"


@pytest.mark.parametrize("name", KNOWN)
def test_each_change_that_is_listed_has_its_reason(name: str) -> None:
    watched = KNOWN[name]

    assert all(file.is_file() for file in (watched.file, *watched.tests))
    assert all(len(why.split()) > 2 for _, why in watched.alive)


def test_the_page_counts_what_the_lists_hold() -> None:
    page = (ROOT / "docs" / "mutants.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)\.py`.* \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)

    assert {name: int(live) for name, _, _, live in rows} == {
        name: len(watched.alive) for name, watched in KNOWN.items()
    }
    assert all(int(made) == int(noticed) + int(live) for _, made, noticed, live in rows)


# ---------------------------------------------------------------- the command


def test_a_change_that_no_test_notices_fails_unless_it_is_listed(folder: Path) -> None:
    run = tried(folder)

    assert (run.returncode, run.stderr) == (1, "")
    assert "counting: 7 made, 5 killed, 0 endless, 2 alive" in run.stdout
    assert run.stdout.splitlines()[-1] == (
        "  lives and is not listed: full: return count >= most  ->  return count is most"
    )
    result = json.loads((folder / "out" / "counting.json").read_text("utf-8"))
    alive = [each["after"] for each in result["mutants"] if each["verdict"] == "alive"]
    assert sorted(alive) == ["return count == most", "return count is most"]


def test_a_listed_change_that_is_noticed_is_told_and_may_stay_for_now(folder: Path) -> None:
    (folder / "lists" / "counting.toml").write_text(LIST.format(">"), "utf-8")
    (folder / "test_counting.py").write_text(
        f"{TESTS}    assert full(1000, int('1000')) and full(3, 2)\n", "utf-8"
    )

    run = tried(folder, "counting")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1] == (
        "  is listed and does not live: full: return count >= most  ->  return count > most"
    )


def test_tests_that_fail_anyway_say_nothing_about_mutants(folder: Path) -> None:
    (folder / "test_counting.py").write_text("def test_it(): assert False\n", "utf-8")

    run = tried(folder)

    assert (run.returncode, run.stdout) == (2, "the tests of counting do not pass as it is\n")


def test_no_tests_are_not_taken_for_tests_that_pass(folder: Path) -> None:
    (folder / "test_counting.py").write_text("", "utf-8")

    run = tried(folder)

    assert (run.returncode, run.stdout) == (2, "there are no tests of counting\n")


def test_a_module_without_a_list_is_not_passed_over(folder: Path) -> None:
    run = tried(folder, "other")

    assert (run.returncode, run.stdout) == (2, "no list of other: there are counting\n")


@pytest.mark.parametrize("spoilt", ["while True: pass", "kept = []\nwhile True: kept.append(kept)"])
def test_a_mutant_that_never_ends_is_ended(folder: Path, spoilt: str) -> None:
    suite = Suite("counting", (folder / "test_counting.py",), folder)

    assert suite.verdict(f"{SOURCE}{spoilt}\n", 1.0) == "endless"


# ---------------------------------------------------------------- what is made


def test_a_change_is_told_by_its_function_and_its_lines() -> None:
    source = "class A:\n    @property\n    def b(self):\n        return 1\n"

    assert {each.change for each in mutants(source)} == {
        Change("A.b", "@property", ""),
        Change("A.b", "return 1", "return 2"),
        Change("A.b", "return 1", "return 0"),
    }


def test_types_and_signatures_are_left_to_the_type_checker() -> None:
    assert not list(mutants("def a(b: int | None, *, c: int) -> str | None: ...\n"))


def test_only_the_lines_that_are_wanted_are_changed() -> None:
    found = list(mutants("a = 1\nb = 1\n", lambda line: line.startswith("b")))

    assert {each.line for each in found} == {2}
    assert [each.source for each in found] == ["a = 1\nb = 2\n", "a = 1\nb = 0\n"]
