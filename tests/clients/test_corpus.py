"""Requests framed as the official Verus TypeScript client frames them.

It posts to ``/`` with `jsonrpc` "1.0", numeric ids from 0 and an ``X-VRPC-API-Version``
header, and takes any HTTP status but 200 for a network error.
"""

from typing import Any, Final

import msgspec
import pytest
from aiohttp import encode_basic_auth
from stack import PASSWORD, Stack, StartStack, simulated

from verus_gateway import registry
from verus_gateway.config import RateLimitConfig
from verus_gateway.plugin import ADMIN, BROADCAST, PUBLIC, READ, WALLET_BUILD
from verus_gateway.simulator.methods import table

UNSEEN: Final = "ab" * 32
EVERYTHING: Final = (PUBLIC, READ, BROADCAST, WALLET_BUILD, ADMIN)
HEIGHT: Final = 160
"""High enough for people to have converted, offered and updated."""
ROWS: Final = {row.method.name: row.method for row in registry.load(registry.installed())}
OFFERED: Final = sorted(name for name in ROWS if "." not in name)
"""Methods of verusd; those with a dot are third parties' own."""
CLOCKED: Final = frozenset({"curtime", "timemillis", "lastsend", "lastrecv"})
"""Members that tell the time of the answer, which two answers never share."""
ERRORS: Final = {
    "fundrawtransaction": -32603,  # the example's output is spent
    "recoveridentity": -8,  # nobody revoked the identity of the example
    "sendrawtransaction": -27,  # the example is in a block already
    "submitacceptednotarization": -8,  # no other chain is notarized here
    "verifytxoutproof": -1,  # the example is no proof
}
"""What verusd answers to the examples of some rows, each with its reason."""


def calls(stack: Stack) -> list[tuple[str, list[Any]]]:
    """Return calls with parameters taken from the simulated chain, good ones and bad ones."""
    chain = stack.simulator.chain
    block = chain.at(5)
    txid = block.transactions[0].txid
    return [
        ("getblockhash", [5]),
        ("getblock", [block.hash, True]),
        ("getblock", ["5"]),
        ("getblock", [block.hash, 0]),
        ("getblock", [block.hash, 2]),
        ("getblockheader", [block.hash]),
        ("getblockheader", [block.hash, False]),
        ("getblockdeltas", [chain.tip.hash]),
        ("getrawtransaction", [txid, 1]),
        ("getrawtransaction", [UNSEEN, 0]),
        ("getrawmempool", []),
        ("gettxout", [chain.tip.transactions[0].txid, 0]),
        ("gettxoutproof", [[txid], block.hash]),
        ("getblocksubsidy", [5]),
        ("coinsupply", []),
        ("getblockhash", [10_000]),
        ("getblock", ["ff" * 32]),
        ("help", ["getblock"]),
        ("validateaddress", ["nonsense"]),
        *_about_people(stack),
        *_about_currencies(),
        *_signed(stack),
    ]


def _about_people(stack: Stack) -> list[tuple[str, list[Any]]]:
    people = list(stack.simulator.chain.people[:3])
    return [
        ("getaddressbalance", [{"addresses": people, "friendlynames": True}]),
        ("getaddressutxos", [{"addresses": people, "chaininfo": True}]),
        ("getaddressdeltas", [{"addresses": people, "start": 5, "end": 9, "chaininfo": True}]),
        ("getaddressmempool", [{"addresses": people, "verbosity": 1}]),
        ("getaddresstxids", [{"addresses": people}]),
        ("getidentity", ["simulated@"]),
        ("getidentity", ["nobody@"]),
        ("getidentity", ["alice@", 5, True]),
        ("getidentityhistory", ["alice@", 0, 0, True]),
        ("getidentitycontent", ["simulated@", 1, HEIGHT]),
        ("getidentitieswithaddress", [{"address": people[0], "unspent": True}]),
        ("getidentitieswithrecovery", [{"identityid": "simulated@"}]),
        ("getidentitieswithrevocation", [{"identityid": "nobody@"}]),
        ("updateidentity", [{"name": "nobody"}, True]),
        ("revokeidentity", ["bob@", True]),
    ]


def _about_currencies() -> list[tuple[str, list[Any]]]:
    wish = {"currency": "VRSC", "convertto": "DAI.vETH", "via": "Bridge.vETH", "amount": 1}
    return [
        ("getcurrency", ["Bridge.vETH"]),
        ("getcurrency", ["nothing"]),
        ("listcurrencies", []),
        ("listcurrencies", [{"systemtype": "pbaas"}]),
        ("getcurrencystate", ["simpool", "0,160,40", "VRSC"]),
        ("getcurrencystate", ["simpool", "9999"]),
        ("getcurrencyconverters", ["VRSC", "DAI.vETH"]),
        ("estimateconversion", [wish]),
        ("estimateconversion", [wish | {"via": "simpool", "convertto": "vETH"}]),
        ("estimateconversion", [wish | {"amount": 0.00000001}]),
        ("getoffers", ["VRSC", True, True]),
        ("getoffers", ["alice@"]),
        ("getexports", ["simpool"]),
        ("getimports", ["simpool", 0, HEIGHT]),
        ("getlastimportfrom", ["Bridge.vETH"]),
        ("getpendingtransfers", ["simpool"]),
        ("getreservedeposits", ["simpool"]),
        ("getnotarizationdata", ["simpool"]),
        ("getlaunchinfo", ["VRSC"]),
        ("getvdxfid", ["vrsc::data.type.string", {"vdxfkey": "vrsc::data.type.byte"}]),
        ("hashdata", ["00ff", "blake2b"]),
    ]


def _signed(stack: Stack) -> list[tuple[str, list[Any]]]:
    person = stack.simulator.chain.people[0]
    sign = table().by_name["signmessage"]
    made, alone = (
        sign.execute(stack.simulator.node, [who, "hello"]) for who in ("simulated@", person)
    )
    return [
        ("verifymessage", ["simulated@", made["signature"], "hello"]),
        ("verifymessage", ["simulated@", made["signature"], "hullo"]),
        ("verifyhash", ["simulated@", made["signature"], made["hash"], True]),
        ("verifymessage", [person, alone["signature"], "hello"]),
        (
            "verifysignature",
            [{"address": person, "datahash": alone["hash"], "signature": alone["signature"]}],
        ),
        ("signdata", [{"message": "hello"}]),
        ("sendrawtransaction", [stack.simulator.chain.draft().raw.hex()]),
    ]


def corpus(stack: Stack) -> list[tuple[str, list[Any]]]:
    """Return an example of every method, and further calls."""
    return [(name, ROWS[name].example() or []) for name in OFFERED] + calls(stack)


def framed(number: int, method: str, params: list[Any]) -> bytes:
    """Return a request as the official client writes it."""
    call = {"jsonrpc": "1.0", "method": method, "params": params, "id": number}
    return msgspec.json.encode(call)


def timeless(value: Any) -> Any:
    """Return *value* without the members that tell the time of the answer."""
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if name not in CLOCKED}
    return [timeless(each) for each in value] if isinstance(value, list) else value


async def straight(stack: Stack, body: bytes) -> Any:
    """Return verusd's own answer."""
    password = {"Authorization": encode_basic_auth("verus", PASSWORD)}
    async with stack.client.post(stack.simulator.url, data=body, headers=password) as direct:
        return await direct.json()


@pytest.mark.parametrize("twice", [False, True], ids=["from verusd", "from the cache"])
async def test_the_official_client_gets_through_the_gateway_what_verusd_answers(
    start: StartStack, *, twice: bool
) -> None:
    stack = await start(
        simulator=simulated(start_height=HEIGHT),
        scopes=EVERYTHING,
        rates=RateLimitConfig(enabled=False),
    )
    headers = {"Content-Type": "application/json", "X-VRPC-API-Version": "2"}
    differ = []

    for number, (method, params) in enumerate(corpus(stack)):
        body = framed(number, method, params)
        expected = await straight(stack, body)
        if twice:
            await stack.post(body)
        async with stack.client.post(stack.url, data=body, headers=headers) as through:
            status, answer = through.status, await through.json()
        if status != 200 or timeless(answer) != timeless(expected):
            differ.append((method, params, status, answer, expected))

    assert differ == []


@pytest.mark.parametrize("height", [0, 20, HEIGHT])
async def test_every_method_that_is_offered_has_an_answer(start: StartStack, height: int) -> None:
    stack = await start(simulator=simulated(start_height=height))
    wrong = {}

    for number, name in enumerate(OFFERED):
        answer = await straight(stack, framed(number, name, ROWS[name].example() or []))
        code = (answer["error"] or {}).get("code")
        unexpected = height == HEIGHT and code not in {None, ERRORS.get(name)}
        if unexpected or code == -32601:
            wrong[name] = answer["error"]

    assert len(OFFERED) > 85
    assert wrong == {}
