"""An operator with a browser of their own, as far as HTTP goes."""

import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from verus_gateway import logs
from verus_gateway.config import AdminConfig, Secret
from verus_gateway.passwords import hashed

PASSWORD = "correct horse battery"
HASH = str(hashed(PASSWORD, bytes(16), ln=4, r=1, p=1))
ADMIN = AdminConfig(password_hash=Secret(HASH))


@dataclass
class Page:
    """What came back."""

    status: int
    headers: Any
    cookies: "SimpleCookie"
    text: str

    @property
    def csrf(self) -> str:
        """The token of the page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        return found[1] if found else ""


class Operator:
    """Somebody with a browser at the gateway."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client = client
        self.url = url

    async def get(self, path: str = "/admin", **headers: str) -> Page:
        """Load a page; redirects are not followed."""
        return await self._ask("GET", path, headers=headers)

    async def post(self, path: str, fields: Any, **headers: str) -> Page:
        """Send a form, as a page of the gateway's own origin."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} | headers
        return await self._ask("POST", path, data=fields, headers=own)

    async def sign_in(self, password: str = PASSWORD, account: str = "admin") -> Page:
        """Sign in by the form."""
        csrf = (await self.get("/admin/login")).csrf
        form = {"csrf": csrf, "account": account, "password": password}
        return await self.post("/admin/login", form)

    def cookie(self, name: str = "verus-admin") -> str:
        """Return the value of a cookie that the browser holds, "" where it holds none."""
        held = self.client.cookie_jar.filter_cookies(URL(self.url))
        return held[name].value if name in held else ""

    def plant(self, value: str, name: str = "verus-admin") -> None:
        """Put a cookie into the browser, as an attacker would."""
        self.client.cookie_jar.update_cookies({name: value}, URL(self.url))

    async def _ask(self, method: str, path: str, **more: Any) -> Page:
        async with self.client.request(
            method, self.url + path, allow_redirects=False, **more
        ) as response:
            text = await response.text()
            return Page(response.status, response.headers.copy(), response.cookies, text)


@asynccontextmanager
async def operator(url: str) -> AsyncIterator[Operator]:
    """Open a browser with a cookie jar of its own."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        yield Operator(client, url)


Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def audited() -> Iterator[Lines]:
    """Write the log, and return the lines of the audit log at the end."""
    written = io.StringIO()

    def lines() -> list[dict[str, Any]]:
        decoded = map(msgspec.json.decode, written.getvalue().splitlines())
        return [line for line in decoded if line["logger"] == "verus_gateway.audit"]

    with logs.writing("info", "json", written):
        yield lines
