"""The page for operators in a real Chromium, in front of the real gateway.

Screenshots are kept in ``tests/screenshots/``, which is not part of the repository.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from chromium import chromium
from operators import ADMIN, PASSWORD
from playwright.async_api import Browser, ConsoleMessage, Page, expect
from provider import CLIENT, SECRET, provider
from stack import Stack, StartStack

from verus_gateway.config import (
    AdminConfig,
    BreakerConfig,
    OpenIdConfig,
    Secret,
    SecurityConfig,
)

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
RULES = BreakerConfig(failure_threshold=3, recovery_timeout_seconds=600, half_open_max_requests=1)
SIZES = {"desktop": (1280, 960), "phone": (390, 844)}


@dataclass
class Tab:
    """A page, and what went wrong in it.

    Attributes:
        page: The page.
        faults: Errors of the console, of scripts, and violations of the policy.
    """

    page: Page
    faults: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")

    async def sign_in(self, url: str) -> None:
        await self.page.goto(f"{url}/admin")
        await self.page.get_by_label("Name").fill("admin")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    async def keep(self, name: str) -> None:
        """Keep a screenshot."""
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@asynccontextmanager
async def tab(
    browser: Browser,
    *,
    size: str = "desktop",
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
) -> AsyncIterator[Tab]:
    """Open a tab with cookies of its own."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    opened = Tab(await context.new_page())
    opened.page.on("console", opened.hear)
    opened.page.on("pageerror", lambda error: opened.faults.append(str(error)))
    yield opened
    await context.close()


def word(page: Page, said: str) -> Any:
    """Expect the breaker's state to be told as *said*."""
    return expect(page.locator("#state-VRSC .word")).to_have_text(said, timeout=15_000)


async def called(stack: Stack) -> None:
    """Call a little, so that there is something to see."""
    for method in ("getblockcount", "getinfo", "getbestblockhash", "getblockcount"):
        await stack.call(method)
    await stack.call("getblock", "999999")


async def test_an_operator_sees_the_breaker_open_resets_it_and_sees_it_close(
    start: StartStack, browser: Browser
) -> None:
    stack = await start(admin=ADMIN, rules=RULES)
    await called(stack)
    async with tab(browser) as operator:
        page = operator.page
        await operator.sign_in(stack.url)
        await word(page, "Closed")
        await operator.keep("closed")

        stack.simulator.fault("refuse")
        await word(page, "Open")
        await expect(page).to_have_title("Open · Verus Gateway")
        await expect(page.locator("#changes-VRSC li.open")).to_have_count(1)
        await expect(page.get_by_text("Next try in")).to_be_visible()
        await operator.keep("open")

        await page.get_by_text("Reset the breaker").click()
        await page.get_by_label("Reason").fill("verusd was restarted")
        await operator.keep("reset")
        stack.simulator.clear()
        await page.get_by_role("button", name="Reset", exact=True).click()
        await word(page, "Closed")
        await expect(page.get_by_role("status")).to_have_text("The breaker of VRSC was reset.")
        await expect(page.locator("#changes-VRSC")).to_contain_text(
            "reset: verusd was restarted (by admin)"
        )
        await operator.keep("closed-again")

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        await page.goto(f"{stack.url}/admin")
        await expect(page).to_have_url(f"{stack.url}/admin/login")
    assert operator.faults == []


async def test_the_page_keeps_what_is_typed_while_it_updates_itself(
    start: StartStack, browser: Browser
) -> None:
    stack = await start(admin=ADMIN)
    async with tab(browser) as operator:
        page = operator.page
        await operator.sign_in(stack.url)
        await page.get_by_text("Reset the breaker").click()
        await page.get_by_label("Reason").fill("half a rea")

        await stack.call("getblockcount")
        await expect(page.locator("#used")).to_contain_text("getblockcount", timeout=10_000)

        await expect(page.get_by_label("Reason")).to_have_value("half a rea")
    assert operator.faults == []


async def test_a_session_that_ended_sends_an_open_page_to_the_sign_in(
    start: StartStack, browser: Browser
) -> None:
    stack = await start(admin=ADMIN)
    async with tab(browser) as operator:
        await operator.sign_in(stack.url)
        office = stack.gateway.office
        assert office is not None
        [cookie] = [
            each
            for each in await operator.page.context.cookies()
            if each.get("name") == "verus-admin"
        ]

        await office.sessions._end(str(cookie.get("value")))

        await expect(operator.page).to_have_url(f"{stack.url}/admin/login", timeout=10_000)
    assert operator.faults == []


async def test_everything_works_without_scripts(start: StartStack, browser: Browser) -> None:
    stack = await start(admin=ADMIN, rules=RULES)
    async with tab(browser, scripts=False) as operator:
        page = operator.page
        await operator.sign_in(stack.url)
        await word(page, "Closed")

        await page.get_by_text("Reset the breaker").click()
        await page.get_by_label("Reason").fill("tried without scripts")
        await page.get_by_role("button", name="Reset", exact=True).click()
        await expect(page.get_by_role("status")).to_be_visible()
        await page.get_by_role("link", name="every ten seconds").click()
        await expect(page.get_by_role("link", name="Stop that.")).to_be_visible()
        await operator.keep("without-scripts")

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert operator.faults == []


async def test_everything_works_with_the_keyboard(start: StartStack, browser: Browser) -> None:
    stack = await start(admin=ADMIN, rules=RULES)
    async with tab(browser) as operator:
        page, keyboard = operator.page, operator.page.keyboard
        await page.goto(f"{stack.url}/admin")
        await keyboard.type("admin")
        await keyboard.press("Tab")
        await keyboard.type(PASSWORD)
        await keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()

        for _ in range(12):
            await keyboard.press("Tab")
            if await page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        await keyboard.press("Enter")
        await keyboard.press("Tab")
        await keyboard.type("by the keyboard alone")
        await keyboard.press("Enter")

        await expect(page.get_by_role("status")).to_have_text("The breaker of VRSC was reset.")
    assert operator.faults == []


async def test_a_page_of_another_origin_can_neither_send_a_form_nor_show_the_page(
    start: StartStack, browser: Browser
) -> None:
    stack = await start(admin=ADMIN)
    other = stack.url.replace("127.0.0.1", "localhost")
    html = f"""<iframe src="{stack.url}/admin"></iframe>
    <form method=post action="{stack.url}/admin/reset"><input name=chain value=VRSC>
    <input name=reason value=forged><button>Win</button></form>"""
    async with tab(browser) as operator:
        await operator.sign_in(stack.url)
        page = operator.page
        await page.route(
            f"{other}/", lambda route: route.fulfill(body=html, content_type="text/html")
        )

        await page.goto(f"{other}/")
        framed = page.frames[1]
        await page.get_by_role("button", name="Win").click()
        await expect(page.get_by_role("heading")).to_have_text("Not from here")

    assert framed.url in {"chrome-error://chromewebdata/", ""}
    assert not any("forged" in change.cause for change in stack.gateway.chain.breaker.changes)


async def test_a_wrong_token_in_a_form_is_refused(start: StartStack, browser: Browser) -> None:
    stack = await start(admin=ADMIN)
    async with tab(browser) as operator:
        page = operator.page
        await operator.sign_in(stack.url)
        await page.locator(".reset input[name=csrf]").evaluate("field => field.value = 'wrong'")

        await page.get_by_text("Reset the breaker").click()
        await page.get_by_label("Reason").fill("with a wrong token")
        await page.get_by_role("button", name="Reset", exact=True).click()

        await expect(page.get_by_role("heading")).to_have_text("Form too old")


async def test_a_host_only_secure_cookie_works_on_loopback(
    start: StartStack, browser: Browser
) -> None:
    stack = await start(admin=ADMIN, security=SecurityConfig(mode="production"))
    async with tab(browser) as operator:
        await operator.sign_in(stack.url)
        cookies = {each.get("name"): each for each in await operator.page.context.cookies()}
        session = cookies["__Host-verus-admin"]

        await operator.page.get_by_role("button", name="Sign out").click()
        await expect(operator.page.get_by_role("button", name="Sign in")).to_be_visible()
        left = [each.get("name") for each in await operator.page.context.cookies()]

    assert (session.get("secure"), session.get("httpOnly")) == (True, True)
    assert session.get("sameSite") == "Strict"
    assert "__Host-verus-admin" not in left
    assert operator.faults == []


async def test_a_provider_signs_an_operator_in(start: StartStack, browser: Browser) -> None:
    async with provider() as idp, tab(browser) as operator:
        openid = OpenIdConfig(
            issuer=idp.issuer,
            label="Example",
            client_id=CLIENT,
            client_secret=Secret(SECRET),
            allowed=("ada@example.org",),
        )
        config = AdminConfig(password_hash=ADMIN.password_hash, openid=openid)
        stack = await start(admin=config)
        office = stack.gateway.office
        assert office is not None
        assert office.openid is not None
        # The port is known once it listens: the provider's other side is told now.
        client = office.openid._client
        back = f"{stack.url}/admin/login/openid/callback"
        object.__setattr__(client, "redirect_uri", back)
        page = operator.page

        await page.goto(f"{stack.url}/admin")
        await operator.keep("sign-in")
        await page.get_by_role("link", name="Sign in with Example").click()

        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await expect(page.locator(".who")).to_have_text("ada@example.org")
    assert operator.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_an_accessibility_check_finds_nothing(
    start: StartStack,
    browser: Browser,
    node_modules: Path,
    scheme: Literal["light", "dark"],
    size: str,
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    stack = await start(admin=ADMIN, rules=RULES)
    await called(stack)
    found: dict[str, list[str]] = {}

    async with tab(browser, size=size, scheme=scheme) as operator:
        page = operator.page

        async def check(name: str) -> None:
            await page.evaluate(axe)
            result: Any = await page.evaluate("axe.run()")
            found[name] = [f"{each['impact']} {each['id']}" for each in result["violations"]]
            wider = "document.documentElement.scrollWidth > innerWidth"
            assert not await page.evaluate(wider), f"{name} scrolls sideways"

        await page.goto(f"{stack.url}/admin/login")
        await check("sign-in")
        await operator.sign_in(stack.url)
        await check("closed")
        await operator.keep(f"closed-{size}-{scheme}")
        stack.simulator.fault("refuse")
        await word(page, "Open")
        await page.get_by_text("Reset the breaker").click()
        await page.get_by_text("Methods not called yet").click()
        await check("open")
        await page.get_by_text("Methods not called yet").click()
        await operator.keep(f"open-{size}-{scheme}")

    assert found == {"sign-in": [], "closed": [], "open": []}
