import pytest

from verus_gateway.auth import Caller, anonymous
from verus_gateway.errors import LoginRequired, ScopeMissing


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
