"""Who may call what, and what a refusal says, on the wire."""

import inspect
import io
import time
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from core.issuing import ISSUER, KEY, bearer
from stack import StartStack

from verus_gateway import jwks, logs
from verus_gateway.auth import Authenticator, NoTokens, anonymous
from verus_gateway.config import AuthConfig
from verus_gateway.errors import LoginRequired
from verus_gateway.plugin import Method
from verus_gateway.web.callers import permitted
from verus_gateway.web.keys import AUTHENTICATOR

INVALID = 'Bearer realm="verus-gateway", error="invalid_token"'
CALL = {"jsonrpc": "2.0", "id": 7, "method": "getblockcount"}
BLOCK = {"jsonrpc": "2.0", "id": 7, "method": "getblock", "params": ["1"]}


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


@pytest.fixture
def auth(tmp_path: Path) -> AuthConfig:
    """Trust an issuer whose keys are in a file."""
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks.published([KEY]))
    return AuthConfig(issuer=ISSUER, jwks_file=str(file), anonymous_scopes=("public",))


async def test_health_says_that_no_token_can_be_good_while_no_key_is_known(
    start: StartStack, auth: AuthConfig
) -> None:
    known = await start(auth=auth)
    unknown = await start(auth=AuthConfig(issuer=ISSUER, jwks_file="/nowhere/jwks.json"))

    well, ill = await known.get("/health"), await unknown.get("/health")

    assert (well.body["status"], well.body["warnings"]) == ("healthy", [])
    assert (ill.status, ill.body["status"]) == (200, "degraded")
    assert ill.body["warnings"] == [f"no key of {ISSUER} is known: no token is good"]


async def test_a_good_token_may_what_it_grants_and_no_more(
    start: StartStack, auth: AuthConfig
) -> None:
    stack = await start(auth=auth)
    shown = bearer(KEY, time.time(), scope="public read")

    read = await stack.post(BLOCK, Authorization=shown)
    again = await stack.post(BLOCK, Authorization=shown)
    anonymous = await stack.post(BLOCK)
    other = await stack.post(BLOCK, Authorization=bearer(KEY, time.time(), scope="public"))

    assert (read.status, read.body["result"]["height"]) == (200, 1)
    assert (again.status, again.body) == (200, read.body)
    assert (anonymous.status, anonymous.body["error"]["code"]) == (401, -32002)
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="verus-gateway"'
    assert (other.status, other.body["error"]["code"]) == (403, -32004)
    assert 'error="insufficient_scope"' in other.headers["WWW-Authenticate"]


async def test_a_token_never_works_in_the_address_or_the_body(
    start: StartStack, auth: AuthConfig
) -> None:
    stack = await start(auth=auth)
    token = bearer(KEY, time.time()).partition(" ")[2]

    in_query = await stack.post(BLOCK, path=f"/?access_token={token}")
    in_body = await stack.post({**BLOCK, "access_token": token})

    assert [in_query.status, in_body.status] == [401, 401]


async def test_members_of_a_batch_lack_a_scope_one_by_one(
    start: StartStack, auth: AuthConfig
) -> None:
    stack = await start(auth=auth)
    shown = bearer(KEY, time.time(), scope="public")

    reply = await stack.post([CALL, {**BLOCK, "id": 8}], Authorization=shown)

    codes = {each["id"]: each.get("error", {}).get("code") for each in reply.body}
    assert (reply.status, codes) == (200, {7: None, 8: -32004})


async def test_a_revoked_token_is_refused_also_where_it_was_remembered(
    start: StartStack, auth: AuthConfig
) -> None:
    stack = await start(auth=auth)
    shown = bearer(KEY, time.time())
    before = await stack.post(BLOCK, Authorization=shown)

    await stack.gateway.access.revocations.revoke("1", time.time() + 600)
    after = await stack.post(BLOCK, Authorization=shown)

    assert before.status == 200
    assert (after.status, after.headers["WWW-Authenticate"]) == (401, INVALID)


async def test_refusals_are_counted_by_flaw_and_no_token_is_logged(
    start: StartStack, auth: AuthConfig
) -> None:
    stack = await start(auth=auth)
    good = bearer(KEY, time.time())
    expired = bearer(KEY, time.time() - 3000)
    written = io.StringIO()

    with logs.writing("debug", "json", written):
        for shown in (good, good, expired, "Bearer x"):
            await stack.post(BLOCK, Authorization=shown)
    text = (await stack.get("/metrics")).body

    for line in (
        'verus_gateway_tokens_refused_total{flaw="expired"} 1',
        'verus_gateway_tokens_refused_total{flaw="malformed"} 1',
        "verus_gateway_tokens_verified_total 1",
        "verus_gateway_tokens_remembered 1",
        "verus_gateway_token_keys 1",
        "verus_gateway_tokens_revoked 0",
    ):
        assert line in text
    assert "token refused" in written.getvalue()
    for shown in (good, expired):
        for part in shown.partition(" ")[2].split("."):
            assert part not in written.getvalue() + text


async def test_no_answer_depends_on_who_asks(start: StartStack, auth: AuthConfig) -> None:
    """A handler is given the daemon and the parameters: an entry is good for every caller.

    So no cache key names a caller's scopes. Whoever adds the caller to what a handler sees
    has to add its scopes to the key, and finds out here.
    """
    stack = await start(auth=auth)
    first = await stack.post(BLOCK, Authorization=bearer(KEY, time.time(), jti="a"))
    second = await stack.post(
        BLOCK, Authorization=bearer(KEY, time.time(), jti="b", sub="bob", scope="read admin")
    )

    assert first.body == second.body
    assert (first.headers["Cache-Status"], second.headers["Cache-Status"]) == (
        "verus-gateway; fwd=miss",
        "verus-gateway; hit",
    )
    assert list(inspect.signature(Method.run).parameters) == ["self", "daemon", "params"]
