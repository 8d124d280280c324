"""A verusd that answers everything at once with the same bytes: ``stub.py PORT``."""

import asyncio
import sys
from typing import cast

import uvloop
from bench.servers.answers import result

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Stub(asyncio.Protocol):
    """One connection; requests may come in pieces."""

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._heard += data
        while True:
            head, end, rest = self._heard.partition(b"\r\n\r\n")
            if not end:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._heard = rest[length:]
            self._transport.write(_answer(rest[:length]))


def _answer(body: bytes) -> bytes:
    method = body.partition(b'"method":"')[2].partition(b'"')[0].decode()
    id = body.partition(b'"id":')[2].partition(b",")[0]
    if b'"2.0"' in body:
        text = b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (result(method), id)
    else:
        text = b'{"result":%b,"error":null,"id":%b}\n' % (result(method), id)
    return HEAD % (len(text), text)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
