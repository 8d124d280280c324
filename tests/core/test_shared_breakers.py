"""Common breakers over a carrier that the test plays: loses, delays, turns round."""

import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from verus_gateway.breaker import Breaker, Rules
from verus_gateway.errors import BreakerOpen, Refused
from verus_gateway.shared.breakers import HOLD, CommonBreaker, beats
from verus_gateway.shared.exchange import GONE, Exchange
from verus_gateway.shared.notes import BeatNote, BreakerNote, ByeNote
from verus_gateway.testing import FakeClock


class Air:
    """Carries to every instance what was sent, when the test says so."""

    def __init__(self) -> None:
        self.ears: list[Callable[[bytes], None]] = []
        self.sent: list[bytes] = []
        self.pinned: dict[str, bytes] = {}

    def carry(self, pick: Callable[[int], int] = lambda _: 0) -> None:
        """Deliver everything, in the order in which *pick* takes it."""
        while self.sent:
            data = self.sent.pop(pick(len(self.sent)))
            for ear in self.ears:
                ear(data)


class Mouth:
    up = True

    def __init__(self, air: Air) -> None:
        self._air = air

    def send(self, data: bytes) -> None:
        self._air.sent.append(data)

    def pin(self, name: str, epoch: int, data: bytes, seconds: float) -> None:
        assert epoch >= 1
        assert seconds > 0
        self._air.sent.append(data)
        self._air.pinned[name] = data

    def expect(self, name: str) -> None:
        pass

    @asynccontextmanager
    async def carrying(
        self,
        deliver: Callable[[bytes], None],  # noqa: ARG002  the test delivers by itself
        joined: Callable[[], None],
    ) -> AsyncIterator[None]:
        joined()
        yield


class Instance:
    def __init__(self, name: str, air: Air, clock: FakeClock) -> None:
        self.exchange = Exchange(Mouth(air), name=name, clock=clock)
        self.breaker = Breaker(Rules(failure_threshold=2, recovery_timeout=60), clock)
        self.common = CommonBreaker("VRSC", self.breaker, self.exchange)
        self.exchange.beat_with(beats({"VRSC": self.common}, {"VRSC": self.breaker}))
        air.ears.append(self.exchange._deliver)

    def fail(self) -> None:
        with pytest.raises(Refused), self.breaker.guard():
            raise Refused("no")

    def succeed(self) -> None:
        with self.breaker.guard():
            pass

    def beat(self) -> None:
        self.exchange._tell_beat()


@pytest.fixture
def air() -> Air:
    return Air()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def three(air: Air, clock: FakeClock) -> list[Instance]:
    made = [Instance(name, air, clock) for name in ("a", "b", "c")]
    for instance in made:
        instance.beat()
    air.carry()
    return made


def names(instances: list[Instance]) -> list[str]:
    return [instance.breaker.name for instance in instances]


def test_what_one_opens_is_open_on_all_and_tried_again_by_that_one(
    three: list[Instance], air: Air, clock: FakeClock
) -> None:
    a, b, c = three
    a.fail()
    a.fail()
    air.carry()
    opened = names(three)

    clock.advance(60)
    for other in (b, c):
        with pytest.raises(BreakerOpen), other.breaker.guard():
            pass
    for _ in range(3):
        a.succeed()
        air.carry()

    assert opened == ["open"] * 3
    assert names(three) == ["closed"] * 3


def test_a_failed_trial_keeps_all_of_them_waiting(
    three: list[Instance], air: Air, clock: FakeClock
) -> None:
    three[0].fail()
    three[0].fail()
    air.carry()
    clock.advance(60)
    for instance in three:
        instance.beat()
    air.carry()

    three[0].fail()
    air.carry()

    assert names(three) == ["open"] * 3
    assert [round(i.breaker.retry_after()) for i in three] == [60, 60 + HOLD, 60 + 2 * HOLD]


def test_when_the_one_that_tries_has_died_the_others_take_its_place_one_after_another(
    three: list[Instance], air: Air, clock: FakeClock
) -> None:
    _, b, c = three
    three[0].fail()
    three[0].fail()
    air.carry()
    air.ears.pop(0)

    clock.advance(60 + HOLD)
    b.breaker.check()
    with pytest.raises(BreakerOpen):
        c.breaker.check()
    for _ in range(3):
        b.succeed()
        air.carry()

    assert (b.breaker.name, c.breaker.name) == ("closed", "closed")


def test_a_reset_closes_all_whatever_they_are_in(three: list[Instance], air: Air) -> None:
    three[1].fail()
    three[1].fail()
    air.carry()

    three[2].breaker.reset("mended")
    air.carry()

    assert names(three) == ["closed"] * 3
    assert three[0].breaker.changes[-1].cause == "reset: mended (at c)"


def test_a_reset_at_a_closed_breaker_closes_one_that_opened_unheard(
    three: list[Instance], air: Air
) -> None:
    three[0].fail()
    three[0].fail()
    air.sent.clear()  # nobody heard of it
    three[1].breaker.reset("once")
    three[1].breaker.reset("and once more")

    air.carry()

    assert names(three) == ["closed"] * 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_two_changes_at_the_same_time_end_in_one_state_whoever_hears_what_first(
    three: list[Instance], air: Air, order: tuple[int, ...]
) -> None:
    a, b, _ = three
    a.fail()
    a.fail()
    b.breaker.reset("at the same time")
    picks = iter([*order, *([0] * 9)])

    air.carry(lambda left: next(picks) % left)

    assert len(set(names(three))) == 1


def test_under_any_loss_and_order_the_signs_of_life_bring_all_to_one_state(
    air: Air, clock: FakeClock
) -> None:
    draw = random.Random(20_261_124)  # noqa: S311  a plan that can be run again
    instances = [Instance(name, air, clock) for name in "abcde"]
    for _ in range(300):
        _happen(draw, draw.choice(instances), clock)
        if draw.random() < 0.5 and air.sent:
            air.sent.pop(draw.randrange(len(air.sent)))
        if draw.random() < 0.5:
            air.carry(draw.randrange)

    for _ in range(2):
        for instance in instances:
            instance.beat()
        air.carry()

    orders = {repr(instance.common) for instance in instances}
    assert len(orders) == 1
    assert len({instance.breaker.name for instance in instances}) == 1


def _happen(draw: random.Random, one: Instance, clock: FakeClock) -> None:
    match draw.randrange(5):
        case 0:
            one.breaker.reset("now and then")
        case 1 | 2:
            if one.breaker.name == "closed":
                one.fail()
        case 3:
            clock.advance(draw.random() * 30)
        case _:
            one.beat()


def test_another_chains_note_and_an_old_one_change_nothing(three: list[Instance], air: Air) -> None:
    before = repr(three[0].common)

    three[1].exchange.tell(BreakerNote(chain="other", epoch=9, state="open", by="b"))
    three[1].exchange.tell(BreakerNote(chain="VRSC", epoch=0, state="closed", by=""))
    air.carry()

    assert repr(three[0].common) == before == "<CommonBreaker VRSC, epoch 0, by ''>"


# ---------------------------------------------------------------- who is there


def test_who_is_silent_is_not_counted_and_who_says_goodbye_is_gone_at_once(
    three: list[Instance], air: Air, clock: FakeClock
) -> None:
    a, b, c = three
    b.exchange.tell(ByeNote())
    air.carry()
    without_b = [each["name"] for each in a.exchange.instances()]
    clock.advance(GONE + 0.1)

    assert without_b == ["a", "c"]
    assert [each["name"] for each in a.exchange.instances()] == ["a"]
    assert repr(c.exchange) == "<Exchange c, 1 instances>"


def test_only_so_many_instances_are_remembered(
    three: list[Instance], air: Air, clock: FakeClock
) -> None:
    stranger = Instance("stranger", air, clock)
    for number in range(1_100):
        stranger.exchange._notes.sender = f"s{number}"
        stranger.exchange.tell(BeatNote(0.0, (), {}))
    air.carry()
    first = len(three[0].exchange._fellows)
    clock.advance(GONE + 1)
    three[1].beat()
    stranger.beat()
    air.carry()

    assert first == 1_000
    assert {each["name"] for each in three[0].exchange.instances()} >= {"a", "b"}


def test_what_is_no_note_is_counted_and_changes_nothing(three: list[Instance], air: Air) -> None:
    air.sent.append(b"nonsense")

    air.carry()

    assert three[0].exchange.counts["broken"] == 1


async def test_an_instance_tells_of_itself_from_its_start_to_its_end(
    air: Air, clock: FakeClock
) -> None:
    one, other = Instance("one", air, clock), Instance("other", air, clock)
    joined: list[bool] = []
    one.exchange.listen_joined(lambda: joined.append(True))

    async with one.exchange.running():
        air.carry()
        during = [each["name"] for each in other.exchange.instances()]
    air.carry()

    assert (during, joined) == (["other", "one"], [True])
    assert [each["name"] for each in other.exchange.instances()] == ["other"]
    assert one.exchange.up
