import asyncio

import pytest
from simulator.harness import (
    Time,
    ask,
    call,
    exchange,
    read_reply,
    request,
    settings,
    settle,
    until,
)

from verus_gateway.simulator import Simulator


async def test_an_answer_has_result_error_and_id_in_this_order(sim: Simulator) -> None:
    reply = await ask(sim.port, call("getblockcount", id="x"))

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == b'{"result":120,"error":null,"id":"x"}\n'


@pytest.mark.parametrize("id_", [b"1", b"-1.50e3", b'"a\\"b"', b"null", b'[1,{"a":2}]', b"true"])
async def test_the_id_comes_back_as_it_was_written(sim: Simulator, id_: bytes) -> None:
    reply = await ask(sim.port, b'{"method":"getblockcount","id":' + id_ + b"}")

    assert reply.body == b'{"result":120,"error":null,"id":' + id_ + b"}\n"


async def test_a_call_without_id_is_answered_with_null(sim: Simulator) -> None:
    reply = await ask(sim.port, b'{"method":"getblockcount"}')

    assert reply.body == b'{"result":120,"error":null,"id":null}\n'


PARSE = {"code": -32700, "message": "Parse error"}
TOP = {"code": -32700, "message": "Top-level object parse error"}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 500, PARSE),
        (b"{", 500, PARSE),
        (b"5", 500, TOP),
        (b'"getinfo"', 500, TOP),
        (b"null", 500, TOP),
        (b"{}", 400, {"code": -32600, "message": "Missing method"}),
        (b'{"method":null}', 400, {"code": -32600, "message": "Missing method"}),
        (b'{"method":5}', 400, {"code": -32600, "message": "Method must be a string"}),
        (
            b'{"method":"getinfo","params":{}}',
            400,
            {"code": -32600, "message": "Params must be an array"},
        ),
        (b'{"method":"nope"}', 404, {"code": -32601, "message": "Method nope not found"}),
        (
            b'{"method":"getblockhash","params":[-1]}',
            500,
            {"code": -8, "message": "Block height out of range"},
        ),
    ],
)
async def test_an_error_has_verusds_status_code_and_text(
    sim: Simulator, body: bytes, status: int, error: dict[str, object]
) -> None:
    reply = await ask(sim.port, body)

    assert reply.status == status
    assert reply.json == {"result": None, "error": error, "id": None}
    assert reply.headers["Content-Type"] == "application/json"


async def test_params_may_be_missing_or_null(sim: Simulator) -> None:
    assert (await ask(sim.port, b'{"method":"getblockcount","params":null}')).status == 200


async def test_of_two_methods_in_one_call_the_first_is_executed(sim: Simulator) -> None:
    await ask(sim.port, b'{"method":"stop","method":"getinfo"}')

    assert sim.counts == {"stop": 1}
    assert sim.node.stopping


async def test_a_batch_is_answered_in_order_with_status_200(sim: Simulator) -> None:
    reply = await ask(sim.port, [call("getblockcount", id=1), call("nope", id=2), 3])

    assert reply.status == 200
    first, second, third = reply.json
    assert first == {"result": 120, "error": None, "id": 1}
    assert (second["error"]["code"], second["id"]) == (-32601, 2)
    assert third["error"] == {"code": -32600, "message": "Invalid Request object"}
    assert third["id"] is None


async def test_an_empty_batch_is_answered_empty(sim: Simulator) -> None:
    reply = await ask(sim.port, b"[]")

    assert (reply.status, reply.body) == (200, b"[]\n")


async def test_a_batch_is_executed_one_by_one_and_counted_so(time: Time) -> None:
    async with Simulator(settings(latency=2.0), time, sleep=time.no_sleep) as sim:
        await ask(sim.port, [call("getblockcount")] * 5)

        assert sim.counts == {"getblockcount": 5}
        assert sim.max_in_flight == 1
        assert time.slept == [2.0] * 5


@pytest.mark.parametrize("password", ["wrong", "", None])
async def test_without_the_password_the_answer_is_401_after_a_delay(
    sim: Simulator, time: Time, password: str | None
) -> None:
    reply = await ask(sim.port, call("getinfo"), password=password)

    assert (reply.status, reply.body) == (401, b"")
    assert reply.headers["WWW-Authenticate"] == 'Basic realm="jsonrpc"'
    assert time.slept == [0.25]
    assert not sim.counts


async def test_a_wrong_password_holds_a_worker(time: Time) -> None:
    one = settings(threads=1, work_queue=1)
    async with Simulator(one, time, sleep=time.sleep, auth_delay=3) as sim:
        wrong = asyncio.create_task(ask(sim.port, call("getinfo"), password="no"))
        await until(lambda: time.slept == [3])
        right = asyncio.create_task(ask(sim.port, call("getblockcount")))
        await asyncio.sleep(0.05)
        assert not right.done()

        await time.advance(3)

        assert (await wrong).status == 401
        assert (await right).status == 200


async def test_a_full_work_queue_answers_500_in_plain_words(time: Time) -> None:
    small = settings(threads=2, work_queue=3, latency=1.0)
    async with Simulator(small, time, sleep=time.sleep) as sim:
        waiting = []
        for _ in range(5):
            waiting.append(asyncio.create_task(ask(sim.port, call("getblockcount"))))
            await asyncio.sleep(0.01)
        await until(lambda: len(time.slept) == 2)
        await until(lambda: sim._daemon._workers._waiting == 3)

        refused = await ask(sim.port, call("getblockcount"))

        assert (refused.status, refused.body) == (500, b"Work queue depth exceeded")
        assert sim.max_in_flight == 2
        await time.advance(1)
        await until(lambda: len(time.slept) == 4)
        await time.advance(1)
        await until(lambda: len(time.slept) == 5)
        await time.advance(1)
        assert [(await each).status for each in waiting] == [200] * 5
        assert sim.counts == {"getblockcount": 5}


async def test_while_warming_up_every_call_gets_its_error(time: Time) -> None:
    async with Simulator(settings(warmup=10), time) as sim:
        early = await ask(sim.port, call("getinfo"))
        unknown = await ask(sim.port, call("nope"))
        time.now += 10
        late = await ask(sim.port, call("getblockcount"))

    assert early.status == 500
    assert early.json["error"] == {"code": -28, "message": "Loading block index..."}
    assert unknown.json["error"]["code"] == -28
    assert late.status == 200
    assert sim.counts == {"getblockcount": 1}


@pytest.mark.parametrize("path", ["/wallet", "//", "/?x=1", "/index.html"])
async def test_any_path_but_the_root_is_404(sim: Simulator, path: str) -> None:
    reply = await ask(sim.port, call("getinfo"), path=path)

    assert (reply.status, reply.body) == (404, b"")


async def test_only_post_is_handled(sim: Simulator) -> None:
    reply = await ask(sim.port, method="GET", password=None)

    assert (reply.status, reply.body) == (405, b"JSONRPC server handles only POST requests")
    assert reply.headers["Content-Type"].startswith("text/html")


async def test_head_gets_headers_only(sim: Simulator) -> None:
    reply = read_reply(await exchange(sim.port, request(method="HEAD")))

    assert (reply.status, reply.body) == (405, b"")
    assert reply.headers["Content-Length"] == "41"


async def test_a_client_that_leaves_does_not_stop_its_command(time: Time) -> None:
    async with Simulator(settings(latency=1.0), time, sleep=time.sleep) as sim:
        _, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        writer.write(request(call("getblockcount")))
        await until(lambda: time.slept == [1.0])
        writer.transport.abort()
        await settle()

        await time.advance(1)

        assert sim.counts == {"getblockcount": 1}
