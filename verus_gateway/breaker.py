"""The circuit breaker: three immutable states and one small shell.

    Closed ── threshold failures ──▶ Open ── timeout ──▶ HalfOpen
      ▲        (a 401: at once)       ▲                     │
      └────── enough successes ───────┼── any failure ──────┤
                                      └─────────────────────┘

The functions `admitted`, `succeeded`, `failed` and `abandoned` are the whole policy. They
read no clock, take no lock and await nothing.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, Literal, TypeAlias, assert_never

from verus_gateway.errors import BreakerOpen, DaemonUnavailable, RpcError

Clock: TypeAlias = Callable[[], float]
Name: TypeAlias = Literal["closed", "open", "half_open"]

HISTORY: Final = 50
"""Changes remembered for the status page."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When to open, how long to stay open, how many trial calls to allow.

    Attributes:
        failure_threshold: Consecutive failures that open it.
        recovery_timeout: Seconds it stays open.
        half_open_max_requests: Trial calls, at once and in all; that many successes close it.
    """

    failure_threshold: int = 5
    recovery_timeout: float = 60.0
    half_open_max_requests: int = 3


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass; consecutive failures are counted."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Calls are refused until a moment on the clock."""

    until: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A few trial calls pass; their outcome decides."""

    in_flight: int = 0
    successes: int = 0


State: TypeAlias = Closed | Open | HalfOpen


@dataclass(frozen=True, slots=True)
class Change:
    """One step from a kind of state to another.

    Attributes:
        at: When, on the breaker's clock.
        old: The state left.
        new: The state entered.
        cause: Why, in words for people: an error's message or an operator's reason.
    """

    at: float
    old: Name
    new: Name
    cause: str


def name_of(state: State) -> Name:
    """Return the word for *state* that metrics, logs and pages use."""
    match state:
        case Closed():
            return "closed"
        case Open():
            return "open"
        case HalfOpen():
            return "half_open"
        case _:
            assert_never(state)


def admitted(state: State, rules: Rules, now: float) -> State | None:
    """Return the state after one more call is let through; None refuses it."""
    match state:
        case Closed():
            return state
        case Open(until=until):
            return HalfOpen(in_flight=1) if now >= until else None
        case HalfOpen(in_flight=in_flight, successes=successes):
            if in_flight + successes >= rules.half_open_max_requests:
                return None
            return replace(state, in_flight=in_flight + 1)
        case _:
            assert_never(state)


def succeeded(state: State, rules: Rules) -> State:
    """Return the state after a call that verusd answered."""
    match state:
        case Closed():
            return state if state.failures == 0 else Closed()
        case Open():
            return state
        case HalfOpen(in_flight=in_flight, successes=successes):
            if successes + 1 >= rules.half_open_max_requests:
                return Closed()
            return HalfOpen(in_flight - 1, successes + 1)
        case _:
            assert_never(state)


def failed(state: State, rules: Rules, now: float, *, at_once: bool = False) -> State:
    """Return the state after a call that verusd did not answer."""
    match state:
        case Closed(failures=failures):
            if at_once or failures + 1 >= rules.failure_threshold:
                return Open(until=now + rules.recovery_timeout)
            return Closed(failures + 1)
        case Open():
            return state
        case HalfOpen():
            return Open(until=now + rules.recovery_timeout)
        case _:
            assert_never(state)


def abandoned(state: State) -> State:
    """Return the state after a call whose outcome nobody will ever know."""
    if isinstance(state, HalfOpen):
        return replace(state, in_flight=state.in_flight - 1)
    return state


class Breaker:
    """Holds the current state; applies the policy around each call.

    Attributes:
        changes: The last changes, oldest first.
        failures: Calls in a row that verusd did not answer, in whatever state.
        last_failure: When it last did not answer, on the breaker's clock, and why.
    """

    def __init__(self, rules: Rules, clock: Clock = monotonic) -> None:
        self.rules = rules
        self.state: State = Closed()
        self.failures = 0
        self.changes: deque[Change] = deque(maxlen=HISTORY)
        self.last_failure: tuple[float, str] | None = None
        self._clock = clock
        self._epoch = 0
        self._listeners: list[Callable[[Change], None]] = []
        self._reset_listeners: list[Callable[[str], None]] = []

    def __repr__(self) -> str:
        match self.state:
            case Closed(failures=failures):
                return f"<Breaker closed, {failures} failures>"
            case Open():
                wait = f"retry in {self.retry_after():.0f} s"
                return f"<Breaker open, {self.failures} failures, {wait}>"
            case HalfOpen(in_flight=in_flight, successes=successes):
                return f"<Breaker half open, {in_flight} in flight, {successes} succeeded>"
            case _:
                assert_never(self.state)

    @property
    def name(self) -> Name:
        """The word for the state it is in."""
        return name_of(self.state)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call *listener* at each change of kind."""
        self._listeners.append(listener)

    def listen_reset(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with the reason at each reset, also of a closed breaker."""
        self._reset_listeners.append(listener)

    def reset(self, reason: str) -> None:
        """Close the breaker, whatever its state; what is under way no longer counts."""
        self.failures = 0
        self._become(Closed(), f"reset: {reason}")
        self._epoch += 1
        for listener in self._reset_listeners:
            listener(reason)

    def open(self, seconds: float, cause: str) -> None:
        """Refuse calls for *seconds* from now, on another instance's word."""
        self._become(Open(self._clock() + seconds), cause)

    def close(self, cause: str) -> None:
        """Let calls pass, on another instance's word."""
        self._become(Closed(), cause)

    def check(self) -> None:
        """Raise `BreakerOpen` if a call made now would be refused; changes nothing."""
        if self.refuses():
            raise self.refusal()

    def refuses(self) -> bool:
        """Tell whether a call made now would be refused; changes nothing."""
        return admitted(self.state, self.rules, self._clock()) is None

    def refuses_until(self) -> float:
        """Return until when calls are refused unless `state` is another by then; -inf for no time."""
        return self.state.until if isinstance(self.state, Open) else -math.inf

    def retry_after(self) -> float:
        """Return the seconds until a call may be tried again."""
        if isinstance(self.state, Open):
            return max(0.0, self.state.until - self._clock())
        return 0.0 if isinstance(self.state, Closed) else 1.0

    def since(self, moment: float) -> float:
        """Return the seconds since *moment* of the breaker's clock."""
        return max(0.0, self._clock() - moment)

    def guard(self) -> "Guard":
        """Return what lets one call through and records its outcome: ``with breaker.guard():``.

        Entering it raises `BreakerOpen` where the call is refused.
        """
        return Guard(self)

    def admit(self) -> int:
        """Let one call through; return what `settle` is to be told with its outcome.

        Raises:
            BreakerOpen: the call was refused.
        """
        after = admitted(self.state, self.rules, self._clock())
        if after is None:
            raise self.refusal()
        self._become(after, "time to try again")
        return self._epoch

    def settle(self, epoch: int, error: BaseException | None) -> None:
        """Record how a call ended that was let through as *epoch*: in *error*, or well."""
        if error is None or isinstance(error, RpcError):
            self._judge(epoch, error)
        else:
            self._settle_as(epoch, abandoned(self.state), "")

    def _judge(self, epoch: int, error: RpcError | None) -> None:
        verdict = "answered" if error is None else error.verdict
        if verdict == "answered":
            self._count(epoch, 0)
            self._settle_as(epoch, succeeded(self.state, self.rules), "verusd answers again")
        elif error is not None and verdict == "failed":
            at_once = isinstance(error, DaemonUnavailable) and error.opens_at_once
            after = failed(self.state, self.rules, self._clock(), at_once=at_once)
            self.last_failure = (self._clock(), error.message)
            self._count(epoch, self.failures + 1)
            self._settle_as(epoch, after, error.message)
        else:
            self._settle_as(epoch, abandoned(self.state), "")

    def _count(self, epoch: int, failures: int) -> None:
        if epoch == self._epoch:
            self.failures = failures

    def _settle_as(self, epoch: int, after: State, cause: str) -> None:
        # A call that began under an earlier state has nothing to say about this one.
        if epoch == self._epoch:
            self._become(after, cause)

    def refusal(self) -> BreakerOpen:
        """Return the error for a call that is refused now."""
        seconds = self.retry_after()
        return BreakerOpen(f"the daemon is away, retry in {seconds:.0f} s", retry_after=seconds)

    def _become(self, new: State, cause: str) -> None:
        old, self.state = self.state, new
        if type(old) is type(new):
            return
        self._epoch += 1
        change = Change(self._clock(), name_of(old), name_of(new), cause)
        self.changes.append(change)
        for listener in self._listeners:
            listener(change)


class Guard:
    """One call's way through a `Breaker`."""

    __slots__ = ("_breaker", "_epoch")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._epoch = 0

    def __enter__(self) -> None:
        self._epoch = self._breaker.admit()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._breaker.settle(self._epoch, error)
