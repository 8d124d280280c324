"""What must hold of every history, whatever happened in it."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from histories.chronicle import Chronicle, Told, Version
from histories.storm import PATIENCE

LEGAL: Final = {
    ("closed", "open"),
    ("open", "half open"),
    ("half open", "open"),
    ("half open", "closed"),
}
PROBES: Final = 2
"""``half_open_max_requests`` of the world's configuration."""
LOGGED: Final = 0.002
"""Seconds by which a time in the log may be too early: it is cut off at a millisecond."""
RECOVERY: Final = 0.5
"""Its ``recovery_timeout_seconds``."""
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
            possible = list(history.possible(call.sent, call.ended))
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
            assert any(_TRUTHS[call.method](version, call) for version in history.versions), call
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
    for (opened, old), (ended, new) in pairwise(history.changes):
        assert (old, new) in LEGAL, history.changes
        sent = history.sent_within(opened + LOGGED, ended)
        if old == "open":
            assert sent == 0, (opened, ended)
        if old == "half open":  # who leaves a trial call makes room for another
            assert sent <= PROBES + history.left_within(opened - PATIENCE, ended), (opened, ended)
    return len(history.changes)


def figures_add_up(history: Chronicle) -> int:
    """What the gateway counted is what its clients saw; nothing is in flight at the end."""
    answered = sum(1 for call in history.calls if call.status)
    assert answered <= history.counted <= len(history.calls)
    assert (history.after["in_flight"], history.after["waiting"]) == (1, 0)  # the question itself
    return int(history.counted)


def resources_return(history: Chronicle) -> int:
    """Descriptors, tasks and memory are back where they were."""
    before, after = history.before, history.after
    assert after["descriptors"] <= before["descriptors"] + 16, (before, after)
    assert after["tasks"] <= before["tasks"] + 8, (before, after)
    assert after["memory"] <= before["memory"] * 1.5 + 32_000_000, (before, after)
    return int(after["memory"] - before["memory"])


def recovers(history: Chronicle) -> int:
    """Once the faults are over all is well within the recovery timeout and one probe."""
    assert history.recovery < RECOVERY + SLACK
    return round(history.recovery * 1000)


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
        resources_return,
        recovers,
    )
}

_PUBLIC: Final = {"getblockcount", "getbestblockhash", "getdifficulty"}


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
