import asyncio

import pytest

from verus_gateway.errors import Refused, TimedOut
from verus_gateway.plugin import Json, Raw
from verus_gateway.testing import FakeClock, FakeDaemon
from verus_gateway.tip import REMEMBERED, Block, Step, Tip

Header = dict[str, Json]


def header(hash: str, height: int, previous: str) -> Header:
    return {"hash": hash, "height": height, "time": 1000 + height, "previousblockhash": previous}


def show(daemon: FakeDaemon, hash: str, height: int, previous: str) -> None:
    """Make *hash* the daemon's newest block."""
    daemon.answers["getbestblockhash"] = hash
    daemon.answers["getblockheader"] = header(hash, height, previous)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def daemon() -> FakeDaemon:
    made = FakeDaemon()
    show(made, "a5", 5, "a4")
    return made


@pytest.fixture
def tip(daemon: FakeDaemon, clock: FakeClock) -> Tip:
    return Tip(daemon, interval=1, patience=5, clock=clock)


async def test_before_the_first_look_nothing_is_known(tip: Tip) -> None:
    assert (tip.generation, tip.newest, tip.block, tip.age) == (None, "", None, None)
    assert repr(tip) == "<Tip unknown, unconfirmed>"


async def test_the_first_block_is_a_step_and_no_reorganisation(tip: Tip) -> None:
    told: list[Step] = []
    tip.listen(told.append)

    await tip.poll()

    block = Block("a5", 5, 1005, "a4")
    assert told == [Step(None, block, reorg=False)]
    assert (tip.generation, tip.newest, tip.block, tip.branch) == ("a5", "a5", block, 0)
    assert repr(tip) == "<Tip 5, confirmed>"


async def test_a_block_that_is_known_is_not_asked_for_again(tip: Tip, daemon: FakeDaemon) -> None:
    await tip.poll()
    await tip.poll()

    assert [name for name, _ in daemon.asked] == [
        "getbestblockhash",
        "getblockheader",
        "getbestblockhash",
    ]


async def test_a_new_block_moves_the_generation(
    tip: Tip, daemon: FakeDaemon, clock: FakeClock
) -> None:
    await tip.poll()
    clock.advance(30)
    show(daemon, "a6", 6, "a5")

    await tip.poll()

    assert (tip.generation, tip.branch, tip.age) == ("a6", 0, 0.0)
    clock.advance(3)
    assert tip.age == 3.0


async def test_several_blocks_at_once_are_checked_against_the_old_height(
    tip: Tip, daemon: FakeDaemon
) -> None:
    await tip.poll()
    show(daemon, "a9", 9, "a8")
    daemon.answers["getblockhash"] = "a5"

    await tip.poll()

    assert daemon.asked[-1] == ("getblockhash", (5,))
    assert (tip.generation, tip.branch) == ("a9", 0)


@pytest.mark.parametrize(
    ("hash", "height", "previous"), [("b5", 5, "b4"), ("b4", 4, "a3"), ("b7", 7, "b6")]
)
async def test_a_reorganisation_is_seen_whatever_its_height(
    tip: Tip, daemon: FakeDaemon, hash: str, height: int, previous: str
) -> None:
    told: list[Step] = []
    await tip.poll()
    tip.listen(told.append)
    show(daemon, hash, height, previous)
    daemon.answers["getblockhash"] = "b5"

    await tip.poll()

    assert (tip.branch, [step.reorg for step in told]) == (1, [True])


async def test_a_poll_that_fails_leaves_the_tip_unconfirmed(tip: Tip, daemon: FakeDaemon) -> None:
    await tip.poll()
    daemon.answers["getbestblockhash"] = Refused("away")

    await tip.poll()
    during = (tip.generation, tip.newest, repr(tip))
    daemon.answers["getbestblockhash"] = "a5"
    await tip.poll()

    assert during == (None, "a5", "<Tip 5, unconfirmed>")
    assert tip.generation == "a5"


async def test_a_confirmation_ends_by_itself(tip: Tip, clock: FakeClock) -> None:
    await tip.poll()
    clock.advance(6.9)
    in_time = tip.generation

    clock.advance(0.1)

    assert (in_time, tip.generation) == ("a5", None)


async def test_a_slow_look_confirms_the_moment_in_which_it_began(
    daemon: FakeDaemon, clock: FakeClock
) -> None:
    class Slow(FakeDaemon):
        async def call(self, method: str, *params: Json) -> Raw:
            clock.advance(4)
            return await super().call(method, *params)

    tip = Tip(Slow(daemon.answers), interval=1, patience=5, clock=clock)

    await tip.poll()

    assert clock.now == 8
    assert tip.generation is None


async def test_a_doubt_lasts_until_the_next_look(tip: Tip) -> None:
    await tip.poll()
    tip.doubt()
    during = tip.generation

    await tip.poll()

    assert (during, tip.generation) == (None, "a5")


async def test_the_generation_moves_before_the_details_are_known(
    tip: Tip, daemon: FakeDaemon
) -> None:
    await tip.poll()
    show(daemon, "a6", 6, "a5")
    daemon.answers["getblockheader"] = TimedOut("slow")

    await tip.poll()

    assert (tip.newest, tip.generation, tip.block and tip.block.hash) == ("a6", None, "a5")


BAD_HEADERS: list[Json] = [
    None,
    [],
    {},
    {"hash": 1, "height": 5, "time": 1},
    {"hash": "a", "height": "5", "time": 1},
    {"hash": "a", "height": 5, "time": "1"},
]


@pytest.mark.parametrize("bad", BAD_HEADERS)
async def test_gibberish_for_a_header_is_the_daemons_failure(
    tip: Tip, daemon: FakeDaemon, bad: Json
) -> None:
    daemon.answers["getblockheader"] = bad

    await tip.poll()

    assert (tip.block, tip.generation, tip.away) == (None, None, "protocol")


async def test_gibberish_for_a_hash_is_the_daemons_failure(tip: Tip, daemon: FakeDaemon) -> None:
    daemon.answers["getbestblockhash"] = 5

    await tip.poll()

    assert (tip.newest, tip.away) == ("", "protocol")


async def test_the_first_block_of_a_chain_has_none_below(tip: Tip, daemon: FakeDaemon) -> None:
    daemon.answers["getblockheader"] = {"hash": "a5", "height": 0, "time": 1}

    await tip.poll()

    assert tip.block == Block("a5", 0, 1, "")


# ---------------------------------------------------------------- announcements


async def test_an_announcement_moves_the_generation_at_once(tip: Tip) -> None:
    await tip.poll()

    tip.announce("a6")

    assert (tip.generation, tip.newest) == ("a6", "a6")


async def test_a_late_announcement_moves_nothing_back(tip: Tip, daemon: FakeDaemon) -> None:
    await tip.poll()
    show(daemon, "a6", 6, "a5")
    await tip.poll()

    tip.announce("a5")

    assert tip.generation == "a6"


class Late(FakeDaemon):
    """A daemon that announces its block while it is asked for it, and takes its time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.tip: Tip | None = None

    async def call(self, method: str, *params: Json) -> Raw:
        if self.tip is not None:
            self.clock.advance(4)
            self.tip.announce("a6")
            self.tip = None
        return await super().call(method, *params)


async def test_a_look_that_began_before_an_announcement_makes_it_no_less_sure(
    clock: FakeClock,
) -> None:
    daemon = Late(clock)
    tip = Tip(daemon, interval=1, patience=5, clock=clock)
    show(daemon, "a5", 5, "a4")
    await tip.poll()
    show(daemon, "a6", 6, "a5")
    daemon.tip = tip

    await tip.poll()

    assert (tip.generation, tip.sure_until) == ("a6", clock.now + 7)


async def test_only_so_many_hashes_are_remembered(tip: Tip) -> None:
    for number in range(REMEMBERED + 1):
        tip.announce(f"h{number}")

    tip.announce("h0")

    assert tip.newest == "h0"


async def test_an_announced_block_is_looked_at_once(tip: Tip) -> None:
    told: list[Step] = []
    tip.listen(told.append)
    tip.announce("a5")

    await tip.poll()
    await tip.poll()

    assert [step.new.hash for step in told] == ["a5"]


async def test_two_looks_at_one_block_are_one_step(tip: Tip) -> None:
    told: list[Step] = []
    tip.listen(told.append)

    await asyncio.gather(tip.poll(), tip.poll())
    await tip._move(Block("a5", 5, 1005, "a4"))

    assert len(told) == 1


async def test_a_look_answered_before_an_announcement_does_not_bring_the_old_tip_back(
    clock: FakeClock,
) -> None:
    class Slow(FakeDaemon):
        async def call(self, method: str, *params: Json) -> Raw:
            answer = await super().call(method, *params)
            if method == "getbestblockhash" and len(self.asked) > 2:
                followed.announce("b6")
            return answer

    daemon = Slow()
    show(daemon, "a5", 5, "a4")
    followed = Tip(daemon, interval=1, clock=clock)
    await followed.poll()

    await followed.poll()

    assert followed.generation == "b6"


def named(daemon: FakeDaemon, clock: FakeClock, name: Json) -> Tip:
    daemon.answers["getblockchaininfo"] = name
    return Tip(daemon, interval=1, chain="VRSC", clock=clock)


async def test_the_chains_name_is_asked_once_and_again_after_an_absence(
    daemon: FakeDaemon, clock: FakeClock
) -> None:
    tip = named(daemon, clock, {"name": "vrsc"})

    await tip.poll()
    await tip.poll()
    daemon.answers["getbestblockhash"] = Refused("away")
    await tip.poll()
    show(daemon, "a5", 5, "a4")
    await tip.poll()

    asked = [method for method, _ in daemon.asked]
    assert asked.count("getblockchaininfo") == 2
    assert (tip.generation, tip.stranger) == ("a5", "")


async def test_another_chains_daemon_is_a_stranger_until_it_is_the_right_one(
    daemon: FakeDaemon, clock: FakeClock
) -> None:
    tip = named(daemon, clock, {"name": "VRSCTEST"})

    await tip.poll()
    wrong = (tip.generation, tip.block, tip.stranger, tip.away)
    daemon.answers["getblockchaininfo"] = {"name": "VRSC"}
    await tip.poll()

    assert wrong == (None, None, "the daemon's chain is VRSCTEST, not VRSC", "protocol")
    assert (tip.generation, tip.stranger) == ("a5", "")


@pytest.mark.parametrize("info", [None, {}, {"name": 5}])
async def test_a_chain_without_a_name_is_a_wrong_answer(
    daemon: FakeDaemon, clock: FakeClock, info: Json
) -> None:
    tip = named(daemon, clock, info)

    await tip.poll()

    assert (tip.generation, tip.stranger, tip.away) == (None, "", "protocol")


async def test_a_block_that_another_instance_heard_of_ends_old_answers_and_is_looked_at(
    tip: Tip,
) -> None:
    told: list[str] = []
    tip.listen_turn(told.append)
    await tip.poll()

    tip.hear("a6")
    tip.hear("a6")

    assert (tip.newest, tip.generation) == ("a6", "a6")
    assert told == ["a5"]  # what others told is not told again


async def test_what_another_instance_heard_of_confirms_nothing(tip: Tip) -> None:
    tip.hear("a6")

    assert (tip.newest, tip.generation) == ("a6", None)


async def test_blocks_below_the_tip_are_known_until_a_reorganisation(
    tip: Tip, daemon: FakeDaemon
) -> None:
    await tip.poll()
    show(daemon, "a6", 6, "a5")
    await tip.poll()
    before = [tip.on_branch(hash) for hash in ("a4", "a5", "a6", "b6")]
    show(daemon, "b6", 6, "b5")

    await tip.poll()

    assert before == [True, True, True, False]
    assert [tip.on_branch(hash) for hash in ("a5", "a6", "b5", "b6")] == [False, False, True, True]
