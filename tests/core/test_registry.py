from collections.abc import Iterable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from verus_gateway.errors import MethodNotFound, PluginError
from verus_gateway.plugin import PUBLIC, WALLET, Constant, Method, method
from verus_gateway.registry import Registry, Row, installed, load


def row(name: str, *, scope: str = PUBLIC, constant: object = None) -> Method:
    return method(name, summary="x", scope=scope, fallback=Constant(constant))


GOOD = (row("acme.one"), row("acme.two"))
MORE = (method("other.one", summary="x", scope=PUBLIC),)
TWICE = (row("acme.one"),)
LIST = [row("acme.one")]
STRANGERS = (row("acme.fine"), "not a row", None)
WICKED = (
    row("dumpprivkey"),
    row("rpc.mine"),
    row("acme.nan", constant=float("nan")),
    row("acme.fine"),
)
SPENDING = (row("sendcurrency", scope=WALLET), row("acme.one"))


def points(folder: Path, **values: str) -> list[EntryPoint]:
    """Install one distribution for each value, and return their entry points."""
    for name, value in values.items():
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entry = value if ":" in value else f"{__name__}:{value}"
        (info / "entry_points.txt").write_text(f"[verus_gateway.methods]\nx = {entry}\n")
    found = distributions(path=[str(folder)])
    return [point for distribution in found for point in distribution.entry_points]


def faults(given: Iterable[EntryPoint], wallet: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(PluginError) as caught:
        load(given, wallet)
    return caught.value.faults


# ---------------------------------------------------------------- loading


def test_rows_are_found_by_name_with_their_origin(tmp_path: Path) -> None:
    registry = load(points(tmp_path, acme="GOOD", other="MORE"))

    assert [(each.method.name, each.origin) for each in registry] == [
        ("acme.one", "acme 1.0"),
        ("acme.two", "acme 1.0"),
        ("other.one", "other 1.0"),
    ]
    assert registry.find("acme.two") is GOOD[1]
    assert ("acme.one" in registry, "acme" in registry, len(registry)) == (True, False, 3)
    assert repr(registry) == "<Registry 3 methods of 2 distributions>"


def test_an_entry_point_of_no_distribution_has_its_value_for_origin() -> None:
    point = EntryPoint("x", f"{__name__}:GOOD", "verus_gateway.methods")

    registry = load([point])

    assert {each.origin for each in registry} == {f"{__name__}:GOOD"}


def test_without_plugins_nothing_is_offered() -> None:
    assert len(load([])) == 0


def test_the_installed_plugins_are_found() -> None:
    names = {point.dist.name for point in installed() if point.dist}

    assert {"verus-chain", "acme-example"} <= names


# ---------------------------------------------------------------- faults

BROKEN = {
    "missing": ("no_such_module:X", "does not import: ModuleNotFoundError"),
    "misspelt": ("GODO", "does not import: AttributeError"),
    "list": ("LIST", "is no tuple of rows"),
    "strangers": ("STRANGERS", "holds what method() did not make: 'not a row'"),
}


@pytest.mark.parametrize(("value", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_stops_the_start_under_its_name(
    tmp_path: Path, value: str, reason: str
) -> None:
    [fault] = faults(points(tmp_path, acme=value))

    assert fault.startswith("acme 1.0: ")
    assert reason in fault


class Failing(EntryPoint):
    """A plugin whose import fails in the way that its value names."""

    def load(self) -> Any:
        """Raise what the import raises."""
        raise {"exit": SystemExit(3), "syntax": SyntaxError("x"), "bug": KeyError("x")}[self.value]


@pytest.mark.parametrize("way", ["exit", "syntax", "bug"])
def test_an_import_may_fail_in_any_way(way: str) -> None:
    [fault] = faults([Failing("x", way, "verus_gateway.methods")])

    assert fault.startswith(f"{way}: {way} does not import: ")


def test_every_fault_of_every_plugin_is_in_one_report(tmp_path: Path) -> None:
    found = points(tmp_path, a="GOOD", b="TWICE", c="LIST", d="WICKED", e="nowhere:X")

    said = faults(found, ("acme.three",))

    assert [fault.partition(": ")[0] for fault in said] == [
        "b 1.0",
        "c 1.0",
        "d 1.0",
        "d 1.0",
        "d 1.0",
        "e 1.0",
        "security.wallet_methods",
    ]
    assert said[0] == "b 1.0: acme.one is declared by a 1.0 as well"
    assert said[2] == (
        "d 1.0: dumpprivkey is never offered: it hands out keys or the secrets behind them"
    )
    assert said[3] == "d 1.0: rpc.mine: names that begin with rpc. belong to the gateway"
    assert said[4] == "d 1.0: acme.nan: Constant: JSON cannot carry it: nan"
    assert said[6] == "security.wallet_methods: no plugin declares acme.three"


# ---------------------------------------------------------------- wallet methods


def test_a_method_of_the_wallet_is_offered_only_where_it_is_named(tmp_path: Path) -> None:
    found = points(tmp_path, acme="SPENDING")

    unnamed, named = load(found), load(found, ["sendcurrency"])

    assert ("sendcurrency" in unnamed, "sendcurrency" in named) == (False, True)
    assert "acme.one" in unnamed


# ---------------------------------------------------------------- finding


def test_an_unknown_name_is_not_found_and_not_repeated_whole() -> None:
    with pytest.raises(MethodNotFound) as caught:
        load([]).find("x" * 10_000)

    assert caught.value.message == f"no method is called {'x' * 64!r}"


def test_a_forbidden_name_says_why() -> None:
    with pytest.raises(MethodNotFound, match="stop is never offered: it stops verusd"):
        load([]).find("stop")


def test_a_registry_is_a_copy_that_nobody_changes() -> None:
    rows = {"acme.one": Row(GOOD[0], "acme 1.0")}
    registry = Registry(rows)

    rows.clear()

    assert registry.find("acme.one") is GOOD[0]
