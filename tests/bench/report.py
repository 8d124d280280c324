"""The tables on the terminal, the JSON and the plot."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cases import Measured
from bench.targets import Verdict


def table(measured: list[Measured]) -> str:
    """Return one table: calls a second, server CPU a call, and its ratio to the bare application."""
    lines = [
        f"{'case':14} {'contestant':26} {'calls/s':>9} {'CPU µs':>8} {'x bare':>7} {'wrong':>6}"
    ]
    for each in measured:
        bare = [m.cpu for m in measured if m.case == each.case and m.contestant == "bare aiohttp"]
        ratio = f"{bare[0] / each.cpu:7.2f}" if bare and each.cpu else f"{'':7}"
        lines.append(
            f"{each.case:14} {each.contestant:26} {each.rate:9,.0f} {each.cpu:8.2f} {ratio}"
            f" {each.wrong:6}"
        )
    return "\n".join(lines)


def judged(verdicts: list[Verdict]) -> str:
    """Return the table of targets."""
    said = {True: "reached", False: "NOT reached", None: "not measured"}
    return "\n".join(
        f"{each.what:44} {each.asked:>8} "
        f"{'' if each.found is None else format(each.found, '.2f'):>8}  {said[each.reached]}"
        for each in verdicts
    )


def write(
    folder: Path,
    measured: list[Measured],
    life: Mapping[str, Any],
    verdicts: list[Verdict],
    machine: Mapping[str, Any],
) -> None:
    """Write ``results.json`` and, where matplotlib is installed, ``results.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {
            "machine": machine,
            "measured": [each._asdict() for each in measured],
            "life": life,
            "targets": [each._asdict() for each in verdicts],
        },
        indent=2,
    )
    (folder / "results.json").write_text(text, encoding="utf-8")
    _plot(folder / "results.svg", measured)


def _plot(file: Path, measured: list[Measured]) -> None:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  the bench group may be missing
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    names = [f"{each.case}: {each.contestant}" for each in measured][::-1]
    figure = Figure(figsize=(9, 0.32 * len(names) + 1))
    axes = figure.subplots()
    ours = ["#3165d4" if "gateway" in name else "#b5b5b5" for name in names]
    axes.barh(names, [each.cpu for each in measured][::-1], color=ours)
    axes.set_xlabel("server CPU, µs a call (less is better)")
    axes.set_xscale("log")
    figure.tight_layout()
    figure.savefig(file)
