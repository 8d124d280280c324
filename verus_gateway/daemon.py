"""verusd over HTTP: credentials, and retries where they are harmless."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

import aiohttp
from msgspec import Raw
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from verus_gateway import rpc
from verus_gateway.dialect import Question, interpret
from verus_gateway.errors import (
    BadAnswer,
    BrokenOff,
    OutcomeUnknown,
    Overloaded,
    Refused,
    RpcError,
    TimedOut,
    Unauthorized,
)
from verus_gateway.transport import Open, Transport

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

ATTEMPTS: Final = 3


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
        open: Opens the way to verusd.
        credentials: User name and password.
        overloaded: Told each time that verusd's work queue was full, also where the next attempt
            succeeds and nobody else learns of it.
        worthwhile: Whether to ask again at all: only while the breaker is closed, say.
        sleep: Waits between retries.
    """

    def __init__(
        self,
        open: Open,
        credentials: Credentials,
        *,
        overloaded: Callable[[], None] = lambda: None,
        worthwhile: Callable[[], bool] = lambda: True,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._open = open
        self._overloaded = overloaded
        self._worthwhile = worthwhile
        self._credentials = credentials
        self._sleep = sleep
        self._number = 0
        self._opened: AbstractAsyncContextManager[Transport] | None = None
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        """Open the transport."""
        self._opened = self._open()
        self._transport = await self._opened.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.__aexit__(None, None, None)

    async def ask(self, question: Question) -> Raw:
        """Ask verusd, again where the question and the failure allow it.

        Raises:
            OutcomeUnknown: a write was sent and no usable answer came.
        """
        if question.retry:
            try:
                return await self._attempt(question)
            except (Refused, BrokenOff, Overloaded) as first:
                return await self._again(question, first)
        try:
            return await self._attempt(question)
        except (TimedOut, BadAnswer) as error:
            raise OutcomeUnknown(f"{question.method} was sent; {error.message}") from None

    async def _again(self, question: Question, first: RpcError) -> Raw:
        """Go on after the first attempt failed."""
        failures = [first]

        async def attempt() -> Raw:
            if failures:
                raise failures.pop()
            if not self._worthwhile():  # that may have changed in the pause
                raise first
            return await self._attempt(question)

        retrying = AsyncRetrying(
            stop=_enough,
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception(self._may_go_on),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async with asyncio.timeout_at(question.deadline):
                answer: Raw = await retrying(attempt)
        except TimeoutError:
            raise TimedOut("verusd did not answer in time") from None
        return answer

    def _may_go_on(self, error: BaseException) -> bool:
        return isinstance(error, Refused | BrokenOff | Overloaded) and self._worthwhile()

    async def _attempt(self, question: Question) -> Raw:
        used = self._credentials.header
        try:
            return await self._exchange(question, used)
        except Overloaded:
            self._overloaded()
            raise
        except Unauthorized:
            # Each wrong password stalls one of verusd's threads: once more only with a new one.
            self._credentials.reload()
            if self._credentials.header == used:
                raise
            return await self._exchange(question, self._credentials.header)

    async def _exchange(self, question: Question, authorization: str) -> Raw:
        if self._transport is None:
            raise RuntimeError("HttpDaemon is used outside of its context")
        self._number += 1
        number = self._number
        body = rpc.request(number, question.method, question.params)
        reply = await self._transport.post(
            body, authorization, question.deadline, retry=question.retry
        )
        return interpret(reply.status, reply.body, number)


def _enough(state: RetryCallState) -> bool:
    """Stop after three attempts; a refused or broken connection gets one reconnect."""
    most = ATTEMPTS
    if state.outcome is not None and not isinstance(state.outcome.exception(), Overloaded):
        most = ATTEMPTS - 1
    return bool(stop_after_attempt(most)(state))
