"""Doubles for the tests of the gateway and of third-party plugins."""

from collections.abc import Iterable, Mapping

from msgspec import Raw

from verus_gateway import rpc
from verus_gateway.dialect import Question
from verus_gateway.errors import Refused, RpcError
from verus_gateway.plugin import Json, Method

__all__ = ["FakeClock", "FakeDaemon", "find", "run"]


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds


class FakeDaemon:
    """A `Daemon` that answers from a table and remembers what it was asked.

    Args:
        answers: From method to result, or to the error it raises; a missing one is refused.
    """

    def __init__(self, answers: Mapping[str, Json | RpcError] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, tuple[Json, ...]]] = []

    async def call(self, method: str, *params: Json) -> Raw:
        """Return or raise what the table holds for *method*."""
        self.asked.append((method, params))
        answer = self.answers.get(method, Refused("no answer in the table"))
        if isinstance(answer, RpcError):
            raise answer
        return Raw(rpc.encode(answer))

    def offers(self, method: str) -> bool:
        """Tell whether the table has an answer for *method*."""
        return method in self.answers

    async def ask(self, question: Question) -> Raw:
        """Answer as `call` does: the port as the gateway sees it."""
        return await self.call(question.method, *question.params)


def find(rows: Iterable[Method], name: str) -> Method:
    """Return the row called *name*; raise `LookupError` where there is none."""
    for row in rows:
        if row.name == name:
            return row
    raise LookupError(name)


async def run(row: Method, daemon: FakeDaemon, *params: Json) -> Json:
    """Answer a call of *row* as the gateway would, and decode the result.

    Raises:
        InvalidParams: the row does not take these parameters.
    """
    return rpc.value(rpc.encode(await row.run(daemon, row.read(list(params)))))
