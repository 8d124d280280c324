"""The life of a call, from look-up to answer, on one page."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from copy import deepcopy
from typing import Final, Protocol, TypeAlias

import msgspec

from verus_gateway import cache, rpc
from verus_gateway.auth import Caller
from verus_gateway.cache import Behind, Cache, Entry, Flight, Flights, Want
from verus_gateway.containment import contained
from verus_gateway.dialect import Question, Verusd
from verus_gateway.errors import AnswerTooLarge, DaemonUnavailable, InternalError, RpcError
from verus_gateway.guard import Line
from verus_gateway.outcomes import Answer, Known, Miss
from verus_gateway.plugin import Constant, Method, Raw, Stale
from verus_gateway.registry import Registry
from verus_gateway.rpc import Call
from verus_gateway.tip import Tip

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]

DISCOVER: Final = "rpc.discover"
"""The one method that is the gateway's own (OpenRPC, service discovery)."""
GRACE: Final = 0.5
"""Seconds by which a handler may outlive its daemon's deadline: were they one, the handler would
be cancelled in the moment in which it is told that verusd did not answer."""
UNKNOWN: Final = "unknown"
"""The label of calls that name no offered method."""


class Refusing(Protocol):
    """What may refuse calls to the daemon."""

    @property
    def state(self) -> object:
        """Another object each time what it refuses may have changed, but for what time changes."""
        ...

    def refuses(self) -> bool:
        """Tell whether a call made now would be refused."""
        ...

    def refuses_until(self) -> float:
        """Return until when calls are refused unless `state` is another by then; -inf for no time."""
        ...


class Pipeline:
    """The collaborators a call meets, in the order in which it meets them.

    Args:
        methods: What is offered.
        kept: The cache.
        fresh: Whether kept answers may be served while verusd is well.
        discover: The OpenRPC document for a set of scopes.
        tip: The newest block, on which freshness depends.
        daemon: The guarded way to verusd.
        chain: The chain's name, part of every key.
        timeout: Seconds for a call, from here to its answer.
        behind: The tier behind memory, where there is one.
        largest: Bytes of a result, at most.
        note: Told of each permitted call, before it is answered, and how many there are.
        breaker: Tells whether the daemon would be asked.
    """

    def __init__(
        self,
        methods: Registry,
        kept: Cache,
        tip: Tip,
        daemon: Verusd,
        *,
        chain: str,
        timeout: float,
        largest: int,
        fresh: bool = True,
        discover: Callable[[frozenset[str]], bytes],
        behind: Behind | None = None,
        note: Callable[[Miss, int], None] = lambda _, __: None,
        breaker: Refusing,
    ) -> None:
        self._methods = methods
        self._cache = kept
        self._find = kept.find
        self._tip = tip
        self._daemon = daemon
        self._chain = chain
        self._timeout = timeout
        self._largest = largest
        self._fresh = fresh
        self._discover = discover
        self._behind = behind
        self._breaker = breaker
        self._flights: Flights[Answer] = Flights()
        self.note = note
        self._writes: set[asyncio.Task[Entry]] = set()

    async def answer(self, call: Call, caller: Caller) -> Answer:
        """Answer *call* or raise the `RpcError` that says why not."""
        found = self.look(call, caller)
        return await self.fetch(found) if isinstance(found, Miss) else found

    def look(self, call: Call, caller: Caller) -> Answer | Miss:
        """Check *call*, and answer it from memory where a fresh answer is there."""
        form = call.form
        if form is not None and form.made is not None:
            known: Known = form.made
            made = known.miss
            caller.require(known.scope)
            self.note(made, 1)
            return self._recall(made, known) or self._stand_in(made) or _copied(made, caller)
        if call.method == DISCOVER:
            return Answer(self._discover(caller.scopes), "cache")
        miss = self._read(call, caller)
        if form is not None:
            made = _copied(miss, caller)
            form.made = Known(made, made.method.scope, made.method.cost, made.key)
        self.note(miss, 1)
        return self._recall(miss) or self._stand_in(miss) or miss

    def _read(self, call: Call, caller: Caller) -> Miss:
        method = self._methods.find(call.method)
        caller.require(method.scope)
        try:
            params = method.read(call.params)
            if method.ttl == 0 and method.fallback is None:
                return Miss(method, params, b"", 0, caller.subject is not None)
            key = cache.key(self._chain, method.name, rpc.canonical(params))
            return Miss(method, params, key, method.lasts(params), caller.subject is not None)
        except RpcError as error:
            _check_carriable(method, error)
            raise
        except BaseException as error:  # no await in it: an exit here is the plugin's own
            raise _incident(method, error) from error

    def at_hand(self, known: Known, caller: Caller, now: float) -> Entry | None:
        """Return the fresh answer to a known call if that takes no more than a glance.

        It is what `look` would find; where it is not at hand, `look` must be asked. It changes
        nothing but the order in which entries go; `note` must be told of a call that it answers.

        Args:
            known: The call.
            caller: Whose it is.
            now: The time on the cache's clock.
        """
        if (
            known.turn == self._tip.turn
            and now < known.until
            and known.scope in caller.scopes
            and (entry := self._find(known.key)) is not None
            and entry.at == known.at
        ):
            return entry
        return None

    def stale_at_hand(self, known: Known, caller: Caller, now: float) -> Entry | None:
        """Return the entry that stands in for a fresh answer while verusd is away, at a glance.

        As with `at_hand`, which comes first, it is what `look` would find.
        """
        if (
            known.stale_state is self._breaker.state
            and known.stale_turn == self._tip.turn
            and now < known.stale_until
            and known.scope in caller.scopes
            and (entry := self._find(known.key)) is not None
            and entry.at == known.stale_at
        ):
            return entry
        return None

    def second_best(self, known: Known, caller: Caller) -> Answer | None:
        """Return what stands in for the answer to a known call that is not `at_hand`.

        As there, it is what `look` would find, and where there is None, `look` must be asked.
        """
        if known.scope not in caller.scopes or self._recall(known.miss, known) is not None:
            return None
        answer = self._stand_in(known.miss)
        fallback, entry = known.miss.method.fallback, self._find(known.key)
        if answer is not None and isinstance(fallback, Stale) and entry is not None:
            known.stale_at, known.stale_turn = entry.at, self._tip.turn
            known.stale_state = self._breaker.state
            known.stale_until = min(self._breaker.refuses_until(), entry.at + fallback.within)
        return answer

    def _recall(self, miss: Miss, known: Known | None = None) -> Answer | None:
        kept = self._cache.find(miss.key)
        if kept is None or not self._fresh:
            return None
        until = self._cache.fresh_until(miss.ttl, kept, self._tip)
        if self._cache.now() >= until:
            return None
        if known is not None:
            known.at, known.turn, known.until = kept.at, self._tip.turn, until
        return Answer(kept.value, "cache")

    async def fetch(self, miss: Miss) -> Answer:
        """Ask the daemon; while it is away, fall back as the row says."""
        try:
            return await self._asked(miss)
        except DaemonUnavailable as error:
            return await self.fall_back(miss, error)

    def depart(self, miss: Miss) -> Flight[Answer]:
        """Begin to ask for *miss*, unless that is under way already; who departs must leave.

        For what may be asked twice. Nothing stands in where the daemon is away: see `fall_back`.
        """
        if miss.method.ttl == 0:
            return self._flights.board(object(), lambda: self._answered(miss))
        # Under one tip only: who calls after a block must not get an answer from before.
        return self._flights.board((miss.key, self._tip.newest), lambda: self._brought(miss))

    async def refresh(self, miss: Miss) -> bool:
        """Ask for *miss* unless a fresh answer is there, and tell whether it was asked.

        Raises:
            RpcError: there was no answer; nothing stands in, for nobody waits.
        """
        if self._recall(miss) is not None:
            return False
        await self._asked(Miss(miss.method, deepcopy(miss.params), miss.key, miss.ttl))
        return True

    def label(self, name: str) -> str:
        """Return the metrics label for a method's name, whoever wrote it."""
        return name if name in self._methods or name == DISCOVER else UNKNOWN

    def cost(self, name: str) -> int:
        """Return what a call of *name* costs its caller; 1 for what is not offered."""
        return self._methods.cost(name)

    async def drain(self, seconds: float) -> None:
        """Wait for writes under way, whose callers have left, but not for ever."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=seconds)

    async def _asked(self, miss: Miss) -> Answer:
        if not miss.method.retry:
            return Answer((await self._to_its_end(miss)).value, "daemon")
        if miss.method.ttl == 0:
            return await self._answered(miss)
        return await self.depart(miss).landing()

    async def _answered(self, miss: Miss) -> Answer:
        return Answer((await self._ask(miss)).value, "daemon")

    async def _brought(self, miss: Miss) -> Answer:
        if self._behind is None or not self._fresh:
            return Answer((await self._ask(miss)).value, "daemon")
        want = Want(
            miss.key,
            self._tip.newest,
            lambda entry: self._cache.fresh(miss.ttl, entry, self._tip),
            self._timeout / 2,
        )
        entry, kept = await self._behind.bring(want, lambda: self._ask(miss))
        if entry.value != rpc.NULL:
            self._cache.keep(miss.key, entry)
        if kept:
            return Answer(entry.value, "cache")
        return Answer(entry.value, "daemon")

    async def _to_its_end(self, miss: Miss) -> Entry:
        # A write that was begun is seen through, also when its caller goes away.
        task = asyncio.ensure_future(self._ask(miss))
        self._writes.add(task)
        task.add_done_callback(self._written)
        return await asyncio.shield(task)

    def _written(self, task: asyncio.Task[Entry]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even where the caller has left

    async def _ask(self, miss: Miss) -> Entry:
        # What was current when the call was sent is what its answer may be fresh under.
        at, tip, branch = self._cache.now(), self._tip.newest, self._tip.branch
        value = bytes(await self._run(miss))
        entry = Entry(value, at, tip, branch)
        if value == rpc.NULL:  # "not found yet" must not hide what comes, nor what was outlive it
            self._cache.drop(miss.key)
            if self._behind is not None:
                self._behind.drop(miss.key)
        elif miss.key:
            self._cache.keep(miss.key, entry)
            if self._behind is not None:
                lasts = self._cache.lasts(miss.ttl, miss.method.fallback)
                self._behind.keep(miss.key, entry, lasts)
        return entry

    def _run(self, miss: Miss) -> Coroutine[None, None, Raw | bytes]:
        """Return what brings the result of *miss*: verusd itself, or the row's handler."""
        method = miss.method
        deadline = asyncio.get_running_loop().time() + self._timeout
        if method.handler is None:
            return self._daemon.ask(
                Question(method.name, miss.params, method.retry, deadline, miss.favoured)
            )
        return self._handled(miss, deadline)

    async def _handled(self, miss: Miss, deadline: float) -> bytes:
        method = miss.method
        line = Line(
            self._daemon,
            retry=method.retry,
            deadline=deadline,
            offered=self._methods,
            favoured=miss.favoured,
        )
        try:
            result = await contained(lambda: method.run(line, miss.params), deadline + GRACE)
            if isinstance(result, Raw) and result is not line.newest:
                rpc.value(result)  # a text of the plugin's own making: is it JSON at all?
            value = rpc.encode(result)
        except RpcError as error:
            _check_carriable(method, error)
            raise
        except Exception as error:
            raise _incident(method, error) from error
        if len(value) > self._largest:
            raise AnswerTooLarge(f"the answer of {method.name} is over {self._largest} bytes")
        return value

    def _stand_in(self, miss: Miss) -> Answer | None:
        """Return the fallback in memory where verusd, the only one to ask, would not be asked now."""
        if (
            miss.method.fallback is None
            or miss.method.handler is not None
            or not self._breaker.refuses()
        ):
            return None
        return self._fallback(miss, self._cache.find(miss.key))

    async def fall_back(self, miss: Miss, error: DaemonUnavailable) -> Answer:
        """Return what stands in for the answer to *miss*, or raise *error* again."""
        kept = self._cache.find(miss.key) if miss.key else None
        if kept is None and miss.key and self._behind is not None:
            kept = await self._behind.find(miss.key)
        answer = self._fallback(miss, kept)
        if answer is None:
            raise error
        return answer

    def _fallback(self, miss: Miss, kept: Entry | None) -> Answer | None:
        fallback = miss.method.fallback
        if isinstance(fallback, Constant):
            return Answer(rpc.encode(fallback.value), "default")
        if kept is not None and self._cache.usable(miss.method, kept):
            return Answer(kept.value, "stale", self._cache.age(kept))
        return None


def _copied(miss: Miss, caller: Caller) -> Miss:
    """Return *miss* as another call of *caller*.

    It has parameters of its own: a handler may change those that it is given.
    """
    favoured = caller.subject is not None
    if any(isinstance(param, dict | list) for param in miss.params):
        return Miss(miss.method, deepcopy(miss.params), miss.key, miss.ttl, favoured)
    if miss.favoured != favoured:
        return Miss(miss.method, miss.params, miss.key, miss.ttl, favoured)
    return miss


def _check_carriable(method: Method, error: RpcError) -> None:
    try:
        msgspec.convert((error.code, error.message), tuple[int, str])
        rpc.encode([error.message, error.data])
    except ValueError as reason:
        raise _incident(method, reason) from error


def _incident(method: Method, error: BaseException) -> InternalError:
    """Log what a plugin did; its caller learns the number only."""
    number = secrets.token_hex(6)
    extra = {"method": method.name, "incident": number}
    log.error("plugin failed", exc_info=error, extra=extra)
    return InternalError(f"{method.name} failed", data={"incident": number})
