import asyncio
import time
from collections.abc import Mapping

from core.test_shared_breakers import Air, Mouth

from verus_gateway import registry
from verus_gateway.auth import Caller
from verus_gateway.concert import LISTED, Concert
from verus_gateway.config import Config, RateClass, RateLimitConfig, Secret, VerusConfig
from verus_gateway.gateway import Gateway
from verus_gateway.limits import Limiter
from verus_gateway.shared.exchange import Exchange
from verus_gateway.shared.news import RevocationNews
from verus_gateway.shared.notes import BlockNote, RevokedNote, SpentNote
from verus_gateway.testing import FakeClock

ALICE = Caller("alice", frozenset(), "default")


SLOW = RateClass(rate=0.001)
"""Nothing comes back while a test runs, however busy the machine is."""


class Instance:
    """A gateway that was never started, in concert with others over a played carrier."""

    def __init__(self, name: str, air: Air) -> None:
        verus = VerusConfig(rpc_user="user", rpc_password=Secret("none"))
        config = Config(verus=verus, rate_limit=RateLimitConfig(default=SLOW))
        self.gateway = Gateway(config, registry.load(registry.installed()))
        self.mouth = Mouth(air)
        self.exchange = Exchange(self.mouth, name=name, clock=FakeClock())
        self.revocations = self.gateway.access.revocations
        self.limiter: Limiter = self.gateway.limiter
        self.concert = Concert(
            self.exchange,
            self.gateway.chains,
            ["VRSC"],
            self.limiter,
            self.revocations,
            revoked=_none,
        )
        air.ears.append(self.exchange._deliver)

    def spent(self) -> float:
        quota = self.limiter.quota(ALICE, "")
        return quota.burst - quota.left if quota else 0.0


async def _none() -> Mapping[str, float]:
    return {}


def two() -> tuple[Air, Instance, Instance]:
    air = Air()
    one, other = Instance("one", air), Instance("other", air)
    for instance in (one, other):
        instance.exchange._tell_beat()
    air.carry()
    return air, one, other


async def test_a_caller_known_at_both_is_charged_for_what_it_spends_at_either() -> None:
    air, one, other = two()
    other.limiter.take(ALICE, "", 1)
    for _ in range(5):
        one.limiter.take(ALICE, "", 2)

    one.concert.settle()
    air.carry()

    assert other.spent() > 5  # of 11; some of it has come back by now
    assert repr(one.concert) == "<Concert of 2, <Exchange one, 2 instances>>"


async def test_the_list_of_what_was_revoked_is_asked_for_until_it_can_be_had() -> None:
    air = Air()
    instance = Instance("one", air)
    found: list[Mapping[str, float] | None] = [{"number": time.time() + 60}, None]

    async def listed() -> Mapping[str, float] | None:
        return found.pop()

    news = RevocationNews(instance.exchange, instance.revocations, listed)
    news._joined.set()
    task = asyncio.create_task(news.catch_up())
    async with asyncio.timeout(10):
        while not instance.revocations.known("number"):  # noqa: ASYNC110  it pauses in between
            await asyncio.sleep(0.01)
    task.cancel()

    assert found == []


async def test_a_named_caller_that_is_unknown_here_is_not_charged_here() -> None:
    air, one, other = two()

    one.exchange.tell(SpentNote({"nobody": 5.0}, {"192.0.2.1": 5.0}))
    air.carry()

    assert other.limiter.remembered(named=True) == 0
    assert other.limiter.remembered(named=False) == 1


async def test_many_callers_are_told_in_several_notes() -> None:
    air, one, _ = two()
    for number in range(LISTED + 1):
        one.limiter.take(Caller(None, frozenset()), f"192.0.2.{number}", 1)

    one.concert.settle()

    assert len(air.sent) == 2


async def test_cut_off_each_grants_its_part_and_back_again_the_whole() -> None:
    _, one, _ = two()
    one.concert.settle()
    whole = one.limiter.quota(ALICE, "")
    one.mouth.up = False
    one.concert.settle()
    part = one.limiter.quota(ALICE, "")
    one.mouth.up = True

    one.concert.settle()

    assert whole is not None
    assert part is not None
    assert part.burst == whole.burst / 2
    assert one.limiter.quota(ALICE, "") == whole


async def test_a_block_of_a_chain_that_is_not_served_here_moves_nothing() -> None:
    air, one, other = two()

    one.exchange.tell(BlockNote("elsewhere", "ab" * 32))
    one.exchange.tell(BlockNote("VRSC", "cd" * 32))
    air.carry()

    assert other.gateway.chain.tip.newest == "cd" * 32


async def test_a_revocation_is_told_and_learnt() -> None:
    air, one, other = two()

    await one.revocations.revoke("number", 4e9)
    one.exchange.tell(RevokedNote("another", 4e9))
    air.carry()

    assert other.revocations.known("number")
    assert other.revocations.known("another")
