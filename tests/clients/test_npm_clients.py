"""Clients of the family from npm as they are, each in a process of its own."""

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest
from stack import Stack, StartStack

HERE = Path(__file__).parent


async def _node(script: str, stack: Stack) -> object:
    node = shutil.which("node")
    if node is None:
        pytest.skip("NO NODE HERE: the npm clients are not tested")
    process = await asyncio.create_subprocess_exec(
        node, str(HERE / script), stack.url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    answer: object = msgspec.json.decode(output)
    return answer


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("bitcoin_core.js", {"code": -8, "message": "Block height out of range"}),
        # It takes any HTTP 200 for a success; the official client takes nothing else for one.
        ("rpc_bitcoin.js", None),
    ],
)
async def test_a_client_from_npm_works_unchanged(
    start: StartStack, script: str, missing: object
) -> None:
    stack = await start()

    answer = await _node(script, stack)

    assert answer == {
        "height": 20,
        "hash": stack.simulator.chain.at(3).hash,
        "blocks": 20,
        "missing": missing,
    }
