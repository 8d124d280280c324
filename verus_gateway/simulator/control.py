"""The control port: look at the simulator and steer it, over HTTP on this machine only."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol
from urllib.parse import parse_qs, urlsplit

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.delivery import Delivery
from verus_gateway.simulator.faults import Faults
from verus_gateway.simulator.univalue import Json, write
from verus_gateway.simulator.wire import JSON, Request, Response

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
ROUTES: Final = "GET /, GET /transaction, POST /fault/NAME, DELETE /faults, POST /mine, POST /reorg"


class Steered(Protocol):
    """What the control port looks at and steers: a `Simulator`."""

    chain: Chain
    faults: Faults

    @property
    def counts(self) -> Mapping[str, int]: ...  # noqa: D102  documented where it is implemented

    @property
    def max_in_flight(self) -> int: ...  # noqa: D102  documented where it is implemented

    def mine(self, n: int = 1) -> None: ...  # noqa: D102  documented where it is implemented

    def reorg(self, depth: int = 1, grow: int = 0) -> None: ...  # noqa: D102  documented where it is implemented

    def fault(  # noqa: D102  documented where it is implemented
        self,
        name: str,
        value: float | None = None,
        *,
        methods: tuple[str, ...] = (),
        count: int | None = None,
    ) -> None: ...

    def clear(self) -> None: ...  # noqa: D102  documented where it is implemented


class Refusal(Exception):
    """A request the control port does not carry out, and the status it gets."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Control:
    """Answers requests to the control port.

    Browsers are kept out: a Host that is no loopback name (a rebound DNS name) and any Origin
    are refused, so that no web page can steer the simulator.
    """

    def __init__(self, steered: Steered) -> None:
        self._steered = steered

    async def answer(self, request: Request) -> Delivery:
        """Carry out one request; what is wrong with it is said in one sentence."""
        try:
            _admit(request)
            shape, status = self._route(request), 200
        except Refusal as refusal:
            shape, status = {"error": str(refusal)}, refusal.status
        except (ValueError, LookupError) as error:
            shape, status = {"error": str(error)}, 400
        return Delivery(Response(status, (write(shape) + "\n").encode(), JSON))

    def _route(self, request: Request) -> Json:
        address = urlsplit(request.path)
        options = _Options(parse_qs(address.query, keep_blank_values=True))
        routes: dict[tuple[str, str], Callable[[], None]] = {
            ("DELETE", "/faults"): self._steered.clear,
            ("POST", "/mine"): lambda: self._mine(options),
            ("POST", "/reorg"): lambda: self._reorg(options),
            ("GET", "/"): options.finish,
        }
        where = request.method, address.path
        if where == ("GET", "/transaction"):
            draft = self._steered.chain.draft()
            return {"txid": draft.txid, "hex": draft.raw.hex()}
        if request.method == "POST" and address.path.startswith("/fault/"):
            self._fault(address.path.removeprefix("/fault/"), options)
        elif where in routes:
            routes[where]()
        else:
            raise Refusal(404, f"there is no {request.method} {address.path}, only {ROUTES}")
        return self._status()

    def _mine(self, options: "_Options") -> None:
        n = options.whole("n", 1)
        options.finish()
        self._steered.mine(n)

    def _reorg(self, options: "_Options") -> None:
        depth, grow = options.whole("depth", 1), options.whole("grow", 0)
        options.finish()
        self._steered.reorg(depth, grow)

    def _fault(self, name: str, options: "_Options") -> None:
        value, methods = options.number("value"), tuple(options.all("method"))
        count = options.whole("count", 0) if options.has("count") else None
        options.finish()
        self._steered.fault(name, value, methods=methods, count=count)

    def _status(self) -> Json:
        chain = self._steered.chain
        faults = self._steered.faults.active.values()
        return {
            "chain": chain.parameters.name,
            "height": chain.height,
            "tip": chain.tip.hash,
            "branch": chain.branch,
            "mempool": len(chain.mempool),
            "faults": [str(fault) for fault in faults],
            "counts": dict(self._steered.counts),
            "max_in_flight": self._steered.max_in_flight,
        }


class _Options:
    def __init__(self, query: dict[str, list[str]]) -> None:
        self._query = query

    def has(self, name: str) -> bool:
        return name in self._query

    def all(self, name: str) -> list[str]:
        return self._query.pop(name, [])

    def number(self, name: str) -> float | None:
        written = self.all(name)
        try:
            return float(written[-1]) if written else None
        except ValueError:
            raise Refusal(400, f"{name} must be a number") from None

    def whole(self, name: str, default: int) -> int:
        written = self.all(name)
        try:
            return int(written[-1]) if written else default
        except ValueError:
            raise Refusal(400, f"{name} must be a whole number") from None

    def finish(self) -> None:
        if self._query:
            raise Refusal(400, f"there is no option {', '.join(sorted(self._query))}")


def _admit(request: Request) -> None:
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if host not in LOOPBACK:
        raise Refusal(403, "the Host header must name this machine: localhost or 127.0.0.1")
    if "origin" in request.headers:
        raise Refusal(403, "requests from web pages are refused")
