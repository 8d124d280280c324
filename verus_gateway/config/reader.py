"""Reading the file: TOML to the tree, every fault named with file, key and nearest key."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from verus_gateway.config.checks import contradictions, weaknesses
from verus_gateway.config.tree import Config, Secret, VerusConfig
from verus_gateway.errors import ConfigError


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """Read *path*; a value ``"${NAME}"`` is taken from *environment*.

    Raises:
        ConfigError: one line for each fault, with file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    faults: list[str] = []
    filled = _filled(document, environment, "", faults)
    faults += _faults(filled, Config, "")
    if faults:
        raise ConfigError(*(f"{path}: {fault}" for fault in faults))
    config: Config = msgspec.convert(filled, Config, dec_hook=_secret)
    wrong = [*contradictions(config), *weaknesses(config, document, path)]
    if wrong:
        raise ConfigError(*(f"{path}: {fault}" for fault in wrong))
    return config


def _filled(value: Any, environment: Mapping[str, str], where: str, faults: list[str]) -> Any:
    # Filled in after parsing, so that a secret can never be read as TOML.
    match value:
        case dict():
            return {
                key: _filled(member, environment, f"{where}.{key}", faults)
                for key, member in value.items()
            }
        case str() if value.startswith("${") and value.endswith("}"):
            name = value[2:-1]
            if name not in environment:
                faults.append(f"{where[1:]}: the environment has no {name}")
            return environment.get(name, "")
        case _:
            return value


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")


def _faults(table: Any, kind: type[Struct], where: str) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"{where[1:]}: is a table"
        return
    known = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        name = f"{where}.{key}"[1:]
        if key not in known:
            yield f"{name}: no such key{_nearest(key, known)}"
        elif isinstance(known[key], type) and issubclass(known[key], Struct):
            yield from _faults(value, known[key], f"{where}.{key}")
        elif key == "chains" and isinstance(value, dict):
            for chain, inner in value.items():
                yield from _faults(inner, VerusConfig, f"{where}.{key}.{chain}")
        else:
            try:
                msgspec.convert(value, known[key], dec_hook=_secret)
            except msgspec.ValidationError as error:
                yield f"{name}: {error}"


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f", did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
