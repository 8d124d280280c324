"""What the gateway knows of traces, without the SDK that makes them; see `spans`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from verus_gateway.errors import RpcError
from verus_gateway.outcomes import Answer

Outcome: TypeAlias = Answer | RpcError
State: TypeAlias = Callable[[], str]

NONE: Final[Mapping[str, str]] = MappingProxyType({})
CURRENT: Final[ContextVar[Mapping[str, str]]] = ContextVar("trace", default=NONE)


def named() -> Mapping[str, str]:
    """Return the headers that tell verusd of which call its request is part; none outside of one.

    They are ``traceparent`` and, where the caller sent one, ``tracestate`` (W3C Trace Context).
    """
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
