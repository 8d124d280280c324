"""Requests framed as the official Verus TypeScript client frames them.

It posts to ``/`` with `jsonrpc` "1.0", numeric ids from 0 and an ``X-VRPC-API-Version``
header, and takes any HTTP status but 200 for a network error.
"""

from typing import Any

import msgspec
import pytest
from aiohttp import encode_basic_auth
from stack import PASSWORD, Stack, StartStack

UNSEEN = "ab" * 32


def corpus(stack: Stack) -> list[tuple[str, list[Any]]]:
    """Return calls with parameters taken from the simulated chain, good ones and bad ones."""
    chain = stack.simulator.chain
    block = chain.at(5)
    txid = block.transactions[0].txid
    return [
        ("getinfo", []),
        ("getblockchaininfo", []),
        ("getblockcount", []),
        ("getbestblockhash", []),
        ("getdifficulty", []),
        ("getmininginfo", []),
        ("getnetworkinfo", []),
        ("getmempoolinfo", []),
        ("getrawmempool", []),
        ("getchaintips", []),
        ("getblockhash", [5]),
        ("getblock", [block.hash, True]),
        ("getblock", ["5"]),
        ("getblockheader", [block.hash]),
        ("getrawtransaction", [txid, 1]),
        ("getrawtransaction", [UNSEEN, 0]),
        ("getblocksubsidy", [5]),
        ("coinsupply", []),
        ("getcurrency", ["VRSC"]),
        ("validateaddress", ["nonsense"]),
        ("getblockhash", [10_000]),
        ("getblock", ["ff" * 32]),
        ("help", ["getblock"]),
    ]


def framed(number: int, method: str, params: list[Any]) -> bytes:
    """Return a request as the official client writes it."""
    call = {"jsonrpc": "1.0", "method": method, "params": params, "id": number}
    return msgspec.json.encode(call)


@pytest.mark.parametrize("twice", [False, True], ids=["from verusd", "from the cache"])
async def test_the_official_client_gets_through_the_gateway_what_verusd_answers(
    start: StartStack, *, twice: bool
) -> None:
    stack = await start()
    headers = {"Content-Type": "application/json", "X-VRPC-API-Version": "2"}
    password = {"Authorization": encode_basic_auth("verus", PASSWORD)}
    differ = []

    for number, (method, params) in enumerate(corpus(stack)):
        body = framed(number, method, params)
        async with stack.client.post(stack.simulator.url, data=body, headers=password) as direct:
            expected = await direct.json()
        if twice:
            await stack.post(body)
        async with stack.client.post(stack.url, data=body, headers=headers) as through:
            status, answer = through.status, await through.json()
        if status != 200 or answer != expected:
            differ.append((method, params, status, answer, expected))

    assert differ == []
