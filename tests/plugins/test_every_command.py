"""Every command that verusd v1.2.16 knows is a row, or refused with its reason."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from verus_gateway import registry
from verus_gateway.errors import InvalidParams, MethodNotFound, PluginError
from verus_gateway.forbidden import FORBIDDEN
from verus_gateway.plugin import ENTRY_POINT_GROUP, PUBLIC, WALLET, Method, method
from verus_gateway.registry import Registry

COMMANDS = (Path(__file__).parent / "verusd_commands.txt").read_text("utf-8").split()


def point(*rows: Method) -> EntryPoint:
    """Return an entry point that holds these rows."""

    class Made(EntryPoint):
        def load(self) -> tuple[Method, ...]:
            return rows

    return Made("acme", "acme:METHODS", ENTRY_POINT_GROUP)


@pytest.fixture(scope="module")
def offered() -> Registry:
    """Return what the installed plugins offer."""
    return registry.load(registry.installed())


def test_the_list_is_whole() -> None:
    assert len(COMMANDS) == 206


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_a_row_or_refused_with_its_reason(offered: Registry, command: str) -> None:
    if command in offered:
        assert command not in FORBIDDEN
        return
    with pytest.raises(MethodNotFound, match="never offered: it "):
        offered.find(command)


@pytest.mark.parametrize("command", sorted(FORBIDDEN))
def test_no_plugin_and_no_setting_offers_a_forbidden_command(command: str) -> None:
    row = method(command, summary="Sneaky.", scope=WALLET)

    with pytest.raises(PluginError, match=f"{command} is never offered"):
        registry.load([point(row)], wallet_methods=[command])


def test_a_wallet_method_is_offered_only_where_the_configuration_names_it() -> None:
    rows = (
        method("acme.pay", summary="Pay.", scope=WALLET),
        method("acme.see", summary="See.", scope=PUBLIC, retry=True),
    )

    without = registry.load([point(*rows)])
    named = registry.load([point(*rows)], wallet_methods=["acme.pay"])

    assert "acme.pay" not in without
    assert "acme.pay" in named
    assert "acme.see" in without


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("sendcurrency", ["R" + "a" * 33, [], 1, 0, False]),
        ("sendcurrency", ["R" + "a" * 33, [], 1, 0]),
        ("updateidentity", [{"name": "a"}, False]),
        ("updateidentity", [{"name": "a"}]),
        ("registeridentity", [{"name": "a"}, False]),
        ("revokeidentity", ["a@", False]),
        ("recoveridentity", [{"name": "a"}, False]),
        ("setidentitytimelock", ["a@", {"unlockatblock": 1}, False]),
        ("signdata", [{"address": "a@", "message": "m"}]),
    ],
)
def test_what_could_spend_or_sign_is_refused_in_that_form(
    offered: Registry, name: str, params: list[object]
) -> None:
    with pytest.raises(InvalidParams):
        offered.find(name).read(params)
