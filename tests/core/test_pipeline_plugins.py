import asyncio
import logging
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from verus_gateway.auth import anonymous
from verus_gateway.breaker import Breaker, Rules
from verus_gateway.cache import Cache
from verus_gateway.dialect import Question
from verus_gateway.errors import AnswerTooLarge, DaemonError, InternalError, InvalidParams, TimedOut
from verus_gateway.outcomes import Answer
from verus_gateway.pipeline import Pipeline
from verus_gateway.plugin import (
    PUBLIC,
    TEXT,
    Constant,
    Daemon,
    Json,
    Method,
    Raw,
    decode,
    method,
    optional,
    turned,
)
from verus_gateway.registry import Registry, Row
from verus_gateway.rows import Param
from verus_gateway.rpc import Call
from verus_gateway.testing import FakeClock, FakeDaemon
from verus_gateway.tip import Tip

Handler = Callable[..., Awaitable[Json]]


def row(handler: Handler | None = None, *params: Param, **columns: Any) -> Method:
    return method("acme.x", *params, summary="x", scope=PUBLIC, handler=handler, **columns)


async def answer(row: Method, daemon: FakeDaemon | None = None, *params: Json) -> Answer:
    daemon = daemon or FakeDaemon()
    clock = FakeClock()
    pipeline = Pipeline(
        Registry({row.name: Row(row, "acme 1.0")}),
        Cache(max_size=10_000, max_entry_size=1_000, tip_max_age=120, clock=clock),
        Tip(daemon, interval=1, clock=clock),
        daemon,
        chain="VRSC",
        timeout=30,
        largest=1_000,
        breaker=Breaker(Rules()),
        discover=lambda _: b"{}",
    )
    return await pipeline.answer(Call(row.name, list(params), b"1"), anonymous([PUBLIC]))


class NoTime(asyncio.SelectorEventLoop):
    """A loop that never waits: where nothing is to be done, its clock jumps ahead."""

    def __init__(self) -> None:
        self.now = 0.0
        loop = self

        class Jumping(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                ready = super().select(0)
                if not ready and timeout:
                    loop.now += timeout
                return ready

        super().__init__(Jumping())

    def time(self) -> float:
        return self.now


def in_no_time(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=NoTime) as runner:
        runner.run(test())


# ---------------------------------------------------------------- handlers that answer


async def test_a_handler_answers_from_what_it_asks() -> None:
    async def handler(daemon: Daemon) -> Json:
        height = decode(await daemon.call("getblockcount"))
        return {"next": height + 1, "offers": daemon.offers("acme.x")}

    assert await answer(row(handler), FakeDaemon({"getblockcount": 5})) == Answer(
        b'{"next":6,"offers":true}', "daemon"
    )


async def test_a_handler_may_pass_the_daemons_words_on() -> None:
    async def handler(daemon: Daemon) -> Json:
        return await daemon.call("getinfo")

    assert (await answer(row(handler), FakeDaemon({"getinfo": [1]}))).value == b"[1]"


async def test_a_handler_may_refuse_in_its_own_words() -> None:
    async def handler(_: Daemon) -> Json:
        raise InvalidParams("acme.x: not today")

    with pytest.raises(InvalidParams, match="not today"):
        await answer(row(handler))


async def test_the_daemons_absence_passes_through_a_handler_to_its_fallback() -> None:
    async def handler(daemon: Daemon) -> Json:
        return await daemon.call("getinfo")

    assert await answer(row(handler, fallback=Constant(0))) == Answer(b"0", "default")


# ---------------------------------------------------------------- handlers that fail


async def raises(_: Daemon) -> Json:
    raise KeyError("the wallet's passphrase")


async def returns_nan(_: Daemon) -> Json:
    return {"price": float("nan")}


async def returns_bytes(_: Daemon) -> Json:
    return [b"bytes"]


async def returns_a_cycle(_: Daemon) -> Json:
    made: list[Json] = []
    made.append(made)
    return made


async def returns_a_stranger(_: Daemon) -> Json:
    return object()


async def loses_its_patience(_: Daemon) -> Json:
    raise TimeoutError


FAILING = [
    raises,
    returns_nan,
    returns_bytes,
    returns_a_cycle,
    returns_a_stranger,
    loses_its_patience,
]


def check_incident(error: InternalError, log: pytest.LogCaptureFixture) -> None:
    """The client has the number, the log has the rest under that number."""
    [record] = log.records
    assert (error.code, error.message) == (-32603, "acme.x failed")
    assert error.data == {"incident": vars(record)["incident"]}
    assert len(error.data["incident"]) == 12
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "plugin failed")
    assert vars(record)["method"] == "acme.x"
    assert record.exc_info is not None
    assert record.exc_info[1] is error.__cause__


@pytest.mark.parametrize("handler", FAILING)
async def test_a_handler_that_fails_costs_its_caller_an_incident_number(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InternalError) as caught:
        await answer(row(handler, fallback=Constant(0)))

    check_incident(caught.value, caplog)


def test_a_handler_that_hangs_costs_its_caller_an_incident_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hangs(_: Daemon) -> Json:
        await asyncio.Event().wait()

    async def test() -> None:
        with pytest.raises(InternalError) as caught:
            await answer(row(hangs))
        check_incident(caught.value, caplog)
        assert 30 < asyncio.get_running_loop().time() < 32

    caplog.set_level(logging.INFO)
    in_no_time(test)


class Silent(FakeDaemon):
    """A daemon that keeps its deadline and never answers."""

    async def ask(self, question: Question) -> Raw:
        try:
            async with asyncio.timeout_at(question.deadline):
                await asyncio.Event().wait()
        except TimeoutError:
            raise TimedOut("verusd did not answer in time") from None
        raise AssertionError


def test_a_daemon_that_hangs_is_no_fault_of_the_handler() -> None:
    async def handler(daemon: Daemon) -> Json:
        return await daemon.call("getinfo")

    async def test() -> None:
        with pytest.raises(TimedOut):
            await answer(row(handler), Silent())
        assert await answer(row(handler, fallback=Constant(0)), Silent()) == Answer(b"0", "default")

    in_no_time(test)


# ---------------------------------------------------------------- checks that fail


async def test_a_last_word_that_fails_is_the_plugins_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    picky = row(None, optional("x", TEXT), accepts=lambda params: bool(params[0]))

    with pytest.raises(InternalError) as caught:
        await answer(picky, FakeDaemon({"acme.x": 1}))

    check_incident(caught.value, caplog)


async def test_a_conversion_that_fails_is_the_plugins_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(InternalError) as caught:
        await answer(row(None, optional("x", turned(TEXT, int))), None, "five")

    check_incident(caught.value, caplog)


async def test_an_error_in_verusds_own_words_is_nobodys_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(daemon: Daemon) -> Json:
        return await daemon.call("getinfo")

    with pytest.raises(DaemonError):
        await answer(row(handler), FakeDaemon({"getinfo": DaemonError("no", code=-5)}))

    assert caplog.records == []


async def test_an_error_whose_data_json_cannot_carry_is_the_plugins_fault() -> None:
    async def handler(_: Daemon) -> Json:
        raise DaemonError("no", data=object())

    with pytest.raises(InternalError) as caught:
        await answer(row(handler, retry=True))

    assert set(caught.value.data) == {"incident"}


@pytest.mark.parametrize("text", [b'{"torn":', b"", b"nan"])
async def test_a_text_of_a_plugins_own_making_must_be_json(text: bytes) -> None:
    async def handler(_: Daemon) -> Raw:
        return Raw(text)

    with pytest.raises(InternalError):
        await answer(row(handler, retry=True))


async def test_a_text_that_verusd_gave_or_that_is_json_passes() -> None:
    async def passes(daemon: Daemon) -> Raw:
        return await daemon.call("getinfo")

    async def makes(_: Daemon) -> Raw:
        return Raw(b"[1.00]")

    passed = await answer(row(passes, retry=True), FakeDaemon({"getinfo": 1}))
    made = await answer(row(makes, retry=True))

    assert (passed.value, made.value) == (b"1", b"[1.00]")


async def test_what_a_plugin_returns_has_a_largest_size() -> None:
    async def handler(_: Daemon) -> str:
        return "x" * 1_000

    with pytest.raises(AnswerTooLarge, match=r"acme\.x is over 1000 bytes"):
        await answer(row(handler, retry=True))
