"""Calls that another implementation signs and frames as the official Verus client does."""

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest
from stack import StartStack

from verus_gateway.config import AppConfig, AuthConfig, Secret

KEY = "a key made up for tests, with ß"


async def test_signed_calls_work_as_the_client_sends_them_and_forged_ones_do_not(
    start: StartStack,
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("NO NODE HERE: signatures of another implementation are not tested")
    apps = {"org.example.wallet": AppConfig(app_key=Secret(KEY))}
    stack = await start(auth=AuthConfig(anonymous_scopes=(), apps=apps))
    script = Path(__file__).parent / "verus_signed.js"

    process = await asyncio.create_subprocess_exec(
        node, str(script), stack.url, "org.example.wallet", KEY, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    good, unicode, forged = msgspec.json.decode(output)
    block = stack.simulator.chain.at(3).hash
    assert good == {"status": 200, "body": {"result": block, "error": None, "id": 0}}
    assert unicode["body"] == {"result": {"isvalid": False}, "error": None, "id": 1}
    assert (forged["status"], forged["body"]["error"]) == (
        401,
        {"code": -32002, "message": "invalid_token"},
    )
    assert stack.gateway.limiter.remembered(named=True) == 1
