"""One text that several processes share and change."""

from typing import Protocol


class NotRead(Exception):
    """The text cannot be had now, or is not one that we wrote; the message says why."""


class Sheet(Protocol):
    """One text, of some hundred kilobytes at most."""

    async def read(self) -> bytes:
        """Return the text, b"" where none was written yet.

        Raises:
            NotRead: it cannot be had.
        """
        ...

    async def swap(self, old: bytes, new: bytes) -> bool:
        """Write *new* in the place of *old*; tell whether *old* still stood there.

        Raises:
            NotRead: nobody says whether it was written.
        """
        ...
