"""The lists of mutants that may live, one file a module, each with its reason."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mutants.making import Change

LISTS: Final = Path(__file__).with_name("lists")
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Watched:
    """A module, the tests that have to notice, and what they need not notice.

    Attributes:
        module: Its dotted name.
        file: Where its source is.
        tests: The files of tests, quick ones first.
        alive: Each change that may live, with its reason; a change that can be made at several
            places of a function stands there as often.
    """

    module: str
    file: Path
    tests: tuple[Path, ...]
    alive: tuple[tuple[Change, str], ...]


def read(file: Path, root: Path = ROOT) -> Watched:
    """Return what the list in *file* says; its paths begin at *root*."""
    table = tomllib.loads(file.read_text("utf-8"))
    alive = [
        (Change(*change), group["why"])
        for group in table.get("alive", ())
        for change in group["changes"]
    ]
    source = root.joinpath(*table["module"].split(".")).with_suffix(".py")
    return Watched(
        table["module"], source, tuple(root / each for each in table["tests"]), tuple(alive)
    )


def all_in(folder: Path, root: Path = ROOT) -> Mapping[str, Watched]:
    """Return the lists in *folder* by the names of their files, without the ending."""
    return {file.stem: read(file, root) for file in sorted(folder.glob("*.toml"))}


def compared(
    alive: Iterable[Change], watched: Watched
) -> tuple["Counter[Change]", "Counter[Change]"]:
    """Return the changes that live and are not listed, and those that are listed and do not."""
    found, listed = Counter(alive), Counter(change for change, _ in watched.alive)
    return found - listed, listed - found
