from decimal import Decimal

import pytest

from verus_gateway.dialect import Question
from verus_gateway.errors import DaemonError, InvalidParams, Refused
from verus_gateway.plugin import HEIGHT, PUBLIC, Daemon, Json, method, required
from verus_gateway.testing import FakeClock, FakeDaemon, find, run


def test_a_fake_clock_moves_only_when_told_to() -> None:
    clock = FakeClock(5)

    before = (clock(), clock())
    clock.advance(2.5)

    assert (before, clock()) == ((5, 5), 7.5)


async def test_a_fake_daemon_answers_from_its_table_and_remembers() -> None:
    daemon = FakeDaemon({"getinfo": {"fee": Decimal("0.10")}, "getblock": None})

    answers = [await daemon.call("getinfo"), await daemon.call("getblock", "5", True)]

    assert [bytes(answer) for answer in answers] == [b'{"fee":0.10}', b"null"]
    assert daemon.asked == [("getinfo", ()), ("getblock", ("5", True))]


async def test_a_fake_daemon_raises_what_its_table_says() -> None:
    error = DaemonError("no", code=-5)
    daemon = FakeDaemon({"getinfo": error})

    with pytest.raises(DaemonError) as caught:
        await daemon.call("getinfo")
    with pytest.raises(Refused):
        await daemon.call("getblock")

    assert caught.value is error


async def test_a_fake_daemon_answers_questions_as_well() -> None:
    daemon = FakeDaemon({"getblock": 1})

    answer = await daemon.ask(Question("getblock", ("5",), retry=True, deadline=0))

    assert (bytes(answer), daemon.asked) == (b"1", [("getblock", ("5",))])


def test_a_fake_daemon_offers_what_its_table_holds() -> None:
    daemon = FakeDaemon({"getinfo": 1})

    assert (daemon.offers("getinfo"), daemon.offers("stop")) == (True, False)
    assert not FakeDaemon().offers("getinfo")


async def double(_: Daemon, number: int) -> Json:
    return {"double": number * 2, "half": Decimal(number) / 2}


ROWS = (
    method("acme.one", summary="x", scope=PUBLIC),
    method("acme.double", required("number", HEIGHT), summary="x", scope=PUBLIC, handler=double),
)


def test_a_row_is_found_by_its_name() -> None:
    assert find(ROWS, "acme.double") is ROWS[1]
    with pytest.raises(LookupError, match=r"acme\.two"):
        find(ROWS, "acme.two")


async def test_a_row_is_run_as_the_gateway_would() -> None:
    answer = await run(find(ROWS, "acme.double"), FakeDaemon(), 5)

    assert answer == {"double": 10, "half": Decimal("2.5")}
    with pytest.raises(InvalidParams):
        await run(find(ROWS, "acme.double"), FakeDaemon(), "5")


async def test_what_json_cannot_carry_is_seen_in_the_plugins_own_tests() -> None:
    async def wrong(_: Daemon) -> Json:
        return float("nan")

    with pytest.raises(ValueError, match="JSON cannot carry it"):
        await run(method("acme.x", summary="x", scope=PUBLIC, handler=wrong), FakeDaemon())
