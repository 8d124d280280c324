"""Who may call what, and what a refusal says, on the wire."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from stack import StartStack

from verus_gateway.auth import Authenticator, NoTokens, anonymous
from verus_gateway.errors import LoginRequired
from verus_gateway.web.callers import permitted
from verus_gateway.web.keys import AUTHENTICATOR

INVALID = 'Bearer realm="verus-gateway", error="invalid_token"'
CALL = {"jsonrpc": "2.0", "id": 7, "method": "getblockcount"}


async def test_a_token_that_is_not_good_refuses_the_call_and_says_no_more(
    start: StartStack,
) -> None:
    stack = await start()

    reply = await stack.post(CALL, Authorization="Bearer nonsense")

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == INVALID
    error = {"code": -32002, "message": "invalid_token"}
    assert reply.body == {"jsonrpc": "2.0", "error": error, "id": 7}


async def test_a_token_that_is_not_good_refuses_a_batch_as_a_whole(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post([CALL, {**CALL, "id": 8}], Authorization="Bearer nonsense")

    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, INVALID)
    error = {"code": -32002, "message": "invalid_token"}
    assert reply.body == {"result": None, "error": error, "id": None}


async def test_without_a_token_members_of_a_batch_are_refused_one_by_one(
    start: StartStack,
) -> None:
    stack = await start(scopes=("public",))

    reply = await stack.post([CALL, {**CALL, "id": 8, "method": "getblock", "params": ["1"]}])

    codes = {each["id"]: each.get("error", {}).get("code") for each in reply.body}
    assert (reply.status, codes) == (200, {7: None, 8: -32002})


@pytest.mark.parametrize("path", ["/openrpc.json"])
async def test_other_routes_refuse_such_a_token_too(start: StartStack, path: str) -> None:
    stack = await start()

    async with stack.client.get(
        stack.url + path, headers={"Authorization": "Bearer nonsense"}
    ) as response:
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, INVALID)


async def test_verusds_own_user_name_and_password_make_nobody(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post(CALL, Authorization="Basic dmVydXM6cGFzc3dvcmQ=")

    assert (reply.status, reply.body["result"]) == (200, 20)


async def test_a_route_may_ask_for_a_scope() -> None:
    app = web.Application()
    app[AUTHENTICATOR] = Authenticator(anonymous(["admin"]), [NoTokens()])
    request = make_mocked_request("GET", "/", app=app)

    caller = await permitted(request, "admin")

    assert caller.subject is None
    with pytest.raises(LoginRequired):
        await permitted(request, "read")
