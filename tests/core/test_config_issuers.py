"""What a configuration must not say about tokens."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from verus_gateway.config import (
    AuthConfig,
    CacheConfig,
    Config,
    Secret,
    SecurityConfig,
    TokenServiceConfig,
    issuers,
    load,
    load_token_service,
)
from verus_gateway.errors import ConfigError

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
    assert list(issuers.contradictions(Config(auth=auth))) == [fault]


def test_no_issuer_and_a_whole_one_are_both_meant() -> None:
    in_file = AuthConfig(issuer="x", jwks_file=str(Path(__file__)))
    whole = AuthConfig(issuer="x", jwks_url=HTTPS, revocations_url=HTTPS)

    assert list(issuers.contradictions(Config())) == []
    assert list(issuers.contradictions(Config(auth=whole))) == []
    assert list(issuers.contradictions(Config(auth=in_file))) == []


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

    assert list(issuers.weaknesses(Config(auth=auth))) == ([] if good else [fault])


SERVICE = TokenServiceConfig(issuer="https://tokens.example", folder="/var/lib/tokens")


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"issuer": ""}, "token_service.issuer: is missing"),
        ({"folder": ""}, "token_service.folder: is missing"),
        (
            {"issuer": "https://a.example/?b"},
            "token_service.issuer: is an address without query and fragment (RFC 8414)",
        ),
        (
            {"issuer": "mailto:a"},
            "token_service.issuer: is an address without query and fragment (RFC 8414)",
        ),
        (
            {"token_lifetime": 7200.0},
            "token_service.token_lifetime: is over token_service.max_token_lifetime",
        ),
    ],
)
def test_a_token_service_says_who_it_is_and_where_its_keys_are(
    members: dict[str, Any], fault: str
) -> None:
    service = msgspec.structs.replace(SERVICE, embedded=True, **members)
    development = SecurityConfig(mode="development")

    assert list(issuers.contradictions(Config(token_service=service))) == [fault]
    assert list(issuers.service_faults(Config(token_service=service, security=development))) == [
        fault
    ]


def test_an_embedded_token_service_gives_no_token_that_its_gateway_refuses() -> None:
    service = msgspec.structs.replace(SERVICE, embedded=True, max_token_lifetime=7200.0)

    assert list(issuers.contradictions(Config(token_service=service))) == [
        "token_service.max_token_lifetime: is over auth.max_token_lifetime"
    ]


def test_an_embedded_token_service_is_the_issuer() -> None:
    service = msgspec.structs.replace(SERVICE, embedded=True)
    config = Config(token_service=service, auth=AuthConfig(issuer="x"))

    assert list(issuers.contradictions(config)) == [
        "auth.issuer: the embedded token service is the issuer"
    ]
    assert list(issuers.contradictions(Config(token_service=service))) == []


def test_in_production_a_token_service_needs_tls_where_others_are_on_the_way() -> None:
    fault = "token_service.issuer: needs https beyond this machine and its container network"
    open_way = msgspec.structs.replace(SERVICE, embedded=True, issuer="http://tokens.example")

    assert list(issuers.weaknesses(Config(token_service=open_way))) == [fault]
    assert list(issuers.service_faults(Config(token_service=open_way))) == [fault]
    assert list(issuers.service_faults(Config(token_service=SERVICE))) == []


def test_in_development_it_listens_on_loopback_only(tmp_path: Path) -> None:
    anywhere = msgspec.structs.replace(SERVICE, host="0.0.0.0")  # noqa: S104  what is refused
    development = SecurityConfig(mode="development")
    fault = "token_service.host: development mode listens on loopback only"

    assert list(issuers.service_faults(Config(token_service=anywhere, security=development))) == [
        fault
    ]
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[verus]\nrpc_user = "u"\nrpc_password = "p"\n[security]\nmode = "development"\n'
        '[token_service]\nembedded = true\nissuer = "http://localhost"\nfolder = "/x"\n'
        'host = "0.0.0.0"\n'
    )
    with pytest.raises(ConfigError, match=r"token_service\.host: development"):
        load(file, {})


@pytest.mark.parametrize(
    ("cache", "fault"),
    [
        (CacheConfig(), "there is no cache.redis_url"),
        (
            CacheConfig(redis_url=Secret("redis://here")),
            "needs cache.redis_secret: without it Redis could add clients",
        ),
        (
            CacheConfig(redis_url=Secret("redis://here"), redis_secret=Secret("x")),
            None,
        ),
    ],
)
def test_clients_in_redis_need_a_redis_and_its_secret(
    cache: CacheConfig, fault: str | None
) -> None:
    service = msgspec.structs.replace(SERVICE, clients="redis")
    faults = list(issuers.service_faults(Config(token_service=service, cache=cache)))

    assert faults == ([f"token_service.clients: {fault}"] if fault else [])


@pytest.mark.parametrize(("mode", "number"), [("production", 2), ("development", 0)])
def test_secrets_of_a_token_service_of_its_own_are_held_to_the_same_rules(
    tmp_path: Path, mode: str, number: int
) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(
        f'[security]\nmode = "{mode}"\n'
        '[token_service]\nissuer = "https://tokens.example"\nfolder = "/x"\n'
        f'[cache]\nredis_url = "redis://here"\nredis_secret = "{"x" * 20}"\n'
    )
    file.chmod(0o644)
    faults: tuple[str, ...] = ()

    try:
        load_token_service(file, {})
    except ConfigError as error:
        faults = error.faults

    assert [fault.partition(": ")[2] for fault in faults] == [
        "cache.redis_secret: is a placeholder; production needs a secret of its own",
        "cache.redis_secret: stands in a file that everybody may read (chmod 600)",
    ][:number]


def test_the_token_service_passes_over_the_gateways_own_tables(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[verus]\nrpc_password = "${NOT_THERE}"\nnonsense = 1\n'
        '[token_service]\nissuer = "https://tokens.example"\nfolder = "/x"\n'
    )

    assert load_token_service(file, {}).token_service.folder == "/x"
    file.write_text("[token_service]\nisuer = 1\n[tokenservice]\n")
    with pytest.raises(ConfigError) as caught:
        load_token_service(file, {})
    assert len(caught.value.faults) == 2


def test_the_token_service_shares_the_gateways_redis(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    service = '[token_service]\nissuer = "https://tokens.example"\nfolder = "/x"\n[cache]\n'
    url = "redis://127.0.0.1:6379/0"
    file.write_text(f'{service}redis_url = "{url}"\n')

    assert load_token_service(file, {}).cache.redis_url.reveal() == url
    file.write_text(f'{service}redis_secret = "a-secret-of-all"\n')
    with pytest.raises(ConfigError, match=r"cache\.redis_secret: there is no cache\.redis_url"):
        load_token_service(file, {})
