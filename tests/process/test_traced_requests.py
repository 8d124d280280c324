"""What names the trace on the way to verusd, over sockets and over aiohttp's client."""

import asyncio
from typing import Any

import pytest
from process.tcpstub import good, stub

from verus_gateway.daemon import Credentials, HttpDaemon
from verus_gateway.dialect import Question
from verus_gateway.sockets import sockets
from verus_gateway.transport import Mark, session


@pytest.mark.parametrize("way", [sockets, session])
@pytest.mark.parametrize(
    "mark",
    [None, dict, lambda: {"traceparent": "00-a-b-01", "tracestate": "a=1,b=2"}],
)
async def test_a_request_names_its_trace_where_it_has_one(way: Any, mark: Mark | None) -> None:
    async with stub([good()]) as server:

        def open() -> Any:
            return way(
                server.url, connect_timeout=1.0, max_response_size=1000, connections=1, mark=mark
            )

        async with HttpDaemon(open, Credentials("u", "p")) as daemon:
            deadline = asyncio.get_running_loop().time() + 5
            await daemon.ask(Question("getinfo", (), retry=True, deadline=deadline))

    [request] = server.heard
    head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    found = dict(line.split(": ", 1) for line in head if line.startswith("trace"))
    assert found == (mark() if mark else {})
