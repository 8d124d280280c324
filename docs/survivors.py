"""The page of changes to the program that no test notices, from the lists beside the tests."""
# ruff: noqa: INP001  docs/ is a folder of pages, no package

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from page import code, table

LISTS: Final = Path(__file__).parents[1] / "tests" / "mutants" / "lists"


def survivors() -> str:
    """Return the page of every mutant that may live, with its reason."""
    lists = [tomllib.loads(file.read_text("utf-8")) for file in sorted(LISTS.glob("*.toml"))]
    counts = [(_file(each), str(sum(map(_count, each.get("alive", ()))))) for each in lists]
    parts = [
        "# Surviving mutants",
        (
            "Every [mutant](../mutants.md) that the tests let live, and why. `make mutants` fails "
            "where another one lives. The lists are `tests/mutants/lists/*.toml`."
        ),
        table(("module", "live"), counts),
    ]
    for each in lists:
        if each.get("alive"):
            parts += [f"## {_file(each)}", *_parts(each)]
    return "\n\n".join(parts)


def _file(listed: dict[str, Any]) -> str:
    return code(listed["module"].rpartition(".")[2] + ".py")


def _count(group: dict[str, Any]) -> int:
    return len(group["changes"])


def _parts(listed: dict[str, Any]) -> Iterator[str]:
    for group in listed["alive"]:
        yield f"{group['why'][0].upper()}{group['why'][1:]}:"
        rows = ([_line(text) for text in change] for change in group["changes"])
        yield table(("in", "instead of", "stands"), rows)


def _line(text: str) -> str:
    return code(" ⏎ ".join(text.split("\n")))
