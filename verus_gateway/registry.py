"""Find the installed method plugins, and report every fault of every one of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from verus_gateway import rpc
from verus_gateway.errors import MethodNotFound, PluginError
from verus_gateway.forbidden import FORBIDDEN
from verus_gateway.plugin import (
    ADMIN,
    BROADCAST,
    ENTRY_POINT_GROUP,
    PUBLIC,
    READ,
    WALLET,
    WALLET_BUILD,
    Constant,
    Method,
)

RESERVED: Final = "rpc."
"""JSON-RPC 2.0 section 4.3 keeps these names for the protocol itself."""
SCOPES: Final = frozenset({PUBLIC, READ, WALLET_BUILD, BROADCAST, WALLET, ADMIN})
"""The gateway's own; a third party's rows may have further ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """A method and the distribution that declares it."""

    method: Method
    origin: str


class Registry:
    """Every offered method by name; immutable."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = MappingProxyType(dict(rows))
        self._methods = MappingProxyType({name: row.method for name, row in rows.items()})

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __contains__(self, name: object) -> bool:
        return name in self._methods

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        origins = {row.origin for row in self._rows.values()}
        return f"<Registry {len(self)} methods of {len(origins)} distributions>"

    def modules(self) -> dict[str, str]:
        """Return the distribution of each top-level module that has a handler in it."""
        return {
            row.method.handler.__module__.partition(".")[0]: row.origin
            for row in self
            if row.method.handler is not None
        }

    def scopes(self) -> frozenset[str]:
        """Return every scope that something asks for: the gateway's own, and those of the rows."""
        return SCOPES | {row.method.scope for row in self}

    def find(self, name: str) -> Method:
        """Return the method called *name*.

        Raises:
            MethodNotFound: it is unknown, or never offered.
        """
        method = self._methods.get(name)
        if method is not None:
            return method
        if name in FORBIDDEN:
            raise MethodNotFound(f"{name} is never offered: it {FORBIDDEN[name]}")
        raise MethodNotFound(f"no method is called {name[:64]!r}")

    def cost(self, name: str) -> int:
        """Return what a call of *name* costs; 1 for what is not offered."""
        method = self._methods.get(name)
        return 1 if method is None else method.cost


def installed() -> Iterable[EntryPoint]:
    """Return the entry points of every installed plugin."""
    return entry_points(group=ENTRY_POINT_GROUP)


def load(points: Iterable[EntryPoint], wallet_methods: Collection[str] = ()) -> Registry:
    """Import each plugin and collect its rows.

    Args:
        points: Entry points, in any order.
        wallet_methods: The methods of scope `WALLET` that are offered.

    Raises:
        PluginError: one line for each fault found, with distribution and reason.
    """
    faults: list[str] = []
    rows: dict[str, Row] = {}
    for origin, point in sorted(((_origin(p), p) for p in points), key=lambda pair: pair[0]):
        for method in _methods(point, origin, faults.append):
            fault = _fault(method, rows)
            if fault:
                faults.append(f"{origin}: {fault}")
            else:
                rows[method.name] = Row(method, origin)
    missing = sorted(set(wallet_methods) - rows.keys())
    faults += [f"security.wallet_methods: no plugin declares {name}" for name in missing]
    if faults:
        raise PluginError(*faults)
    offered = {
        name: row
        for name, row in sorted(rows.items())
        if row.method.scope != WALLET or name in wallet_methods
    }
    return Registry(offered)


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _methods(point: EntryPoint, origin: str, report: Callable[[str], None]) -> tuple[Method, ...]:
    try:
        rows = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  an import may fail in any way
        report(f"{origin}: {point.value} does not import: {type(error).__name__}: {error}")
        return ()
    if not isinstance(rows, tuple):
        report(f"{origin}: {point.value} is no tuple of rows")
        return ()
    strangers = [row for row in rows if not isinstance(row, Method)]
    if strangers:
        report(f"{origin}: {point.value} holds what method() did not make: {strangers[0]!r:.64}")
    return tuple(row for row in rows if isinstance(row, Method))


def _fault(method: Method, rows: Mapping[str, Row]) -> str:
    if method.name in FORBIDDEN:
        return f"{method.name} is never offered: it {FORBIDDEN[method.name]}"
    if method.name.startswith(RESERVED):
        return f"{method.name}: names that begin with {RESERVED} belong to the gateway"
    if isinstance(method.fallback, Constant):
        try:
            rpc.encode(method.fallback.value)
        except ValueError as error:
            return f"{method.name}: Constant: {error}"
    if method.name in rows:
        return f"{method.name} is declared by {rows[method.name].origin} as well"
    return ""
