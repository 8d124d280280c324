"""The OpenRPC document: what is offered, generated from the rows alone.

Follows the OpenRPC specification 1.3.2. ``x-scope``, ``x-ttl``, ``x-fallback`` and
``x-cost`` are our extensions.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, assert_never

import msgspec

import verus_gateway
from verus_gateway import errors
from verus_gateway.freshness import Fallback, Ttl
from verus_gateway.plugin import Constant, Method, Stale, UntilBlock
from verus_gateway.rows import Param

VERSION: Final = "1.3.2"
MOST_KEPT: Final = 64
"""Documents kept, one for each set of scopes that callers have."""

_ERRORS: Final = (
    (errors.MethodNotFound, "The method is unknown or not offered"),
    (errors.InvalidParams, "The parameters are not the declared ones"),
    (errors.InternalError, "A fault of the gateway"),
    (errors.DaemonUnavailable, "The daemon gave no answer; data.reason and data.retry_after"),
    (errors.LoginRequired, "A token is needed"),
    (errors.RateLimited, "Too many calls"),
    (errors.ScopeMissing, "The token does not grant the scope"),
)
_WRITE_ERRORS: Final = (
    (errors.OutcomeUnknown, "The call was sent and no answer came; it is not sent again"),
)


class Discovery:
    """Makes the document for a caller, and keeps it: it depends on the scopes alone.

    Args:
        methods: The offered rows.
        chains: Names of the chains; the first is served at ``/``.
    """

    def __init__(self, methods: Iterable[Method], chains: Sequence[str]) -> None:
        self._methods = sorted(methods, key=lambda method: method.name)
        self._chains = chains
        self._kept: dict[frozenset[str], bytes] = {}

    def document(self, scopes: frozenset[str]) -> bytes:
        """Return the document of what a caller with *scopes* may call, as JSON."""
        known = frozenset(method.scope for method in self._methods) & scopes
        kept = self._kept.get(known)
        if kept is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            kept = self._kept[known] = msgspec.json.encode(self._made(known))
        return kept

    def _made(self, scopes: frozenset[str]) -> dict[str, Any]:
        return {
            "openrpc": VERSION,
            "info": {
                "title": "Verus Gateway",
                "version": verus_gateway.__version__,
                "license": {"name": "MIT"},
            },
            "servers": [
                {"name": name, "url": f"/chain/{name}" if number else "/"}
                for number, name in enumerate(self._chains)
            ],
            "methods": [_method(method) for method in self._methods if method.scope in scopes],
            "components": {"errors": dict(_error(*each) for each in (*_ERRORS, *_WRITE_ERRORS))},
        }


def _method(method: Method) -> dict[str, Any]:
    kinds = _ERRORS if method.retry else (*_ERRORS, *_WRITE_ERRORS)
    return {
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": [_param(param) for param in method.params],
        "result": {"name": "result", "schema": True},
        "errors": [{"$ref": f"#/components/errors/{kind.__name__}"} for kind, _ in kinds],
        "examples": _examples(method),
        "x-scope": method.scope,
        "x-ttl": kept_text(method),
        "x-fallback": fallback_text(method.fallback),
        "x-cost": method.cost,
    }


def _examples(method: Method) -> list[dict[str, Any]]:
    values = method.example()
    if values is None:
        return []
    given = [
        {"name": param.name, "value": value}
        for param, value in zip(method.params, values, strict=False)
    ]
    return [{"name": method.name, "description": method.summary, "params": given}]


def _param(param: Param) -> dict[str, Any]:
    return {"name": param.name, "required": param.required, "schema": param.kind.schema}


def _error(kind: type[errors.RpcError], meaning: str) -> tuple[str, dict[str, Any]]:
    return kind.__name__, {"code": kind.code, "message": meaning}


def kept_text(method: Method) -> str:
    """Return how long a row's answers are good, for particular parameters too."""
    return " or ".join(map(ttl_text, [method.ttl, *(ttl for ttl, _ in method.ttl_if)]))


def ttl_text(ttl: Ttl) -> str:
    """Return how long an answer is good, in a word or two."""
    match ttl:
        case UntilBlock(within=math.inf):
            return "block"
        case UntilBlock(within=within):
            return f"block, {within:g} s"
        case math.inf:
            return "forever"
        case _:
            return f"{ttl:g} s"


def fallback_text(fallback: Fallback) -> str:
    """Return what stands in while verusd is away, in a word or two."""
    match fallback:
        case Stale(within=math.inf):
            return "stale"
        case Stale(within=within):
            return f"stale {within:g} s"
        case Constant():
            return "constant"
        case None:
            return "-"
        case _:
            assert_never(fallback)
