"""Where a Redis is: the forms of its URL, read without asking anybody.

    redis://[user:password@]host[:6379][/database]       one server; rediss:// with TLS
    unix://[user:password@]/path/of/socket[?db=1]        one server on this machine
    redis+sentinel://[user:password@]host[:26379],host,…/master[/database]
    redis+cluster://[user:password@]host[:6379],host,…

``rediss+sentinel://`` and ``rediss+cluster://`` speak TLS. ``?ca=FILE`` names the authority
that signed the server's certificate; it is always verified. ``?sentinel_user=`` and
``?sentinel_password=`` are for Sentinels that ask for one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Kind: TypeAlias = Literal["server", "socket", "sentinel", "cluster"]

_SCHEMES: Final[Mapping[str, tuple[Kind, bool]]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("socket", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_QUERY: Final[Mapping[Kind, frozenset[str]]] = {
    "server": frozenset({"ca"}),
    "socket": frozenset({"db"}),
    "sentinel": frozenset({"ca", "sentinel_user", "sentinel_password"}),
    "cluster": frozenset({"ca"}),
}
_PORTS: Final[Mapping[Kind, int]] = {
    "server": 6379,
    "socket": 0,
    "sentinel": 26379,
    "cluster": 6379,
}
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Redis is, and who we are there.

    Attributes:
        kind: What stands there.
        hosts: Hosts and ports; Sentinels' where there are some, empty for a socket.
        tls: Whether TLS is spoken.
        user: The ACL user, "" for the default one.
        password: Its password, "" for none.
        database: The number of the database; a cluster has only 0.
        path: The socket.
        master: The name under which the Sentinels know the master.
        ca: A file with the authority of the server's certificate, "" for the system's.
        sentinel_user: The Sentinels' own user.
        sentinel_password: The Sentinels' own password.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    path: str = ""
    master: str = ""
    ca: str = ""
    sentinel_user: str = ""
    sentinel_password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Say where it is, without any secret."""
        where = self.path or ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.kind} {where}"

    def with_password(self, password: str) -> "Place":
        """Return the same place entered with *password*."""
        return replace(self, password=password)


def parse(url: str) -> Place:
    """Return the place that *url* names.

    Raises:
        ValueError: it names none; the message never repeats the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"begins with one of {', '.join(name + '://' for name in _SCHEMES)}")
    kind, tls = _SCHEMES[parts.scheme]
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    place = Place(kind, tls=tls, user=unquote(user), password=unquote(password))
    return _with_query(_with_place(place, hosts, parts), parts)


def _with_place(place: Place, hosts: str, parts: SplitResult) -> Place:
    if place.kind == "socket":
        if hosts or len(parts.path) < len("/x"):
            raise ValueError("a socket is unix:///path/of/socket")
        return replace(place, path=unquote(parts.path))
    place = replace(
        place, hosts=tuple(_host(host, _PORTS[place.kind]) for host in hosts.split(","))
    )
    first, _, second = parts.path.removeprefix("/").partition("/")
    match place.kind:
        case "sentinel":
            if not first:
                raise ValueError("name the master: redis+sentinel://host,host/master")
            return replace(place, master=unquote(first), database=_database(second))
        case "cluster":
            if first:
                raise ValueError("a cluster has one database and no path")
            return place
        case _:
            if len(place.hosts) > 1 or second:
                raise ValueError("one server is redis://host:port/database")
            return replace(place, database=_database(first))


def _with_query(place: Place, parts: SplitResult) -> Place:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(query) - _QUERY[place.kind])
    if unknown:
        raise ValueError(f"there is no option {unknown[0][:32]} for this kind of URL")
    if "db" in query:
        place = replace(place, database=_database(query["db"]))
    return replace(
        place,
        ca=query.get("ca", ""),
        sentinel_user=query.get("sentinel_user", ""),
        sentinel_password=query.get("sentinel_password", ""),
    )


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None:
        raise ValueError("a host is name, name:port or [address]:port")
    number = int(found[2] or port)
    if not 0 < number <= _HIGHEST_PORT:
        raise ValueError("a port is between 1 and 65535")
    return found[1].strip("[]"), number


def _database(text: str) -> int:
    if re.fullmatch("[0-9]{0,4}", text, re.ASCII) is None:
        raise ValueError("a database is a number")
    return int(text or 0)
