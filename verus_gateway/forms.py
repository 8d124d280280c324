"""Calls that were read before: equal bytes but for the id need not be read again.

A client asks the same few things with a new id each time. What was read of a call, and what
the pipeline made of it, is kept under its bytes with the id cut out; the next such call
costs one look-up. That the piece cut out is the call's id, and not a member of the same name
inside of ``params`` or a string that looks like one, is proved once: with another id in its
place the call reads as the same call with that other id.
"""

import re
from collections import OrderedDict
from typing import Any, Final

import msgspec

from verus_gateway import rpc
from verus_gateway.errors import RpcError
from verus_gateway.rpc import Call, Member

MOST: Final = 2_048
"""Forms that are kept; the oldest goes first."""
LONGEST: Final = 512
"""Bytes of a call that is worth keeping."""

_ID: Final = re.compile(rb'"id": ?((?:0|[1-9][0-9]{0,17})|"[0-9A-Za-z_-]{1,64}")(?=[,}])')
_OTHERS: Final = (b"190706185", b"527190461")


class Form(msgspec.Struct):
    """What is known of all calls that differ in their id only.

    Attributes:
        call: One of them; None until it came twice and was proved.
        plain: False where the proof failed: such calls are read one by one.
        made: What the pipeline made of it, None until it has looked.
    """

    call: Call | None = None
    plain: bool = True
    made: Any = None

    @property
    def v2(self) -> bool:
        """Whether their callers speak JSON-RPC 2.0."""
        return self.call is not None and self.call.v2


class Forms:
    """Reads request bodies as `rpc.decode` does, and remembers."""

    def __init__(self) -> None:
        self._forms: OrderedDict[bytes, Form] = OrderedDict()

    def __len__(self) -> int:
        return len(self._forms)

    def decode(self, body: bytes, max_batch: int = 100) -> Member | list[Member]:
        """Read one call or a batch.

        Raises:
            ParseError, InvalidRequest: as `rpc.decode`.
        """
        if body[:1] == b"[":
            return [self._read(text) for text in rpc.split(body, max_batch)]
        return self.find(body) or rpc.decode(body, max_batch)

    def find(self, text: bytes) -> Call | None:
        """Return the call if its form is known; else remember that it came."""
        cut = _ID.split(text, 1)
        if len(cut) == 1:
            return None
        before, id, after = cut
        key = before + b"\0" + after
        form = self._forms.get(key)
        if form is None:
            self._note(key)
            return None
        call = form.call
        if call is None:
            if not form.plain:
                return None
            call = form.call = _proved(text)
            if call is None:
                form.plain = False
                return None
        return Call(call.method, call.params, id, call.v2, False, form)

    def known(self, text: bytes) -> "tuple[Form, bytes] | None":
        """Return the form of a call that was read and made something of, and the call's id."""
        cut = _ID.split(text, 1)
        if len(cut) == 1:
            return None
        before, id, after = cut
        form = self._forms.get(before + b"\0" + after)
        return None if form is None or form.made is None else (form, id)

    def _read(self, text: bytes) -> Member:
        return self.find(text) or rpc.member(text)

    def _note(self, key: bytes) -> None:
        if len(key) > LONGEST:
            return
        if len(self._forms) >= MOST:
            self._forms.popitem(last=False)
        self._forms[key] = Form()


def _proved(text: bytes) -> Call | None:
    """Return the call in *text* if what looks like its id is that, else None."""
    place = _ID.search(text)
    other = next((each for each in _OTHERS if each not in text), None)
    if place is None or other is None:
        return None
    start, end = place.span(1)
    try:
        call = rpc.member(text)
        twin = rpc.member(text[:start] + other + text[end:])
    except RpcError:
        return None
    if isinstance(call, Call) and isinstance(twin, Call) and twin.id == other:
        return call
    return None
