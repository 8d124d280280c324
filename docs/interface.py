"""The page of what a plugin may import: its names, declarations and docstrings."""
# ruff: noqa: INP001  docs/ is a folder of pages, no package

import ast
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Any, Final

from page import code, first, table

from verus_gateway import freshness, kinds, plugin, rows
from verus_gateway.kinds import Kind


def interface() -> str:
    """Return the page of what a plugin may import."""
    notes = {name: note for each in _DECLARING for name, note in _notes(each).items()}
    found: dict[str, list[str]] = {name: [] for name in ("values", "classes", "functions")}
    rows: dict[str, list[list[str]]] = {"words": [], "kinds": []}
    for name in plugin.__all__:
        thing = getattr(plugin, name)
        if isinstance(thing, Kind):
            rows["kinds"].append([code(name), thing.expected, notes.get(name, "")])
        elif inspect.isfunction(thing):
            found["functions"].append(_entry(name, thing))
        elif inspect.isclass(thing) and thing.__module__.startswith("verus_gateway."):
            found["classes"].append(_entry(name, thing))
        else:
            rows["words"].append([code(name), notes.get(name) or _OTHERS[name]])
    return "\n\n".join(
        [
            "# The plugin interface",
            first(plugin).rstrip(".") + ". " + _INTERFACE,
            "## Scopes, freshness and types",
            table(("name", "meaning"), rows["words"]),
            "## Kinds of parameters",
            table(("name", "the value must be …", "note"), rows["kinds"]),
            "## Functions",
            *found["functions"],
            "## Classes",
            *found["classes"],
        ]
    )


_INTERFACE: Final = (
    "Everything on this page is imported from `verus_gateway.plugin`; nothing else is a contract. "
    "Doubles for a plugin's tests are in `verus_gateway.testing`."
)
_DECLARING: Final = (plugin, rows, freshness, kinds)
_OTHERS: Final = {
    "Params": "The parameters of a call as verusd takes them: a tuple of JSON values.",
    "Raw": "JSON text that is passed on byte for byte; what `Daemon.call` returns.",
}


def _notes(module: Any) -> dict[str, str]:
    """Return the texts that stand under a module's constants."""
    found: dict[str, str] = {}
    body = ast.parse(inspect.getsource(module)).body
    for line, below in pairwise(body):
        match line, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = text.replace("\n", " ")
            case _:
                pass
    return found


def _entry(name: str, thing: Any) -> str:
    parts = [
        f"### {name}",
        f"```python\n{_declared(thing)}\n```",
        _prose(inspect.getdoc(thing) or ""),
    ]
    if inspect.isclass(thing):
        own = [
            each for key, each in vars(thing).items() if key[0] != "_" and inspect.isfunction(each)
        ]
        parts += [
            f"```python\n{_declared(each)}\n```\n\n{_prose(inspect.getdoc(each) or '')}"
            for each in own
        ]
    return "\n\n".join(parts)


def _declared(thing: Any) -> str:
    """Return how *thing* is declared, as its source has it and as the formatter likes a stub."""
    source = textwrap.dedent(inspect.getsource(thing))
    node = ast.parse(source).body[0]
    if isinstance(node, ast.ClassDef):
        head = f"class {node.name}({', '.join(map(ast.unparse, node.bases))}):".replace("()", "")
        fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
        lines = [f"    {ast.get_source_segment(source, field)}" for field in fields]
        return "\n".join([head, *lines]) if lines else f"{head} ..."
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise TypeError(f"{thing!r} is neither a class nor a function")
    lines = source.splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
    return "\n".join(lines) + " ..."


def _prose(text: str) -> str:
    """Return a docstring as Markdown: its sections become lists."""
    paragraphs = [_section(each) for each in text.split("\n\n")]
    return "\n\n".join(paragraphs)


def _section(paragraph: str) -> str:
    head, _, rest = paragraph.partition("\n")
    if head.strip() not in {"Args:", "Attributes:", "Raises:", "Returns:"}:
        return paragraph.replace("\n", " ")
    items = re.split(r"\n(?=\S)", textwrap.dedent(rest))
    lines = (" ".join(item.split()) for item in items)
    return f"{head.strip()}\n\n" + "\n".join(
        "- " + re.sub(r"^([\w, ]+): ", r"`\1`: ", line) for line in lines
    )
