"""The simulated verusd behind its port: from a request to its answer."""

import asyncio
import hmac
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from verus_gateway.simulator.commands import (
    IN_WARMUP,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Node,
    RpcError,
    Table,
)
from verus_gateway.simulator.delivery import Delivery, Sleep
from verus_gateway.simulator.faults import OVERLOAD, Faults, instead, spoil
from verus_gateway.simulator.univalue import Json, parse, write
from verus_gateway.simulator.wire import JSON, Request, Response
from verus_gateway.simulator.workers import QueueFull, Workers

WRONG_METHOD: Final = Response(405, b"JSONRPC server handles only POST requests")
UNAUTHORIZED: Final = Response(401, headers={"WWW-Authenticate": 'Basic realm="jsonrpc"'})
NO_SUCH_PATH: Final = Response(404)
WARMING_UP: Final = "Loading block index..."
STATUSES: Final = {INVALID_REQUEST: 400, METHOD_NOT_FOUND: 404}
"""HTTP statuses of errors; any other code is a 500."""


@dataclass(slots=True)
class Tally:
    """What the daemon executed, batch members one by one."""

    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0


class Daemon:
    """Answers requests as verusd does, faults included.

    Args:
        node: What commands act on.
        table: The commands.
        faults: What goes wrong.
        workers: Threads and queue.
        credentials: ``user:password``.
        sleep: Spends seconds.
        warming: Whether the daemon is still loading.
        latency: Seconds a command takes.
        auth_delay: Seconds a wrong password holds a worker.
    """

    def __init__(
        self,
        *,
        node: Node,
        table: Table,
        faults: Faults,
        workers: Workers,
        credentials: str,
        sleep: Sleep,
        warming: Callable[[], bool],
        latency: float,
        auth_delay: float,
    ) -> None:
        self.tally = Tally()
        self._node = node
        self._table = table
        self._faults = faults
        self._workers = workers
        self._expected = b"Basic " + b64encode(credentials.encode())
        self._sleep = sleep
        self._warming = warming
        self._latency = latency
        self._auth_delay = auth_delay

    async def answer(self, request: Request) -> Delivery:
        """Answer one HTTP request."""
        message = _message(request.body)
        faults = self._faults.take(_methods(message))
        early = instead(faults)
        if early is not None:
            return early
        if request.path != "/":
            return Delivery(NO_SUCH_PATH)
        slow = self._latency + (faults["slow"].value if "slow" in faults else 0)
        try:
            async with self._workers.place():
                if request.method != "POST":
                    return Delivery(WRONG_METHOD)
                if "password" in faults or not self._known(request):
                    await self._sleep(self._auth_delay)
                    return Delivery(UNAUTHORIZED)
                worker = _Worker(self, slow, warming="warmup" in faults or self._warming())
                return spoil(await worker.reply(message), faults)
        except QueueFull:
            return Delivery(OVERLOAD)

    def _known(self, request: Request) -> bool:
        offered = request.headers.get("authorization", "").encode("latin-1")
        return hmac.compare_digest(offered, self._expected)

    async def execute(self, method: str, params: list[Json], seconds: float) -> Json:
        """Run one command on the worker at hand, for *seconds*.

        Raises:
            RpcError: -32601 for an unknown one, or what the command raises.
        """
        command = self._table.by_name.get(method)
        if command is None:
            raise RpcError(METHOD_NOT_FOUND, f"Method {method} not found")
        tally = self.tally
        tally.counts[method] += 1
        tally.in_flight += 1
        tally.max_in_flight = max(tally.max_in_flight, tally.in_flight)
        try:
            if seconds:
                await self._sleep(seconds)
            return command.execute(self._node, params)
        finally:
            tally.in_flight -= 1


@dataclass(frozen=True, slots=True)
class _Worker:
    daemon: Daemon
    seconds: float
    warming: bool

    async def reply(self, message: Json | ValueError) -> Response:
        match message:
            case ValueError():
                return _refusal(RpcError(PARSE_ERROR, "Parse error"))
            case dict():
                answer, status = await self._one(message)
                return _response(answer, status)
            case list():
                answers = []
                for member in message:
                    answers.append((await self._one(member))[0])
                    await asyncio.sleep(0)
                return _response(answers, 200)
            case _:
                return _refusal(RpcError(PARSE_ERROR, "Top-level object parse error"))

    async def _one(self, call: Json) -> tuple[Json, int]:
        id_: Json = None
        try:
            id_ = _members(call).get("id")
            method, params = _envelope(call)
            result = await self._execute(method, params)
        except RpcError as error:
            return _error(error, id_), STATUSES.get(error.code, 500)
        return {"result": result, "error": None, "id": id_}, 200

    async def _execute(self, method: str, params: list[Json]) -> Json:
        if self.warming:
            raise RpcError(IN_WARMUP, WARMING_UP)
        return await self.daemon.execute(method, params, self.seconds)


def _message(body: bytes) -> Json | ValueError:
    try:
        return parse(body)
    except ValueError as error:
        return error


def _methods(message: Json | ValueError) -> set[str]:
    calls = message if isinstance(message, list) else [message]
    names = [call.get("method") for call in calls if isinstance(call, dict)]
    return {name for name in names if isinstance(name, str)}


def _members(call: Json) -> dict[str, Json]:
    if isinstance(call, dict):
        return call
    raise RpcError(INVALID_REQUEST, "Invalid Request object")


def _envelope(call: dict[str, Json]) -> tuple[str, list[Json]]:
    method = call.get("method")
    if method is None:
        raise RpcError(INVALID_REQUEST, "Missing method")
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "Method must be a string")
    params = call.get("params")
    if params is None:
        return method, []
    if not isinstance(params, list):
        raise RpcError(INVALID_REQUEST, "Params must be an array")
    return method, params


def _error(error: RpcError, id_: Json) -> Json:
    shape = {"code": error.code, "message": error.message}
    return {"result": None, "error": shape, "id": id_}


def _refusal(error: RpcError) -> Response:
    return _response(_error(error, None), 500)


def _response(answer: Json, status: int) -> Response:
    return Response(status, (write(answer) + "\n").encode(), JSON)
