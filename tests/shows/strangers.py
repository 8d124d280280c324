"""A crowd of strangers in a process of its own: URL, calls, connections; prints status counts."""

import asyncio
import json
import re
import sys
from collections import Counter
from urllib.parse import urlsplit

BODY = b'{"id":1,"method":"getinfo"}'
TOGETHER = 10
"""Requests that a connection sends before it reads the answers."""


async def crowd(url: str, calls: int, connections: int) -> Counter[int]:
    """Send *calls* over *connections* at once, as fast as they are answered."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    statuses: Counter[int] = Counter()
    rounds = iter(range(calls // TOGETHER))

    async def stranger() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for _ in rounds:
            writer.write(request * TOGETHER)
            for _ in range(TOGETHER):
                answer = await reader.readuntil(b"\r\n\r\n")
                statuses[int(answer[9:12])] += 1
                length = re.search(rb"Content-Length: (\d+)", answer)
                await reader.readexactly(int(length[1]) if length else 0)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(stranger() for _ in range(connections)))
    return statuses


if __name__ == "__main__":
    counted = asyncio.run(crowd(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(counted))
