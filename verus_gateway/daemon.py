"""verusd over HTTP: one session, deadlines, a size limit, retries where they are harmless."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

import aiohttp
from aiohttp import hdrs
from msgspec import Raw
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from verus_gateway import rpc
from verus_gateway.dialect import Question, interpret
from verus_gateway.errors import (
    AnswerTooLarge,
    BadAnswer,
    BrokenOff,
    OutcomeUnknown,
    Overloaded,
    Refused,
    RpcError,
    TimedOut,
    Unauthorized,
)

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

ATTEMPTS: Final = 3
KEEPALIVE: Final = 15.0
"""Seconds an idle connection is kept: half of verusd's own 30, so that ours ends first."""


class Credentials:
    """The user name and password for verusd, re-read where they come from a file.

    Args:
        user: The user name; unused with a cookie file.
        password: The password itself, or
        password_file: a file that holds it, or
        cookie_file: verusd's own ``.cookie`` (``__cookie__:…``), new at each of its starts.
    """

    def __init__(
        self,
        user: str = "",
        password: str = "",
        *,
        password_file: Path | None = None,
        cookie_file: Path | None = None,
    ) -> None:
        self._user = user
        self._password = password
        self._password_file = password_file
        self._cookie_file = cookie_file
        self._header = ""

    def __repr__(self) -> str:
        return "<Credentials>"

    @property
    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        if not self._header:
            self.reload()
        return self._header

    def reload(self) -> None:
        """Read the files again; what cannot be read leaves the old value in force."""
        user, password = self._user, self._password
        try:
            if self._cookie_file is not None:
                user, _, password = self._cookie_file.read_text("utf-8").strip().partition(":")
            elif self._password_file is not None:
                password = self._password_file.read_text("utf-8").strip()
        except OSError as error:
            if not self._header:
                raise Unauthorized(f"no password for verusd: {error.strerror}") from None
            return
        self._header = aiohttp.encode_basic_auth(user, password)


class HttpDaemon:
    """verusd over HTTP; use it as an async context manager.

    Args:
        url: Scheme, host and port; verusd serves the path ``/`` only.
        credentials: User name and password.
        connect_timeout: Seconds to get a connection.
        max_response_size: Bytes of one answer, at most.
        connections: Connections at once; the gate keeps calls below it.
        sleep: Waits between retries.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        connect_timeout: float,
        max_response_size: int,
        connections: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._url = url.rstrip("/") + "/"
        self._credentials = credentials
        self._connect_timeout = connect_timeout
        self._max_response_size = max_response_size
        self._connections = connections
        self._sleep = sleep
        self._number = 0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEPALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
            headers={hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: "verus-gateway"},
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, question: Question) -> Raw:
        """Ask verusd, again where the question and the failure allow it.

        Raises:
            OutcomeUnknown: a write was sent and no usable answer came.
        """
        try:
            async with asyncio.timeout_at(question.deadline):
                if question.retry:
                    return await self._retrying(question)
                return await self._attempt(question)
        except TimeoutError:
            error: RpcError = TimedOut("verusd did not answer in time")
        except BadAnswer as bad:
            error = bad
        if question.retry:
            raise error
        raise OutcomeUnknown(f"{question.method} was sent; {error.message}")

    async def _retrying(self, question: Question) -> Raw:
        retrying = AsyncRetrying(
            stop=_enough,
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception_type((Refused, BrokenOff, Overloaded)),
            sleep=self._sleep,
            reraise=True,
        )
        answer: Raw = await retrying(self._attempt, question)
        return answer

    async def _attempt(self, question: Question) -> Raw:
        used = self._credentials.header
        try:
            return await self._exchange(question, used)
        except Unauthorized:
            # Each wrong password stalls one of verusd's threads: once more only with a new one.
            self._credentials.reload()
            if self._credentials.header == used:
                raise
            return await self._exchange(question, self._credentials.header)

    async def _exchange(self, question: Question, authorization: str) -> Raw:
        if self._session is None:
            raise RuntimeError("HttpDaemon is used outside of its context")
        self._number += 1
        number = self._number
        try:
            async with self._session.post(
                self._url,
                data=rpc.request(number, question.method, question.params),
                headers={
                    hdrs.AUTHORIZATION: authorization,
                    hdrs.CONTENT_TYPE: "application/json",
                },
                allow_redirects=False,
            ) as response:
                body = await self._read(response)
                return interpret(response.status, body, number)
        except aiohttp.ConnectionTimeoutError:
            raise Refused("no connection to verusd in time") from None
        except aiohttp.ClientConnectorError as error:
            raise Refused(f"no connection to verusd: {_cause(error)}") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError):
            raise BrokenOff("the connection to verusd broke off") from None
        except aiohttp.ClientError as error:
            raise BadAnswer(f"verusd does not speak HTTP: {type(error).__name__}") from None

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


def _enough(state: RetryCallState) -> bool:
    """Stop after three attempts; a refused or broken connection gets one reconnect."""
    most = ATTEMPTS
    if state.outcome is not None and not isinstance(state.outcome.exception(), Overloaded):
        most = ATTEMPTS - 1
    return bool(stop_after_attempt(most)(state))


def _cause(error: aiohttp.ClientConnectorError) -> str:
    # Not the text of the error itself: it holds the daemon's address.
    number = error.os_error.errno
    return os.strerror(number) if number else type(error.os_error).__name__
