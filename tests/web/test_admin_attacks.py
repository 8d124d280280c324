"""Attacks on the page, each with the answer that is expected."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from operators import ADMIN, HASH, PASSWORD, Operator, audited, operator
from stack import Stack, StartStack

from verus_gateway import passwords
from verus_gateway.attempts import PER_ACCOUNT, WINDOW
from verus_gateway.config import AdminConfig, Secret, ServerConfig
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock
from verus_gateway.web.admin.password import MOST_WAITING, PasswordDoor, TooBusy
from verus_gateway.web.admin.sessions import Sessions, begin, with_sessions
from verus_gateway.web.admin.shield import is_own

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@pytest.fixture
async def stack(start: StartStack) -> Stack:
    return await start(admin=ADMIN)


@pytest.fixture
async def ada(stack: Stack) -> AsyncIterator[Operator]:
    async with operator(stack.url) as someone:
        yield someone


# ---------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", CSP),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ],
)
async def test_every_page_refusal_redirect_and_file_has_the_header(
    ada: Operator, name: str, value: str
) -> None:
    outside = [await ada.get(path) for path in ("/admin", "/admin/login", "/admin/static/page.js")]
    refused = await ada.post("/admin/login", {"csrf": "x"})
    entered = await ada.sign_in()
    inside = [await ada.get(), await ada.post("/admin/reset", {})]

    found = {page.headers[name] for page in [*outside, refused, entered, *inside]}
    assert found == {value}


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(ada: Operator) -> None:
    pages = [await ada.get("/admin/login"), await ada.sign_in(), await ada.get()]

    for page in pages:
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*src=)", page.text
        )
        assert not re.search(r'(?:src|href|action)="(?!/admin|#)', page.text)


# ---------------------------------------------------------------- sessions


async def test_a_session_id_that_an_attacker_chose_is_never_taken_over(
    stack: Stack, ada: Operator
) -> None:
    planted = "A" * 43
    ada.plant(planted)

    entered = await ada.sign_in()

    assert (entered.status, (await ada.get()).status) == (303, 200)
    assert ada.cookie() != planted
    assert not await opens(stack, planted)


async def test_each_sign_in_has_a_new_id_and_ends_the_session_before(
    stack: Stack, ada: Operator
) -> None:
    csrf = (await ada.get("/admin/login")).csrf
    form = {"csrf": csrf, "account": "admin", "password": PASSWORD}
    await ada.post("/admin/login", form)
    first = ada.cookie()

    await ada.post("/admin/login", form)

    assert ada.cookie() != first
    assert await opens(stack, ada.cookie())
    assert not await opens(stack, first)


async def opens(stack: Stack, id: str) -> bool:
    """Tell whether another browser with this session id sees the page."""
    async with operator(stack.url) as attacker:
        attacker.plant(id)
        return (await attacker.get()).status == 200


async def test_the_shelf_holds_no_id_that_opens_a_session(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()

    assert stack.gateway.office is not None
    shelf: Any = stack.gateway.office.sessions._shelf
    assert len(shelf) == 2
    assert all(ada.cookie() not in key for key in shelf._values)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000_000)


@pytest.fixture
def sessions(clock: FakeClock) -> Sessions:
    return Sessions(MemoryShelf(clock=clock), secure=True, idle=60, longest=600, wall=clock)


async def visit(sessions: Sessions, id: str = "", *, touch: bool = False) -> bool:
    """Tell whether a request with the cookie *id* is signed in."""
    headers = {"Cookie": f"__Host-verus-admin={id}"} if id else {}
    session = await sessions.load_session(make_mocked_request("GET", "/admin", headers=headers))
    if touch:
        await sessions.touch(session)
    return "account" in session


async def entered(sessions: Sessions) -> str:
    """Begin a session and return its id."""

    async def handler(request: web.Request) -> web.Response:
        begin(request, "admin", "password")
        return web.Response()

    middleware: Any = with_sessions(sessions)
    response = await middleware(make_mocked_request("POST", "/admin/login"), handler)
    return str(response.cookies["__Host-verus-admin"].value)


async def test_a_session_ends_when_nobody_clicks(sessions: Sessions, clock: FakeClock) -> None:
    id = await entered(sessions)

    clock.advance(59)
    used = await visit(sessions, id, touch=True)
    clock.advance(59)
    looked = await visit(sessions, id)
    clock.advance(1)
    idle = await visit(sessions, id)

    assert (used, looked, idle) == (True, True, False)


async def test_a_session_ends_in_any_case(sessions: Sessions, clock: FakeClock) -> None:
    id = await entered(sessions)

    alive = []
    for _ in range(11):
        clock.advance(55)
        alive.append(await visit(sessions, id, touch=True))

    assert alive == [True] * 10 + [False]


async def test_a_shelf_that_keeps_too_long_does_not_lengthen_a_session(
    clock: FakeClock,
) -> None:
    forever = MemoryShelf(clock=FakeClock())
    sessions = Sessions(forever, secure=True, idle=60, longest=600, wall=clock)
    id = await entered(sessions)

    clock.advance(600)

    assert not await visit(sessions, id)


async def test_a_click_that_comes_late_does_not_bring_a_session_back(
    sessions: Sessions,
) -> None:
    id = await entered(sessions)
    request = make_mocked_request("GET", "/admin", headers={"Cookie": f"__Host-verus-admin={id}"})
    slow = await sessions.load_session(request)
    await sessions._end(id)

    await sessions.touch(slow)

    assert not await visit(sessions, id)


async def test_a_page_that_looks_by_itself_is_no_click(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()
    assert stack.gateway.office is not None
    shelf: Any = stack.gateway.office.sessions._shelf
    seen = next(key for key in shelf._values if key.startswith("session-seen:"))
    at_sign_in = shelf._values[seen][0]

    watching = await ada.get("/admin?watch=1")
    after_watching = shelf._values[seen][0]
    await ada.get()

    assert watching.status == 200
    assert after_watching == at_sign_in
    assert shelf._values[seen][0] > at_sign_in


# ---------------------------------------------------------------- forms of other pages


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "file://"},
    ],
)
async def test_a_form_of_another_origin_is_refused_and_audited(
    stack: Stack, ada: Operator, headers: dict[str, str]
) -> None:
    await ada.sign_in()
    form = {"csrf": (await ada.get()).csrf, "chain": "VRSC", "reason": "from elsewhere"}
    changes = len(stack.gateway.chain.breaker.changes)

    with audited() as lines:
        page = await ada.post("/admin/reset", form, **headers)

    assert page.status == 403
    assert "another origin" in page.text
    assert len(stack.gateway.chain.breaker.changes) == changes
    assert [(line["event"], line["who"], line["why"]) for line in lines()] == [
        ("form refused", "admin", "origin")
    ]


def asked(**headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("POST", "/admin/reset", headers={"Host": "ops.example", **named})


@pytest.mark.parametrize(
    ("headers", "origin", "own"),
    [
        ({}, "", False),
        ({"Origin": "null"}, "", False),
        ({"Origin": "https://ops.example"}, "", True),
        ({"Origin": "https://ops.example:444"}, "", False),
        ({"Origin": "ftp://ops.example"}, "", False),
        ({"Sec_Fetch_Site": "same-origin"}, "", True),
        ({"Origin": "null", "Sec_Fetch_Site": "same-origin"}, "", True),
        ({"Origin": "http://ops.example"}, "https://ops.example", False),
        ({"Origin": "https://ops.example"}, "https://ops.example", True),
    ],
)
def test_whose_form_it_is(headers: dict[str, str], origin: str, own: bool) -> None:
    assert is_own(asked(**headers), origin) is own


@pytest.mark.parametrize("path", ["/admin/reset", "/admin/logout"])
@pytest.mark.parametrize("csrf", ["", "wrong", "\udcff"])
async def test_a_form_without_the_sessions_token_is_refused_and_audited(
    ada: Operator, path: str, csrf: str
) -> None:
    await ada.sign_in()
    form = f"csrf={'%FF' if csrf == chr(0xDCFF) else csrf}&chain=VRSC&reason=forged".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    with audited() as lines:
        page = await ada.post(path, form, **kind)

    assert page.status in {400, 403}
    assert (await ada.get()).status == 200
    if page.status == 403:
        assert [(line["event"], line["why"]) for line in lines()] == [("form refused", "csrf")]


async def test_a_token_of_one_session_is_worth_nothing_in_another(
    stack: Stack, ada: Operator
) -> None:
    async with operator(stack.url) as eve:
        await eve.sign_in()
        await ada.sign_in()
        stolen = (await eve.get()).csrf

    page = await ada.post("/admin/reset", {"csrf": stolen, "chain": "VRSC", "reason": "forged"})

    assert page.status == 403


async def test_a_sign_in_form_that_this_browser_did_not_load_is_refused(ada: Operator) -> None:
    form = {"csrf": "", "account": "admin", "password": PASSWORD}

    page = await ada.post("/admin/login", form)

    assert page.status == 403
    assert ada.cookie() == ""


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"csrf=1", "text/plain", 415),
        (b"csrf=1&csrf=2", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(17)), "application/x-www-form-urlencoded", 400),
        ("csrf=é".encode(), "application/x-www-form-urlencoded", 400),
        (b"x" * 9000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    ada: Operator, body: bytes, kind: str, status: int
) -> None:
    page = await ada.post("/admin/login", body, **{"Content-Type": kind})

    assert page.status == status


async def test_a_form_that_never_ends_is_given_up(start: StartStack) -> None:
    stack = await start(admin=ADMIN, server=ServerConfig(body_timeout=0.05))

    async def never() -> AsyncIterator[bytes]:
        yield b"csrf="
        await asyncio.sleep(60)

    async with operator(stack.url) as ada:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        page = await ada.post("/admin/login", never(), **kind)

    assert page.status == 408


async def test_what_changes_something_is_never_a_link(ada: Operator) -> None:
    await ada.sign_in()

    pages = [await ada.get(path) for path in ("/admin/reset", "/admin/logout")]

    assert [page.status for page in pages] == [405, 405]
    assert (await ada.get()).status == 200


# ---------------------------------------------------------------- guessing


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(ada: Operator) -> None:
    with audited() as lines:
        wrong = await ada.sign_in(password="not the password")
        unknown = await ada.sign_in(account="root")

    assert (wrong.status, unknown.status) == (403, 403)
    assert wrong.text == unknown.text
    assert "The name or the password is wrong." in wrong.text
    assert [(line["event"], line["who"], line["why"]) for line in lines()] == [
        ("sign-in refused", "admin", "wrong"),
        ("sign-in refused", "an unknown name", "wrong"),
    ]


async def test_an_unknown_name_costs_the_same_comparison() -> None:
    asked: list[str] = []

    class Counted(passwords.Hash):
        def fits(self, secret: str) -> bool:
            asked.append(secret)
            return super().fits(secret)

    known = passwords.read(HASH)
    door = PasswordDoor("admin", Counted(known.ln, known.r, known.p, known.salt, known.key))

    opened = [
        await door.opens("admin", PASSWORD),
        await door.opens("root", PASSWORD),
        await door.opens("admin", "wrong"),
    ]

    assert opened == [True, False, False]
    assert asked == [PASSWORD, PASSWORD, "wrong"]


async def test_guessing_ends_after_a_few_attempts_also_with_the_right_password(
    ada: Operator,
) -> None:
    for _ in range(PER_ACCOUNT):
        await ada.sign_in(password="not the password")

    with audited() as lines:
        page = await ada.sign_in()

    assert (page.status, page.headers["Retry-After"]) == (429, str(int(WINDOW)))
    assert ada.cookie() == ""
    assert [(line["event"], line["why"]) for line in lines()] == [
        ("sign-in refused", "too many attempts")
    ]


async def test_names_that_do_not_exist_are_throttled_as_the_one_that_does(ada: Operator) -> None:
    statuses = {}
    for account in ("admin", "nobody"):
        for _ in range(PER_ACCOUNT + 1):
            statuses[account] = (await ada.sign_in(account=account, password="wrong")).status

    assert statuses == {"admin": 429, "nobody": 429}


async def test_a_flood_of_sign_ins_takes_one_comparison_at_a_time_and_is_turned_away() -> None:
    inside = most = 0

    class Slow(passwords.Hash):
        def fits(self, secret: str) -> bool:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            fits = super().fits(secret)
            inside -= 1
            return fits

    known = passwords.read(HASH)
    door = PasswordDoor("admin", Slow(known.ln, known.r, known.p, known.salt, known.key))

    ended = await asyncio.gather(
        *(door.opens("admin", "wrong") for _ in range(MOST_WAITING + 20)), return_exceptions=True
    )

    assert most == 1
    assert sum(isinstance(each, TooBusy) for each in ended) == 20


async def test_a_sign_in_that_is_turned_away_may_come_back(stack: Stack, ada: Operator) -> None:
    assert stack.gateway.office is not None
    door = stack.gateway.office.password
    assert door is not None
    door._waiting = MOST_WAITING

    with audited() as lines:
        page = await ada.sign_in()

    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert [line["why"] for line in lines()] == ["too busy"]


# ---------------------------------------------------------------- where one is sent, what is shown


@pytest.mark.parametrize("query", ["next=https://evil.example", "redirect=//evil.example"])
async def test_nobody_is_sent_elsewhere_after_signing_in(ada: Operator, query: str) -> None:
    csrf = (await ada.get(f"/admin/login?{query}")).csrf
    form = {"csrf": csrf, "account": "admin", "password": PASSWORD}

    page = await ada.post(f"/admin/login?{query}", form)

    assert (page.status, page.headers["Location"]) == (303, "/admin")


async def test_what_comes_from_outside_is_shown_as_text(stack: Stack, ada: Operator) -> None:
    await ada.sign_in()
    evil = "<script>alert(1)</script>"
    csrf = (await ada.get()).csrf

    await ada.post("/admin/reset", {"csrf": csrf, "chain": "VRSC", "reason": evil})
    stack.gateway.chain.breaker.last_failure = (0.0, evil)
    stack.gateway.chain.breaker.failures = 1
    page = await ada.get(f"/admin?done={evil}")

    assert evil not in page.text
    assert "&lt;script&gt;" in page.text


async def test_no_secret_is_in_a_page_or_in_the_log(ada: Operator) -> None:
    with audited() as lines:
        await ada.sign_in(account=PASSWORD, password="x")  # typed into the wrong field
        refused = await ada.sign_in(password="a wrong password")
        await ada.sign_in()
        page = await ada.get()

    told = str(lines()) + refused.text + page.text
    for secret in (
        PASSWORD,
        "a wrong password",
        HASH,
        ada.cookie(),
        ada.cookie("verus-admin-form"),
    ):
        assert secret not in told


async def test_a_token_of_the_api_opens_no_page_and_a_session_no_api(
    start: StartStack,
) -> None:
    stack = await start(admin=AdminConfig(password_hash=Secret(HASH)))
    async with operator(stack.url) as ada:
        bearer = await ada.get("/admin", Authorization="Bearer something")
        await ada.sign_in()
        api = await ada.get("/admin/circuit-breaker/status")

    assert (bearer.status, api.status) == (303, 401)
