"""One breaker, many instances: who opens it tells the others, and tries it again for all.

What was said last goes, and last is by epoch: each change of one's own is the next epoch.
Of two changes with the same one, the more open goes, then the instance whose name is later;
so all come to the same state, in whatever order they hear. The others hold back while the
one that opened it tries; when it does not come back they take its place one after another.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from verus_gateway.breaker import Breaker, Change, Name
from verus_gateway.shared.exchange import Exchange
from verus_gateway.shared.notes import BreakerNote

_Order: TypeAlias = tuple[int, int, str]

HOLD: Final = 5.0
"""Seconds for which each further instance holds back behind the one that tries again."""
_RANK: Final[tuple[Name, ...]] = ("closed", "half_open", "open")


class CommonBreaker:
    """One chain's breaker, as far as it is common to all instances.

    Args:
        chain: The chain's name.
        breaker: The breaker of this instance.
        exchange: Where the others are.
    """

    def __init__(self, chain: str, breaker: Breaker, exchange: Exchange) -> None:
        self._chain = chain
        self._breaker = breaker
        self._exchange = exchange
        self._hearing = False
        self._note = BreakerNote(chain=chain, epoch=0, state="closed", by="")
        self._pin = f"breaker:{chain}"
        exchange.expect(self._pin)
        breaker.listen(self._on_change)
        breaker.listen_reset(self._on_reset)
        exchange.listen(BreakerNote, self._on_note)

    def __repr__(self) -> str:
        return f"<CommonBreaker {self._chain}, epoch {self._note.epoch}, by {self._note.by!r}>"

    @property
    def note(self) -> BreakerNote:
        """What is known of the common state now."""
        wait = self._breaker.retry_after() if self._note.state == "open" else 0.0
        return BreakerNote(
            chain=self._chain,
            epoch=self._note.epoch,
            state=self._note.state,
            by=self._note.by,
            seconds=wait,
            cause=self._note.cause,
        )

    def _on_change(self, change: Change) -> None:
        if not self._hearing:
            self._tell(change.new, change.cause, reset=False)

    def _on_reset(self, reason: str) -> None:
        # Told also where it was closed already: elsewhere it may not have been.
        if not self._hearing:
            self._tell("closed", f"reset: {reason}", reset=True)

    def _tell(self, state: Name, cause: str, *, reset: bool) -> None:
        seconds = self._breaker.retry_after()
        self._note = BreakerNote(
            chain=self._chain,
            epoch=self._note.epoch + 1,
            state=state,
            by=self._exchange.name,
            seconds=seconds,
            cause=cause[:200],
            reset=reset,
        )
        lasts = seconds + 2 * HOLD if state == "open" else 2 * HOLD
        self._exchange.pin(self._pin, self._note.epoch, self._note, lasts)

    def _on_note(self, _: str, note: BreakerNote) -> None:
        if note.chain != self._chain or _order(note) <= _order(self._note):
            return
        self._note = note
        self._hearing = True
        try:
            self._follow(note)
        finally:
            self._hearing = False

    def _follow(self, note: BreakerNote) -> None:
        cause = f"{note.cause} (at {note.by})"
        hold = HOLD * self._exchange.rank(note.by)
        if note.state == "open":
            self._breaker.open(note.seconds + hold, cause)
        elif note.state == "half_open":
            self._breaker.open(hold, cause)
        elif note.reset:
            self._breaker.reset(f"{note.cause.removeprefix('reset: ')} (at {note.by})")
        else:
            self._breaker.close(cause)


def _order(note: BreakerNote) -> _Order:
    return note.epoch, _RANK.index(note.state), note.by


Beats: TypeAlias = Callable[[], tuple[tuple[BreakerNote, ...], dict[str, Name]]]


def beats(commons: dict[str, CommonBreaker], breakers: dict[str, Breaker]) -> Beats:
    """Return what an instance tells of its breakers with each sign of life."""
    return lambda: (
        tuple(common.note for common in commons.values()),
        {name: breaker.name for name, breaker in breakers.items()},
    )
