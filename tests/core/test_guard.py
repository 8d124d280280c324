import asyncio
from contextlib import suppress

import pytest

from verus_gateway.breaker import Breaker, Rules
from verus_gateway.dialect import Question
from verus_gateway.errors import (
    BreakerOpen,
    DaemonError,
    InvalidParams,
    MethodNotFound,
    Overloaded,
    QueueFull,
    QueueTimeout,
    Refused,
    RpcError,
    Unauthorized,
    WrongChain,
)
from verus_gateway.gate import Gate
from verus_gateway.guard import GuardedDaemon, Line
from verus_gateway.plugin import Json, Raw
from verus_gateway.testing import FakeClock, FakeDaemon


class SlowDaemon(FakeDaemon):
    """Answers when the test says so."""

    def __init__(self, answers: dict[str, Json]) -> None:
        super().__init__(answers)
        self.answering = asyncio.Event()

    async def ask(self, question: Question) -> Raw:
        await self.answering.wait()
        return await super().ask(question)


def question(method: str = "getinfo", seconds: float = 60) -> Question:
    deadline = asyncio.get_running_loop().time() + seconds
    return Question(method, (), retry=True, deadline=deadline)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Way:
    """A guarded daemon and what stands around it."""

    def __init__(self, daemon: FakeDaemon, *, limit: int = 2, queue: int = 2) -> None:
        self.clock = FakeClock()
        self.breaker = Breaker(Rules(2, 60, 1), self.clock)
        self.gate = Gate(limit, queue, self.clock)
        self.seen: list[tuple[RpcError | None, float]] = []
        self.stranger = ""
        self.daemon = GuardedDaemon(
            daemon, self.breaker, self.gate, self._observe, lambda: self.stranger
        )

    def _observe(self, error: RpcError | None, seconds: float) -> None:
        self.seen.append((error, seconds))


async def test_a_question_reaches_the_daemon_and_its_outcome_is_seen() -> None:
    fake = FakeDaemon({"getinfo": 1})
    way = Way(fake)

    answer = await way.daemon.ask(question())

    assert (bytes(answer), fake.asked) == (b"1", [("getinfo", ())])
    assert way.gate.inside == 0
    [(error, seconds)] = way.seen
    assert error is None
    assert seconds >= 0


async def test_an_error_is_passed_on_and_seen() -> None:
    error = DaemonError("no such block", code=-5)
    way = Way(FakeDaemon({"getinfo": error}))

    with pytest.raises(DaemonError) as caught:
        await way.daemon.ask(question())

    assert caught.value is error
    assert [seen for seen, _ in way.seen] == [error]
    assert (way.gate.inside, way.breaker.name) == (0, "closed")


async def test_a_forbidden_command_is_never_sent() -> None:
    fake = FakeDaemon({"stop": "bye"})
    way = Way(fake)

    with pytest.raises(MethodNotFound, match="stop is never sent"):
        await way.daemon.ask(question("stop"))

    assert (fake.asked, way.seen) == ([], [])


async def test_an_open_breaker_refuses_before_the_queue() -> None:
    way = Way(FakeDaemon({"getinfo": Unauthorized("401")}), limit=1, queue=0)
    with suppress(Unauthorized):
        await way.daemon.ask(question())
    await way.gate.enter()  # whoever asked the gate now would be told that the queue is full

    with pytest.raises(BreakerOpen):
        await way.daemon.ask(question())

    assert len(way.seen) == 1


async def test_failures_open_the_breaker() -> None:
    way = Way(FakeDaemon())

    for _ in range(2):
        with suppress(Refused):
            await way.daemon.ask(question())

    assert way.breaker.name == "open"


async def test_whoever_waits_is_turned_away_when_the_breaker_opens() -> None:
    slow = SlowDaemon({"getinfo": Unauthorized("401")})
    way = Way(slow, limit=1)
    first, second = (asyncio.create_task(way.daemon.ask(question())) for _ in range(2))
    await turn()

    slow.answering.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Unauthorized, BreakerOpen]
    assert len(slow.asked) == 1
    assert (way.gate.inside, way.gate.waiting) == (0, 0)


async def test_nobody_is_turned_away_when_it_closes() -> None:
    slow = SlowDaemon({"getinfo": 1})
    way = Way(slow, limit=1)
    way.breaker.reset("nothing was wrong")
    joined = [asyncio.create_task(way.daemon.ask(question())) for _ in range(2)]
    await turn()
    with suppress(Unauthorized), way.breaker.guard():
        raise Unauthorized("401")
    waiting = asyncio.create_task(way.gate.enter())
    await turn()

    way.breaker.reset("operator")
    await turn()

    assert not waiting.done()
    slow.answering.set()
    await asyncio.gather(*joined, return_exceptions=True)
    await waiting


async def test_a_call_that_found_its_turn_in_an_open_breaker_gives_its_place_back() -> None:
    way = Way(FakeDaemon({"getinfo": 1}), limit=1)
    await way.gate.enter()
    waiting = asyncio.create_task(way.daemon.ask(question()))
    await turn()
    way.gate.leave()  # its turn has come, it has not run yet
    with suppress(Unauthorized), way.breaker.guard():
        raise Unauthorized("401")

    with pytest.raises(BreakerOpen):
        await waiting

    assert way.gate.inside == 0


async def test_time_that_runs_out_in_the_queue_says_nothing_about_the_daemon() -> None:
    fake = FakeDaemon({"getinfo": 1})
    way = Way(fake, limit=1)
    await way.gate.enter()

    with pytest.raises(QueueTimeout) as caught:
        await way.daemon.ask(question(seconds=0))

    assert caught.value.data["reason"] == "overloaded"
    assert (fake.asked, way.seen, way.gate.waiting) == ([], [], 0)


async def test_a_full_queue_says_nothing_about_the_daemon() -> None:
    way = Way(FakeDaemon({"getinfo": 1}), limit=1, queue=0)
    await way.gate.enter()

    with pytest.raises(QueueFull):
        await way.daemon.ask(question())

    assert way.seen == []


async def test_a_cancelled_call_gives_its_places_back_and_counts_for_nothing() -> None:
    slow = SlowDaemon({"getinfo": 1})
    way = Way(slow)
    with suppress(Unauthorized), way.breaker.guard():
        raise Unauthorized("401")
    way.clock.advance(60)
    probe = asyncio.create_task(way.daemon.ask(question()))
    await turn()

    probe.cancel()
    await turn()
    slow.answering.set()
    answer = await way.daemon.ask(question())

    assert probe.cancelled()
    assert (bytes(answer), way.breaker.name, way.gate.inside) == (b"1", "closed", 0)
    assert len(way.seen) == 1


async def test_a_full_queue_at_verusd_shrinks_the_gate_and_answers_let_it_grow() -> None:
    fake = FakeDaemon({"getinfo": Overloaded("full"), "getblock": DaemonError("no", code=-5)})
    way = Way(fake, limit=8)
    limits = [way.gate.limit]
    with suppress(Overloaded):
        await way.daemon.ask(question())
    limits.append(way.gate.limit)

    fake.answers["getinfo"] = 1
    for method in ("getinfo", "getinfo", "getblock", "getblock", "getblock"):
        with suppress(DaemonError):
            await way.daemon.ask(question(method))
    limits.append(way.gate.limit)

    assert limits == [8, 4, 5]


async def test_a_failure_that_is_no_full_queue_leaves_the_gate() -> None:
    way = Way(FakeDaemon(), limit=8)
    way.gate.shrink()

    for _ in range(2):
        with suppress(Refused):
            await way.daemon.ask(question())

    assert (way.gate.limit, way.gate._limit) == (4, 4.0)


async def test_a_line_carries_its_calls_deadline_and_whether_to_ask_twice() -> None:
    asked: list[Question] = []

    class Listener(FakeDaemon):
        async def ask(self, question: Question) -> Raw:
            asked.append(question)
            return await super().ask(question)

    line = Line(Listener({"getblock": 1}), retry=False, deadline=7.5, offered={"getblock"})

    answer = await line.call("getblock", "5", True)

    assert (bytes(answer), asked) == (b"1", [Question("getblock", ("5", True), False, 7.5)])
    assert (line.offers("getblock"), line.offers("stop")) == (True, False)


async def test_a_stranger_is_not_asked() -> None:
    fake = FakeDaemon({"getinfo": 1})
    way = Way(fake)
    way.stranger = "the daemon's chain is VRSCTEST, not VRSC"

    with pytest.raises(WrongChain, match="VRSCTEST"):
        await way.daemon.ask(question())

    assert (fake.asked, way.seen, way.breaker.name) == ([], [], "closed")


async def test_a_member_that_has_verusd_read_a_file_is_never_sent() -> None:
    fake = FakeDaemon({"signdata": {}})
    way = Way(fake)
    asked = question("signdata")
    sneaky = Question("signdata", ({"filename": "VRSC.conf"},), retry=True, deadline=asked.deadline)

    with pytest.raises(InvalidParams, match="'filename' has verusd read a file"):
        await way.daemon.ask(sneaky)

    assert fake.asked == []
    assert way.seen == []
