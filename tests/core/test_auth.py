import pytest
from multidict import CIMultiDict

from verus_gateway.auth import Authenticator, Caller, Headers, NoTokens, Recall, anonymous
from verus_gateway.errors import InvalidRequest, InvalidToken, LoginRequired, ScopeMissing

STRANGER = anonymous(["public"])
ALICE = Caller("alice", frozenset({"read"}), "gold")


class Badge:
    """Credentials in one header, which are known once they were looked at."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known = False
        self.bodies: list[bytes] = []

    def shown(self, headers: Headers) -> bool:
        """Tell whether the header is there."""
        return self.name in headers

    def memory_for(self, _: Headers) -> Recall:
        """Return what recalls Alice once she was identified."""
        return lambda: ALICE if self.known else None

    async def identify(self, _: Headers, body: bytes) -> Caller:
        """Take note of the body."""
        self.known = True
        self.bodies.append(body)
        return ALICE


def test_who_holds_the_scope_passes() -> None:
    Caller("alice", frozenset({"read", "public"})).require("read")
    anonymous(["public"]).require("public")


def test_a_stranger_may_log_in() -> None:
    with pytest.raises(LoginRequired, match="a token with the scope 'read' is needed"):
        anonymous(["public"]).require("read")


def test_a_known_caller_is_told_which_scope_is_missing() -> None:
    with pytest.raises(ScopeMissing) as caught:
        Caller("alice", frozenset({"public"})).require("read")

    assert caught.value.data == {"scope": "read"}


def test_no_scope_stands_for_another() -> None:
    with pytest.raises(LoginRequired):
        anonymous(["admin", "wallet", "read "]).require("read")


def test_a_caller_cannot_be_given_more() -> None:
    with pytest.raises(AttributeError):
        anonymous([]).scopes = frozenset({"admin"})  # type: ignore[misc]
    assert not hasattr(anonymous([]), "__dict__")


async def test_who_shows_nothing_is_a_stranger_at_once() -> None:
    authenticator = Authenticator(STRANGER, [Badge("X-Badge"), NoTokens()])
    headers = CIMultiDict({"X-Other": "1"})

    assert authenticator.recognise(headers) is STRANGER
    assert await authenticator.identify(headers, b"") is STRANGER


async def test_credentials_are_identified_once_and_recognised_from_then_on() -> None:
    badge = Badge("X-Badge")
    authenticator = Authenticator(STRANGER, [NoTokens(), badge])
    headers = CIMultiDict({"x-badge": "1"})

    assert authenticator.recognise(headers) is None
    assert await authenticator.identify(headers, b"the body") is ALICE
    assert authenticator.recognise(headers) is ALICE
    assert badge.bodies == [b"the body"]


async def test_two_kinds_of_credentials_are_not_guessed_between() -> None:
    one, other = Badge("X-One"), Badge("X-Other")
    authenticator = Authenticator(STRANGER, [one, other])
    one.known = other.known = True
    headers = CIMultiDict({"X-One": "1", "X-Other": "1"})

    assert authenticator.recognise(headers) is None
    with pytest.raises(InvalidRequest):
        await authenticator.identify(headers, b"")


@pytest.mark.parametrize(
    "shown", ["Bearer x", "bearer x", "BEARER  ", "Bearer ", "Bearer", "bearer\tx"]
)
async def test_where_no_issuer_is_trusted_no_token_is_good(shown: str) -> None:
    authenticator = Authenticator(STRANGER, [NoTokens()])
    headers = CIMultiDict({"Authorization": shown})

    assert authenticator.recognise(headers) is None
    with pytest.raises(InvalidToken, match=r"^invalid_token$"):
        await authenticator.identify(headers, b"")


@pytest.mark.parametrize("shown", ["Basic dmVydXM6eA==", "", "Digest x", "Bearerx"])
def test_other_schemes_are_nobodys_business(shown: str) -> None:
    authenticator = Authenticator(STRANGER, [NoTokens()])

    assert authenticator.recognise(CIMultiDict({"Authorization": shown})) is STRANGER


def test_others_are_recognised_after_a_change_and_who_kept_a_memory_is_told() -> None:
    told: list[str] = []
    authenticator = Authenticator(STRANGER, [NoTokens()])
    authenticator.on_change(lambda: told.append("changed"))
    recall = authenticator.memory_for(CIMultiDict())

    authenticator.adopt(ALICE, [])

    assert told == ["changed"]
    assert recall() == authenticator.recognise(CIMultiDict()) == ALICE
