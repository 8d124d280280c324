"""The verusd dialect: a question, and what each answer to it means. Pure.

`interpret` holds the whole table of how verusd answers (its httprpc.cpp, rpc/server.cpp
and libevent).
"""

from collections.abc import Coroutine
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw

from verus_gateway.errors import (
    BadAnswer,
    DaemonError,
    Overloaded,
    Refused,
    RpcError,
    Unauthorized,
    WarmingUp,
)
from verus_gateway.plugin import Params

WARMING_UP: Final = -28
"""verusd's RPC_IN_WARMUP (rpc/protocol.h)."""


class Question(msgspec.Struct, frozen=True, gc=False):
    """One call to verusd.

    Attributes:
        method: verusd's command.
        params: Its parameters in order.
        retry: Whether asking twice is harmless; False is sent at most once.
        deadline: When to give up, on the event loop's clock.
        favoured: Whether it goes before those that are not.
    """

    method: str
    params: Params
    retry: bool
    deadline: float
    favoured: bool = False


class Verusd(Protocol):
    """The port to verusd, as the gateway sees it."""

    def ask(self, question: Question) -> Coroutine[None, None, Raw]:
        """Return the result, still encoded, or raise the `RpcError` that says why not."""
        ...


class _Reply(msgspec.Struct, gc=False):
    result: Raw = Raw(b"")
    error: Any = None
    id: Any = None


_replies: Final = msgspec.json.Decoder(_Reply, float_hook=Decimal)


def interpret(status: int, body: bytes, number: int) -> Raw:
    """Return the result that verusd's answer to request *number* holds.

    Raises:
        DaemonError: an error in verusd's own words.
        WarmingUp, Overloaded, Unauthorized, Refused, BadAnswer: no answer; see `errors`.
    """
    reply = _reply(body)
    if reply is None:
        raise _no_reply(status, body)
    # An error of the HTTP layer comes without our id; it is an answer all the same.
    if reply.error is not None:
        if reply.id != number and reply.id is not None:
            raise BadAnswer("verusd answered another request")
        raise _error(reply.error)
    if reply.id != number:
        raise BadAnswer("verusd answered another request")
    if not bytes(reply.result):
        raise BadAnswer("verusd's answer holds neither a result nor an error")
    return reply.result


def _reply(body: bytes) -> _Reply | None:
    try:
        return _replies.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation):
        return None


def _no_reply(status: int, body: bytes) -> RpcError:
    match status:
        case 401:
            return Unauthorized("verusd refused the user name or password")
        case 403:
            return Unauthorized("verusd does not allow this address (rpcallowip)")
        case 404:
            return BadAnswer("there is no verusd at this path")
        case 503:
            return Refused("verusd is shutting down")
        case 500 if body.startswith(b"Work queue depth exceeded"):
            return Overloaded("verusd's work queue is full")
        case _:
            return BadAnswer(f"verusd's answer is not JSON-RPC (HTTP {status}, {len(body)} bytes)")


def _error(error: Any) -> RpcError:
    match error:
        case {"code": int(code), "message": str(message)} if code == WARMING_UP:
            return WarmingUp(message, retry_after=5.0)
        case {"code": int(code), "message": str(message)}:
            return DaemonError(message, code=code, data=error.get("data"))
        case _:
            return BadAnswer("verusd's error is none")
