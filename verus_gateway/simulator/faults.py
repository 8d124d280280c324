"""Everything that can be made to go wrong, and what it does to an answer."""

import gzip
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from verus_gateway.simulator.delivery import Delivery
from verus_gateway.simulator.univalue import Json, Number, parse, write
from verus_gateway.simulator.wire import PLAIN, Response, error_page

PAGE: Final = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n"
OVERLOAD: Final = Response(500, b"Work queue depth exceeded")
PORT: Final = frozenset({"refuse", "flap"})
"""Faults of the port: they concern no single call."""

_DELIVERIES: Final = ("cutoff", "headers", "drip")


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault: what it does, and its value where it takes one."""

    name: str
    does: str
    default: float | None = None
    unit: str = ""


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("refuse", "the port is closed: connection refused"),
        Kind("flap", "the port is closed and open in turn", 1.0, "seconds"),
        Kind("hang", "the request is read and never answered; nothing is executed"),
        Kind("headers", "the command is executed, headers are sent, then silence"),
        Kind("drip", "the body comes byte by byte", 1.0, "seconds a byte"),
        Kind("cutoff", "headers and half of the body, then the connection is reset"),
        Kind("gibberish", "200 with an HTML page"),
        Kind("empty", "200 with no body"),
        Kind("overload", "500 with the text Work queue depth exceeded"),
        Kind("warmup", "error -28, as while the daemon loads"),
        Kind("wrongid", "the answer carries another id"),
        Kind("noid", "the answer has no member id"),
        Kind("password", "every password is wrong: 401 after the daemon's delay"),
        Kind("forbidden", "403 with no body, as for an address not allowed"),
        Kind("notfound", "404 with no body, as for a wrong path"),
        Kind("shutdown", "503 with the page of a daemon that stops"),
        Kind("huge", "the result is a string longer than this", 64 * 2.0**20, "bytes"),
        Kind("gzip", "the body is compressed, asked for or not"),
        Kind("slow", "each command takes this much longer", 5.0, "seconds"),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is on; *left* counts the calls it still applies to, None all."""

    kind: Kind
    value: float
    methods: frozenset[str] = frozenset()
    left: int | None = None

    def __str__(self) -> str:
        parts = [self.kind.name]
        if self.kind.default is not None:
            parts.append(f"= {self.value:g} {self.kind.unit}")
        if self.methods:
            parts.append(f"for {', '.join(sorted(self.methods))}")
        if self.left is not None:
            parts.append(f"({self.left} to go)")
        return " ".join(parts)

    def concerns(self, methods: Collection[str]) -> bool:
        """Whether it applies to a request that calls *methods*."""
        return not self.methods or not self.methods.isdisjoint(methods)


class Faults:
    """The faults that are on."""

    def __init__(self) -> None:
        self.active: dict[str, Fault] = {}

    def on(
        self,
        name: str,
        value: float | None = None,
        methods: Iterable[str] = (),
        count: int | None = None,
    ) -> Fault:
        """Switch a fault on, or change one that is.

        Raises:
            ValueError: no such fault, a value it does not take, or a limit that makes no sense.
        """
        kind = KINDS.get(name)
        if kind is None:
            raise ValueError(f"no fault is named {name!r}; there are {', '.join(KINDS)}")
        if value is not None and kind.default is None:
            raise ValueError(f"the fault {name} takes no value")
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"the value of {name} must not be negative")
        chosen = frozenset(methods)
        if name in PORT and (chosen or count is not None):
            raise ValueError(f"the fault {name} concerns the port, not single calls")
        if count is not None and count < 1:
            raise ValueError("count must be at least 1")
        fault = Fault(kind, (kind.default or 0.0) if value is None else value, chosen, count)
        self.active[name] = fault
        return fault

    def clear(self) -> None:
        """Switch everything off."""
        self.active.clear()

    def take(self, methods: Collection[str]) -> dict[str, Fault]:
        """Return the faults that apply to one request, and count it against their limits."""
        taken = {name: each for name, each in self.active.items() if each.concerns(methods)}
        for name, fault in taken.items():
            if fault.left is not None:
                self.active[name] = replace(fault, left=fault.left - 1)
                if fault.left == 1:
                    del self.active[name]
        return taken


def split(text: str) -> tuple[str, float | None]:
    """Read ``NAME`` or ``NAME=VALUE``.

    Raises:
        ValueError: the value is no number.
    """
    name, equals, value = text.partition("=")
    try:
        return name, float(value) if equals else None
    except ValueError:
        raise ValueError(f"the value in {text!r} is no number") from None


def instead(faults: Collection[str]) -> Delivery | None:
    """Return what is answered without executing anything, or None."""
    answers = {
        "gibberish": Response(200, PAGE, PLAIN),
        "empty": Response(200),
        "overload": OVERLOAD,
        "forbidden": Response(403),
        "notfound": Response(404),
        "shutdown": error_page(503),
    }
    if "hang" in faults:
        return Delivery(Response(200), "hang")
    return next((Delivery(answer) for name, answer in answers.items() if name in faults), None)


def spoil(response: Response, faults: dict[str, Fault]) -> Delivery:
    """Change an answer the daemon gave, and the way it travels."""
    body = response.body
    if "huge" in faults:
        body = _rewrite(body, {"result": "x" * (int(faults["huge"].value) + 1)})
    if "wrongid" in faults:
        body = _rewrite(body, {"id": Number("4242424242")})
    if "noid" in faults:
        body = _rewrite(body, {"id": None}, drop="id")
    headers = dict(response.headers)
    if "gzip" in faults:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    spoiled = replace(response, body=body, headers=headers)
    for manner in _DELIVERIES:
        if manner in faults:
            return Delivery(spoiled, manner, faults[manner].value)
    return Delivery(spoiled)


def _rewrite(body: bytes, change: dict[str, Json], drop: str = "") -> bytes:
    answer = parse(body)
    listed = answer if isinstance(answer, list) else [answer]
    for each in listed:
        each.update(change)
        each.pop(drop, None)
    return (write(answer) + "\n").encode()
