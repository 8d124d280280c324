"""What is measured: each case is asked of several contestants in turn, round by round."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench import contestants as who
from bench.contestants import Contestant, started
from bench.load import Ask, Round, drive
from bench.processes import Running
from bench.servers.answers import LARGE, SMALL, answer

CALL: Final = '{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}'
SMALL_ANSWER: Final = answer(b"1", SMALL).decode()
HIT: Final = Ask(CALL, SMALL_ANSWER)
LARGE_HIT: Final = Ask(
    '{"jsonrpc":"2.0","id":1,"method":"getblock","params":["7"]}', answer(b"1", LARGE).decode()
)
OTHER_IDS: Final = Ask(CALL.replace('"id":1', '"id":%d'), "")
"""The hit of a client that counts its ids up."""
MISS: Final = Ask('{"jsonrpc":"2.0","id":1,"method":"getblockhash","params":[%d]}', SMALL_ANSWER)


def batch(calls: int) -> Ask:
    """Return a batch of equal calls with ids of their own."""
    return Ask(
        "[" + ",".join(CALL.replace('"id":1', f'"id":{n}') for n in range(calls)) + "]",
        "[" + ",".join(answer(b"%d" % n, SMALL).decode() for n in range(calls)) + "]",
        calls=calls,
    )


def other_batch(calls: int) -> Ask:
    """Return a batch that is another one each time, by the id of its first call."""
    fixed = batch(calls)
    return fixed._replace(body=fixed.body.replace('"id":0', '"id":%d', 1), expected="")


class Case(NamedTuple):
    """One case.

    Attributes:
        name: As the table says it.
        title: What happens, in a line.
        method: What the canned servers answer.
        asks: From each contestant to what it is asked.
        before: Done to the running servers before they are asked.
    """

    name: str
    title: str
    method: str
    asks: dict[Contestant, Ask]
    before: Callable[[dict[str, Running]], None] | None = None


class Measured(NamedTuple):
    """One contestant in one case: medians of its rounds, and every wrong answer of all of them."""

    case: str
    contestant: str
    rate: float
    cpu: float
    calls: int
    wrong: int
    rates: list[float]


class Bench(NamedTuple):
    """How to measure: rounds of so many seconds, on which cores, files where."""

    rounds: int
    seconds: float
    core: int | None
    side: int | None
    folder: Path


def _stub_gone(servers: dict[str, Running]) -> None:
    servers[who.STUB.name].stop()


def cases(bearer: Contestant, token: str, peers: Sequence[Contestant] = ()) -> list[Case]:
    """Return the cases under load.

    Args:
        bearer: The gateway that trusts the issuer of *token*.
        token: What its client shows.
        peers: Further contestants for the single calls.
    """
    found = _cases(bearer, token)
    for case, ask in zip(
        [case for case in found if case.name in SINGLE], SINGLE.values(), strict=True
    ):
        case.asks.update(dict.fromkeys(peers, ask))
    return found


SINGLE: Final = {"hit": HIT, "hit 20 kB": LARGE_HIT, "miss": MISS}


def _cases(bearer: Contestant, token: str) -> list[Case]:
    with_token = HIT._replace(token=token)
    return [
        Case(
            "hit",
            "an answer of 150 bytes that is in memory",
            "getblockcount",
            {
                bearer: with_token,
                who.GATEWAY: HIT,
                who.ORDINARY: HIT,
                who.BARE: HIT,
                who.RAW: HIT,
                who.NGINX_CACHE: HIT,
                who.NGINX_OPEN: HIT,
                who.VARNISH: HIT,
            },
        ),
        Case(
            "other ids",
            "the same with another id each time, as most clients ask, alone and in batches of 50",
            "getblockcount",
            {who.GATEWAY: OTHER_IDS, who.BATCHES: other_batch(50), who.BARE: OTHER_IDS},
        ),
        Case(
            "hit 20 kB",
            "an answer of 20 kB that is in memory",
            "getblock",
            dict.fromkeys((who.GATEWAY, who.BARE, who.NGINX_CACHE, who.NGINX_OPEN), LARGE_HIT),
        ),
        Case(
            "batch of 50",
            "fifty answers in memory in one request, per call, beside single calls",
            "getblockcount",
            {who.GATEWAY: batch(50), who.BARE: HIT},
        ),
        Case(
            "miss",
            "each call another one, to a daemon that answers at once",
            "getblockcount",
            dict.fromkeys(
                (who.GATEWAY, who.SESSION, who.CADDY, who.NGINX, who.HAPROXY, who.BARE), MISS
            ),
        ),
        Case(
            "breaker open",
            "the daemon is gone: stale answers, marked",
            "getblockcount",
            {who.AWAY: HIT._replace(expected=""), who.BARE: HIT},
            before=_stub_gone,
        ),
    ]


def measure(case: Case, bench: Bench, progress: Callable[[str], None]) -> Iterator[Measured]:
    """Run *case*: a checked round for each contestant, then the measured ones in turn."""
    found: dict[str, list[Round]] = {}
    proved: dict[str, Round] = {}
    here = list(case.asks)
    with started(here, bench.folder, case.method, core=bench.core, side=bench.side) as servers:
        names = [each for each in here if each.name in servers]
        for each in names:
            _drive(servers[each.name], case.asks[each], bench, seconds=1)  # warm, not counted
        if case.before is not None:
            case.before(servers)
            for each in names:
                _drive(servers[each.name], case.asks[each], bench, seconds=3)  # until it is noticed
        for each in names:
            checked = case.asks[each]
            proved[each.name] = _drive(servers[each.name], checked, bench, seconds=1, check=True)
        for number in range(bench.rounds):
            progress(f"{case.name}, round {number + 1} of {bench.rounds}")
            for each in names:
                one = _drive(servers[each.name], case.asks[each], bench, seconds=bench.seconds)
                found.setdefault(each.name, []).append(one)
    for name, rounds in found.items():
        yield Measured(
            case.name,
            name,
            median(each.rate for each in rounds),
            median(each.cpu for each in rounds),
            sum(each.calls for each in [*rounds, proved[name]]),
            sum(each.wrong for each in [*rounds, proved[name]]),
            [round(each.rate) for each in rounds],
        )


def _drive(
    server: Running, ask: Ask, bench: Bench, *, seconds: float, check: bool = False
) -> Round:
    return drive(server, ask, seconds=seconds, core=bench.side, folder=bench.folder, check=check)
