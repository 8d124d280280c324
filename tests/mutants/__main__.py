"""``make mutants``: change one small thing at a time and see whether a test notices.

A change that no test notices has to stand in the module's list with a reason. One that does not
makes this fail; one that stands there and is noticed by now is told, to be taken out.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from mutants.lists import LISTS, ROOT, Watched, all_in, compared
from mutants.making import Change, Mutant, mutants
from mutants.trying import Broken, Suite, Verdict

Tried = tuple[Mutant, Verdict]


def main() -> int:
    """Try the modules that are asked for; 1 where a change lives that no list has."""
    asked = _arguments()
    known = all_in(asked.lists, asked.root)
    unknown = set(asked.only) - set(known)
    if unknown:
        print(f"no list of {', '.join(sorted(unknown))}: there are {', '.join(known)}")
        return 2
    unlisted = 0
    for name in asked.only or known:
        try:
            unlisted += _try_module(name, known[name], asked)
        except Broken as broken:
            print(broken)
            return 2
    return 1 if unlisted else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of lists; all of them if none is given")
    parser.add_argument("--lists", type=Path, default=LISTS, help="the folder of lists")
    parser.add_argument("--root", type=Path, default=ROOT, help="where paths in lists begin")
    parser.add_argument("--out", type=Path, default=Path(".mutants"), help="folder of the results")
    parser.add_argument("--line", default="", help="only changes of lines that hold this text")
    return parser.parse_args()


def _try_module(name: str, watched: Watched, asked: argparse.Namespace) -> int:
    """Return how many changes of the module live and are not listed."""
    source = watched.file.read_text("utf-8")
    found = list(mutants(source, lambda line: asked.line in line))
    tried = list(_tried(name, watched, found, asked.root))
    unlisted, gone = compared((each.change for each, said in tried if said == "alive"), watched)
    counts = _counts(tried)
    print(f"{name}: " + ", ".join(f"{count} {word}" for word, count in counts.items()))
    for change in unlisted.elements():
        print(f"  lives and is not listed: {_in_words(change)}")
    if not asked.line:
        for change in gone.elements():
            print(f"  is listed and does not live: {_in_words(change)}")
        _write(asked.out / f"{name}.json", watched, counts, tried)
    return unlisted.total()


def _tried(name: str, watched: Watched, found: list[Mutant], root: Path) -> Iterator[Tried]:
    suite = Suite(watched.module, watched.tests, root)
    usual = suite.prepare(watched.file.read_text("utf-8"))
    patience = max(10.0, 10 * usual)
    print(f"{name}: {len(found)} mutants, {usual:.1f} s for the tests of one", flush=True)
    began = time.monotonic()
    for number, mutant in enumerate(found, 1):
        verdict = suite.verdict(mutant.source, patience)
        yield mutant, verdict
        if verdict == "alive":
            print(f"  {watched.file.name}:{mutant.line} lives: {_in_words(mutant.change)}")
        if number % 25 == 0:
            print(f"{name}: {number} after {time.monotonic() - began:.0f} s", flush=True)


def _counts(tried: list[Tried]) -> Mapping[str, int]:
    said = [verdict for _, verdict in tried]
    return {"made": len(said)} | {word: said.count(word) for word in get_args(Verdict)}


def _in_words(change: Change) -> str:
    before, after = (" / ".join(text.split("\n")) for text in (change.before, change.after))
    return f"{change.function or 'module'}: {before}  ->  {after or '(gone)'}"


def _write(out: Path, watched: Watched, counts: Mapping[str, int], tried: list[Tried]) -> None:
    rows: list[Mapping[str, Any]] = [
        {"line": each.line, **asdict(each.change), "verdict": said} for each, said in tried
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    result = {"module": watched.module, **counts, "mutants": rows}
    out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
