"""The page for a browser: signing in, looking, resetting, signing out."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from operators import ADMIN, PASSWORD, Operator, audited, operator
from pytest_aiohttp import AiohttpClient
from stack import Stack, StartStack, simulated, until

from verus_gateway import app
from verus_gateway.config import (
    AdminConfig,
    AnonymousClass,
    BreakerConfig,
    RateLimitConfig,
    Secret,
    SecurityConfig,
)
from verus_gateway.errors import ConfigError
from verus_gateway.web.admin import view

TWICE = BreakerConfig(failure_threshold=2, recovery_timeout_seconds=600)


@pytest.fixture
async def stack(start: StartStack) -> Stack:
    return await start(admin=ADMIN, rules=TWICE)


@pytest.fixture
async def ada(stack: Stack) -> AsyncIterator[Operator]:
    """Return somebody who has not signed in."""
    async with operator(stack.url) as someone:
        yield someone


async def broken(stack: Stack) -> None:
    stack.simulator.fault("refuse")
    await until(lambda: stack.gateway.chain.breaker.name == "open")


async def test_without_a_way_to_sign_in_there_is_no_page(start: StartStack) -> None:
    stack = await start()

    for path in ("/admin", "/admin/login", "/admin/static/page.css"):
        assert (await stack.get(path)).status == 404


async def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(ada: Operator) -> None:
    page = await ada.get("/admin")

    assert (page.status, page.headers["Location"]) == (303, "/admin/login")
    assert page.text == ""


async def test_signing_in_shows_the_breaker_and_says_who_one_is(
    stack: Stack, ada: Operator
) -> None:
    await stack.call("getblockcount")

    with audited() as lines:
        answer = await ada.sign_in()
    page, again = await ada.get(), await ada.get("/admin/login")

    assert (answer.status, answer.headers["Location"]) == (303, "/admin")
    assert page.status == 200
    for shown in ("<title>Closed", "VRSC", ">admin<", "getblockcount", "verus-chain", "No failure"):
        assert shown in page.text
    assert (again.status, again.headers["Location"]) == (303, "/admin")
    [line] = lines()
    assert (line["event"], line["who"], line["why"]) == ("signed in", "admin", "password")
    assert line["address"] == "127.0.0.1"


async def test_an_open_breaker_is_shown_with_its_countdown_and_cause(
    stack: Stack, ada: Operator
) -> None:
    await ada.sign_in()
    await broken(stack)

    page = await ada.get()

    for shown in ("<title>Open", "Next try in", "<progress", "2 failures in a row", "open.svg"):
        assert shown in page.text
    assert page.text.count("no connection to verusd") >= 2  # the last failure, and the change


async def test_an_open_breaker_whose_time_is_up_waits_for_a_call(
    stack: Stack, ada: Operator
) -> None:
    await ada.sign_in()
    await broken(stack)
    breaker = stack.gateway.chain.breaker
    breaker._clock = lambda: breaker.changes[-1].at + 601

    assert "The next call is a try." in (await ada.get()).text
    with breaker.guard():
        assert "A few calls try verusd." in (await ada.get()).text


async def test_a_reset_needs_a_reason_and_is_audited(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()
    await broken(stack)
    csrf = (await ada.get()).csrf
    form = {"csrf": csrf, "chain": "VRSC"}

    with audited() as lines:
        refused = await ada.post("/admin/reset", {**form, "reason": "  x "})
        still = stack.gateway.chain.breaker.name
        done = await ada.post("/admin/reset", {**form, "reason": "verusd was\n restarted"})
    page = await ada.get(done.headers["Location"])

    assert (refused.status, still) == (400, "open")
    assert "A reason has 3 to 200 characters." in refused.text
    assert (done.status, done.headers["Location"]) == (303, "/admin?done=VRSC")
    assert "The breaker of VRSC was reset." in page.text
    assert "reset: verusd was restarted (by admin)" in page.text
    [line] = lines()
    assert (line["event"], line["who"], line["why"], line["chains"], line["address"]) == (
        "breaker reset",
        "admin",
        "verusd was restarted",
        "VRSC",
        "127.0.0.1",
    )


async def test_each_chain_has_its_own_reset(start: StartStack) -> None:
    stack = await start(admin=ADMIN, rules=TWICE, chains={"VRSCTEST": simulated(chain="VRSCTEST")})
    async with operator(stack.url) as ada:
        await ada.sign_in()
        stack.gateway.chains["VRSCTEST"].breaker.failures = 1

        csrf = (await ada.get()).csrf
        form = {"csrf": csrf, "reason": "for a test"}
        unknown = await ada.post("/admin/reset", {**form, "chain": "<b>"})
        missing = await ada.post("/admin/reset", form)
        done = await ada.post("/admin/reset", {**form, "chain": "VRSCTEST"})

    assert (unknown.status, missing.status, done.status) == (400, 400, 303)
    assert stack.gateway.chains["VRSCTEST"].breaker.failures == 0


async def test_signing_out_ends_the_session_at_the_gateway(ada: Operator) -> None:
    await ada.sign_in()
    kept = ada.cookie()
    csrf = (await ada.get()).csrf

    with audited() as lines:
        answer = await ada.post("/admin/logout", {"csrf": csrf})
    after = await ada.get("/admin", Cookie=f"verus-admin={kept}")

    assert (answer.status, answer.headers["Location"]) == (303, "/admin/login")
    assert ada.cookie() == ""
    assert (after.status, after.headers["Location"]) == (303, "/admin/login")
    assert [(line["event"], line["who"]) for line in lines()] == [("signed out", "admin")]


async def test_what_the_page_loads_is_there_with_its_type(ada: Operator) -> None:
    types = {}
    for name in ("page.css", "page.js", "mark.svg", "closed.svg", "half_open.svg", "open.svg"):
        page = await ada.get(f"/admin/static/{name}")
        types[name] = (page.status, page.headers["Content-Type"].partition(";")[0])

    assert set(types.values()) == {
        (200, "text/css"),
        (200, "text/javascript"),
        (200, "image/svg+xml"),
    }


@pytest.mark.parametrize("name", ["nothing.css", "..%2fview.py", "page.css%00"])
async def test_nothing_else_is_loaded_from_there(ada: Operator, name: str) -> None:
    assert (await ada.get(f"/admin/static/{name}")).status == 404


async def test_without_scripts_the_page_may_load_itself_again(ada: Operator) -> None:
    await ada.sign_in()

    still, watching = await ada.get(), await ada.get("/admin?watch=1")

    assert 'http-equiv="refresh"' not in still.text
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in watching.text


async def test_warnings_and_reorganisations_are_shown(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()
    stack.gateway.chain.tip.branch = 2

    page = await ada.get()

    assert "2 reorganisations" in page.text


async def test_before_the_first_block_the_page_says_so(start: StartStack) -> None:
    stack = await start(admin=ADMIN, verus={"tip_poll_seconds": 60})
    async with operator(stack.url) as ada:
        await ada.sign_in()
        tip = stack.gateway.chain.tip
        tip.block, tip.moved_at, tip.away = None, None, None

        page = await ada.get()

    for shown in ("not seen yet", "not asked yet", "Nobody has called yet.", "Warnings"):
        assert shown in page.text


async def test_the_figures_of_calls_come_from_all_sources(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()
    await stack.call("getblockcount")
    await stack.call("getblockcount")
    await stack.call("getblock", "999999")
    await broken(stack)
    await stack.call("getblockcount")

    uses = {use.name: use for use in stack.gateway.desk.methods()}

    count, block = uses["getblockcount"], uses["getblock"]
    assert (count.calls, count.kept, count.degraded, count.errors) == (3, 1, 1, 0)
    assert (block.calls, block.errors) == (1, 1)
    assert count.seconds is not None
    assert uses["getinfo"].seconds is None
    assert "90 methods" not in (await ada.get()).text or len(uses) == 90


async def test_callers_near_their_limits_are_shown(start: StartStack) -> None:
    class_ = AnonymousClass(rate=0.01, burst=4)
    stack = await start(admin=ADMIN, rates=RateLimitConfig(anonymous=class_))
    async with operator(stack.url) as ada:
        await ada.sign_in()
        nobody = await ada.get()
        for _ in range(3):
            await stack.call("getblockcount")

        near = await ada.get()

    assert "Nobody has used half of an allowance." in nobody.text
    assert re.search(r'<th scope="row">127.0.0.1</th><td class="figure">7\d %', near.text)


async def test_a_listener_of_its_own_has_the_page_and_the_public_one_has_not(
    start: StartStack,
) -> None:
    stack = await start(
        admin=AdminConfig(password_hash=ADMIN.password_hash, bind="[::1]:9090"),
        scopes=("admin",),
    )

    [beside] = app.beside(stack.gateway)
    routes = {resource.canonical for resource in beside.app.router.resources()}

    assert (beside.host, beside.port) == ("::1", 9090)
    assert "/admin/circuit-breaker/status" in routes
    assert "/admin" in routes
    assert "/" not in routes
    for path in ("/admin", "/admin/login", "/admin/circuit-breaker/status"):
        assert (await stack.get(path)).status == 404


async def test_a_listener_of_its_own_charges_wrong_credentials_too(
    start: StartStack, aiohttp_client: AiohttpClient
) -> None:
    stranger = AnonymousClass(rate=0.001, burst=2)
    stack = await start(
        admin=AdminConfig(bind="127.0.0.1:9090"), rates=RateLimitConfig(anonymous=stranger)
    )
    [beside] = app.beside(stack.gateway)
    client = await aiohttp_client(beside.app)

    statuses = []
    for _ in range(3):
        wrong = {"Authorization": "Bearer wrong"}
        async with client.get("/admin/circuit-breaker/status", headers=wrong) as response:
            statuses.append(response.status)

    assert statuses == [401, 401, 429]


async def test_a_file_of_the_hash_is_read_at_the_start(start: StartStack, tmp_path: Any) -> None:
    file = tmp_path / "hash"
    file.write_text(ADMIN.password_hash.reveal() + "\n")
    stack = await start(admin=AdminConfig(password_hash_file=str(file)))

    async with operator(stack.url) as ada:
        assert (await ada.sign_in()).status == 303

    with pytest.raises(ConfigError, match="cannot be read"):
        await start(admin=AdminConfig(password_hash_file=str(tmp_path / "none")))


async def test_in_production_the_cookies_are_for_this_host_and_https_alone(
    start: StartStack,
) -> None:
    stack = await start(admin=ADMIN, security=SecurityConfig(mode="production"))

    async with operator(stack.url) as ada:
        form = await ada.get("/admin/login")
        seed = form.cookies["__Host-verus-admin-form"].value
        answer = await ada.post(
            "/admin/login",
            {"csrf": form.csrf, "account": "admin", "password": PASSWORD},
            Cookie=f"__Host-verus-admin-form={seed}",
        )

    assert answer.status == 303
    morsel = answer.cookies["__Host-verus-admin"]
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == (True, True, "Strict")
    assert (morsel["path"], morsel["domain"], morsel["max-age"]) == ("/", "", "")
    assert len(morsel.value) == 43


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (view.number(1234567), "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
        (view.seconds(0.4), "0 s"),
        (view.seconds(119), "119 s"),
        (view.seconds(120), "2 min"),
        (view.seconds(125), "2 min 5 s"),
        (view.seconds(7260), "2 h 1 min"),
        (view.seconds(172_800), "2 d"),
        (view.ago(1), "just now"),
        (view.ago(90), "90 s ago"),
        (view.size(12), "12 B"),
        (view.size(2770), "2.77 kB"),
        (view.size(5_000_000), "5 MB"),
        (view.size(7_000_000_000), "7 GB"),
        (view.share(0, 0), "\N{EN DASH}"),
        (view.share(1, 2), "50 %"),
        (view.share(1, 1000), "< 1 %"),
        (view.share(999, 1000), "> 99 %"),
        (view.share(0, 9), "0 %"),
        (view.took(None), "\N{EN DASH}"),
        (view.took(0.00002), "20 \N{MICRO SIGN}s"),
        (view.took(0.0016), "1.6 ms"),
        (view.took(2), "2 s"),
        (view.clock("2026-11-24T21:04:05+00:00"), "21:04:05"),
    ],
)
def test_figures_are_written_for_people(made: str, said: str) -> None:
    assert made == said


async def test_sign_ins_do_not_hold_up_calls(start: StartStack) -> None:
    dear = AdminConfig(password_hash=Secret(DEAR))
    stack = await start(admin=dear)
    async with operator(stack.url) as ada:
        signing = asyncio.create_task(ada.sign_in())
        calls = 0
        while not signing.done():
            await stack.call("getblockcount")
            calls += 1

    assert (await signing).status == 303
    assert calls > 3


DEAR = "scrypt:15:8:3:w0O2kp3U6uRDOX4KavwH8A:BVOn_YZWFR1hMfgtCdtJTqcfbxToZSVt4Ln9hqQo-RI"
