"""What instances tell each other, and how it is written.

A note is JSON with its sender, behind a digest; with a key nobody without it can send one.
What does not fit in every respect is no note: it raises `Broken`, whatever it is.
"""

import hmac
from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from verus_gateway.breaker import Name

LONGEST: Final = 16_384
"""Bytes of a note, at most."""
SIZE: Final = 16
"""Bytes of the digest."""

_Word: TypeAlias = Annotated[str, Meta(max_length=300)]


class BlockNote(Struct, frozen=True, tag="block"):
    """A block has arrived.

    Attributes:
        chain: The chain's name.
        hash: The block's hash.
    """

    chain: _Word
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class BreakerNote(Struct, frozen=True, tag="breaker", kw_only=True):
    """A breaker's state.

    Attributes:
        chain: The chain's name.
        epoch: Which change of the common breaker it is; a later one overrules an earlier one.
        state: The state entered.
        by: Whose change it is: who opened it tries it again.
        seconds: Until it is tried again.
        cause: Why, in words for people.
        reset: Whether an operator closed it.
    """

    chain: _Word
    epoch: Annotated[int, Meta(ge=0, lt=2**53)]
    state: Name
    by: _Word
    seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    cause: _Word = ""
    reset: bool = False


class BeatNote(Struct, frozen=True, tag="beat"):
    """An instance is there; said every second.

    Attributes:
        age: Seconds since it started.
        breakers: From chain to the state of its breaker, as far as it is common to all.
        states: From chain to the state of its own breaker.
        counted: Whether it serves calls: a token service does not.
    """

    age: float
    breakers: tuple[BreakerNote, ...]
    states: Mapping[str, Name]
    counted: bool = True


class SpentNote(Struct, frozen=True, tag="spent"):
    """What callers have spent of their allowance at one instance.

    Attributes:
        named: From a subject to the cost.
        strangers: From an address to the cost.
    """

    named: dict[str, float]
    strangers: dict[str, float]


class RevokedNote(Struct, frozen=True, tag="revoked"):
    """A token was taken back.

    Attributes:
        jti: Its number.
        ends: When it ends by itself, in seconds since 1970.
    """

    jti: _Word
    ends: float


class ByeNote(Struct, frozen=True, tag="bye"):
    """An instance goes."""


Note: TypeAlias = BlockNote | BreakerNote | BeatNote | SpentNote | RevokedNote | ByeNote


class Broken(Exception):
    """What came is no note of ours."""


class _Sent(Struct, frozen=True):
    sender: _Word
    note: Note


class Notes:
    """Writes and reads notes.

    Args:
        sender: The name of this instance.
        key: Of the digests; empty where the way is trusted.
    """

    def __init__(self, sender: str, key: bytes) -> None:
        self.sender = sender
        self._key = key[:64]
        self._decoder = msgspec.json.Decoder(_Sent)

    def write(self, note: Note) -> bytes:
        """Return *note* as it is sent."""
        text = msgspec.json.encode(_Sent(self.sender, note))
        return self._digest(text) + text

    def read(self, data: bytes) -> tuple[str, Note]:
        """Return who sent it, and the note.

        Raises:
            Broken: it is none.
        """
        if len(data) > LONGEST:
            raise Broken("too long")
        digest, text = data[:SIZE], data[SIZE:]
        if not hmac.compare_digest(digest, self._digest(text)):
            raise Broken("the digest is wrong")
        try:
            sent = self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Broken(str(error)) from None
        return sent.sender, sent.note

    def _digest(self, text: bytes) -> bytes:
        return blake2b(text, digest_size=SIZE, key=self._key, person=b"vg note").digest()
