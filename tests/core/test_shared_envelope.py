import math
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.shared.envelope import PAYS_FROM, SIZE, Broken, Envelopes, Letter

KEY = b"a key that all instances have"
OURS = Envelopes(KEY, 1_000_000)
LETTER = Letter(b'{"height":20,"digits":0.12345678901234567890}', 1_700_000_000.25, "ab" * 32)


@given(st.binary(max_size=4_000), st.floats(allow_nan=False), st.text("0123456789abcdef"))
def test_what_was_sealed_is_opened_as_it_was(value: bytes, at: float, tip: str) -> None:
    letter = Letter(value, at, tip[:64])

    assert OURS.open(b"name", OURS.seal(b"name", letter)) == letter


def test_a_large_value_is_compressed_where_that_pays() -> None:
    pays = Letter(b'{"a":"b"},' * 1_000, 0.0, "")

    sealed = OURS.seal(b"n", pays)

    assert len(sealed) < len(pays.value) / 10
    assert OURS.open(b"n", sealed) == pays


def test_a_value_that_does_not_shrink_stays_as_it_is() -> None:
    letter = Letter(secrets.token_bytes(PAYS_FROM), 0.0, "")

    assert letter.value in OURS.seal(b"n", letter)


@given(st.data())
def test_one_flipped_bit_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(OURS.seal(b"name", LETTER))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Broken):
        OURS.open(b"name", bytes(sealed))


@given(st.binary(max_size=200))
def test_whatever_stands_there_is_at_worst_broken(text: bytes) -> None:
    with pytest.raises(Broken):
        OURS.open(b"name", text)


@given(st.integers(0, 90))
def test_a_part_is_broken(length: int) -> None:
    sealed = OURS.seal(b"name", LETTER)

    with pytest.raises(Broken):
        OURS.open(b"name", sealed[: min(length, len(sealed) - 1)])


def test_an_answer_to_another_call_is_broken() -> None:
    with pytest.raises(Broken, match="digest"):
        OURS.open(b"other name", OURS.seal(b"name", LETTER))


def test_a_foreign_key_and_a_foreign_version_are_broken() -> None:
    foreign = Envelopes(b"another key", 1_000_000).seal(b"name", LETTER)

    with pytest.raises(Broken, match="digest"):
        OURS.open(b"name", foreign)
    with pytest.raises(Broken, match="version"):
        OURS.open(b"name", b"VG\x02" + OURS.seal(b"name", LETTER)[3:])


def test_what_is_larger_than_it_may_be_is_not_even_unpacked() -> None:
    sealed = OURS.seal(b"name", Letter(b"x" * 5_000, 0.0, ""))

    with pytest.raises(Broken, match="too large"):
        Envelopes(KEY, 4_999).open(b"name", sealed)


def _resealed(changed: bytes) -> bytes:
    return changed + OURS._digest(b"name", changed)


def test_a_liar_who_has_the_key_cannot_make_it_unpack_more_than_promised() -> None:
    bomb = OURS.seal(b"name", Letter(b"0" * 900_000, 0.0, ""))[:-SIZE]
    small = bomb[:12] + (10).to_bytes(4, "big") + bomb[16:]

    with pytest.raises(Broken, match="long"):
        OURS.open(b"name", _resealed(small))


def test_a_liar_who_has_the_key_cannot_make_it_fail_in_another_way() -> None:
    sealed = OURS.seal(b"name", LETTER)[:-SIZE]
    compressed = sealed[:3] + b"\x01" + sealed[4:]

    with pytest.raises(Broken, match="compressed"):
        OURS.open(b"name", _resealed(compressed))


def test_the_time_may_be_any_number() -> None:
    opened = OURS.open(b"n", OURS.seal(b"n", Letter(b"1", math.inf, "")))

    assert opened.sent_at == math.inf
