"""``make fuzz``: damage bodies and heads at random, keep what reaches something new.

What is new is told by the lines of the module under test that ran one after the other, and by
what the target says it saw. An input that two readers take differently stops the run and is
printed. Nothing is written but new inputs, and those only with ``--keep``.
"""

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from fuzz.mutations import damaged
from fuzz.targets import TARGETS, Hold, Target

CORPUS: Final = Path(__file__).with_name("corpus")

Seen = set[Any]


def corpus(target: str) -> list[bytes]:
    """Return the inputs that are kept for *target*."""
    return [file.read_bytes() for file in sorted((CORPUS / target).iterdir())]


@contextmanager
def watching(files: frozenset[str], seen: Seen) -> Iterator[None]:
    """Add each pair of lines of *files* that run one after the other to *seen*."""

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        last = frame.f_lineno

        def step(inner: FrameType, ___: str, ____: Any) -> Any:
            nonlocal last
            seen.add((file, last, inner.f_lineno))
            last = inner.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def fuzz(
    target: Target, inputs: list[bytes], chance: random.Random, goes_on: Callable[[], bool]
) -> tuple[int, list[bytes]]:
    """Try damaged inputs while *goes_on*; return how many were tried and which were new.

    Raises:
        AssertionError: two readers differ.
    """
    known: Seen = set()
    pool, new, tried = list(inputs), [], 0
    with target.open() as hold:
        for text in inputs:
            _try(target, hold, text, known)
        while goes_on():
            text = damaged(chance, chance.choice(pool), chance.choice(pool), target.pieces)
            before = len(known)
            if tried % target.one_of:
                known.add(hold(text))
            else:
                _try(target, hold, text, known)
            tried += 1
            if len(known) > before:
                pool.append(text)
                new.append(text)
    return tried, new


def _try(target: Target, hold: Hold, text: bytes, known: Seen) -> None:
    with watching(target.watched, known):
        saw = hold(text)
    known.add(saw)


def _before(ends: float) -> Callable[[], bool]:
    return lambda: time.monotonic() < ends


def main() -> None:
    """Fuzz each target for its share of the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="write new inputs into the corpus")
    words = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if words.seed is None else words.seed
    print(f"seed {seed}")
    for name, target in TARGETS.items():
        ends = time.monotonic() + words.seconds / len(TARGETS)
        kept = corpus(name)
        chance = random.Random(seed)  # noqa: S311  repeatable on purpose
        tried, new = fuzz(target, kept, chance, _before(ends))
        print(
            f"{name}: {tried} inputs tried, {len(kept)} in the corpus, {len(new)} new, no difference"
        )
        for text in new if words.keep else []:
            digest = hashlib.sha256(text).hexdigest()[:12]
            (CORPUS / name / digest).write_bytes(text)


if __name__ == "__main__":
    main()
