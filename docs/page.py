"""What the generated pages are made of."""
# ruff: noqa: INP001  docs/ is a folder of pages, no package

import inspect
from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; what would end a cell is escaped."""
    cells = [list(head), *(list(row) for row in rows)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(cells[0]), *lines[1:]])


def code(text: str) -> str:
    """Return *text* as code, or nothing where there is none."""
    return f"`{text}`" if text else ""


def first(thing: object) -> str:
    """Return the first paragraph of its docstring, on one line."""
    return (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
