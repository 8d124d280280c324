"""Signing in by an OpenID provider, and every way in which that must fail."""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import web
from joserfc.jwk import ECKey, OctKey
from operators import Operator, Page, audited, operator
from provider import CLIENT, SECRET, Provider, provider
from stack import Stack, StartStack

from verus_gateway.config import AdminConfig, OpenIdConfig, Secret
from verus_gateway.web.admin.openid import Client, OpenId

BACK = "/admin/login/openid/callback"


@pytest.fixture
async def idp() -> AsyncIterator[Provider]:
    async with provider() as running:
        yield running


def trusting(idp: Provider, **more: Any) -> AdminConfig:
    return AdminConfig(
        public_url="http://127.0.0.1:1",
        openid=OpenIdConfig(
            **{
                "issuer": idp.issuer,
                "label": "Example & Co",
                "client_id": CLIENT,
                "client_secret": Secret(SECRET),
                "allowed": ("ada@example.org",),
                **more,
            }
        ),
    )


@pytest.fixture
async def stack(start: StartStack, idp: Provider) -> Stack:
    return await start(admin=trusting(idp))


@pytest.fixture
async def ada(stack: Stack) -> AsyncIterator[Operator]:
    async with operator(stack.url) as someone:
        yield someone


async def sent_back(ada: Operator) -> str:
    """Go to the provider and return where it sends the browser back to."""
    way = await ada.get("/admin/login/openid")
    async with ada.client.get(way.headers["Location"], allow_redirects=False) as response:
        assert response.status == 302
        back = urlsplit(response.headers["Location"])
    return f"{back.path}?{back.query}"


async def signed_in(ada: Operator) -> Page:
    """Go the whole way."""
    return await ada.get(await sent_back(ada))


async def failure(ada: Operator) -> str:
    """Go the whole way in vain, and return why, as the audit log has it."""
    with audited() as lines:
        page = await signed_in(ada)
    [line] = lines()
    assert (page.status, line["event"]) == (403, "sign-in refused")
    assert "The provider did not sign you in." in page.text
    assert line["why"] not in page.text
    assert (await ada.get()).status == 303
    return str(line["why"])


async def test_whom_the_provider_signs_in_sees_the_page(ada: Operator, idp: Provider) -> None:
    door = await ada.get("/admin/login")

    with audited() as lines:
        arrived = await signed_in(ada)
    page = await ada.get()

    assert "Sign in with Example &amp; Co" in door.text
    assert 'name="password"' not in door.text
    assert arrived.status == 200
    assert '<meta http-equiv="refresh" content="0; url=/admin">' in arrived.text
    assert (page.status, "ada@example.org" in page.text) == (200, True)
    assert [(line["event"], line["who"], line["why"]) for line in lines()] == [
        ("signed in", "ada@example.org", "openid")
    ]
    assert idp.asked[0]["scope"] == "openid email"


async def test_what_the_browser_carries_is_new_each_time_and_gone_afterwards(
    ada: Operator, idp: Provider
) -> None:
    for _ in range(2):
        await signed_in(ada)

    first, second = idp.asked
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) == 43
    assert ada.cookie("verus-admin-openid") == ""


async def test_there_is_no_password_form_where_there_is_no_password(ada: Operator) -> None:
    page = await ada.post("/admin/login", {"csrf": "x"}, Origin="http://127.0.0.1:1")

    assert page.status == 405


async def test_a_flow_that_another_browser_began_signs_nobody_in(
    stack: Stack, ada: Operator
) -> None:
    async with operator(stack.url) as eve:
        back = await sent_back(eve)
    await ada.get("/admin/login/openid")

    with audited() as lines:
        other = await ada.get(back)
        none = await ada.get(back)

    assert (other.status, none.status) == (403, 403)
    assert [line["why"] for line in lines()] == [
        "the state is not this browser's",
        "this browser began no sign-in",
    ]
    assert (await ada.get()).status == 303


async def test_a_code_is_good_once(ada: Operator) -> None:
    back = await sent_back(ada)
    seed = ada.cookie("verus-admin-openid")
    first = await ada.get(back)
    ada.plant(seed, "verus-admin-openid")

    second = await ada.get(back)

    assert (first.status, second.status) == (200, 403)


async def test_what_the_provider_says_no_with_is_told_to_the_log_alone(ada: Operator) -> None:
    await ada.get("/admin/login/openid")

    with audited() as lines:
        page = await ada.get(f"{BACK}?error=access_denied<b>")

    assert page.status == 403
    assert "access_denied" not in page.text
    assert [line["why"] for line in lines()] == ["the provider said access_denied<b>"]


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"email": "eve@example.org"}, "this email is not among those allowed"),
        ({"email": None}, "the ID token has no claim email"),
        ({"email_verified": None}, "the provider did not verify the email address"),
        ({"email_verified": "true"}, "the provider did not verify the email address"),
        ({"iss": "https://evil.example"}, "the ID token is not good"),
        ({"aud": "another"}, "the ID token is not good"),
        ({"aud": ["gateway", "another"], "azp": "another"}, "the ID token is not good"),
        ({"nonce": "replayed"}, "the ID token is not good"),
        ({"nonce": None}, "the ID token is not good"),
        ({"exp": 1}, "the ID token is not good"),
        ({"exp": None}, "the ID token is not good"),
        ({"exp": "soon"}, "the ID token is not good"),
        ({"iat": None}, "the ID token is not good"),
        ({"iat": int(time.time()) + 3600}, "the ID token is not good"),
        ({"nbf": int(time.time()) + 3600}, "the ID token is not good"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "the ID token is not good"),
    ],
)
async def test_a_token_that_says_something_else_signs_nobody_in(
    ada: Operator, idp: Provider, claims: dict[str, Any], why: str
) -> None:
    idp.claims |= claims

    assert (await failure(ada)).startswith(why)


async def test_a_token_that_another_key_signed_signs_nobody_in(
    ada: Operator, idp: Provider
) -> None:
    idp.sign_with = ECKey.generate_key("P-256")

    assert (await failure(ada)).startswith("the ID token is not good")


async def test_a_token_signed_with_a_shared_secret_signs_nobody_in(
    ada: Operator, idp: Provider
) -> None:
    idp.alg, idp.sign_with = "HS256", OctKey.import_key(SECRET)

    assert (await failure(ada)).startswith("the ID token is not good")


async def test_keys_that_were_turned_are_looked_for_but_not_for_each_bad_token(
    idp: Provider,
) -> None:
    now = [time.time()]
    made = OpenId(client(idp), wall=lambda: now[0])

    async def enter() -> str:
        way = await made.way("seed")
        query = {name: values[0] for name, values in parse_qs(urlsplit(way).query).items()}
        idp._codes["code"] = query
        return await made.identify("seed", query["state"], "code")

    first = await enter()
    idp.key = ECKey.generate_key("P-256", auto_kid=True)
    with pytest.raises(Exception, match="not good"):
        await enter()
    asked_so_far = idp.paths.count("/jwks")
    now[0] += 31
    second = await enter()

    assert (first, second) == ("ada@example.org", "ada@example.org")
    assert (asked_so_far, idp.paths.count("/jwks")) == (1, 2)


def client(idp: Provider, **more: Any) -> Client:
    return Client(
        **{
            "issuer": idp.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uri": f"http://127.0.0.1:1{BACK}",
            "claim": "email",
            "allowed": frozenset({"ada@example.org"}),
            **more,
        }
    )


def test_the_secret_is_not_shown(idp: Provider) -> None:
    assert SECRET not in repr(client(idp))


async def test_a_group_may_be_allowed(start: StartStack, idp: Provider) -> None:
    stack = await start(admin=trusting(idp, claim="groups", allowed=("ops", "dev")))
    idp.claims = {"groups": ["everybody", "ops"]}

    async with operator(stack.url) as ada:
        arrived = await signed_in(ada)
        page = await ada.get()

    assert arrived.status == 200
    assert "1001 (ops)" in page.text
    assert idp.asked[0]["scope"] == "openid profile"


@pytest.mark.parametrize(
    ("path", "response", "why"),
    [
        ("/token", web.Response(status=500), "the provider answered 500"),
        (
            "/token",
            web.Response(status=302, headers={"Location": "/"}),
            "the provider answered 302",
        ),
        ("/token", web.Response(body=b"{}"), "the token endpoint gave no ID token"),
        ("/token", web.Response(body=b"x" * 300_000), "the provider's answer is too large"),
        (
            "/token",
            web.Response(body=msgspec.json.encode({"id_token": "no.such.token"})),
            "the ID token is not good",
        ),
        ("/jwks", web.Response(body=b"[]"), "the provider's keys cannot be read"),
        ("/jwks", web.Response(body=b"{"), "the provider's keys cannot be read"),
    ],
)
async def test_a_provider_that_breaks_on_the_way_signs_nobody_in(
    ada: Operator, idp: Provider, path: str, response: web.Response, why: str
) -> None:
    idp.break_with[path] = response

    assert (await failure(ada)).startswith(why)


@pytest.mark.parametrize(
    ("described", "body", "why"),
    [
        ({"issuer": "https://evil.example"}, None, "the provider describes another issuer"),
        ({"token_endpoint": None}, None, "the provider's description cannot be read"),
        ({}, b"\xff", "the provider's description cannot be read"),
    ],
)
async def test_a_provider_that_does_not_describe_itself_well_is_not_gone_to(
    ada: Operator, idp: Provider, described: dict[str, Any], body: bytes | None, why: str
) -> None:
    idp.described = described
    if body is not None:
        idp.break_with["/.well-known/openid-configuration"] = web.Response(body=body)

    with audited() as lines:
        page = await ada.get("/admin/login/openid")
        again = await ada.get("/admin/login/openid")

    assert (page.status, again.status) == (502, 502)
    assert [line["why"] for line in lines()] == [why, "the provider did not answer just now"]


async def test_a_provider_that_is_away_is_said_so(start: StartStack, idp: Provider) -> None:
    stack = await start(admin=trusting(idp, issuer="http://127.0.0.1:1"))
    async with operator(stack.url) as ada:
        with audited() as lines:
            page = await ada.get("/admin/login/openid")

    assert page.status == 502
    assert [line["why"] for line in lines()] == [
        "the provider did not answer: ClientConnectorError"
    ]


async def test_the_description_is_asked_for_once_in_an_hour(idp: Provider) -> None:
    now = [1_000_000.0]
    made = OpenId(client(idp), wall=lambda: now[0])

    for _ in range(3):
        await made.way("seed")
    now[0] += 3601
    await made.way("seed")

    assert idp.paths.count("/.well-known/openid-configuration") == 2


async def test_coming_back_again_and_again_is_throttled(ada: Operator) -> None:
    statuses = [(await ada.get(f"{BACK}?code=guess&state=guess")).status for _ in range(6)]

    assert statuses == [403] * 5 + [429]
