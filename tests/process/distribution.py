"""Distributions with a plugin in them, made up for a test."""

from pathlib import Path


def distribution(folder: Path, name: str, source: str) -> Path:
    """Write a distribution, as an installer would, into *folder*."""
    module = name.replace("-", "_")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[verus_gateway.methods]\n{module} = {module}:METHODS\n"
    )
    (folder / f"{module}.py").write_text(source)
    return folder
