import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from core.shared_doubles import Way, turn
from redis import exceptions as errors

from verus_gateway.shared.faults import AWAY, MISCONFIGURED, Fault, fault_of
from verus_gateway.shared.link import AT_ONCE, Away
from verus_gateway.shared.scripts import RELEASE, call


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    made = Way()
    yield made
    await made.end()


WORDS: list[tuple[Exception, Fault]] = [
    (errors.ConnectionError("refused"), "refused"),
    (errors.MaxConnectionsError("too many"), "refused"),
    (ConnectionResetError(), "refused"),
    (RuntimeError("the handler is closed"), "refused"),
    (asyncio.IncompleteReadError(b"", 1), "refused"),
    (errors.TimeoutError("slow"), "timeout"),
    (TimeoutError(), "timeout"),
    (errors.ReadOnlyError("x"), "readonly"),
    (errors.BusyLoadingError("x"), "loading"),
    (errors.MasterDownError("x"), "masterdown"),
    (errors.MovedError("1 h:1"), "moved"),
    (errors.AskError("1 h:1"), "moved"),
    (errors.ClusterDownError("x"), "clusterdown"),
    (errors.RedisClusterException("x"), "clusterdown"),
    (errors.TryAgainError("x"), "tryagain"),
    (errors.ResponseError("BUSY Redis is busy running a script"), "busy"),
    (errors.OutOfMemoryError("x"), "oom"),
    (errors.ResponseError("MISCONF Redis is configured to save"), "misconf"),
    (errors.ResponseError("NOREPLICAS Not enough good replicas"), "misconf"),
    (errors.AuthenticationError("x"), "noauth"),
    (errors.ResponseError("NOAUTH Authentication required."), "noauth"),
    (errors.NoPermissionError("x"), "noperm"),
    (errors.ResponseError("WRONGTYPE Operation against a key"), "wrongtype"),
    (errors.ResponseError("ERR syntax error"), "other"),
]


@pytest.mark.parametrize(("error", "word"), WORDS)
def test_each_error_of_redis_has_its_word(error: Exception, word: Fault) -> None:
    assert fault_of(error) == word


async def test_before_the_first_trial_nobody_is_asked(way: Way) -> None:
    with pytest.raises(Away):
        await way.link.run(("GET", "a"))

    assert way.redis.asked == []
    assert repr(way.link) == "<Link test, away: None>"


async def test_a_connection_that_uvloop_closed_meanwhile_is_as_good_as_none(way: Way) -> None:
    await way.begin()
    way.redis.broken = RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    with pytest.raises(Away) as away:
        await way.link.run(("GET", "a"))

    assert away.value.fault == "refused"


async def test_a_trial_that_goes_well_opens_the_way(way: Way) -> None:
    told: list[bool] = []
    way.link.listen(lambda: told.append(way.link.up))

    await way.begin()

    assert await way.link.run(("GET", "a"), ("GET", "b")) == [True, True]
    assert (told, way.redis.forgot, way.link.tried.is_set()) == ([True], 1, True)
    assert repr(way.link) == "<Link test, up>"


async def test_three_failures_in_a_row_break_it_and_nobody_waits_any_more(way: Way) -> None:
    await way.begin()
    way.redis.broken = errors.ConnectionError("refused")
    for _ in range(3):
        with pytest.raises(Away, match="refused"):
            await way.link.run(("GET", "a"))
    asked = len(way.redis.asked)

    with pytest.raises(Away, match="refused"):
        await way.link.run(("GET", "a"))

    assert (way.link.up, len(way.redis.asked)) == (False, asked)
    assert way.link.faults == {"refused": 3}


async def test_a_success_in_between_begins_the_count_anew(way: Way) -> None:
    await way.begin()
    for broken in (True, True, False, True, True):
        way.redis.broken = errors.ConnectionError("refused") if broken else None
        if broken:
            with pytest.raises(Away):
                await way.link.run(("GET", "a"))
        else:
            await way.link.run(("GET", "a"))

    assert way.link.up


@pytest.mark.parametrize("word", sorted((AWAY | MISCONFIGURED) - {"refused", "timeout"}))
async def test_what_asking_again_cannot_mend_breaks_it_at_once(way: Way, word: Fault) -> None:
    error = next(error for error, found in WORDS if found == word)
    await way.begin()
    way.redis.answer = lambda _: error

    results = await way.link.run(("GET", "a"))

    assert (results, way.link.up) == ([error], False)


@pytest.mark.parametrize("word", ["oom", "misconf", "tryagain", "wrongtype", "other"])
async def test_what_hits_one_command_only_breaks_nothing(way: Way, word: Fault) -> None:
    error = next(error for error, found in WORDS if found == word)
    await way.begin()
    way.redis.answer = lambda _: error

    for _ in range(10):
        await way.link.run(("GET", "a"))

    assert way.link.up
    assert way.link.faults == {word: 10}


async def test_it_comes_back_by_itself_after_pauses_that_are_drawn(way: Way) -> None:
    way.redis.broken = errors.ConnectionError("refused")
    await way.begin()
    for _ in range(3):
        way.pauses.end()
        await turn()
    way.redis.broken = None

    way.pauses.end()
    await turn()

    assert way.link.up
    assert way.pauses.asked == [0.5, 0.5, 0.5, 0.5]


async def test_who_refuses_us_is_tried_calmly_and_named_loudly(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    way.redis.broken = errors.AuthenticationError("WRONGPASS")
    await way.begin()
    way.pauses.end()
    await turn()

    loud = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in loud] == [
        "redis refuses us: see its users and our password"
    ]
    assert way.pauses.asked == [2.0, 2.0]


async def test_a_command_that_may_not_be_used_is_named_loudly_while_others_work(
    way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    await way.begin()
    way.redis.answer = lambda command: (
        errors.NoPermissionError("no") if command[0] == "PUBLISH" else True
    )

    await way.link.run(("PUBLISH", "a", "b"), ("GET", "a"))

    assert way.link.up
    assert "redis refuses us" in caplog.text


async def test_a_trial_whose_ping_is_refused_failed(way: Way) -> None:
    way.redis.answer = lambda _: errors.NoPermissionError("no")

    await way.begin()

    assert (way.link.up, way.link.fault) == (False, "noperm")


async def test_what_hangs_is_left_after_the_timeout() -> None:
    way = Way(timeout=0.01)
    await way.begin()
    way.redis.hangs = True

    with pytest.raises(Away, match="timeout"):
        await way.link.run(("GET", "a"))

    await way.end()
    assert way.link.inside == 0


async def test_only_so_many_operations_are_under_way(way: Way) -> None:
    await way.begin()
    way.redis.hangs = True
    waiting = [asyncio.create_task(way.link.run(("GET", "a"))) for _ in range(AT_ONCE)]
    await turn()

    with pytest.raises(Away, match="crowded"):
        await way.link.run(("GET", "a"))

    assert way.link.up
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert way.link.inside == 0


async def test_an_answer_that_came_while_the_loop_was_late_still_counts() -> None:
    late = Way(timeout=0.0)
    late.redis.answer = lambda _: b"here"
    await late.begin()

    assert await late.link.run(("GET", "a")) == [b"here"]
    await late.end()


async def test_a_script_that_the_server_does_not_know_is_sent_in_full_once(way: Way) -> None:
    known: set[object] = set()

    def answer(command: tuple[object, ...]) -> object:
        if command[0] == "EVAL":
            known.add(RELEASE)
        return 1 if RELEASE in known else errors.NoScriptError("NOSCRIPT")

    await way.begin()
    way.redis.answer = answer
    script = call(RELEASE, "name", "token")

    first = await way.link.run(("GET", "a"), script)
    second = await way.link.run(script)

    assert (first[1], second) == (1, [1])
    sent = [command[0] for command in way.redis.asked]
    assert sent == ["PING", "GET", "EVALSHA", "EVAL", "EVALSHA"]
    assert ("EVAL", RELEASE, 1, "name", "token") in way.redis.asked
