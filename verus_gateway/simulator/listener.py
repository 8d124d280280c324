"""A listening port that can be shut and opened again."""

import asyncio
import socket
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from verus_gateway.simulator.delivery import Courier, Delivery
from verus_gateway.simulator.wire import MAX_HEADERS, BadRequest, Request, receive

Handle: TypeAlias = Callable[[Request], Awaitable[Delivery]]


class Listener:
    """Accepts connections and hands each request to one function.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes any free one and keeps it over shutting and opening.
        handle: Makes the answer.
        courier: Brings it.
        idle: Seconds a connection may wait for a request.
    """

    def __init__(
        self, host: str, port: int, handle: Handle, courier: Courier, *, idle: float = 30.0
    ) -> None:
        self.host = host
        self.port = port
        self._handle = handle
        self._courier = courier
        self._idle = idle
        self._socket: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        state = "shut" if self._socket is None else "open"
        return f"<Listener {state}, {self.host}:{self.port}>"

    def open(self) -> None:
        """Listen; without effect where it does already.

        Raises:
            OSError: the address is taken or not ours.
        """
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            listening = socket.create_server((self.host, self.port), family=family, backlog=128)
            listening.setblocking(False)
            self.port = listening.getsockname()[1]
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)
            self._socket = listening

    def shut(self) -> None:
        """Refuse connections from now on, and break off those that are open."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for connection in self._connections:
            connection.cancel()

    async def stop(self) -> None:
        """Shut, and wait until every connection is gone."""
        self.shut()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except OSError:
            return  # the client has gone again, or there are no descriptors left
        connection.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._connections.add(task)
        task.add_done_callback(lambda ended: self._forget(ended, connection))

    def _forget(self, ended: asyncio.Task[None], connection: socket.socket) -> None:
        self._connections.discard(ended)
        if ended.cancelled():
            connection.close()  # it may never have begun, and nobody else would close it

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=MAX_HEADERS)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, IncompleteReadError, TimeoutError):
            pass  # the client went away, or said nothing for too long
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    async def _exchange(self, reader: StreamReader, writer: StreamWriter) -> bool:
        try:
            async with asyncio.timeout(self._idle):
                request = await receive(reader, writer)
        except BadRequest as bad:
            await self._courier.deliver(Delivery(bad.response), None, reader, writer)
            return False
        if request is None:
            return False
        delivery = await self._handle(request)
        await self._courier.deliver(delivery, request, reader, writer)
        return delivery.manner in {"whole", "drip"} and (
            request.keeps and not delivery.response.close
        )
