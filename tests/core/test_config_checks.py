from collections.abc import Callable
from pathlib import Path

import pytest

from verus_gateway.config import Config, VerusConfig, load
from verus_gateway.config.checks import MOUNTED, _readable_by_all
from verus_gateway.errors import ConfigError

STRONG = "correct horse battery staple"
Faults = Callable[..., list[str]]


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """Write a file, load it, and return the faults found; none where it is good."""

    def write_and_load(text: str, mode: int = 0o600, **environment: str) -> list[str]:
        file = tmp_path / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        try:
            load(file, environment)
        except ConfigError as error:
            return [fault.removeprefix(f"{file}: ") for fault in error.faults]
        return []

    return write_and_load


def verus(password: str = STRONG, more: str = "") -> str:
    return f'[verus]\nrpc_user = "u"\nrpc_password = "{password}"\n{more}\n'


DEVELOPMENT = '[security]\nmode = "development"\n'

# ---------------------------------------------------------------- contradictions


def test_a_good_file_has_no_fault(faults: Faults) -> None:
    assert faults(verus()) == []


def test_one_source_of_the_password_is_enough(faults: Faults) -> None:
    cookie = 'rpc_cookie_file = "/none/.cookie"'

    none, two = faults('[verus]\nrpc_user = "u"'), faults(verus(more=cookie))

    said = "verus: give exactly one of rpc_password, rpc_password_file, rpc_cookie_file"
    assert (none, two) == ([said], [said])


def test_a_cookie_needs_no_user_and_need_not_be_there_yet(faults: Faults) -> None:
    assert faults('[verus]\nrpc_cookie_file = "/none/.cookie"') == []


def test_a_password_needs_a_user(faults: Faults) -> None:
    text = f'[verus]\nrpc_password = "{STRONG}"'

    assert faults(text) == ["verus.rpc_user: is missing"]


@pytest.mark.parametrize("mode", ["", DEVELOPMENT])
def test_a_password_file_that_is_missing_is_one_fault(faults: Faults, mode: str) -> None:
    text = '[verus]\nrpc_user = "u"\nrpc_password_file = "/none/password"\n'

    assert faults(text + mode) == ["verus.rpc_password_file: /none/password is no file"]


def test_an_answer_cannot_be_larger_than_the_cache(faults: Faults) -> None:
    text = "[cache]\nmax_size = 10\nmax_entry_size = 11"

    assert faults(verus() + text) == ["cache.max_entry_size: is over cache.max_size"]


def chain(name: str, more: str = "") -> str:
    return f'[chains."{name}"]\nrpc_user = "u"\nrpc_password = "{STRONG}"\n{more}\n'


def test_further_chains_are_checked_as_the_first(faults: Faults) -> None:
    assert faults(verus() + chain("VRSCTEST")) == []
    assert faults(verus() + chain("VRSCTEST", 'chain = "VRSCTEST"')) == []
    assert faults(verus() + "[chains.VRSCTEST]\nrpc_user = 'u'") == [
        "chains.VRSCTEST: give exactly one of rpc_password, rpc_password_file, rpc_cookie_file"
    ]


@pytest.mark.parametrize(
    ("name", "more", "fault"),
    [
        ("a/b", "", "chains.a/b: a chain's name is letters, digits, dots, - and _"),
        ("VRSC", "", "chains.VRSC: is the chain of [verus]"),
        ("PBaaS", 'chain = "Other"', "chains.PBaaS.chain: the table's name is the chain's"),
    ],
)
def test_a_chain_has_one_good_name_of_its_own(
    faults: Faults, name: str, more: str, fault: str
) -> None:
    assert faults(verus() + chain(name, more)) == [fault]


# ---------------------------------------------------------------- weak secrets

PLACEHOLDERS = [
    "changeme",
    "change-me",
    "CHANGE_ME",
    "password",
    "Passwort1",
    "secret",
    "default-password-of-the-image",
    "example-password-from-the-docs",
    "verus_rpc_password",
    "admin123",
    "xxxxxxxxxxxxxxxxxxxxxxxx",
]


@pytest.mark.parametrize("password", PLACEHOLDERS)
def test_production_refuses_a_placeholder(faults: Faults, password: str) -> None:
    said = "verus.rpc_password: is a placeholder; production needs a secret of its own"

    assert faults(verus(password)) == [said]
    assert faults(verus("${P}"), P=password) == [said]


def test_production_refuses_a_short_secret(faults: Faults) -> None:
    assert faults(verus("q" * 15)) == ["verus.rpc_password: is shorter than 16 characters"]
    assert faults(verus("q" * 16)) == []


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666])
def test_production_refuses_a_literal_secret_that_all_may_read(faults: Faults, mode: int) -> None:
    said = "stands in a file that everybody may read (chmod 600)"

    assert faults(verus(), mode) == [f"verus.rpc_password: {said}"]
    assert faults(verus("${P}"), mode, P=STRONG) == []
    assert faults(verus("${P}") + chain("PBaaS"), mode, P=STRONG) == [
        f"chains.PBaaS.rpc_password: {said}"
    ]


def test_production_looks_into_the_password_file(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "password"
    text = f'[verus]\nrpc_user = "u"\nrpc_password_file = "{file}"\n'
    file.write_text("hunter2\n", encoding="utf-8")
    file.chmod(0o644)

    weak = faults(text)
    file.write_text(STRONG + "\n", encoding="utf-8")
    file.chmod(0o640)

    key = "verus.rpc_password_file"
    assert weak == [
        f"{key}: is shorter than 16 characters",
        f"{key}: everybody may read {file} (chmod 600)",
    ]
    assert faults(text) == []


def test_a_password_file_that_is_no_text_is_a_fault(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe" * 20)

    [fault] = faults(f'[verus]\nrpc_user = "u"\nrpc_password_file = "{file}"\n')

    assert fault == f"verus.rpc_password_file: {file} cannot be read as text"


def test_the_secret_of_blocknotify_is_held_to_the_same(faults: Faults) -> None:
    text = verus() + '[security]\nblocknotify_secret = "short"'

    assert faults(text) == ["security.blocknotify_secret: is shorter than 16 characters"]


def test_mounted_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(0o644)

    assert _readable_by_all(file)
    assert not _readable_by_all(MOUNTED / "password")


# ---------------------------------------------------------------- development


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_development_allows_weak_secrets_on_loopback(faults: Faults, host: str) -> None:
    text = verus("changeme") + DEVELOPMENT + f'[server]\nhost = "{host}"'

    assert faults(text, 0o644) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])  # noqa: S104
def test_development_listens_nowhere_else(faults: Faults, host: str) -> None:
    text = verus() + DEVELOPMENT + f'[server]\nhost = "{host}"'

    assert faults(text) == ["server.host: development mode listens on loopback only"]


def test_the_tree_can_be_built_without_a_file() -> None:
    assert Config(verus=VerusConfig(rpc_user="u")).verus.rpc_user == "u"


def test_a_cookie_that_everybody_may_read_is_refused(faults: Faults, tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:0123", encoding="utf-8")
    text = f'[verus]\nrpc_cookie_file = "{cookie}"'

    cookie.chmod(0o600)
    private = faults(text)
    cookie.chmod(0o644)
    public = faults(text)

    assert private == []
    assert public == [f"verus.rpc_cookie_file: everybody may read {cookie}"]


def test_nobody_administers_without_a_token_in_production(faults: Faults) -> None:
    everybody = '[auth]\nanonymous_scopes = ["public", "admin"]\n'

    assert faults(verus() + everybody) == [
        "auth.anonymous_scopes: admin is for nobody without a token"
    ]
    assert faults(verus() + everybody + DEVELOPMENT) == []


# ---------------------------------------------------------------- who calls, and how much


def app(more: str, id: str = "wallet") -> str:
    return f'[auth.apps."{id}"]\n{more}\n'


def test_an_app_has_a_key_of_its_own_and_a_class_that_is_there(
    faults: Faults, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(STRONG, encoding="utf-8")
    file.chmod(0o600)

    assert faults(verus() + app(f'app_key_file = "{file}"\nrate_class = "anonymous"')) == []
    assert faults(verus("${P}") + app('app_key = "${P}"'), 0o644, P=STRONG) == []


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("", ": give exactly one of app_key, app_key_file"),
        (
            f'app_key = "{STRONG}"\napp_key_file = "/none"',
            ": give exactly one of app_key, app_key_file",
        ),
        ('app_key_file = "/none"', ".app_key_file: /none is no file with a key"),
        ('app_key = "short"', ".app_key: is shorter than 16 characters"),
        (f'app_key = "{STRONG}"\nrate_class = "x"', ".rate_class: there is no class 'x'"),
        (f'app_key = "{STRONG}"\nscope = "x"', ".scope: no such key, did you mean scopes?"),
    ],
)
def test_an_app_that_cannot_be_meant_is_named(faults: Faults, more: str, fault: str) -> None:
    assert f"auth.apps.wallet{fault}" in faults(verus() + app(more))


@pytest.mark.parametrize("id", ["", "a b", "größe", "x" * 65])
def test_an_apps_id_fits_into_a_header(faults: Faults, id: str) -> None:
    said = f"auth.apps.{id[:64]}: an app's id is 1 to 64 visible ASCII characters"

    assert faults(verus() + app(f'app_key = "{STRONG}"', id)) == [said]


def test_the_key_of_an_app_is_held_to_what_other_secrets_are(
    faults: Faults, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff" * 20)
    no_text = faults(verus() + app(f'app_key_file = "{file}"'))
    file.write_text("changeme", encoding="utf-8")
    file.chmod(0o644)

    said = "auth.apps.wallet.app_key_file"
    assert f"{said}: {file} is no file with a key" in no_text
    assert faults(verus() + app(f'app_key_file = "{file}"')) == [
        f"{said}: is a placeholder; production needs a secret of its own",
        f"{said}: everybody may read {file} (chmod 600)",
    ]
    assert faults(verus("${P}") + app(f'app_key = "{STRONG}"'), 0o644, P=STRONG) == [
        "auth.apps.wallet.app_key: stands in a file that everybody may read (chmod 600)"
    ]


def test_networks_of_proxies_and_rate_classes_are_taken(faults: Faults) -> None:
    text = """
    [server]
    trusted_proxies = ["10.0.0.0/8", "fd00::/8", "192.0.2.1", "unix:"]
    [rate_limit.anonymous]
    rate = 0.5
    [rate_limit.classes.gold]
    rate = 50
    burst = 100
    """

    assert faults(verus() + text) == []


@pytest.mark.parametrize(
    "origin",
    ["*", "https://wallet.example", "http://127.0.0.1:3000", "http://[::1]:80", "app://localhost"],
)
def test_an_origin_is_taken_as_browsers_write_it(faults: Faults, origin: str) -> None:
    assert faults(verus() + f'[security]\ncors_origins = ["{origin}"]') == []


@pytest.mark.parametrize(
    "origin", ["https://wallet.example/", "wallet.example", "https://Wallet.example", "null", ""]
)
def test_what_no_browser_would_send_is_no_origin(faults: Faults, origin: str) -> None:
    [fault] = faults(verus() + f'[security]\ncors_origins = ["{origin}"]')

    assert fault.startswith(f"security.cors_origins: {origin!r} is no origin")


@pytest.mark.parametrize(
    ("network", "fault"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("proxy.example", "'proxy.example' does not appear to be an IPv4 or IPv6 network"),
        ("0.0.0.0/0", "0.0.0.0/0 lets everybody choose the own address"),
        ("::/0", "::/0 lets everybody choose the own address"),
    ],
)
def test_what_is_no_network_of_proxies_is_named(faults: Faults, network: str, fault: str) -> None:
    text = verus() + f'[server]\ntrusted_proxies = ["{network}"]'

    assert faults(text) == [f"server.trusted_proxies: {fault}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[rate_limit]\nreserved = 512",
            "reserved: leaves no place of rate_limit.max_concurrent to strangers",
        ),
        (
            "[rate_limit.classes.default]\nrate = 1",
            "classes.default: is set in [rate_limit.default]",
        ),
        (
            '[rate_limit.classes."a b"]\nrate = 1',
            "classes.a b: a class's name is small letters, digits, - and _",
        ),
        ("[rate_limit.classes.gold]\nrte = 1", "classes.gold.rte: no such key, did you mean rate?"),
        ("[rate_limit.classes.gold]\nrate = 0", "classes.gold.rate: Expected `float` > 0.0"),
        ("[rate_limit.classes]\ngold = 1", "classes.gold: is a table"),
        ("[rate_limit]\nclasses = 1", "classes: Expected `object`, got `int`"),
        ("[rate_limit.anonymous]\nburst = 0", "anonymous.burst: Expected `int` >= 1"),
    ],
)
def test_a_rate_class_that_cannot_be_meant_is_named(faults: Faults, text: str, fault: str) -> None:
    assert faults(verus() + text) == [f"rate_limit.{fault}"]


# ---------------------------------------------------------------- redis

LITERAL = '[cache]\nredis_url = "redis://u:hunter2hunter2hunter2@h"\n'


def test_a_url_of_redis_without_a_password_is_no_secret(faults: Faults) -> None:
    text = '[verus]\nrpc_user = "u"\nrpc_password = "${P}"\n[cache]\nredis_url = "redis://h"'

    assert faults(text, 0o644, P=STRONG) == []


def test_a_url_of_redis_with_a_password_is_a_secret(faults: Faults) -> None:
    text = f'[verus]\nrpc_user = "u"\nrpc_password = "${{P}}"\n{LITERAL}'

    assert faults(text, 0o644, P=STRONG) == [
        "cache.redis_url: stands in a file that everybody may read (chmod 600)"
    ]
    assert faults(text, 0o600, P=STRONG) == []


def test_a_url_that_is_none_is_named_without_its_password(faults: Faults) -> None:
    text = verus() + '[cache]\nredis_url = "redis://u:hunter2@h/x"'

    assert faults(text) == ["cache.redis_url: a database is a number"]


def test_a_secret_of_redis_is_a_real_one(faults: Faults) -> None:
    text = verus() + '[cache]\nredis_url = "redis://h"\nredis_secret = "changeme"'

    [fault] = faults(text)

    assert fault.startswith("cache.redis_secret: is a placeholder")


def test_the_secret_of_redis_may_come_from_a_file(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(STRONG)
    file.chmod(0o600)
    text = verus() + f'[cache]\nredis_url = "redis://h"\nredis_secret_file = "{file}"\n'
    both = text + f'redis_secret = "{STRONG}"'

    assert faults(text) == []
    assert "cache: give one of redis_secret, redis_secret_file" in faults(both)


@pytest.mark.parametrize("content", [None, "", " \n", b"\xff"])
def test_a_file_without_a_secret_of_redis_is_a_fault_in_every_mode(
    faults: Faults, tmp_path: Path, content: str | bytes | None
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o600)
    text = f'[cache]\nredis_url = "redis://h"\nredis_secret_file = "{file}"\n'

    found = faults(verus() + text + '[security]\nmode = "development"')

    assert found == [f"cache.redis_secret_file: {file} is no file with a secret"]


def test_a_weak_or_open_file_of_the_secret_of_redis_is_named(
    faults: Faults, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("changeme")
    file.chmod(0o644)
    text = f'[cache]\nredis_url = "redis://h"\nredis_secret_file = "{file}"'

    assert faults(verus() + text) == [
        "cache.redis_secret_file: is a placeholder; production needs a secret of its own",
        f"cache.redis_secret_file: everybody may read {file} (chmod 600)",
    ]


def test_a_file_for_the_secret_needs_a_redis(faults: Faults, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(STRONG)
    file.chmod(0o600)

    [fault] = faults(verus() + f'[cache]\nredis_secret_file = "{file}"')

    assert fault == "cache.redis_secret_file: there is no cache.redis_url"


def test_what_belongs_to_redis_needs_one(faults: Faults, tmp_path: Path) -> None:
    text = f'[cache]\nredis_secret = "{STRONG}"\nredis_password_file = "{tmp_path}/none"'

    assert faults(verus() + text) == [
        "cache.redis_password_file: there is no cache.redis_url",
        f"cache.redis_password_file: {tmp_path}/none is no file",
        "cache.redis_secret: there is no cache.redis_url",
    ]


def test_a_password_comes_from_one_place_and_files_are_there(
    faults: Faults, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(STRONG)
    password.chmod(0o600)
    url = 'redis_url = "rediss://u:hunter2hunter2hunter2@h?ca=/none.pem"'
    text = f'[cache]\n{url}\nredis_password_file = "{password}"'

    assert faults(verus() + text) == [
        "cache.redis_url: holds a password, and a file with one is given as well",
        "cache.redis_url: /none.pem is no file",
    ]


def test_a_weak_password_in_a_file_for_redis_is_named(faults: Faults, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("short")
    password.chmod(0o600)
    text = f'[cache]\nredis_url = "redis://h"\nredis_password_file = "{password}"'

    [fault] = faults(verus() + text)

    assert fault == "cache.redis_password_file: is shorter than 16 characters"
