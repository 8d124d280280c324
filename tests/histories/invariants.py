"""What must hold of every history, whatever happened in it."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import Any, Final

from histories.chronicle import Chronicle, Told, Version
from histories.crowd import APART, BURST, RATE, REJOINS
from histories.storm import PATIENCE

LEGAL: Final = {
    ("closed", "open"),
    ("open", "half open"),
    ("half open", "open"),
    ("half open", "closed"),
}
ON_ANOTHERS_WORD: Final = {("open", "closed")}
PROBES: Final = 2
"""``half_open_max_requests`` of the world's configuration."""
LOGGED: Final = 0.002
"""Seconds by which a time in the log may be too early: it is cut off at a millisecond."""
TO_VERUSD: Final = 13
"""Connections to verusd that are kept for a while, at most: ``max_concurrency`` and one."""
TO_REDIS: Final = 32
"""Connections to Redis that are kept, at most."""
SALTS: Final = 61.0
"""Seconds for which the salt of a signed call is remembered."""
RECOVERY: Final = 0.5
"""Its ``recovery_timeout_seconds``."""
HOLDS_BACK: Final = 5.0
"""Seconds that each further instance waits longer before it tries verusd again."""
SLACK: Final = 3.0
"""Seconds, for a machine that has other things to do."""

Check = Callable[[Chronicle], int]


def answered_once(history: Chronicle) -> int:
    """Every call gets exactly one well-formed answer within its time, or its client left."""
    for call in history.calls:
        assert call.ended - call.sent < PATIENCE, call
        if call.left and call.status == 0:
            continue
        assert call.status in {200, 401, 403}, call
        assert ("result" in call.body) != ("error" in call.body), call
    return len(history.calls)


def ids_match(history: Chronicle) -> int:
    """An answer carries the id of its own call."""
    answered = [call for call in history.calls if call.status]
    assert [call for call in answered if call.body["id"] != call.id] == []
    return len(answered)


def writes_at_most_once(history: Chronicle) -> int:
    """No write reaches verusd twice."""
    twice = [each for each, times in Counter(history.written).items() if times > 1]
    assert twice == []
    return len(history.written)


def fresh_is_true(history: Chronicle) -> int:
    """A fresh answer is true of a chain that was not known to be superseded when it was asked."""
    checked = 0
    for call in history.calls:
        if call.fresh and call.method in _TRUTHS:
            truth = _TRUTHS[call.method]
            possible = list(history.possible(call))
            assert any(truth(version, call) for version in possible), (call, len(possible))
            checked += 1
    return checked


def stale_is_marked_and_was_true(history: Chronicle) -> int:
    """A degraded answer says how old it is, and was true once."""
    degraded = [call for call in history.calls if call.status == 200 and "degraded" in call.body]
    for call in degraded:
        assert call.body["degraded"]["source"] == "stale", call
        assert call.body["degraded"]["age"] >= 0, call
        if call.method in _TRUTHS:
            assert any(_TRUTHS[call.method](version, call) for version in history.earlier(call)), (
                call
            )
    return len(degraded)


def scopes_hold(history: Chronicle) -> int:
    """Who lacks a scope never gets an answer that needs it."""
    strangers = [call for call in history.calls if not call.reader and call.status]
    for call in strangers:
        if call.method not in _PUBLIC:
            assert (call.status, call.body["error"]["code"]) == (401, -32002), call
    readers = [call for call in history.calls if call.reader and call.status]
    assert {call.status for call in readers} <= {200}
    return len(strangers)


def breaker_is_legal(history: Chronicle) -> int:
    """Changes follow the rules; open, nothing is sent to verusd, half open, only trial calls."""
    legal = LEGAL | (ON_ANOTHERS_WORD if len(history.instances) > 1 else set())
    for number, instance in enumerate(history.instances):
        gone = history.left(number)
        for (opened, old), (ended, new) in pairwise(instance.changes):
            assert (old, new) in legal, instance.changes
            sent = instance.sent_within(opened + LOGGED, ended)
            if old == "open":
                assert sent == 0, (number, opened, ended)
            if old == "half open":  # who leaves a trial call makes room for another
                left = sum(1 for at in gone if opened - PATIENCE < at < ended)
                assert sent <= PROBES + left, (number, opened, ended)
    return sum(len(instance.changes) for instance in history.instances)


def figures_add_up(history: Chronicle) -> int:
    """What the gateway counted is what its clients saw; nothing is in flight at the end."""
    for number, instance in enumerate(history.instances):
        calls = [call for call in history.calls if call.instance == number]
        answered = sum(1 for call in calls if call.status)
        assert answered <= instance.counted <= len(calls) + instance.further
        after = instance.after
        assert (after["in_flight"], after["waiting"]) == (1, 0)  # the question itself
    return int(sum(instance.counted for instance in history.instances))


def nothing_dies(history: Chronicle) -> int:
    """No part of a gateway dies, and nothing is raised that nobody expected."""
    assert [line for instance in history.instances for line in instance.alarms] == []
    return len(history.instances)


def resources_return(history: Chronicle) -> int:
    """Descriptors and tasks are back where they were, and memory grows no more."""
    kept = TO_VERUSD + (TO_REDIS if len(history.instances) > 1 else 0)
    for instance in history.instances:
        before, after = instance.before, instance.after
        assert after["descriptors"] <= before["descriptors"] + kept + 3, (before, after)
        assert after["tasks"] <= before["tasks"] + 8, (before, after)
        assert after["memory"] <= before["memory"] * 1.5 + 32_000_000, (before, after)
        if history.seconds > 4 * SALTS:  # what is remembered for a while has begun to go
            grown = instance.weight(3) - instance.weight(2)
            assert grown <= 0.05 * instance.weight(2), [instance.weight(at) for at in range(4)]
    return int(max(each.after["memory"] - each.before["memory"] for each in history.instances))


def recovers(history: Chronicle) -> int:
    """Once the faults are over all is well within the recovery timeout and one probe."""
    others = len(history.instances) - 1
    assert history.recovery < RECOVERY + others * HOLDS_BACK + SLACK
    return round(history.recovery * 1000)


def revoked_is_refused(history: Chronicle) -> int:
    """A token that was taken back is refused by all once they hear each other, and then for ever."""
    refused: dict[tuple[int, int], float] = {}
    for shown in sorted(history.shown, key=lambda each: each.ended):
        one, where = history.passes[shown.number], (shown.number, shown.instance)
        assert shown.status in {200, 401}, shown
        if shown.status == 401:
            assert shown.ended > one.revoking, shown
            refused.setdefault(where, shown.ended)
        else:
            assert shown.sent < _heard(history, one.revoked) + REJOINS, (shown, one, history.cuts)
            assert shown.sent < refused.get(where, inf), (shown, one, history.cuts)
    return len(refused)


def allowances_are_shared(history: Chronicle) -> int:
    """Together they grant little more than one would, however often they lose each other."""
    others = len(history.instances) - 1
    apart = sum(ended - began + APART for began, ended in history.cuts)
    bursts = BURST * (1 + others) * (1 + len(history.cuts))
    most = bursts + RATE * (history.seconds + others * apart)
    assert history.refused > 0
    assert 0 < history.granted <= most, (history.granted, most)
    return history.granted


CHECKS: Final[dict[str, Check]] = {
    check.__name__: check
    for check in (
        answered_once,
        ids_match,
        writes_at_most_once,
        fresh_is_true,
        stale_is_marked_and_was_true,
        scopes_hold,
        breaker_is_legal,
        figures_add_up,
        nothing_dies,
        resources_return,
        recovers,
    )
}

SHARED: Final[dict[str, Check]] = CHECKS | {
    check.__name__: check for check in (revoked_is_refused, allowances_are_shared)
}

_PUBLIC: Final = {"getblockcount", "getbestblockhash", "getdifficulty"}


def _heard(history: Chronicle, said: float) -> float:
    """Return the moment after *said* since when nothing came between the instances for long."""
    for began, ended in sorted(history.cuts):
        if began < said + REJOINS and ended > said:
            said = ended
    return said


def _block(version: Version, call: Told) -> bool:
    height, said = call.params[0], call.body["result"]
    return bool(
        said["hash"] == version.hashes[height]
        and said["confirmations"] == version.height - height + 1
    )


_TRUTHS: Final[dict[str, Callable[[Version, Told], Any]]] = {
    "getblockcount": lambda version, call: call.body["result"] == version.height,
    "getbestblockhash": lambda version, call: call.body["result"] == version.hashes[-1],
    "getblockhash": lambda version, call: call.body["result"] == version.hashes[call.params[0]],
    "getblock": _block,
}
