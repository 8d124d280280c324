from collections.abc import Callable
from pathlib import Path

import pytest

from verus_gateway.config import Config, Secret, load, reference
from verus_gateway.errors import ConfigError

GOOD = """
[verus]
rpc_user = "gateway"
rpc_password = "correct horse battery staple"
"""
Load = Callable[..., Config]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Write a file that only its owner may read, and load it."""

    def write_and_load(text: str, **environment: str) -> Config:
        file = tmp_path / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return load(file, environment)

    return write_and_load


def faults(loaded: Load, text: str, **environment: str) -> list[str]:
    """Return the faults found in *text*, each without the file's name."""
    with pytest.raises(ConfigError) as caught:
        loaded(text, **environment)
    assert all("gateway.toml: " in fault for fault in caught.value.faults)
    return [fault.partition("gateway.toml: ")[2] for fault in caught.value.faults]


# ---------------------------------------------------------------- reading


def test_what_is_not_said_has_its_default(loaded: Load) -> None:
    config = loaded(GOOD)

    assert config.verus.rpc_url == "http://127.0.0.1:27486"
    assert config.verus.circuit_breaker.failure_threshold == 5
    assert config.verus.circuit_breaker.recovery_timeout_seconds == 60
    assert config.verus.circuit_breaker.half_open_max_requests == 3
    assert config.auth.anonymous_scopes == ("public",)
    assert config.security.mode == "production"


def test_what_is_said_is_taken(loaded: Load) -> None:
    config = loaded(
        GOOD
        + """
        connect_timeout = 5
        [verus.circuit_breaker]
        failure_threshold = 7
        [server]
        port = 0
        [auth]
        anonymous_scopes = ["public", "read"]
        [cache]
        enabled = false
        """
    )

    assert config.verus.connect_timeout == 5.0
    assert config.verus.circuit_breaker.failure_threshold == 7
    assert config.server.port == 0
    assert config.auth.anonymous_scopes == ("public", "read")
    assert config.cache.enabled is False


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[sever]\nport = 1", "sever: no such key, did you mean server?"),
        ("[server]\nprot = 1", "server.prot: no such key, did you mean port?"),
        (
            "[verus.circuit_breaker]\nfailure_treshold = 1",
            "verus.circuit_breaker.failure_treshold: no such key, did you mean failure_threshold?",
        ),
        ("[metrics]\nqqq = 1", "metrics.qqq: no such key; known are enabled"),
    ],
)
def test_an_unknown_key_names_the_nearest(loaded: Load, text: str, fault: str) -> None:
    assert faults(loaded, text) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("verus = 1", "verus: is a table"),
        ("[server]\nport = 70000", "server.port: Expected `int` <= 65535"),
        ("[server]\nport = true", "server.port: Expected `int`, got `bool`"),
        ('[server]\nport = "80"', "server.port: Expected `int`, got `str`"),
        ("[verus]\nconnect_timeout = 0", "verus.connect_timeout: Expected `float` > 0.0"),
        ("[verus]\nconnect_timeout = nan", "verus.connect_timeout: Expected `float` > 0.0"),
        ("[verus]\nrpc_password = 5", "verus.rpc_password: Expected `str`"),
        ('[logging]\nlevel = "loud"', "logging.level: Invalid enum value 'loud'"),
        ("[auth]\nanonymous_scopes = [1]", "auth.anonymous_scopes: Expected `str`, got `int`"),
        ("chains = 1", "chains: Expected `object`, got `int`"),
        ("[chains]\nPBaaS = 1", "chains.PBaaS: is a table"),
        (
            "[chains.PBaaS]\nrpc_usr = 'x'",
            "chains.PBaaS.rpc_usr: no such key, did you mean rpc_user?",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key(loaded: Load, text: str, fault: str) -> None:
    [found] = faults(loaded, text)

    assert found.startswith(fault)


def test_every_fault_is_reported_at_once(loaded: Load) -> None:
    text = '[server]\nprot = 1\nport = "x"\n[cashe]\n[verus]\nrpc_user = "${NOBODY}"\n'

    found = faults(loaded, text)

    assert [fault.partition(":")[0] for fault in found] == [
        "verus.rpc_user",
        "server.prot",
        "server.port",
        "cashe",
    ]


@pytest.mark.parametrize("url", ["http://user:geheim@host:1", "ftp://host", "http://host/path", ""])
def test_a_url_has_a_host_and_no_more_and_is_not_repeated(loaded: Load, url: str) -> None:
    [fault] = faults(loaded, GOOD + f'rpc_url = "{url}"')

    assert fault.startswith("verus.rpc_url: Expected `str`")
    assert "geheim" not in fault


def test_a_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml", {})


@pytest.mark.parametrize("body", [b"[verus", b"a = \xff", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_said_to_be(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(body)

    with pytest.raises(ConfigError, match=r"gateway\.toml: not TOML: "):
        load(file, {})


# ---------------------------------------------------------------- the environment


def test_a_value_may_come_from_the_environment(loaded: Load) -> None:
    text = '[verus]\nrpc_user = "${USER_NAME}"\nrpc_password = "${PASSWORD}"'

    config = loaded(text, USER_NAME="gateway", PASSWORD='"] quite [a = "long"] one')

    assert config.verus.rpc_user == "gateway"
    assert config.verus.rpc_password.reveal() == '"] quite [a = "long"] one'


def test_a_name_that_the_environment_lacks_is_a_fault(loaded: Load) -> None:
    text = '[verus]\nrpc_user = "u"\nrpc_password = "${PASSWORD}"'

    assert faults(loaded, text) == ["verus.rpc_password: the environment has no PASSWORD"]


@pytest.mark.parametrize("written", ["$NAME", "a${NAME}", "${NAME}a", "{NAME}"])
def test_only_a_whole_value_is_a_name(loaded: Load, written: str) -> None:
    config = loaded(GOOD.replace('"gateway"', f'"{written}"'), NAME="x")

    assert config.verus.rpc_user == written


# ---------------------------------------------------------------- secrets


def test_a_secret_never_shows_itself(loaded: Load) -> None:
    config = loaded(GOOD)

    assert "horse" not in repr(config) + str(config) + f"{config.verus.rpc_password}"
    assert repr(config.verus.rpc_password) == "<Secret>"
    assert not hasattr(config.verus.rpc_password, "__dict__")


def test_an_empty_secret_is_none() -> None:
    assert (bool(Secret("")), bool(Secret("x"))) == (False, True)


# ---------------------------------------------------------------- the reference


def test_every_key_is_described_once() -> None:
    described = list(reference())

    keys = [(table, key) for table, key, _, _ in described]
    assert len(keys) == len(set(keys))
    assert all(text and not text.endswith(".") for _, _, _, text in described)
    assert ("verus.circuit_breaker", "failure_threshold", "5") in {
        (table, key, default) for table, key, default, _ in described
    }
    assert ("verus", "rpc_password", "") in {
        (table, key, said) for table, key, said, _ in described
    }


def test_the_environment_fills_numbers_and_truth_values_too(loaded: Load) -> None:
    text = GOOD + '[server]\nport = "${PORT}"\n[cache]\nenabled = "${CACHE}"'

    config = loaded(text, PORT="9000", CACHE="false")

    assert (config.server.port, config.cache.enabled) == (9000, False)


def test_a_number_written_as_text_in_the_file_is_still_a_fault(loaded: Load) -> None:
    found = faults(loaded, GOOD + '[server]\nport = "9000"')

    assert found == ["server.port: Expected `int`, got `str`"]


def test_what_the_environment_fills_in_must_fit_its_key(loaded: Load) -> None:
    found = faults(loaded, GOOD + '[server]\nport = "${PORT}"', PORT="many")

    assert found == ["server.port: Expected `int`, got `str`"]


def test_a_secret_from_the_environment_stays_the_text_it_is(loaded: Load) -> None:
    text = '[verus]\nrpc_user = "u"\nrpc_password = "${SECRET}"'

    config = loaded(text, SECRET="12345678901234567890")

    assert config.verus.rpc_password.reveal() == "12345678901234567890"


def test_secrets_are_equal_where_their_values_are_and_tell_nothing_by_their_hash() -> None:
    one, same, other = Secret("a" * 20), Secret("a" * 20), Secret("b" * 20)

    assert one == same
    assert one != other
    assert one != "a" * 20
    assert hash(one) == hash(other)
