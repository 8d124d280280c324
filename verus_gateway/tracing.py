"""What the gateway knows of traces, without the SDK that makes them; see `spans`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from typing import Final, Protocol, TypeAlias

from verus_gateway.errors import RpcError
from verus_gateway.pipeline import Answer

Outcome: TypeAlias = Answer | RpcError
State: TypeAlias = Callable[[], str]

CURRENT: Final[ContextVar[str]] = ContextVar("traceparent", default="")


def traceparent() -> str:
    """Return what tells verusd of which call its request is part; empty outside of a call."""
    return CURRENT.get()


class Span(Protocol):
    """The span of one call."""

    def current(self) -> AbstractContextManager[None]:
        """Have requests to verusd name this span as their parent, while that is entered."""
        ...

    def end(self, outcome: Outcome | None) -> None:
        """Note what came of the call, None where its caller left; only the first time counts."""
        ...


class Trace(AbstractContextManager[None], Protocol):
    """The spans of one request; leaving it ends those whose calls were never answered."""

    def begin(self, method: str) -> Span:
        """Begin the span of a call.

        Args:
            method: The call's method, as metrics call it: no stranger's words.
        """
        ...


class Tracing(Protocol):
    """Makes spans."""

    def trace(self, chain: str, breaker: State, headers: Mapping[str, str]) -> Trace:
        """Return what makes the spans of one request, children of the span that it names."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Send spans; at the end, what waits, but not for ever."""
        ...
