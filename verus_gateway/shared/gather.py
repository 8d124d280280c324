"""What is asked of Redis within one turn of the loop, sent in one go."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from verus_gateway.shared.client import Command
from verus_gateway.shared.link import Away, Link

BATCH: Final = 128
"""Commands, or names in one MGET, that are sent in one go, at most."""

_Asked = dict[Command, "asyncio.Future[Any]"]


class Gather:
    """Collects commands until the loop turns.

    Args:
        link: Where they are sent.
        together: Whether names of different slots may be in one command: not in a cluster.
    """

    def __init__(self, link: Link, *, together: bool) -> None:
        self._link = link
        self._together = together
        self._asked: _Asked = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self, *words: str | bytes | int) -> Any:
        """Return the result of one command; equal ones of one turn are one.

        Raises:
            Away: it was not answered.
            RedisError: Redis said no.
        """
        if not self._link.up:
            raise Away(self._link.fault or "refused")
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._send)
        future = self._asked.get(words)
        if future is None:
            future = self._asked[words] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)

    def _send(self) -> None:
        asked, self._asked = list(self._asked.items()), {}
        for start in range(0, len(asked), BATCH):
            task = asyncio.ensure_future(self._sent(dict(asked[start : start + BATCH])))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _sent(self, asked: _Asked) -> None:
        gets = [command for command in asked if command[0] == "GET"]
        merged = self._together and len(gets) > 1
        commands: list[Command] = list(asked)
        if merged:
            commands = [c for c in asked if c[0] != "GET"]
            commands.append(("MGET", *(get[1] for get in gets)))
        try:
            results = await self._link.run(*commands)
        except Away as error:
            _fail(list(asked.values()), error)
            return
        if merged:
            values = results.pop()
            commands[-1:] = gets
            results += [values] * len(gets) if isinstance(values, Exception) else values
        for command, result in zip(commands, results, strict=True):
            _settle(asked[command], result)


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if isinstance(result, Exception):
        _fail([future], result)
    elif not future.done():
        future.set_result(result)


def _fail(futures: "Sequence[asyncio.Future[Any]]", error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # seen, even where whoever asked has left
