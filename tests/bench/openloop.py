"""A client that sends at a fixed rate, whether it is answered or not: ``openloop.py`` reads its order from stdin.

Each call has the moment at which it is due. Where the connection is still busy then, the
call waits, and its latency counts from the moment it was due: a slow answer delays no
measurement, it is measured in all calls that it delayed (no coordinated omission).
"""

import asyncio
import sys
from array import array
from collections import deque
from time import perf_counter
from typing import Final, cast

import msgspec
import uvloop

DUE_AT_ONCE: Final = 64
"""Calls that are sent in one turn at most, so that answers are read between them."""


class Order(msgspec.Struct):
    """What to do: bodies as text, rate in calls a second."""

    port: int
    rate: float
    seconds: float
    connections: int
    body: str
    expected: str


class Found(msgspec.Struct):
    """What was measured: milliseconds from due to answered."""

    calls: int
    wrong: int
    rate: float
    p50: float
    p99: float
    p999: float
    worst: float
    behind: float
    """Milliseconds by which the client itself sent late, at the 99th percentile."""


class Connection(asyncio.Protocol):
    """Sends one call at a time and checks each answer byte for byte."""

    def __init__(self, order: Order, latencies: "array[float]", late: "array[float]") -> None:
        body = order.body.encode()
        self._request = (
            b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        self._expected = order.expected.encode()
        self._latencies = latencies
        self._late = late
        self._waiting: deque[float] = deque()
        self._due: float | None = None
        self._heard = b""
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, due: float) -> None:
        """Send a call that is due, or keep it until the last one is answered."""
        if self._due is not None:
            self._waiting.append(due)
            return
        self._due = due
        self._transport.write(self._request)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take an answer."""
        self._heard = self._heard + data if self._heard else data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end or len(body) < len(self._expected) or self._due is None:
            return
        if not head.startswith(b"HTTP/1.1 200") or body != self._expected:
            self.wrong += 1
        self._latencies.append(perf_counter() - self._due)
        self._heard, self._due = b"", None
        if self._waiting:
            self.send(self._waiting.popleft())


async def measure(order: Order) -> Found:
    """Send as ordered and return what was measured."""
    loop = asyncio.get_running_loop()
    latencies, late = array("d"), array("d")
    made: list[Connection] = []
    for _ in range(order.connections):
        _, connection = await loop.create_connection(
            lambda: Connection(order, latencies, late), "127.0.0.1", order.port
        )
        made.append(connection)
    total = int(order.rate * order.seconds)
    began = perf_counter() + 0.1
    finished = loop.create_future()
    sent = 0

    def pump() -> None:
        nonlocal sent
        now = perf_counter()
        due = min(int((now - began) * order.rate), total, sent + DUE_AT_ONCE)
        while sent < due:
            at = began + sent / order.rate
            late.append(now - at)
            made[sent % len(made)].send(at)
            sent += 1
        if len(latencies) >= total or now > began + order.seconds + 5.0:
            finished.set_result(None)
        else:
            loop.call_soon(pump)

    loop.call_soon(pump)
    await finished
    for each in made:
        each.close()
    await asyncio.sleep(0.01)  # until they are gone
    ordered = sorted(latencies)
    wrong = sum(each.wrong for each in made) + total - len(latencies)
    return Found(
        calls=len(latencies),
        wrong=wrong,
        rate=order.rate,
        p50=_part(ordered, 0.5),
        p99=_part(ordered, 0.99),
        p999=_part(ordered, 0.999),
        worst=_part(ordered, 1.0),
        behind=_part(sorted(late), 0.99),
    )


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000 if ordered else 0.0


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure(given))))
