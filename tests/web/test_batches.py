"""Batches: members side by side, each with its own answer."""

from stack import StartStack

from verus_gateway.config import ServerConfig
from verus_gateway.plugin import PUBLIC, Daemon, Json, Raw, method


async def test_each_member_gets_its_own_answer_with_its_id_and_in_its_form(
    start: StartStack,
) -> None:
    stack = await start()
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "getblockcount"},
        {"id": "a", "method": "getblockhash", "params": ["x"]},
        7,
        {"jsonrpc": "2.0", "method": "getblockcount"},
        {"jsonrpc": "2.0", "id": 2, "method": "nope"},
    ]

    reply = await stack.post(batch)

    assert reply.status == 200
    assert [answer.get("id") for answer in reply.body] == ["a", "a", None, 2]
    assert reply.body[0] == {"jsonrpc": "2.0", "result": 20, "id": "a"}
    assert [each["error"]["code"] for each in reply.body[1:]] == [-32602, -32600, -32601]
    assert list(reply.body[3]) == ["jsonrpc", "error", "id"]


async def test_a_batch_of_notifications_gets_no_answer(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post([{"jsonrpc": "2.0", "method": "getblockcount"}] * 3)

    assert (reply.status, reply.body) == (204, None)


async def test_a_batch_over_the_limit_is_refused_whole(start: StartStack) -> None:
    stack = await start(server=ServerConfig(max_batch=2))

    reply = await stack.post([{"id": 1, "method": "getblockcount"}] * 3)

    assert (reply.status, reply.body["error"]["code"]) == (400, -32600)
    assert stack.simulator.counts["getblockcount"] == 0


async def test_results_that_are_too_large_together_are_errors_of_their_members(
    start: StartStack,
) -> None:
    async def large(_: Daemon) -> Json:
        return Raw(b'"' + b"x" * 600 + b'"')

    row = method("acme.large", summary="x", scope=PUBLIC, retry=True, handler=large)
    stack = await start(offered=(row,), server=ServerConfig(max_batch_response=1024))

    reply = await stack.post([{"id": n, "method": "acme.large"} for n in range(2)])

    assert reply.body[0]["error"] is None
    assert reply.body[1]["error"]["code"] == -32603


async def test_the_header_of_a_batch_tells_of_its_worst_member(start: StartStack) -> None:
    stack = await start()
    await stack.call("getblockcount")
    stack.simulator.fault("refuse")
    stack.gateway.chain.tip.doubt()
    settled = {"id": 2, "method": "acme.settled", "params": ["ab" * 32]}

    stale = await stack.post([{"id": 1, "method": "getblockcount"}])
    worst = await stack.post([{"id": 1, "method": "getblockcount"}, settled])

    assert stale.headers["X-Verus-Degraded"] == "stale"
    assert worst.headers["X-Verus-Degraded"] == "default"
    assert int(worst.headers["Age"]) >= 0
    assert worst.body[0]["degraded"]["source"] == "stale"
    assert worst.body[1]["degraded"] == {"source": "default"}


async def test_equal_members_are_one_call_to_verusd(start: StartStack) -> None:
    stack = await start()

    reply = await stack.post([{"id": n, "method": "getmininginfo"} for n in range(50)])

    assert sorted(answer["id"] for answer in reply.body) == list(range(50))
    assert stack.simulator.counts["getmininginfo"] == 1


async def test_an_error_that_takes_no_room_keeps_its_own_words_in_an_overfull_batch(
    start: StartStack,
) -> None:
    stack = await start(server=ServerConfig(max_batch_response=1024))

    reply = await stack.post([{"id": 1, "method": "nope"}, {"id": 2, "method": "getblockcount"}])

    assert [answer["error"] and answer["error"]["code"] for answer in reply.body] == [-32601, None]
