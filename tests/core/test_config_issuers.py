"""What a configuration must not say about tokens."""

from pathlib import Path

import pytest

from verus_gateway.config import AuthConfig, issuers

HTTPS = "https://tokens.example/jwks"


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        (AuthConfig(issuer="x"), "auth: give exactly one of jwks_url, jwks_file with issuer"),
        (
            AuthConfig(issuer="x", jwks_url=HTTPS, jwks_file=__file__),
            "auth: give exactly one of jwks_url, jwks_file with issuer",
        ),
        (AuthConfig(jwks_url=HTTPS), "auth.jwks_url: needs issuer"),
        (AuthConfig(jwks_file=__file__), "auth.jwks_file: needs issuer"),
        (AuthConfig(revocations_url=HTTPS), "auth.revocations_url: needs issuer"),
        (AuthConfig(issuer="x", jwks_file="/none"), "auth.jwks_file: /none is no file"),
        (
            AuthConfig(issuer="x", jwks_url="ftp://a/b"),
            "auth.jwks_url: is no http or https address",
        ),
        (
            AuthConfig(issuer="x", jwks_url=HTTPS, revocations_url="/etc"),
            "auth.revocations_url: is no http or https address",
        ),
    ],
)
def test_what_cannot_be_meant_is_named(auth: AuthConfig, fault: str) -> None:
    assert list(issuers.contradictions(auth)) == [fault]


def test_no_issuer_and_a_whole_one_are_both_meant() -> None:
    whole = AuthConfig(issuer="x", jwks_url=HTTPS, revocations_url=HTTPS)

    assert list(issuers.contradictions(AuthConfig())) == []
    assert list(issuers.contradictions(whole)) == []
    assert list(issuers.contradictions(AuthConfig(issuer="x", jwks_file=str(Path(__file__))))) == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (HTTPS, True),
        ("http://127.0.0.1:8081/jwks", True),
        ("http://[::1]:8081/jwks", True),
        ("http://localhost/jwks", True),
        ("http://tokens:8081/jwks", True),
        ("http://tokens.example/jwks", False),
        ("http://10.0.0.1/jwks", False),
        ("http://[fe80::1]/jwks", False),
        ("http:///jwks", False),
    ],
)
def test_in_production_nobody_on_the_way_can_change_the_keys(url: str, *, good: bool) -> None:
    auth = AuthConfig(issuer="x", jwks_url=url)
    fault = "auth.jwks_url: needs https beyond this machine and its container network"

    assert list(issuers.weaknesses(auth)) == ([] if good else [fault])
