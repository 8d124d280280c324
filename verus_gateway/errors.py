"""Everything that can go wrong, and what the client is told.

RpcError                     becomes the ``error`` member of an answer
├── ParseError               -32700  the body is not strict JSON                     400
├── InvalidRequest           -32600  JSON, but no JSON-RPC call                      400
│   ├── BodyTooLarge                                                                 413
│   ├── WrongMediaType                                                               415
│   ├── WrongHttpMethod                                                              405
│   ├── NoSuchPath                                                                   404
│   └── BodyTimeout          the body did not arrive in time                         408
├── MethodNotFound           -32601  unknown, or not offered                         200
├── InvalidParams            -32602  not the declared parameters                     200
├── InternalError            -32603  a fault of the gateway or of a plugin           200
│   └── AnswerTooLarge       the daemon's answer is over the configured limit        200
├── DaemonUnavailable        -32000  ``data.reason`` and ``data.retry_after``        200
│   ├── Refused, TimedOut, Overloaded, Unauthorized                 counted by the breaker
│   ├── BadAnswer, BrokenOff                                        counted by the breaker
│   ├── WrongChain           another chain's daemon answers; nothing else is asked of it
│   ├── QueueFull, QueueTimeout     the gateway's own queue; says nothing about the daemon
│   ├── Shed                 too many calls at once in all: this one was not begun   503
│   ├── WarmingUp            the daemon answered: it is still loading
│   └── BreakerOpen          the daemon was not even asked
├── OutcomeUnknown           -32001  a write was sent and no answer came; counted    200
├── LoginRequired            -32002  no valid token came with the request            401
│   └── InvalidToken         one came and is not good; nothing says why              401
├── RateLimited              -32003  ``data.reason`` and ``data.retry_after``        429
├── ScopeMissing             -32004  the caller may not use this method              403
└── DaemonError              verusd said no, in its own words and code               200
StartupError                 stops the process before it serves anything (exit 2)
├── ConfigError
└── PluginError
"""

from typing import Any, ClassVar, Literal, TypeAlias

Reason: TypeAlias = Literal[
    "refused", "timeout", "warming_up", "overloaded", "unauthorized", "protocol", "breaker_open"
]
"""Why the daemon gave no answer: the closed set that `data.reason` and the metrics use."""

Verdict: TypeAlias = Literal["answered", "failed", "unknown"]
"""What a call says about the daemon's health: it answered, it failed to, or nothing is known."""


class RpcError(Exception):
    """An error with a JSON-RPC code and the HTTP status of a single call that ends in it."""

    code: int = -32603
    status: ClassVar[int] = 200
    verdict: ClassVar[Verdict] = "unknown"

    def __init__(self, message: str, *, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class ParseError(RpcError):
    """The body is not strict JSON: syntax, encoding, duplicate keys or depth."""

    code, status = -32700, 400


class InvalidRequest(RpcError):
    """The body is JSON but no JSON-RPC call."""

    code, status = -32600, 400


class BodyTooLarge(InvalidRequest):
    """The body is over ``[server] max_request_size``."""

    status = 413


class WrongMediaType(InvalidRequest):
    """The content type or encoding is not one that this route takes."""

    status = 415


class WrongHttpMethod(InvalidRequest):
    """The route exists but not for this HTTP method."""

    status = 405


class NoSuchPath(InvalidRequest):
    """No route has this path."""

    status = 404


class BodyTimeout(InvalidRequest):
    """The body did not arrive within ``[server] body_timeout``."""

    status = 408


class MethodNotFound(RpcError):
    """No plugin declares this method, or it is not offered here."""

    code = -32601


class InvalidParams(RpcError):
    """The parameters do not have the declared shape."""

    code = -32602


class InternalError(RpcError):
    """A fault of the gateway or of a plugin; the log has the rest under the request id."""

    code = -32603


class AnswerTooLarge(InternalError):
    """The daemon's answer is over ``[verus] max_response_size``.

    Not counted by the breaker: whoever asks for large answers must not be able to open it.
    """

    verdict = "answered"


class DaemonUnavailable(RpcError):
    """The daemon gave no usable answer; ``data`` says why and when to try again."""

    code = -32000
    verdict: ClassVar[Verdict] = "failed"
    reason: ClassVar[Reason] = "protocol"
    opens_at_once: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(
            message, data={"reason": self.reason, "retry_after": round(retry_after, 1)}
        )
        self.retry_after = retry_after


class Refused(DaemonUnavailable):
    """The connection was refused, or verusd is shutting down: the call was not taken."""

    reason = "refused"


class WrongChain(DaemonUnavailable):
    """The daemon answers, but it is the daemon of another chain than the configured one."""

    verdict = "answered"


class TimedOut(DaemonUnavailable):
    """The deadline passed before the answer came."""

    reason = "timeout"


class Overloaded(DaemonUnavailable):
    """verusd's work queue is full ("Work queue depth exceeded"): the call was not taken."""

    reason = "overloaded"


class Unauthorized(DaemonUnavailable):
    """verusd refused our password (401) or address (403): the call was not taken.

    Opens the breaker at once: each wrong password holds one of verusd's threads for 250 ms.
    """

    reason = "unauthorized"
    opens_at_once = True


class BadAnswer(DaemonUnavailable):
    """What came back is broken off, not JSON, or not the answer to our call."""

    reason = "protocol"


class BrokenOff(BadAnswer):
    """The connection ended before the answer did."""


class QueueFull(DaemonUnavailable):
    """Too many calls already wait for the daemon; this one was not sent."""

    reason = "overloaded"
    verdict = "unknown"


class QueueTimeout(DaemonUnavailable):
    """The deadline passed while the call still waited for its turn; it was not sent."""

    reason = "overloaded"
    verdict = "unknown"


class Shed(DaemonUnavailable):
    """Too many calls are under way in all; this one was not begun."""

    status = 503
    reason = "overloaded"
    verdict = "unknown"


class WarmingUp(DaemonUnavailable):
    """verusd answered -28: it is loading and will be ready."""

    reason = "warming_up"
    verdict = "answered"


class BreakerOpen(DaemonUnavailable):
    """The breaker refused the call; verusd was not asked."""

    reason = "breaker_open"
    verdict = "unknown"


class OutcomeUnknown(RpcError):
    """A write was sent and no answer came: it may or may not have happened. Never retried."""

    code = -32001
    verdict = "failed"


class LoginRequired(RpcError):
    """The method needs a token and none, or no valid one, came with the request."""

    code, status = -32002, 401


class InvalidToken(LoginRequired):
    """The credentials are malformed, forged, expired or revoked; nothing says which."""

    def __init__(self, message: str = "invalid_token") -> None:
        super().__init__(message)


class RateLimited(RpcError):
    """The caller has used up its allowance; ``data`` says which and when to try again."""

    code, status = -32003, 429

    def __init__(
        self,
        message: str,
        reason: Literal["rate", "concurrency"] = "rate",
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(message, data={"reason": reason, "retry_after": round(retry_after, 1)})
        self.retry_after = retry_after


class ScopeMissing(RpcError):
    """The caller is known and may not use this method."""

    code, status = -32004, 403


class DaemonError(RpcError):
    """verusd answered with an error; verusd itself is well."""

    verdict = "answered"

    def __init__(self, message: str, *, code: int = -1, data: Any = None) -> None:
        super().__init__(message, data=data)
        self.code = code


class StartupError(Exception):
    """The gateway cannot start as installed and configured; one fault a line."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ConfigError(StartupError):
    """The configuration file is wrong."""


class PluginError(StartupError):
    """An installed plugin cannot be loaded, or two plugins collide."""
