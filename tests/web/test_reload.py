"""A configuration that changes while the gateway runs, and one that must not."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from signing import KEY, signed
from stack import Stack, StartStack

from verus_gateway.config import (
    AnonymousClass,
    AppConfig,
    AuthConfig,
    Config,
    LoggingConfig,
    RateClass,
    RateLimitConfig,
    Secret,
)
from verus_gateway.errors import ConfigError
from verus_gateway.reload import Reload

replace = msgspec.structs.replace


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """Put the log's level back."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


async def test_scopes_limits_apps_and_the_level_change_at_once(
    start: StartStack, caplog: pytest.LogCaptureFixture
) -> None:
    stack = await start(scopes=("public",))
    before = stack.gateway.config
    refused = await stack.post({"id": 1, "method": "getblock", "params": ["1"]})
    app = AppConfig(app_key=Secret("a-key-made-for-tests"), scopes=("read",))
    wanted = replace(
        before,
        auth=replace(before.auth, anonymous_scopes=("public", "read"), apps={"shop": app}),
        rate_limit=replace(
            before.rate_limit, anonymous=RateClass(rate=0.001, burst=10, concurrent=2)
        ),
        logging=LoggingConfig(level="debug"),
    )

    with caplog.at_level("INFO", "verus_gateway.reload"):
        Reload(stack.gateway, lambda: wanted)()
    allowed = await stack.post({"id": 1, "method": "getblock", "params": ["1"]})
    signed = await stack.post({"id": 1, "method": "getinfo"}, **{"X-App-ID": "shop"})
    statuses = [(await stack.post({"id": 1, "method": "getinfo"})).status for _ in range(12)]

    assert (refused.status, allowed.status, signed.status) == (401, 200, 401)
    assert 429 in statuses, "ten at once, and then none for a long time"
    assert logging.getLogger().level == logging.DEBUG
    assert [(r.getMessage(), r.__dict__["next_start"]) for r in caplog.records][-1:] == [
        ("configuration in force", "")
    ]


async def test_a_file_with_a_fault_leaves_in_force_what_was(
    start: StartStack, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Config:
        raise ConfigError("gateway.toml: auth.anonymous: no such key", "gateway.toml: and more")

    stack = await start(scopes=("public", "read"))

    Reload(stack.gateway, broken)()
    allowed = await stack.post({"id": 1, "method": "getblock", "params": ["1"]})

    assert allowed.status == 200
    assert caplog.records[-1].getMessage() == "configuration refused"
    assert caplog.records[-1].__dict__["faults"] == (
        "gateway.toml: auth.anonymous: no such key; gateway.toml: and more"
    )


async def test_what_waits_for_the_next_start_is_named(
    start: StartStack, caplog: pytest.LogCaptureFixture
) -> None:
    stack = await start()
    before = stack.gateway.config
    wanted = replace(
        before,
        server=replace(before.server, max_batch=7),
        rate_limit=replace(before.rate_limit, max_concurrent=200),
        verus=replace(before.verus, rpc_password=Secret("another-password-for-tests")),
    )

    with caplog.at_level("INFO", "verus_gateway.reload"):
        Reload(stack.gateway, lambda: wanted)()

    assert caplog.records[-1].__dict__["next_start"] == "verus, server, rate_limit"


RELOAD = "/admin/reload"
CALL = b'{"jsonrpc":"2.0","id":1,"method":"getblockhash","params":[5]}'


class File:
    """What the configuration file says."""

    def __init__(self) -> None:
        self.says: Config | ConfigError = Config()

    def read(self) -> Config:
        if isinstance(self.says, ConfigError):
            raise self.says
        return self.says


@pytest.fixture
def file() -> File:
    return File()


async def begun(start: StartStack, file: File, *scopes: str) -> Stack:
    return await start(scopes=scopes, reads=file.read)


async def test_only_admins_may_reload(start: StartStack, file: File) -> None:
    stack = await begun(start, file, "public")

    reply = await stack.post(b"", RELOAD)

    assert (reply.status, reply.body["error"]["code"]) == (401, -32002)


async def test_a_file_with_faults_is_refused_with_each_of_them(
    start: StartStack, file: File
) -> None:
    stack = await begun(start, file, "admin", "read")
    file.says = ConfigError("server.prot: no such key")

    reply = await stack.post(b"", RELOAD)
    still = await stack.call("getblockhash", 5)
    counted = (await stack.get("/metrics")).body

    assert "verus_gateway_config_refusals_total 1" in counted
    assert reply.status == 400
    assert reply.body["error"]["data"] == {"faults": ["server.prot: no such key"]}
    assert "result" in still


async def test_scopes_and_apps_change_for_calls_on_open_connections(
    start: StartStack, file: File
) -> None:
    stack = await begun(start, file, "admin", "read")
    before = [await stack.post(CALL) for _ in range(3)]
    app = AppConfig(app_key=Secret(KEY), scopes=("public", "read"))
    file.says = Config(auth=AuthConfig(anonymous_scopes=("public",), apps={"wallet": app}))

    reply = await stack.post(b"", RELOAD)
    stranger = await stack.post(CALL)
    wallet = await stack.post(CALL, **signed(CALL))

    assert {each.status for each in before} == {200}
    assert reply.status == 200
    assert (stranger.status, wallet.status) == (401, 200)


async def test_limits_change_for_callers_who_are_known(start: StartStack, file: File) -> None:
    stack = await begun(start, file, "admin", "read")
    before = await stack.post(CALL)
    slow = AnonymousClass(rate=0.001, burst=1, concurrent=1)
    file.says = Config(
        auth=AuthConfig(anonymous_scopes=("admin", "read")),
        rate_limit=RateLimitConfig(anonymous=slow),
    )

    await stack.post(b"", RELOAD)
    after = [await stack.post(CALL) for _ in range(3)]

    assert before.status == 200
    assert after[-1].status == 429


async def test_an_app_whose_key_cannot_be_read_changes_nothing(
    start: StartStack, file: File, tmp_path: Path
) -> None:
    stack = await begun(start, file, "admin", "read")
    app = AppConfig(app_key_file=str(tmp_path / "gone"))
    file.says = Config(auth=AuthConfig(anonymous_scopes=("public",), apps={"wallet": app}))

    reply = await stack.post(b"", RELOAD)
    still = await stack.post(CALL)

    assert "cannot be read" in reply.body["error"]["data"]["faults"][0]
    assert still.status == 200


async def test_a_gateway_without_a_file_has_no_such_path(start: StartStack) -> None:
    stack = await start(scopes=("admin",))

    assert (await stack.post(b"", RELOAD)).status == 404
