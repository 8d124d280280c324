"""The way to the daemon: its queue, its breaker, its deadline, its list of what never passes."""

import asyncio
from collections.abc import Callable, Container
from time import perf_counter
from typing import TypeAlias

from verus_gateway.breaker import Breaker, Change
from verus_gateway.dialect import Question, Verusd
from verus_gateway.errors import (
    InvalidParams,
    MethodNotFound,
    Overloaded,
    QueueTimeout,
    RpcError,
    WrongChain,
)
from verus_gateway.forbidden import FORBIDDEN, forbidden_member
from verus_gateway.gate import Gate
from verus_gateway.plugin import Json, Raw

Observer: TypeAlias = Callable[[RpcError | None, float], None]


class GuardedDaemon:
    """A `Verusd` behind a gate and a breaker.

    Args:
        daemon: Who answers.
        breaker: Asked before the queue, so that an open one refuses at once, and after it.
        gate: Bounds the calls at the daemon and those that wait.
        observe: Told the outcome and the seconds of each call that reached the daemon.
        stranger: Why the daemon must not be asked although it answers, "" where it may be.
    """

    def __init__(
        self,
        daemon: Verusd,
        breaker: Breaker,
        gate: Gate,
        observe: Observer,
        stranger: Callable[[], str] = str,
    ) -> None:
        self._daemon = daemon
        self._breaker = breaker
        self._gate = gate
        self._observe = observe
        self._stranger = stranger
        breaker.listen(self._turn_away)

    async def ask(self, question: Question) -> Raw:
        """Ask verusd in turn, unless the breaker is open.

        Raises:
            MethodNotFound: the command is one that the gateway never sends.
            InvalidParams: a member of the parameters is one.
            WrongChain, BreakerOpen, QueueFull, QueueTimeout: it was not sent.
        """
        if question.method in FORBIDDEN:
            raise MethodNotFound(f"{question.method} is never sent to verusd")
        if reason := forbidden_member(question.params):
            raise InvalidParams(f"{question.method}: the member {reason}; it is never sent")
        if why := self._stranger():
            raise WrongChain(why)
        self._breaker.check()
        if not self._gate.try_enter():
            await self._wait_for_place(question)
        try:
            with self._breaker.guard():
                began = perf_counter()
                try:
                    answer = await self._daemon.ask(question)
                except RpcError as error:
                    self._note(error, perf_counter() - began)
                    raise
                self._note(None, perf_counter() - began)
                return answer
        finally:
            self._gate.leave()

    async def _wait_for_place(self, question: Question) -> None:
        try:
            async with asyncio.timeout_at(question.deadline):
                await self._gate.enter(favoured=question.favoured)
        except TimeoutError:
            raise QueueTimeout("the call's time ran out while it waited for its turn") from None

    def _note(self, error: RpcError | None, seconds: float) -> None:
        if isinstance(error, Overloaded):
            self._gate.shrink()
        elif error is None or error.verdict == "answered":
            self._gate.grow()
        self._observe(error, seconds)

    def _turn_away(self, change: Change) -> None:
        if change.new == "open":
            self._gate.turn_away(self._breaker.refusal)


class Line:
    """The daemon as one call's handler sees it: its deadline, and whether to ask twice."""

    __slots__ = ("_daemon", "_deadline", "_favoured", "_offered", "_retry", "newest")

    def __init__(
        self,
        daemon: Verusd,
        *,
        retry: bool,
        deadline: float,
        offered: Container[str] = frozenset(),
        favoured: bool = False,
    ) -> None:
        self._daemon = daemon
        self._offered = offered
        self._retry = retry
        self._deadline = deadline
        self._favoured = favoured
        self.newest: Raw | None = None
        """What verusd answered last: that is JSON, whoever passes it on."""

    async def call(self, method: str, *params: Json) -> Raw:
        """Return verusd's result, still encoded."""
        question = Question(method, params, self._retry, self._deadline, self._favoured)
        self.newest = await self._daemon.ask(question)
        return self.newest

    def offers(self, method: str) -> bool:
        """Tell whether clients may call *method*."""
        return method in self._offered
