"""The plugin interface, held still: a change here is a change for every plugin author."""

import inspect

from verus_gateway import plugin

PROMISED = """
ADDRESS ADMIN AMOUNT BOOLEAN BROADCAST CURRENCY Constant Daemon DaemonError DaemonUnavailable
FLAG FOREVER HASH HEIGHT HEIGHT_TEXT HEX IDENTITY INTEGER InvalidParams Json Kind MEMPOOL Method
OBJECT PUBLIC Params READ Raw RpcError SWITCH Stale TEXT TIP UntilBlock WALLET WALLET_BUILD
array decode either integer mapping members method number optional required spelled text turned
"""


def test_the_names_are_the_promised_ones() -> None:
    assert sorted(plugin.__all__) == sorted(PROMISED.split())
    assert all(hasattr(plugin, name) for name in plugin.__all__)


def test_a_row_is_declared_as_promised() -> None:
    columns = list(inspect.signature(plugin.method).parameters)

    assert columns == [
        "name",
        "params",
        "summary",
        "accepts",
        "scope",
        "ttl",
        "ttl_if",
        "fallback",
        "cost",
        "retry",
        "handler",
    ]


def test_a_handler_may_ask_what_was_promised() -> None:
    asked = [name for name in vars(plugin.Daemon) if not name.startswith("_")]

    assert sorted(asked) == ["call", "offers"]
