"""Every key that may be set: its table, its default, its meaning."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from verus_gateway.config.secret import Secret
from verus_gateway.config.tree import Config


def reference() -> Iterator[tuple[str, str, str, str]]:
    """Yield table, key, default and description of everything that may be set."""
    seen: set[type[Struct]] = set()
    yield from _reference(Config, "", seen)


def tables_of(hint: Any) -> type[Struct] | None:
    """Return what each of a key's own tables (``[chains.NAME]``) is, None for other keys."""
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    inner = get_args(base)[1:] if get_origin(base) is dict else ()
    return inner[0] if inner and issubclass(inner[0], Struct) else None


def _reference(
    kind: type[Struct], table: str, seen: set[type[Struct]]
) -> Iterator[tuple[str, str, str, str]]:
    seen.add(kind)
    hints = get_type_hints(kind, include_extras=True)
    inner: list[tuple[type[Struct], str]] = []
    for field in msgspec.structs.fields(kind):
        hint, name = hints[field.name], f"{table}.{field.name}".lstrip(".")
        if isinstance(hint, type) and issubclass(hint, Struct):
            inner.append((hint, name))
            continue
        default = (
            field.default
            if field.default_factory is msgspec.NODEFAULT
            else (field.default_factory())
        )
        shown = "" if isinstance(default, Secret) else msgspec.json.encode(default).decode()
        yield table, field.name, shown, hint.__metadata__[0].description
        tables = tables_of(hint)
        if tables is not None:
            inner.append((tables, f"{name}.NAME"))
    for struct, name in inner:
        # A table whose keys stand elsewhere already ([chains.NAME] is as [verus]) is not repeated.
        if struct not in seen or not name.endswith(".NAME"):
            yield from _reference(struct, name, seen)
