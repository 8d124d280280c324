"""Call an endpoint steadily and count what becomes of the calls.

    python load.py HOST ADDRESS SECONDS RATE

Standard library only: it runs in the engine's network. Every call has a connection of its own or
one kept alive, by turns; it is sent once, and lost where no answer came. The last line is JSON.
"""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter

BODY = b'{"jsonrpc":"2.0","id":%d,"method":"getblockcount","params":[]}'


class Caller:
    """One client, which calls one after the other."""

    def __init__(self, host: str, address: str, counts: "Counter[str]") -> None:
        self._host = host
        self._address = address
        self._counts = counts
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, number: int, *, close: bool) -> None:
        """Send one call and wait for its answer."""
        try:
            if self._connection is None:
                self._connection = await asyncio.wait_for(
                    asyncio.open_connection(
                        self._address, 443, ssl=self._context, server_hostname=self._host
                    ),
                    5,
                )
            status, body = await asyncio.wait_for(self._exchange(number, close=close), 15)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self._counts[f"lost: {type(error).__name__} {error}"[:120]] += 1
            await self._hang_up()
            return
        kind = "result" if status == 200 and b'"result"' in body else f"{status} {body[:80]!r}"
        self._counts[kind] += 1
        if close:
            await self._hang_up()

    async def _exchange(self, number: int, *, close: bool) -> tuple[int, bytes]:
        assert self._connection is not None
        reader, writer = self._connection
        body = BODY % number
        keep = "close" if close else "keep-alive"
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nConnection: {keep}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        fields = dict(
            line.lower().split(b": ", 1) for line in answer.split(b"\r\n")[1:] if b": " in line
        )
        return status, await reader.readexactly(int(fields.get(b"content-length", b"0")))

    async def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None


async def main(host: str, address: str, seconds: float, rate: float) -> None:
    """Keep eight callers at *rate* calls a second together."""
    counts: Counter[str] = Counter()
    ends = time.monotonic() + seconds

    async def keep_calling(index: int) -> None:
        caller = Caller(host, address, counts)
        number = 0
        while time.monotonic() < ends:
            number += 1
            await caller.call(number, close=index % 2 == 0)
            await asyncio.sleep(8 / rate)

    await asyncio.gather(*(keep_calling(index) for index in range(8)))
    sys.stdout.write(json.dumps(counts) + "\n")


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
