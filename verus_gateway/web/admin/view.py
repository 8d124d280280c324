"""How pages are made: templates, and how figures are written for people."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

WORDS = {"closed": "Closed", "open": "Open", "half_open": "Half open"}


def install(app: web.Application) -> None:
    """Make the templates known to *app*."""
    filters: dict[str, Callable[..., str]] = {
        "ago": ago,
        "clock": clock,
        "number": number,
        "percent": percent,
        "seconds": seconds,
        "share": share,
        "size": size,
        "time": took,
    }
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("verus_gateway.web.admin"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        default_helpers=False,
        filters=filters,
    )


def render(
    request: web.Request, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Return a page."""
    return aiohttp_jinja2.render_template(template, request, values, status=status)


def number(value: float) -> str:
    """Return a whole number with thin spaces between its thousands."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def seconds(value: float) -> str:
    """Return a duration in its two largest units."""
    whole = round(value)
    for unit, below, length, smaller in (
        ("s", 120, 1, 0),
        ("min", 7200, 60, 1),
        ("h", 172_800, 3600, 60),
    ):
        if whole < below:
            rest = whole % length // smaller if smaller else 0
            name = {1: "s", 60: "min"}.get(smaller, "")
            return f"{whole // length} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole // 86_400} d"


def ago(value: float) -> str:
    """Return how long ago something was."""
    return "just now" if value < 2 else f"{seconds(value)} ago"  # noqa: PLR2004  seconds


def clock(moment: str) -> str:
    """Return the time of day of an ISO date."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%H:%M:%S")


def size(value: float) -> str:
    """Return a number of bytes."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004  SI
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def share(part: float, whole: float) -> str:
    """Return *part* of *whole* in per cent; a dash where there is nothing to share."""
    return percent(part / whole) if whole else "\N{EN DASH}"


def percent(value: float) -> str:
    """Return a share in per cent, never 0 % or 100 % for what is only near."""
    shown = round(100 * value)
    if (shown == 0 and value > 0) or (shown == 100 and value < 1):  # noqa: PLR2004  per cent
        return "< 1 %" if value < 0.5 else "> 99 %"  # noqa: PLR2004  the half
    return f"{shown} %"


def took(value: float | None) -> str:
    """Return how long a call takes."""
    if value is None:
        return "\N{EN DASH}"
    for unit in ("s", "ms"):
        if value >= 1:
            return f"{value:.3g} {unit}"
        value *= 1000
    return f"{value:.0f} \N{MICRO SIGN}s"
