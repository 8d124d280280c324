"""Reading the file: TOML to the tree, every fault named with file, key and nearest key."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import Struct

from verus_gateway.config import issuers
from verus_gateway.config.checks import contradictions, service_weaknesses, variable, weaknesses
from verus_gateway.config.keys import tables_of
from verus_gateway.config.secret import Secret
from verus_gateway.config.tree import Config
from verus_gateway.errors import ConfigError

GATEWAYS_OWN: Final = frozenset({"verus", "chains", "auth", "rate_limit", "admin"})
"""Tables that the token service does not look at."""


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read *path*; a value ``"${NAME}"`` is taken from *environment*.

    Raises:
        ConfigError: one line for each fault, with file and key.
    """
    config, document = _read_file(path, environment, frozenset())
    _refuse(path, [*contradictions(config), *weaknesses(config, document, path)])
    return config


def load_token_service(path: Path, environment: Mapping[str, str]) -> Config:
    """Read *path* for the token service alone, which may share the gateway's file.

    The gateway's own tables are passed over, and with them the secrets that they name: the
    token service has no business with verusd's password. ``[cache]`` is not one of them: through
    its Redis the gateways hear of revocations.

    Raises:
        ConfigError: one line for each fault, with file and key.
    """
    config, document = _read_file(path, environment, GATEWAYS_OWN)
    faults = issuers.service_faults(config)
    _refuse(path, [*faults, *service_weaknesses(config, document, path)])
    return config


def _refuse(path: Path, faults: Iterable[str]) -> None:
    lines = [f"{path}: {fault}" for fault in faults]
    if lines:
        raise ConfigError(*lines)


def _read_file(
    path: Path, environment: Mapping[str, str], passed_over: AbstractSet[str]
) -> tuple[Config, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        document = {
            name: table for name, table in tomllib.loads(text).items() if name not in passed_over
        }
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    faults: list[str] = []
    lax: set[str] = set()
    filled = _filled(document, environment, "", faults, lax)
    faults += _faults(filled, Config, "", lax)
    _refuse(path, faults)
    return msgspec.convert(filled, Config, dec_hook=_secret), document


def _filled(
    value: Any, environment: Mapping[str, str], where: str, faults: list[str], lax: set[str]
) -> Any:
    # Filled in after parsing, so that a secret can never be read as TOML. The environment holds
    # text only: *lax* collects the keys whose text may stand for a number or a truth value.
    if isinstance(value, dict):
        return {
            key: _filled(member, environment, f"{where}.{key}", faults, lax)
            for key, member in value.items()
        }
    name = variable(value)
    if name is None:
        return value
    if name not in environment:
        faults.append(f"{where[1:]}: the environment has no {name}")
    lax.add(where[1:])
    return environment.get(name, "")


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")


def _faults(table: Any, kind: type[Struct], where: str, lax: set[str]) -> Iterator[str]:
    """Yield the faults of *table*; what the environment filled in becomes its key's type."""
    if not isinstance(table, dict):
        yield f"{where[1:]}: is a table"
        return
    known = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        name = f"{where}.{key}"[1:]
        if key not in known:
            yield f"{name}: no such key{_nearest(key, known)}"
        elif isinstance(known[key], type) and issubclass(known[key], Struct):
            yield from _faults(value, known[key], f"{where}.{key}", lax)
        elif (tables := tables_of(known[key])) is not None and isinstance(value, dict):
            for each, inner in value.items():
                yield from _faults(inner, tables, f"{where}.{key}.{each}", lax)
        else:
            yield from _read(table, key, known[key], name, lax)


def _read(table: dict[str, Any], key: str, hint: Any, name: str, lax: set[str]) -> Iterator[str]:
    try:
        made = msgspec.convert(table[key], hint, strict=name not in lax, dec_hook=_secret)
    except msgspec.ValidationError as error:
        yield f"{name}: {error}"
    else:
        if name in lax and not isinstance(made, Secret):
            table[key] = made


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f", did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
