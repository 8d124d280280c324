"""What is said to whoever runs it."""

from __future__ import annotations  # for Python 3.9, which many servers have

import sys


class Wrong(Exception):
    """What was asked for cannot be: one sentence for the user."""


def say(*lines: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write("\n".join(lines) + "\n")
