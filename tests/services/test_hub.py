"""Workers of one machine: notes, the shelf and metrics over real sockets, no Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from redis_servers import eventually

from verus_gateway.shared import frames
from verus_gateway.shared.exposition import merged
from verus_gateway.shared.frames import Ask, Frame, Hello, Render, Tell
from verus_gateway.shared.hub import PINS, Hub
from verus_gateway.shared.notes import BlockNote
from verus_gateway.shared.siblings import Siblings
from verus_gateway.testing import FakeClock

HASH = "ab" * 32


class Machine:
    """A hub and its workers."""

    def __init__(self, path: Path, stack: AsyncExitStack) -> None:
        self.path = path
        self.clock = FakeClock()
        self.hub = Hub(self.clock)
        self.stack = stack
        self.orphans = 0

    async def worker(self, number: int) -> Siblings:
        made = Siblings(self.path, number, self._orphaned)
        await self.stack.enter_async_context(made.running())
        await self.stack.enter_async_context(made.exchange.running())
        return made

    def _orphaned(self) -> None:
        self.orphans += 1


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with AsyncExitStack() as stack:
        made = Machine(tmp_path / "hub", stack)
        await stack.enter_async_context(made.hub.listening(made.path))
        yield made


async def test_a_note_of_one_worker_reaches_the_others(machine: Machine) -> None:
    one, other = await machine.worker(0), await machine.worker(1)
    heard: list[str] = []
    other.exchange.listen(BlockNote, lambda _, note: heard.append(note.hash))

    one.exchange.tell(BlockNote("VRSC", HASH))
    await eventually(lambda: heard == [HASH])
    await eventually(lambda: len(one.exchange.instances()) == 2)

    assert repr(machine.hub) == "<Hub of 2 workers>"
    assert (one.alone(), one.up, repr(one)) == ("", True, "<Siblings of worker 0, up>")
    assert one.details() == {"worker": 0, "status": "up"}
    assert one.readings()["instances"][1]() == 2
    assert one.tallies()["notes_total"][2]()["sent"] >= 1


async def test_a_worker_that_begins_later_hears_what_is_pinned_and_not_overruled(
    machine: Machine,
) -> None:
    one = await machine.worker(0)
    for epoch, last in ((2, "b"), (1, "a")):
        one.exchange.pin("block", epoch, BlockNote("VRSC", last * 64), 60)
    one.exchange.pin("gone", 1, BlockNote("VRSC", "c" * 64), 1)
    await one.get("x")  # the parent has taken what came before
    machine.clock.advance(30)
    later = Siblings(machine.path, 1)
    heard: list[str] = []
    later.exchange.listen(BlockNote, lambda _, note: heard.append(note.hash))

    async with later.exchange.running(), later.running():
        await eventually(lambda: bool(heard))

    assert heard == ["b" * 64]


async def test_only_so_many_notes_are_pinned(machine: Machine) -> None:
    one = await machine.worker(0)
    for number in range(PINS + 5):
        one.pin(f"p{number}", 1, b"", 60)

    await one.get("x")

    assert len(machine.hub._pins) == PINS


async def test_workers_share_one_shelf(machine: Machine) -> None:
    one, other = await machine.worker(0), await machine.worker(1)

    await one.shelf().put("session:a", b"x", 60)
    claims = [await one.claim("salt:a", 60), await other.claim("salt:a", 60)]
    await one.put("jti:number", b"", 60)
    kept, revoked = await other.get("session:a"), await other.revoked()
    await other.drop("session:a")

    assert claims == [True, False]
    assert kept == b"x"
    assert list(revoked or ()) == ["number"]
    assert await one.get("session:a") is None


async def test_one_scrape_covers_all_workers(machine: Machine) -> None:
    one, other = await machine.worker(0), await machine.worker(1)
    for worker, value in ((one, b"1"), (other, b"2")):
        worker.render = lambda value=value: b"# TYPE a counter\na " + value + b"\n"  # type: ignore[misc]

    text = await one.scrape()

    assert text == b'# TYPE a counter\na{worker="0"} 1\na{worker="1"} 2\n'


async def test_without_a_parent_each_worker_stands_alone_and_ends_with_it(
    machine: Machine, tmp_path: Path
) -> None:
    lost = Siblings(tmp_path / "nowhere", 3, machine._orphaned)
    lost._parent = -1
    lost.render = lambda: b"own"

    async with lost.running():
        await eventually(lambda: machine.orphans == 1)

    assert lost.alone() == "the parent of the workers is away"
    assert await lost.scrape() == b"own"
    assert await lost.claim("salt:a", 5) is False
    assert await lost.revoked() is None
    assert lost.answers(None) is None  # type: ignore[arg-type,func-returns-value]


async def test_a_parent_that_goes_answers_nobody_and_is_looked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "hub"
    async with AsyncExitStack() as stack:
        first = AsyncExitStack()
        await first.enter_async_context(Hub().listening(path))
        worker = Siblings(path, 0)
        await stack.enter_async_context(worker.running())
        asked = asyncio.create_task(worker._ask("scrape"))
        await first.aclose()
        answer = await asked
        await eventually(lambda: not worker.up)
        path.unlink(missing_ok=True)

        await stack.enter_async_context(Hub().listening(path))

        await eventually(lambda: worker.up)
        assert answer is None or isinstance(answer, bytes)


@pytest.mark.parametrize(
    "said", [Render(1), Ask(1, "burn"), b"\xc1", b"\xff\xff\xff\xff", Tell(99, b"unasked")]
)
async def test_a_worker_that_says_nonsense_is_cut_off_and_the_others_are_not(
    machine: Machine, said: Frame | bytes
) -> None:
    good = await machine.worker(0)
    reader, writer = await asyncio.open_unix_connection(str(machine.path))
    frames.write(writer, Hello(7))
    if isinstance(said, bytes):
        writer.write(said if len(said) == 4 else len(said).to_bytes(4, "big") + said)
    else:
        frames.write(writer, said)
    if not isinstance(said, Tell):
        while await reader.read(65_536):
            pass
    writer.close()

    await good.put("a", b"1", 9)
    assert await good.get("a") == b"1"


async def test_a_parent_that_says_nonsense_is_looked_for_again(tmp_path: Path) -> None:
    path, greeted = tmp_path / "hub", 0

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        await frames.read(reader)
        greeted += 1
        frames.write(writer, Tell(99, b"unasked"))
        frames.write(writer, Hello(1))
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(nonsense, str(path))
    async with Siblings(path, 0).running():
        await eventually(lambda: greeted > 1)
    server.close()


async def test_a_worker_that_does_not_read_is_cut_off(machine: Machine) -> None:
    good = await machine.worker(0)
    reader, writer = await asyncio.open_unix_connection(str(machine.path), limit=1)
    frames.write(writer, Hello(7))
    await eventually(lambda: repr(machine.hub) == "<Hub of 2 workers>")

    for _ in range(10):
        good.send(bytes(8_000_000))
        await good.get("x")

    await eventually(lambda: repr(machine.hub) == "<Hub of 1 workers>")
    writer.close()
    assert reader is not None


def test_samples_of_several_processes_keep_their_family_and_say_whose_they_are() -> None:
    text = b'# HELP a Help.\n# TYPE a gauge\na{b="c"} 1\na 2\n\n'

    assert merged({"0": text, "1": text}, "worker").decode().splitlines() == [
        "# HELP a Help.",
        "# TYPE a gauge",
        'a{worker="0",b="c"} 1',
        'a{worker="0"} 2',
        'a{worker="1",b="c"} 1',
        'a{worker="1"} 2',
    ]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(Hello(1)), type=Frame) == Hello(1)


async def test_a_scrape_before_any_worker_is_there_is_empty(machine: Machine) -> None:
    reader, writer = await asyncio.open_unix_connection(str(machine.path))

    frames.write(writer, Ask(1, "scrape"))
    answer = await frames.read(reader)
    writer.close()

    assert answer == Tell(1, b"")


async def test_a_question_that_was_given_up_is_not_answered_twice(machine: Machine) -> None:
    worker = await machine.worker(0)
    given_up: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    given_up.cancel()
    worker._asked[99] = given_up

    worker._lose()

    assert worker._asked == {}
