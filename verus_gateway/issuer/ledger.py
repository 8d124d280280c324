"""What was revoked, in a file, so that a restart does not bring it back.

A line for each: the token's number and its end. Lines are added and, at a start, those that
have ended are left out.
"""

import math
from pathlib import Path
from typing import Final

from verus_gateway.issuer import files
from verus_gateway.revocations import Revocations

FILE: Final = "revoked"


class Ledger:
    """The file of a folder.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def restore(self, revocations: Revocations) -> None:
        """Tell *revocations* what the file holds, and write it anew without what has ended."""
        for line in files.read(self._path).decode("ascii", "replace").splitlines():
            jti, _, end = line.partition(" ")
            ends = _number(end)
            if jti and ends is not None:
                revocations.learn(jti, ends)
        kept = revocations.listed().items()
        files.replace(
            self._path, "".join(f"{jti} {math.ceil(end)}\n" for jti, end in kept).encode()
        )

    def write(self, jti: str, ends: float) -> None:
        """Add a line."""
        files.append(self._path, f"{jti} {math.ceil(ends)}")


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
