"""Every input that the fuzzer kept, tried again, and a short run of it."""

import random
from itertools import repeat

import pytest
from fuzz.by_coverage import corpus, fuzz
from fuzz.targets import TARGETS

RUN = 1_500
"""Inputs; `make fuzz` tries as many in a second or two."""


@pytest.mark.parametrize("target", TARGETS)
def test_two_readers_agree_about_everything_that_is_kept(target: str) -> None:
    kept = corpus(target)

    seen = {TARGETS[target](text) for text in kept}

    assert len(kept) >= 20
    assert len(seen) >= 4, "the corpus has lost its variety"


@pytest.mark.parametrize("target", TARGETS)
def test_two_readers_agree_about_damaged_inputs(target: str) -> None:
    turns = iter(repeat(True, RUN))

    tried, _ = fuzz(target, corpus(target), random.Random(7), lambda: next(turns, False))  # noqa: S311  repeatable on purpose

    assert tried == RUN
