"""How a request gets to verusd: the port, and the way over aiohttp's client.

The client serves TLS; for plain HTTP `sockets` does the same in a third of the time.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, TypeAlias

import aiohttp
from aiohttp import hdrs

from verus_gateway.errors import AnswerTooLarge, BadAnswer, BrokenOff, Refused, TimedOut
from verus_gateway.reply import Reply

KEEPALIVE: Final = 15.0
"""Seconds an idle connection is kept: half of verusd's own 30, so that ours ends first."""


class Transport(Protocol):
    """Carries one request to verusd and its response back."""

    async def post(self, body: bytes, authorization: str, deadline: float, *, retry: bool) -> Reply:
        """Return verusd's response, whatever its status.

        Args:
            body: The request's body.
            authorization: The value of its ``Authorization`` header.
            deadline: When to give up, on the event loop's clock.
            retry: Whether sending it twice is harmless; False is sent at most once.

        Raises:
            Refused: it was not sent.
            TimedOut, BrokenOff, BadAnswer, AnswerTooLarge: it may have been.
        """
        ...


Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Transport]]
"""Opens a transport and closes it in the end."""


Mark: TypeAlias = Callable[[], Mapping[str, str]]
"""The headers that name the trace of the request that is sent now, none where it has none."""


@asynccontextmanager
async def session(
    url: str,
    *,
    connect_timeout: float,
    max_response_size: int,
    connections: int,
    mark: Mark | None = None,
) -> AsyncIterator[Transport]:
    """Open the way over aiohttp's client.

    Args:
        url: Scheme, host and port; verusd serves the path ``/`` only.
        connect_timeout: Seconds to get a connection.
        max_response_size: Bytes of one answer, at most.
        connections: Connections at once; the gate keeps calls below it.
        mark: Asked for the headers of each request's trace.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout),
        headers={hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: "verus-gateway"},
        auto_decompress=False,
    ) as made:
        yield _Session(made, url.rstrip("/") + "/", max_response_size, mark)


class _Session:
    def __init__(
        self, made: aiohttp.ClientSession, url: str, max_response_size: int, mark: Mark | None
    ) -> None:
        self._session = made
        self._url = url
        self._max_response_size = max_response_size
        self._mark = mark

    async def post(self, body: bytes, authorization: str, deadline: float, *, retry: bool) -> Reply:
        """Return verusd's response; a new connection is never tried unasked."""
        del retry  # aiohttp sends a POST once
        try:
            async with asyncio.timeout_at(deadline):
                return await self._exchange(body, authorization)
        except aiohttp.ConnectionTimeoutError:
            raise Refused("no connection to verusd in time") from None
        except TimeoutError:
            raise TimedOut("verusd did not answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise Refused(f"no connection to verusd: {cause_of(error.os_error)}") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError):
            raise BrokenOff("the connection to verusd broke off") from None
        except aiohttp.ClientError as error:
            raise BadAnswer(f"verusd does not speak HTTP: {type(error).__name__}") from None

    async def _exchange(self, body: bytes, authorization: str) -> Reply:
        headers: dict[str, str] = {
            hdrs.AUTHORIZATION: authorization,
            hdrs.CONTENT_TYPE: "application/json",
        }
        if self._mark is not None:
            headers |= self._mark()
        async with self._session.post(
            self._url,
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, await self._read(response))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
            response.close()
            raise BadAnswer("verusd's answer is compressed")
        chunks: list[bytes] = []
        left = self._max_response_size
        async for chunk in response.content.iter_any():
            left -= len(chunk)
            if left < 0:
                response.close()
                raise AnswerTooLarge(f"the answer is over {self._max_response_size} bytes")
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def cause_of(error: OSError) -> str:
    """Return what went wrong, without the error's own text: that holds the daemon's address."""
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    return os.strerror(error.errno) if error.errno else type(error).__name__
