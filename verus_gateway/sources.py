"""Where texts of the issuer come from: an address or a file, bounded in time and bytes."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp

SECONDS: Final = 5.0
"""For one text to arrive."""
LARGEST: Final = 8_388_608
"""Bytes of one text: a hundred thousand revocations have room."""


class Address:
    """A text at an address of the configuration.

    It is asked seldom, so each time takes a connection of its own. Redirections are not
    followed: they would let what answers there choose another address.

    Args:
        url: Where it is.
        seconds: For the text to arrive.
    """

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def __call__(self) -> bytes:
        """Return the text.

        Raises:
            OSError: it cannot be had.
        """
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, allow_redirects=False) as response,
            ):
                if response.status != 200:  # noqa: PLR2004  HTTP's own word for it
                    raise OSError(f"HTTP {response.status}")
                return await _bounded(response.content)
        except TimeoutError:
            raise OSError("no answer in time") from None
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from error


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    text = bytearray()
    async for chunk in stream.iter_any():
        text += chunk
        if len(text) > LARGEST:
            raise OSError("too large")
    return bytes(text)


class File:
    """A text in a file.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self) -> bytes:
        """Return the text.

        Raises:
            OSError: it cannot be read.
        """
        return await asyncio.to_thread(self._path.read_bytes)
