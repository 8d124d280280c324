"""A response body in several pieces, so that a large result is not copied."""

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload


class Parts(Payload):
    """Bytes objects that are written one after another.

    Args:
        parts: The pieces in order.
    """

    _value: tuple[bytes, ...]

    def __init__(self, parts: tuple[bytes, ...]) -> None:
        super().__init__(parts, content_type="application/json")
        self._size = sum(map(len, parts))

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What is written, in order."""
        return self._value

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole as text; aiohttp asks for it in error messages only."""
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the pieces, as fast as the client reads them."""
        for part in self._value:
            await writer.write(part)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002  aiohttp's signature; our own length is right
    ) -> None:
        """Write everything: the length is always our own."""
        await self.write(writer)
