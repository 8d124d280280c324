"""Keys of tokens, and which of a foreign set are taken."""

import base64
from typing import Any, get_args

import msgspec
import pytest

from verus_gateway import jwks
from verus_gateway.jwks import Algorithm

EC = jwks.make("ES256")
ED = jwks.make("EdDSA")


def one(**members: Any) -> bytes:
    """Return a set of one key, the elliptic one with other members."""
    jwk = {**EC.published(), **members}
    return msgspec.json.encode({"keys": [{k: v for k, v in jwk.items() if v is not None}]})


@pytest.mark.parametrize("alg", get_args(Algorithm))
def test_a_key_of_each_kind_signs_and_its_public_half_verifies(alg: Algorithm) -> None:
    key = jwks.make(alg)
    public = jwks.read_set(jwks.published([key]))[key.kid]

    signature = key.sign(b"message")

    assert public.alg == alg
    assert public.verifies(b"message", signature)
    assert not public.verifies(b"massage", signature)
    assert not public.verifies(b"message", signature[:-1])


@pytest.mark.parametrize("alg", get_args(Algorithm))
def test_a_stored_key_comes_back_as_it_was(alg: Algorithm) -> None:
    key = jwks.make(alg)

    again = jwks.restored(msgspec.json.decode(msgspec.json.encode(key.stored())))

    assert (again.kid, again.alg) == (key.kid, key.alg)
    assert key.verifies(b"message", again.sign(b"message"))


def test_the_name_is_the_thumbprint_of_rfc_7638() -> None:
    # The example of RFC 7638 section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    kid = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    text = msgspec.json.encode({"keys": [{"kty": "RSA", "n": n, "e": "AQAB", "kid": kid}]})

    key = jwks.read_set(text)[kid]

    assert jwks._thumbprint(key) == kid
    assert key.alg == "RS256"


def test_what_is_published_holds_no_private_part() -> None:
    keys = [jwks.make(alg) for alg in get_args(Algorithm)]

    for jwk in msgspec.json.decode(jwks.published(keys))["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & jwk.keys()
        assert jwk["use"] == "sig"
        assert jwk["kid"]
        assert jwk["alg"]


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"key_ops": ["sign", "verify"]},
        {"kid": None},
        {"kid": ""},
        {"kid": 7},
        {"kid": "x" * 129},
        {"alg": "RS256"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "crv": None},
        {"kty": ["EC"]},
        {"x": "AAAA"},
        {"x": None},
        {"x": 5},
        {"y": EC.published()["x"]},
        {"d": "AAAA"},
        {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode(), "e": "AQAB"},
        {"kty": "RSA", "crv": None, "n": "5" * 171, "e": "AQAB", "alg": "RS256"},
        {"kty": "RSA", "crv": None, "n": "\u00e9", "e": "AQAB", "alg": "RS256"},
    ],
)
def test_a_key_that_is_weak_or_misused_is_left_out(members: dict[str, Any]) -> None:
    assert jwks.read_set(one(**members)) == {}


@pytest.mark.parametrize("members", [{}, {"alg": None}, {"use": None}, {"key_ops": ["verify"]}])
def test_a_key_need_not_say_more_than_what_it_is(members: dict[str, Any]) -> None:
    assert jwks.read_set(one(**members))[EC.kid].alg == "ES256"


def test_one_bad_key_does_not_spoil_the_others_and_a_name_counts_once() -> None:
    twice = {**ED.published(), "kid": EC.kid}
    text = msgspec.json.encode({"keys": [1, {}, EC.published(), twice, ED.published()]})

    found = jwks.read_set(text)

    assert {kid: key.alg for kid, key in found.items()} == {EC.kid: "ES256", ED.kid: "EdDSA"}


@pytest.mark.parametrize("text", [b"", b"[]", b'{"keys":{}}', b"\xff", b"[" * 100_000, b"{}"])
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="no set of keys"):
        jwks.read_set(text)


@pytest.mark.parametrize(
    "members", [{"d": None}, {"kid": "another"}, {"crv": "P-521"}, {"d": "AAAA"}, {"kty": 1}]
)
def test_a_stored_key_that_was_changed_is_refused(members: dict[str, Any]) -> None:
    jwk = {k: v for k, v in {**EC.stored(), **members}.items() if v is not None}

    with pytest.raises(ValueError, match="no signing key"):
        jwks.restored(jwk)


def test_a_key_shows_nothing_private() -> None:
    assert repr(EC) == f"<SigningKey {EC.kid} ES256>"
