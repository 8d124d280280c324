"""Mutants: a module's source with one small change each, made by cosmic-ray's operators."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.exception_replacer import ExceptionReplacer
from cosmic_ray.operators.provider import OperatorProvider

Wanted: TypeAlias = Callable[[str], bool]

TYPES: Final = "ReplaceBinaryOperator_BitOr_"
"""`|` joins types in these modules and does nothing else: mypy looks after it."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What was changed, told without line numbers: they move too easily.

    Attributes:
        function: The function or class, with those around it; "" for the module itself.
        before: The lines that were there, without what they are indented by.
        after: The lines that stand there now; "" where they are gone.
    """

    function: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module.

    Attributes:
        change: What differs.
        line: The first line that does.
        source: All of it.
    """

    change: Change
    line: int
    source: str


def mutants(source: str, wanted: Wanted = lambda _: True) -> Iterator[Mutant]:
    """Yield each mutant of *source* once, where the line that changes is *wanted*."""
    names = _names(source)
    lines = source.splitlines(keepends=True)
    for first, last in _statements(source):
        head, part, tail = (
            "".join(each) for each in (lines[:first], lines[first:last], lines[last:])
        )
        for changed in _changed(part, wanted):
            yield _told(source, f"{head}{changed}{tail}", names)


def _statements(source: str) -> Iterator[tuple[int, int]]:
    """Yield where each statement of the module begins, counted from 0, and where the next does."""
    body = ast.parse(source).body
    decorators = (getattr(each, "decorator_list", ()) for each in body)
    starts = [
        min([each.lineno, *(above.lineno for above in around)]) - 1
        for each, around in zip(body, decorators, strict=True)
    ]
    yield from zip(starts, [*starts[1:], source.count("\n")], strict=True)


def _changed(part: str, wanted: Wanted) -> Iterator[str]:
    """Yield what one statement may become: cosmic-ray reads all of a text for each change of it."""
    nodes = list(ast_nodes(get_ast(part)))
    lines = part.splitlines()
    seen = {part}
    for operator in _operators():
        for occurrence, line in enumerate(_places(operator, nodes)):
            if line and wanted(lines[line - 1].strip()):
                changed = _mutated(part, operator, occurrence)
                if changed is not None and changed not in seen:
                    seen.add(changed)
                    yield changed


def _mutated(source: str, operator: Any, occurrence: int) -> str | None:
    try:
        return str(mutate_code(source, operator, occurrence))
    except AttributeError:
        # cosmic-ray 8.7 cannot replace an exception that is named with a dot.
        if isinstance(operator, ExceptionReplacer):
            return None
        raise


def _operators() -> Iterator[Any]:
    provider = OperatorProvider()
    for name in provider:
        kind = provider[name]
        if not kind.arguments() and not name.startswith(TYPES):
            yield kind()


def _places(operator: Any, nodes: list[Any]) -> Iterator[int]:
    """Yield the line of each change that *operator* can make; 0 for one that is no operation."""
    for node in nodes:
        for (line, _), _end in operator.mutation_positions(node):
            bare = node.type == "operator" and node.parent.type == "parameters"
            yield 0 if bare else line


def _told(source: str, changed: str, names: list[tuple[int, int, str]]) -> Mutant:
    old, new = source.splitlines(), changed.splitlines()
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    inside = [name for first, last, name in names if first <= start + 1 <= last]
    before, after = (
        "\n".join(line.strip() for line in text[start : len(text) - end] if line.strip())
        for text in (old, new)
    )
    return Mutant(Change(inside[-1] if inside else "", before, after), start + 1, changed)


def _names(source: str) -> list[tuple[int, int, str]]:
    """Return the first and last line and the name of every function and class, outer ones first."""

    def walk(node: ast.AST, around: str) -> Iterator[tuple[int, int, str]]:
        for child in ast.iter_child_nodes(node):
            name = around
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{around}.{child.name}".removeprefix(".")
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                yield first, child.end_lineno or child.lineno, name
            yield from walk(child, name)

    return list(walk(ast.parse(source), ""))
