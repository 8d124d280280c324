import pytest
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.shared.notes import (
    LONGEST,
    SIZE,
    BeatNote,
    BlockNote,
    BreakerNote,
    Broken,
    ByeNote,
    Note,
    Notes,
    RevokedNote,
    SpentNote,
)

OURS = Notes("one", b"a key that all have")
BREAKER = BreakerNote(chain="VRSC", epoch=3, state="open", by="one", seconds=60.0, cause="refused")


@pytest.mark.parametrize(
    "note",
    [
        BlockNote("VRSC", "ab" * 32),
        BREAKER,
        BeatNote(1.5, (BREAKER,), {"VRSC": "open"}),
        SpentNote({"a": 1.0}, {"192.0.2.1": 5.0}),
        RevokedNote("number", 1_900_000_000.0),
        ByeNote(),
    ],
)
def test_what_was_written_is_read_as_it_was(note: Note) -> None:
    assert OURS.read(OURS.write(note)) == ("one", note)


@given(st.data())
def test_one_flipped_bit_is_noticed(data: st.DataObject) -> None:
    written = bytearray(OURS.write(BREAKER))
    written[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Broken):
        OURS.read(bytes(written))


@given(st.binary(max_size=100))
def test_whatever_comes_is_at_worst_broken(data: bytes) -> None:
    with pytest.raises(Broken):
        OURS.read(data)
    with pytest.raises(Broken):
        OURS.read(OURS._digest(data) + data)


def test_a_note_of_a_foreign_key_and_one_that_is_too_long_are_broken() -> None:
    with pytest.raises(Broken, match="digest"):
        OURS.read(Notes("one", b"another key").write(ByeNote()))
    with pytest.raises(Broken, match="too long"):
        OURS.read(bytes(LONGEST + 1))


@pytest.mark.parametrize(
    "text",
    [
        b'{"sender":"x","note":{"type":"block","chain":"VRSC","hash":"no hash"}}',
        b'{"sender":"x","note":{"type":"breaker","chain":"V","epoch":-1,"state":"open","by":"x"}}',
        b'{"sender":"x","note":{"type":"breaker","chain":"V","epoch":1,"state":"ajar","by":"x"}}',
        b'{"sender":"x","note":{"type":"stop"}}',
    ],
)
def test_a_note_that_says_what_no_note_says_is_broken(text: bytes) -> None:
    assert len(OURS._digest(text)) == SIZE
    with pytest.raises(Broken):
        OURS.read(OURS._digest(text) + text)
