"""Every example in the OpenRPC document, through the gateway and straight from the simulator."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from aiohttp import encode_basic_auth
from stack import PASSWORD, UNLIMITED, Stack, StartStack, simulated, until

SCOPES = ("public", "read", "wallet-build", "broadcast", "admin")
NEVER_KEPT = "0 s"
VERUSDS_ERRORS = {
    "recoveridentity": -8,  # only a revoked identity is recovered
    "sendrawtransaction": -27,  # what it would send is in a block already
    "submitacceptednotarization": -8,  # a real one is pages long
    "verifytxoutproof": -1,  # a real proof holds a block's whole solution: it is no example to read
}
"""Examples that show a form which verusd then refuses, with its code."""
OLD_ENOUGH = 110
"""Blocks after which some outputs that were mined have been spent and others have not."""


async def _examples(stack: Stack) -> list[tuple[str, list[Any], str]]:
    document = (await stack.get("/openrpc.json")).body
    return list(_of(document))


def _of(document: Any) -> Iterator[tuple[str, list[Any], str]]:
    for method in document["methods"]:
        for example in method["examples"]:
            values = [param["value"] for param in example["params"]]
            yield method["name"], values, method["x-ttl"]


async def _direct(stack: Stack, method: str, params: list[Any]) -> Any:
    body = msgspec.json.encode({"id": 1, "method": method, "params": params})
    headers = {"Authorization": encode_basic_auth("verus", PASSWORD)}
    async with stack.client.post(stack.simulator.url, data=body, headers=headers) as response:
        return msgspec.json.decode(await response.read())


async def test_every_example_is_answered_by_position_and_by_name(start: StartStack) -> None:
    stack = await start(
        scopes=SCOPES, simulator=simulated(start_height=OLD_ENOUGH), rates=UNLIMITED
    )
    document = (await stack.get("/openrpc.json")).body
    codes: dict[str, set[int | None]] = {}

    for method in document["methods"]:
        [example] = method["examples"]
        named = {param["name"]: param["value"] for param in example["params"]}
        by_position = await stack.call(method["name"], *named.values())
        by_name = (await stack.post({"id": 1, "method": method["name"], "params": named})).body
        answers = (by_position, by_name)
        codes[method["name"]] = {answer["error"] and answer["error"]["code"] for answer in answers}

    assert codes == {name: {VERUSDS_ERRORS.get(name)} for name in codes}
    assert len(codes) > 85


async def test_after_each_block_and_reorganisation_answers_are_verusds_own(
    start: StartStack,
) -> None:
    stack = await start(scopes=SCOPES, rates=UNLIMITED)
    chain = stack.gateway.chain
    examples = [each for each in await _examples(stack) if each[2] != NEVER_KEPT]
    differ = []

    changes: list[Callable[[], None]] = [
        lambda: None,
        stack.simulator.mine,
        lambda: stack.simulator.reorg(depth=2),
    ]
    for change in changes:
        change()
        await until(lambda: chain.tip.generation == stack.simulator.chain.tip.hash)
        for method, params, _ in examples:
            through = [await stack.call(method, *params) for _ in range(2)][1]
            direct = await _direct(stack, method, params)
            if "." not in method and through != direct:
                differ.append((method, through, direct))

    assert differ == []
