"""The way to a Redis: short timeouts, a breaker of its own, and a calm way back.

Who asks is answered within the timeout or told `Away`, and while the breaker is open at
once. Only the link itself tries whether Redis is back: no request ever pays for that.
"""

import asyncio
import logging
import random
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Final, TypeAlias

from redis.exceptions import NoScriptError

from verus_gateway.breaker import Closed, HalfOpen, Rules, State, admitted, failed, succeeded
from verus_gateway.shared.client import FAILURES, Client, Command
from verus_gateway.shared.faults import AWAY, MISCONFIGURED, Fault, fault_of
from verus_gateway.shared.scripts import in_full

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

AT_ONCE: Final = 64
"""Operations under way at the same time, at most; one more is told that Redis is away."""
PATIENCE: Final = 1.0
"""Seconds for a trial while the link is broken: nobody waits for it."""
PAUSE: Final = 0.5
"""Seconds between two trials; each is drawn between half of that and three halves."""
CALM: Final = 4
"""Times `PAUSE` between two trials where only an operator can mend it."""
GRACE_TURNS: Final = 5
"""Turns of the loop in which an answer that has arrived, but was not read yet, still counts."""
RULES: Final = Rules(failure_threshold=3, recovery_timeout=0.0, half_open_max_requests=1)


class Away(Exception):
    """Redis gave no answer; whoever asked goes on without it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Link:
    """One way to one Redis.

    Attributes:
        tried: Set once it is known whether Redis answers.
        fault: Why it did not answer last time.
        faults: How often it gave no answer, or not the one asked for, and why.
        inside: Operations under way.

    Args:
        name: What it is for, in logs and metrics.
        client: Who talks.
        place: Where it leads, in words without a secret.
        timeout: Seconds for one operation.
        clock: Seconds, monotonic.
        sleep: Waits between two trials.
        draw: A number between 0 and 1, so that instances do not come back all at once.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        *,
        timeout: float,
        place: str = "",
        clock: Clock = monotonic,
        sleep: Sleep = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.client = client
        self.place = place
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._state: State = HalfOpen()  # until the first trial went well
        self._broken = asyncio.Event()
        self._broken.set()
        self._listeners: list[Callable[[], None]] = []
        self.tried = asyncio.Event()
        self.fault: Fault | None = None
        self.faults: Tally[Fault] = Tally()
        self.inside = 0

    def __repr__(self) -> str:
        return f"<Link {self.name}, {'up' if self.up else f'away: {self.fault}'}>"

    @property
    def up(self) -> bool:
        """Whether Redis may be asked."""
        return isinstance(self._state, Closed)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* each time the link comes up or breaks."""
        self._listeners.append(listener)

    async def run(self, *commands: Command) -> list[Any]:
        """Send *commands* in one go; return a result or an exception for each.

        A script that the server does not know is sent in full.

        Raises:
            Away: not one of them was answered in time, or nobody was asked.
        """
        results = await self._run(commands)
        unknown = [
            at
            for at, result in enumerate(results)
            if isinstance(result, NoScriptError) and commands[at][0] == "EVALSHA"
        ]
        if unknown:
            again = await self._run([in_full(commands[at]) for at in unknown])
            for at, result in zip(unknown, again, strict=True):
                results[at] = result
        return results

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        if not self.up:
            raise Away(self.fault or "refused")
        if self.inside >= AT_ONCE:
            self.faults["crowded"] += 1
            raise Away("crowded")
        self.inside += 1
        try:
            results = await self._tried(self.client.run(commands), self._timeout)
        except Away as error:
            self.faults[error.fault] += 1
            self._fail(error.fault)
            raise
        finally:
            self.inside -= 1
        self._settle(results)
        return results

    async def watch(self) -> None:
        """Mend the link for ever, each time it is broken; it begins so."""
        while True:
            await self._broken.wait()
            while not self.up:
                await self._try()
                if not self.up:
                    pause = PAUSE * (CALM if self.fault in MISCONFIGURED else 1)
                    await self._sleep(pause * (0.5 + self._draw()))

    async def _try(self) -> None:
        self._state = admitted(self._state, RULES, self._clock()) or self._state
        try:
            await self._tried(self._ping(), PATIENCE)
        except Away as error:
            self._state = failed(self._state, RULES, self._clock())
            self._tell(error.fault)
        else:
            self._state = succeeded(self._state, RULES)
            self._broken.clear()
            self._tell(None)
            self._changed()
        finally:
            self.tried.set()

    async def _ping(self) -> list[Any]:
        await self.client.forget()
        [answer] = await self.client.run([("PING",)])
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    async def _tried(self, work: Coroutine[Any, Any, list[Any]], seconds: float) -> list[Any]:
        task = asyncio.ensure_future(work)
        task.add_done_callback(_seen)
        try:
            await asyncio.wait([task], timeout=seconds)
            for _ in range(GRACE_TURNS):
                if task.done():
                    break
                await asyncio.sleep(0)  # it may have come while the loop was busy elsewhere
        finally:
            task.cancel()
        if not task.done():
            raise Away("timeout")
        try:
            return task.result()
        except FAILURES as error:
            raise Away(fault_of(error)) from error

    def _settle(self, results: Sequence[Any]) -> None:
        """Take note of what went wrong with single commands."""
        found = [fault_of(result) for result in results if isinstance(result, Exception)]
        grave = [fault for fault in found if fault in AWAY or fault in MISCONFIGURED]
        self.faults.update(found)
        if len(grave) < len(results):
            self._state = succeeded(self._state, RULES)
        else:
            self._fail(grave[0])
        if found and found[0] in MISCONFIGURED and self.up:
            self._complain(found[0])

    def _fail(self, fault: Fault) -> None:
        at_once = fault not in {"timeout", "refused"}
        self._state = failed(self._state, RULES, self._clock(), at_once=at_once)
        if not self.up and not self._broken.is_set():
            self._broken.set()
            self._tell(fault)
            self._changed()

    def _tell(self, fault: Fault | None) -> None:
        before, self.fault = self.fault, fault
        if fault == before:
            return
        if fault is None:
            log.info("redis answers", extra={"redis": self.name})
        elif fault in MISCONFIGURED:
            self._complain(fault)
        else:
            log.warning("redis away", extra={"redis": self.name, "cause": fault})

    def _complain(self, fault: Fault) -> None:
        extra = {"redis": self.name, "cause": fault}
        log.error("redis refuses us: see its users and our password", extra=extra)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _seen(task: "asyncio.Task[list[Any]]") -> None:
    if not task.cancelled():
        task.exception()  # of a command that came too late; nobody waits for it
