"""What ``[admin]`` must not say."""

from pathlib import Path

import pytest
from core.test_config_checks import DEVELOPMENT, STRONG, Faults, faults, verus

from verus_gateway.passwords import hashed

__all__ = ["faults"]

HASH = str(hashed("correct horse battery", bytes(16)))
CHEAP = str(hashed("correct horse battery", bytes(16), ln=4, r=1, p=1))
OPENID = f"""
[admin.openid]
issuer = "https://id.example.org"
client_id = "gateway"
client_secret = "{STRONG}"
allowed = ["operator@example.org"]
"""


def admin(*lines: str) -> str:
    return verus() + "[admin]\n" + "\n".join(lines) + "\n"


def test_a_password_alone_is_enough(faults: Faults) -> None:
    assert faults(admin(f'password_hash = "{HASH}"')) == []


def test_a_listener_of_its_own_is_an_address_and_a_port(faults: Faults) -> None:
    for bind in ("127.0.0.1:9090", "[::1]:9090", "ops.example.org:0", "0.0.0.0:9090"):
        assert faults(admin(f'bind = "{bind}"')) == []
    for bind in ("9090", "127.0.0.1", ":9090", "::1:9090", "http://a:1"):
        assert len(faults(admin(f'bind = "{bind}"'))) == 1
    assert faults(admin('bind = "127.0.0.1:65536"')) == ["admin.bind: no port is over 65535"]


def test_development_listens_on_loopback_here_too(faults: Faults) -> None:
    loopback = faults(DEVELOPMENT + admin('bind = "[::1]:9090"'))
    anywhere = faults(DEVELOPMENT + admin('bind = "0.0.0.0:9090"'))

    assert loopback == []
    assert anywhere == ["admin.bind: development mode listens on loopback only"]


def test_what_is_no_hash_is_named(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "hash"
    file.write_text("correct horse battery")
    file.chmod(0o600)

    plain = faults(admin('password_hash = "correct horse battery"'))
    filed = faults(admin(f'password_hash_file = "{file}"'))

    said = "is no hash as `verus-gateway admin hash-password` makes them"
    assert plain == [f"admin.password_hash: {said}"]
    assert filed == [f"admin.password_hash_file: {said}"]


def test_a_hash_that_is_cheap_to_guess_is_not_for_production(faults: Faults) -> None:
    text = admin(f'password_hash = "{CHEAP}"')

    assert faults(text) == ["admin.password_hash: costs too little to guess; make it anew"]
    assert faults(DEVELOPMENT + text) == []


def test_a_hash_comes_from_one_place_that_can_be_read(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "hash"
    file.write_text(HASH)
    file.chmod(0o644)

    both = faults(admin(f'password_hash = "{HASH}"', f'password_hash_file = "{file}"'))
    none = faults(admin(f'password_hash_file = "{tmp_path}/none"'))

    assert both == [
        "admin: give one of password_hash, password_hash_file",
        f"admin.password_hash_file: everybody may read {file} (chmod 600)",
    ]
    assert none == [f"admin.password_hash_file: {tmp_path}/none cannot be read as text"]


def test_a_session_is_not_idle_longer_than_it_lasts(faults: Faults) -> None:
    assert faults(admin("idle_timeout = 60", "session_timeout = 59")) == [
        "admin.idle_timeout: is over admin.session_timeout"
    ]


def test_a_hash_in_a_file_for_everybody_is_named(faults: Faults) -> None:
    assert "admin.password_hash: stands in a file that everybody may read (chmod 600)" in faults(
        admin(f'password_hash = "{HASH}"'), 0o644
    )


def test_a_provider_is_described_whole(faults: Faults) -> None:
    good = faults(admin('public_url = "https://ops.example.org"') + OPENID)
    bare = faults(admin() + '[admin.openid]\nlabel = "Example"\n')

    assert good == []
    assert bare == [
        "admin.openid.issuer: is missing",
        "admin.openid.client_id: is missing",
        "admin.openid.allowed: is missing",
        "admin.public_url: is missing; the provider sends browsers back to it",
        "admin.openid: give exactly one of client_secret, client_secret_file",
    ]


@pytest.mark.parametrize("url", ["http://ops.example.org", "http://192.0.2.1:9090"])
def test_a_provider_and_the_page_speak_https_beyond_loopback(faults: Faults, url: str) -> None:
    text = admin(f'public_url = "{url}"') + OPENID.replace("https://id.example.org", url)

    assert faults(text) == [
        "admin.openid.issuer: is an https URL; http is for loopback only",
        "admin.public_url: is an https URL; http is for loopback only",
    ]


def test_the_secret_for_the_provider_is_checked_as_others_are(
    faults: Faults, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("short")
    file.chmod(0o600)
    page = admin('public_url = "http://127.0.0.1:9090"')
    line = f'client_secret = "{STRONG}"'

    short = faults(page + OPENID.replace(STRONG, "short"))
    filed = faults(page + OPENID.replace(line, f'client_secret_file = "{file}"'))
    none = faults(page + OPENID.replace(line, f'client_secret_file = "{tmp_path}/none"'))

    assert short == ["admin.openid.client_secret: is shorter than 16 characters"]
    assert filed == ["admin.openid.client_secret_file: is shorter than 16 characters"]
    assert none == [f"admin.openid.client_secret_file: {tmp_path}/none is no file"]
