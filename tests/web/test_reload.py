"""A configuration that changes while the gateway runs, and one that must not."""

import logging
from collections.abc import Iterator

import msgspec
import pytest
from stack import StartStack

from verus_gateway.config import AppConfig, Config, LoggingConfig, RateClass, Secret
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
