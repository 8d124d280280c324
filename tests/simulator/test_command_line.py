import os
import signal
import socket
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from ports import free_port

from verus_gateway.simulator import main


def interrupt(port: int, number: signal.Signals, seconds: float = 0.1) -> threading.Thread:
    """Send this process a signal once the control port answers."""

    def wait() -> None:
        for _ in range(500):
            try:
                with urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
                    answer.read()
                break
            except OSError:
                time.sleep(0.01)
        time.sleep(seconds)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def run(*arguments: str, number: signal.Signals = signal.SIGINT) -> int:
    control = free_port()
    thread = interrupt(control, number)
    try:
        return main(["--port", "0", "--control-port", str(control), *arguments])
    finally:
        thread.join()


def test_it_says_where_it_listens_and_ends_cleanly(capsys: pytest.CaptureFixture[str]) -> None:
    status = run("--password", "pw", "--block-time", "0.02", "--fault", "slow=0")

    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("simulated verusd, chain VRSC, on http://127.0.0.1:")
    assert lines[1].startswith("control port: http://127.0.0.1:")
    assert lines[2].startswith('try: curl -u \'verus:pw\' -d \'{"method":"getinfo"')
    assert lines[3] == "fault slow = 0 seconds"
    assert lines[4].startswith("block 1001 ")
    assert lines[-1] == "ended"


def test_sigterm_ends_it_as_cleanly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(number=signal.SIGTERM) == 0
    assert capsys.readouterr().out.endswith("ended\n")


def test_a_password_is_made_up_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    passwords = set()
    for _ in range(2):
        run()
        passwords.add(capsys.readouterr().out.partition("'verus:")[2].partition("'")[0])

    assert len(passwords) == 2
    assert min(map(len, passwords)) > 30


def test_a_password_can_stand_in_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("from-file\nmore\n")

    run("--password-file", str(path))

    assert "'verus:from-file'" in capsys.readouterr().out


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("localhost", False)])  # noqa: S104  the warning is about it
def test_a_port_that_others_can_reach_is_warned_of(
    capsys: pytest.CaptureFixture[str], host: str, *, warned: bool
) -> None:
    run("--host", host)

    assert ("is not loopback" in capsys.readouterr().out) == warned


def test_a_taken_port_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = main(["--port", str(port), "--control-port", "0"])

    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert err == (
        f"verus-gateway simulate: cannot listen on 127.0.0.1:{port} or 127.0.0.1:0: "
        "Address already in use\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--password", "a", "--password-file", "b"], "not allowed with argument"),
        (["--threads", "0"], "threads must be at least 1"),
        (["--password", ""], "a password or a cookie_file is needed"),
        (["--fault", "nonsense"], "no fault is named 'nonsense'"),
        (["--fault", "slow=x"], "the value in 'slow=x' is no number"),
        (["--password-file", "/nowhere/at/all"], "No such file"),
        (["--password-file", os.devnull], "/dev/null holds no password"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    status = main(arguments)

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert err.startswith("verus-gateway simulate: ")


def test_help_names_every_flag_and_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    out = capsys.readouterr().out
    for word in ("--warmup", "--chain", "--fault", "refuse", "wrongid", "flap"):
        assert word in out
