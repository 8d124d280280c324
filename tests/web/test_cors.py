"""Which pages of other origins may call, and read what they get."""

import pytest
from stack import Stack, StartStack

from verus_gateway.config import SecurityConfig

WALLET = "https://wallet.example"
CALL = {"id": 1, "method": "getblockcount"}


async def preflight(stack: Stack, origin: str) -> dict[str, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with stack.client.options(stack.url, headers=headers) as response:
        assert response.status == 204
        return dict(response.headers)


def allowing(*origins: str) -> SecurityConfig:
    return SecurityConfig(mode="development", cors_origins=origins)


@pytest.mark.parametrize(("origins", "said"), [((WALLET,), WALLET), (("*",), "*")])
async def test_an_allowed_origin_may_call_and_read(
    start: StartStack, origins: tuple[str, ...], said: str
) -> None:
    stack = await start(security=allowing(*origins))

    asked = await preflight(stack, WALLET)
    answer = await stack.post(CALL, Origin=WALLET)
    error = await stack.post(b"{", Origin=WALLET)

    assert asked["Access-Control-Allow-Origin"] == said
    assert "X-VRPC-API-Version" in asked["Access-Control-Allow-Headers"]
    assert asked["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Origin"] == said
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"X-Verus-Degraded", "RateLimit", "RateLimit-Policy", "Retry-After"} <= exposed
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (error.status, error.headers["Access-Control-Allow-Origin"]) == (400, said)


async def test_another_origin_is_told_nothing(start: StartStack) -> None:
    stack = await start(security=allowing(WALLET))

    asked = await preflight(stack, "https://evil.example")
    answer = await stack.post(CALL, Origin="https://evil.example")

    assert "Access-Control-Allow-Origin" not in asked
    assert "Access-Control-Allow-Methods" not in asked
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_without_origins_no_page_may_call(start: StartStack) -> None:
    stack = await start()

    assert "Access-Control-Allow-Origin" not in await preflight(stack, WALLET)


async def test_health_and_metrics_are_for_no_page(start: StartStack) -> None:
    stack = await start(security=allowing("*"))

    assert "Access-Control-Allow-Origin" not in (await stack.get("/health")).headers
    assert "Access-Control-Allow-Origin" in (await stack.get("/openrpc.json")).headers
