"""A body in several pieces."""

from typing import Any

from verus_gateway.web.parts import Parts


class Writer:
    """Remembers what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    async def write(self, chunk: bytes) -> None:
        """Take one piece."""
        self.written.append(chunk)


async def test_the_pieces_are_written_one_by_one_and_not_joined() -> None:
    large = b"x" * 100_000
    parts = Parts((b"[", large, b"]"))
    writer: Any = Writer()

    await parts.write_with_length(writer, 1)

    assert writer.written == [b"[", large, b"]"]
    assert writer.written[1] is large
    assert parts.size == 100_002


def test_the_whole_can_be_read_as_text() -> None:
    assert Parts((b'"\xc3', b'\xa9"')).decode() == '"é"'
