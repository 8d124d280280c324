"""Write the pages of the documentation that follow from the code; ``--check`` only compares."""
# ruff: noqa: INP001  docs/ is a folder of pages, no package

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from interface import interface
from msgspec import Meta, Struct
from page import code, first, table
from survivors import survivors

from verus_gateway import config, errors, plugin, registry, tokens
from verus_gateway.bearer import BearerTokens
from verus_gateway.breaker import Change
from verus_gateway.config import (
    AuthConfig,
    CacheConfig,
    Config,
    Secret,
    TokenServiceConfig,
    VerusConfig,
)
from verus_gateway.config.keys import tables_of
from verus_gateway.errors import DaemonUnavailable, RpcError
from verus_gateway.forbidden import FORBIDDEN
from verus_gateway.gateway import Gateway
from verus_gateway.issuing import TokenService
from verus_gateway.openrpc import fallback_text, kept_text
from verus_gateway.registry import Registry
from verus_gateway.revocations import Revocations
from verus_gateway.shared.answers import OUTCOMES
from verus_gateway.shared.exchange import Fate
from verus_gateway.shared.faults import Fault
from verus_gateway.shelf import MemoryShelf
from verus_gateway.web.keys import Drain

DOCS: Final = Path(__file__).parent
MARK: Final = "<!-- Written by docs/generate.py from the code: change the code, then run it. -->"

_TYPES: Final[Mapping[Any, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Secret: "secret text",
}
_BOUNDS: Final = (("ge", "at least"), ("gt", "over"), ("le", "at most"))


def configuration() -> str:
    """Return the page of everything that may be set."""
    parts = [
        "# Configuration",
        (
            "One TOML file. Every key has a default, except that each daemon needs a user name and "
            "one source for the password. A key that is not known stops the start; the message names "
            'the nearest known key. The value `"${NAME}"` is taken from the environment variable '
            "`NAME`. `verus-gateway check --config FILE` prints every fault and starts nothing. "
            "The file `configs/gateway.toml` holds all keys with their defaults."
        ),
    ]
    found: dict[str, list[list[str]]] = {}
    for place, key, default, description in config.reference():
        row = [code(key), _type_of(place, key), code(default), description]
        found.setdefault(place, []).append(row)
    for place, rows in found.items():
        parts.append(f"## `[{place}]`" if place else "## At the top")
        parts.append(table(("key", "type", "default", "meaning"), rows))
    return "\n\n".join(parts)


def _type_of(place: str, key: str) -> str:
    struct: type[Struct] = Config
    for name in filter(None, place.removesuffix(".NAME").split(".")):
        hint = get_type_hints(struct)[name]
        struct = tables_of(hint) or hint
    hint = get_type_hints(struct, include_extras=True)[key]
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{place}.{key} has no description")
    base, meta = get_args(hint)
    bounds = [f"{word} {_bound(meta, name)}" for name, word in _BOUNDS if _bound(meta, name)]
    return ", ".join([_type_name(base), *bounds])


def _bound(meta: Meta, name: str) -> str:
    bound = getattr(meta, name)
    return "" if bound is None else str(bound)


def _type_name(base: Any) -> str:
    if get_origin(base) is Literal:
        return " or ".join(code(f'"{word}"') for word in get_args(base))
    if get_origin(base) is tuple:
        return f"array of {_type_name(get_args(base)[0])}"
    if get_origin(base) is dict:
        return "tables"
    return _TYPES[base]


def _offered() -> Registry:
    """Return the rows of this workspace's own plugins, whatever else is installed."""
    files = (DOCS.parent / "plugins").glob("*/pyproject.toml")
    own = {tomllib.loads(file.read_text("utf-8"))["project"]["name"] for file in files}
    return registry.load(p for p in registry.installed() if p.dist and p.dist.name in own)


def methods() -> str:
    """Return the page of every row, by distribution, and of what is never offered."""
    rows = list(_offered())
    parts = [
        "# Methods",
        (
            f"The {len(rows)} methods that the distributions under `plugins/` declare. "
            "A parameter in brackets may be left out. The words of the columns are in the "
            "[glossary](../glossary.md); `block` as a ttl means: until the next block. "
            "`verus-gateway methods` prints the table of what is installed on a machine, and "
            "`GET /openrpc.json` or the method `rpc.discover` gives the parameters' JSON Schemas."
        ),
    ]
    head = ("usage", "summary", "scope", "ttl", "fallback", "cost")
    for origin in sorted({row.origin for row in rows}):
        name, _, version = origin.partition(" ")
        parts.append(f"## {name}")
        parts.append(f"Distribution `{name}`, version {version}.")
        parts.append(table(head, (_row(row.method) for row in rows if row.origin == origin)))
    parts += ["## Never offered", _NEVER]
    reasons = dict.fromkeys(FORBIDDEN.values())
    parts += [table(("it …", "commands"), ([reason, _commands(reason)] for reason in reasons))]
    return "\n\n".join(parts)


_NEVER: Final = (
    "These commands of verusd are never sent, whatever a plugin or the configuration asks for. "
    "A plugin that declares one stops the start."
)


def _commands(reason: str) -> str:
    return ", ".join(code(name) for name, each in FORBIDDEN.items() if each == reason)


def _row(row: plugin.Method) -> list[str]:
    texts = (kept_text(row), fallback_text(row.fallback), str(row.cost))
    return [code(row.usage()), row.summary, row.scope, *texts]


def metrics() -> str:
    """Return the page of every metric, as `GET /metrics` renders it."""
    parts = [
        "# Metrics",
        (
            "What `GET /metrics` gives, in Prometheus' text format 0.0.4. A histogram has the "
            "suffixes `_bucket`, `_count` and `_sum`. A series with a label appears once there is "
            "something to count."
        ),
        table(("name", "type", "labels", "meaning"), _metrics(_sample())),
        "## Token service",
        (
            "What the [token service](../access.md) gives at its own `GET /metrics`, beside those of "
            "HTTP and of the process."
        ),
        table(("name", "type", "labels", "meaning"), _metrics(_issuer_sample())),
        "## Labels",
        table(("label", "values"), _LABELS),
    ]
    return "\n\n".join(parts)


_REASONS: Final = ", ".join(code(reason) for reason in get_args(errors.Reason))
_LABELS: Final = (
    ("`chain`", "the chain's name"),
    ("`method`", "an offered method, `rpc.discover`, or `unknown`"),
    ("`source`", "`daemon`, `cache`, `stale`, `default`, or `error` for a call that ended in one"),
    ("`code`", "the error's code, or `other` where verusd and JSON-RPC know none such"),
    ("`outcome`", f"`result`, `error` (verusd said no), `lost` (-32001), or {_REASONS}"),
    ("`rate_class`", "a [rate class](../operating.md#limits) of the configuration"),
    ("`bound`", "`rate`, `concurrency` (a caller's calls at once), `load` (all calls at once)"),
    ("`kind`", "`named` (callers with credentials) or `stranger` (addresses)"),
    ("`outcome` of Redis", ", ".join(code(outcome) for outcome in OUTCOMES)),
    ("`fate`", ", ".join(code(fate) for fate in get_args(Fate))),
    ("`cause`", ", ".join(code(fault) for fault in get_args(Fault))),
    ("`state`", "`closed`, `open`, `half_open`"),
    ("`flaw`", ", ".join(code(flaw) for flaw in get_args(tokens.Flaw))),
    ("`reason`", "`crowd` (too many connections), `head` (a head too slow), `reader` (not read)"),
    ("`status`", "an HTTP status"),
    ("`version`", "of the gateway"),
)


def _sample() -> str:
    """Return the metrics of a gateway that was never started, with one of each counted."""
    settings = VerusConfig(rpc_user="user", rpc_password=Secret("none"))
    auth = AuthConfig(issuer="https://tokens.example", jwks_url="https://tokens.example/jwks")
    kept = CacheConfig(redis_url=Secret("redis://localhost"))
    gateway = Gateway(Config(verus=settings, auth=auth, cache=kept), _offered())
    bearer = gateway.access.tokens
    if isinstance(bearer, BearerTokens):
        bearer.flaws["expired"] += 1
    counts = gateway.chain.counts
    counts.call("getinfo", "daemon", 0.1)
    counts.error("getinfo", RpcError("none"))
    counts.daemon_call(None, 0.1)
    counts.breaker_change(Change(0.0, "closed", "open", "none"))
    gateway.counts.answered[200] += 1
    return gateway.metrics.render().decode()


def _issuer_sample() -> str:
    """Return the metrics of a token service that was never started, its own only."""
    with tempfile.TemporaryDirectory() as folder:
        settings = TokenServiceConfig(issuer="https://x.example", folder=folder, generate_keys=True)
        config = Config(token_service=settings)
        service = TokenService(config, Revocations(MemoryShelf()), Drain())
        lines = service.metrics.render().decode().splitlines()
    return "\n".join(line for line in lines if "verus_gateway_issuer_" in line)


def _metrics(text: str) -> Iterator[list[str]]:
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE):
        series = rf"^{name}(?:_bucket|_count|_sum)?(?:\{{(.*)\}})? "
        labels = re.findall(r"(\w+)=", " ".join(re.findall(series, text, re.MULTILINE)))
        names = [code(label) for label in sorted(set(labels) - {"le"})]
        yield [code(name), kind, ", ".join(names), helps[name]]


def error_codes() -> str:
    """Return the page of every error a client may be sent."""
    parts = [
        "# Errors",
        (
            "Every error is a JSON-RPC error object. The HTTP status is that of a single call; "
            "a batch is 200 once it could be read. An error that verusd itself gives passes through "
            "with its own code and message. What to do about each is in "
            "[Clients](../clients.md#errors) and [Operating](../operating.md#when-the-daemon-is-away)."
        ),
        table(("code", "HTTP", "class", "`data.reason`", "meaning"), map(_error, _tree(RpcError))),
        "## At the start",
        "These end the process with status 2 before it serves anything, a line for each fault.",
        table(
            ("class", "meaning"),
            ([code(kind.__name__), first(kind)] for kind in _tree(errors.StartupError)),
        ),
    ]
    return "\n\n".join(parts)


def _error(kind: type[RpcError]) -> list[str]:
    # An instance's code is its own here: verusd's, whatever it is.
    own = "verusd's" if kind is errors.DaemonError else str(kind.code)
    reason = code(kind.reason) if issubclass(kind, DaemonUnavailable) else ""
    return [own, str(kind.status), code(kind.__name__), reason, first(kind)]


def _tree(kind: type[Any]) -> Iterator[type[Any]]:
    below = sorted(
        kind.__subclasses__(), key=lambda each: -each.code if hasattr(each, "code") else 0
    )
    if kind not in {RpcError, errors.StartupError, DaemonUnavailable}:
        yield kind
    for each in below:
        yield from _tree(each)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/configuration.md": configuration,
    "reference/methods.md": methods,
    "reference/metrics.md": metrics,
    "reference/errors.md": error_codes,
    "reference/survivors.md": survivors,
    "plugins/reference.md": interface,
}


def main() -> int:
    """Write the pages, or say which are stale; 1 where one is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder of pages (this one)")
    arguments = parser.parse_args()
    stale = 0
    for name, page in PAGES.items():
        file, text = arguments.docs / name, f"{MARK}\n\n{page()}\n"
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        if arguments.check:
            stale = 1
            sys.stdout.write(f"{file} is stale: run docs/generate.py\n")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
