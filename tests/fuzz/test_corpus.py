"""Every input that the fuzzer kept, tried again, and a short run of it."""

import random
from itertools import repeat

import pytest
from fuzz.by_coverage import corpus, fuzz
from fuzz.targets import TARGETS

RUNS = {"envelope": 1_500, "framing": 1_500, "lanes": 400}
"""Inputs, a few seconds in all; `make fuzz` goes on for as long as one likes."""


@pytest.mark.parametrize("target", TARGETS)
def test_two_readers_agree_about_everything_that_is_kept(target: str) -> None:
    kept = corpus(target)

    with TARGETS[target].open() as hold:
        seen = {hold(text) for text in kept}

    assert len(kept) >= 20
    assert len(seen) >= 4, "the corpus has lost its variety"


@pytest.mark.parametrize("target", TARGETS)
def test_two_readers_agree_about_damaged_inputs(target: str) -> None:
    run = RUNS[target]
    turns = iter(repeat(True, run))

    tried, _ = fuzz(
        TARGETS[target],
        corpus(target),
        random.Random(7),  # noqa: S311  repeatable on purpose
        lambda: next(turns, False),
    )

    assert tried == run
