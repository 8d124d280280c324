"""python-bitcoinrpc as it is: the oldest client of the family, still everywhere."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from bitcoinrpc.authproxy import AuthServiceProxy, JSONRPCException
from stack import StartStack


@contextmanager
def client(url: str) -> Iterator[Any]:
    """Yield a client with a user name and a password, as it always sends them."""
    address = urlsplit(url)
    with closing(HTTPConnection(str(address.hostname), address.port)) as connection:
        yield AuthServiceProxy(f"http://user:password@{address.netloc}", connection=connection)


async def test_it_calls_and_reads_numbers_to_the_digit(start: StartStack) -> None:
    stack = await start()

    def talk() -> tuple[int, Decimal, str]:
        with client(stack.url) as proxy:
            return proxy.getblockcount(), proxy.getinfo()["relayfee"], proxy.getblockhash(3)

    height, fee, hash = await asyncio.to_thread(talk)

    assert height == 20
    assert fee == Decimal("0.00000100")
    assert hash == stack.simulator.chain.at(3).hash


async def test_it_reads_an_error_of_verusd_and_one_of_the_gateway(start: StartStack) -> None:
    stack = await start()

    def talk() -> list[int]:
        with client(stack.url) as proxy:
            return [_code(proxy.getblockhash, 99), _code(proxy.dumpprivkey, "R")]

    assert await asyncio.to_thread(talk) == [-8, -32601]


def _code(call: Callable[..., object], *params: object) -> int:
    with pytest.raises(JSONRPCException) as caught:
        call(*params)
    code: int = caught.value.error["code"]
    return code
