"""Running tests against a changed module, each time in a process of its own.

The process is a fork of this one, which has everything imported that is neither the program's
nor a test: so a mutant costs what its tests cost, and not two seconds more.
"""

import gc
import importlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, TypeAlias

import hypothesis
import pytest

Verdict: TypeAlias = Literal["killed", "endless", "alive"]

MEMORY: Final = 2 * 1024**3
"""Bytes of address space a mutant's tests may have: one that never stops growing is killed too."""
COMPILED: Final = Path(".mutants", "compiled")
"""Where compiled tests are kept from one mutant to the next."""
QUIET: Final = ("-x", "-q", "--no-cov", "-p", "no:cacheprovider", "-p", "no:faulthandler")
# What is imported before pytest cannot have its assertions rewritten: no test of ours is.
RELAXED: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Broken(Exception):
    """The tests fail with nothing changed, or there are none: no mutant would say anything."""


class Planted(MetaPathFinder, Loader):
    """Brings one module from a text and not from its file.

    Args:
        name: Of the module.
        text: Its source.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, with this as its loader; None for all others."""
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run the text as the module."""
        exec(compile(self._text, str(module.__file__), "exec"), module.__dict__)  # noqa: S102  the text is what this is for


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests that have to notice a change of a module.

    Attributes:
        module: The module's dotted name.
        files: The files of tests.
        root: Where they are run.
    """

    module: str
    files: tuple[Path, ...]
    root: Path

    def prepare(self, source: str) -> float:
        """Import what they need from elsewhere; return the seconds they take with *source*.

        Raises:
            Broken: they do not pass, or there are none.
        """
        for name in self._imported(source):
            importlib.import_module(name)
        gc.freeze()  # a fork's collector need not go through what stays
        began = time.monotonic()
        if self.verdict(source, 300.0) != "alive":
            raise Broken(f"the tests of {self.module} do not pass as it is")
        return time.monotonic() - began

    def verdict(self, source: str, seconds: float) -> Verdict:
        """Tell what the tests make of *source*; over *seconds* they count as endless."""

        def work() -> int:
            sys.dont_write_bytecode, sys.pycache_prefix = False, str(self.root / COMPILED)
            return self._run(source)

        child = _forked(work)
        child.join(seconds)
        if child.is_alive():
            child.kill()
            child.join()
            return "endless"
        if child.exitcode == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise Broken(f"there are no tests of {self.module}")
        return "alive" if child.exitcode == 0 else "killed"

    def _imported(self, source: str) -> list[str]:
        """Return the modules that a run imports and that are not of this repository."""
        here, there = multiprocessing.Pipe(duplex=False)

        def tell(there: Connection) -> None:
            self._run(source)
            there.send([name for name, each in sys.modules.items() if self._foreign(each)])

        child = _forked(lambda: tell(there))
        there.close()
        try:
            names: list[str] = here.recv() if here.poll(300.0) else []
        except EOFError:
            names = []
        child.kill()
        child.join()
        return names

    def _foreign(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None) or ""
        ours = Path(file).is_relative_to(self.root) and "site-packages" not in file
        return bool(file) and not ours and module.__name__ == getattr(module.__spec__, "name", "")

    def _run(self, source: str) -> int:
        sys.meta_path.insert(0, Planted(self.module, source))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        _search_briefly()
        os.chdir(self.root)
        return int(pytest.main([*QUIET, *RELAXED, *map(str, self.files)]))


def _search_briefly() -> None:
    """Have property tests look the same way each time, and not for the smallest example."""
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutants")


def _forked(work: Callable[[], int | None]) -> multiprocessing.process.BaseProcess:
    def silently() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        sys.exit(work())

    child = multiprocessing.get_context("fork").Process(target=silently)
    child.start()
    return child
