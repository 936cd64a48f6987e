"""With real, small children: the state machine is about processes."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stack import member
from stack.component import Component
from stack.errors import CannotStart
from stack.logs import RotatingFile
from stack.processes import Process
from stack.supervisor import Supervisor

SERVER = """
import http.server, sys, time
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
{code}
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


class Bench:
    """Supervisors that are stopped after the test, and what they said."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.said: list[str] = []
        self.started: list[Supervisor] = []

    def supervisor(self, *components: Component) -> Supervisor:
        supervisor = Supervisor(components, self.logs, self.said.append)
        self.started.append(supervisor)
        return supervisor


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(member, "FIRST_PAUSE", 0.05)
    bench = Bench(tmp_path)
    yield bench
    for supervisor in bench.started:
        await supervisor.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def server(name: str, *, code: str = "", **more: Any) -> Component:
    """A child that answers health checks, after running `code`."""
    port = free_port()
    return Component(
        name=name,
        argv=(sys.executable, "-u", "-c", SERVER.format(code=code), str(port)),
        address=f"http://127.0.0.1:{port}",
        health=f"http://127.0.0.1:{port}/",
        **more,
    )


def task(name: str, code: str, **more: Any) -> Component:
    return Component(name=name, argv=(sys.executable, "-c", code), oneshot=True, **more)


def look(supervisor: Supervisor, name: str) -> dict[str, Any]:
    return next(each for each in supervisor.report() if each["name"] == name)


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (what is awaited is another process)
            await asyncio.sleep(0.01)


async def test_what_others_need_is_ready_first(bench: Bench) -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], Any]:
        async def hook() -> None:
            order.append(name)

        return hook

    await bench.supervisor(
        server("door", depends_on=frozenset({"service"}), after=note("door")),
        server("service", depends_on=frozenset({"tables"}), after=note("service")),
        task("tables", "pass", depends_on=frozenset({"database"}), after=note("tables")),
        server("database", before=note("prepared"), after=note("database")),
    ).start()
    assert order == ["prepared", "database", "tables", "service", "door"]


async def test_components_without_a_common_need_start_together(bench: Bench) -> None:
    meeting = bench.logs / "meeting"
    meeting.mkdir()
    # Each is ready only when it has seen the other's file.
    code = "import pathlib, time; d = pathlib.Path({d!r}); (d / {own!r}).touch()\n"
    code += "while not (d / {other!r}).exists(): time.sleep(0.01)"
    await bench.supervisor(
        task("left", code.format(d=str(meeting), own="left", other="right")),
        task("right", code.format(d=str(meeting), own="right", other="left")),
    ).start()


async def test_an_early_one_loads_before_what_it_needs_but_begins_after(bench: Bench) -> None:
    loaded = bench.logs / "loaded"
    wait = (
        f"import pathlib, time\nwhile not pathlib.Path({str(loaded)!r}).exists(): time.sleep(0.01)"
    )
    early = f"import pathlib, sys; pathlib.Path({str(loaded)!r}).touch(); sys.stdin.readline()"
    supervisor = bench.supervisor(
        task("service", early, early=True, depends_on=frozenset({"database"})),
        task("database", wait),
    )
    await supervisor.start()
    assert look(supervisor, "service")["state"] == "done"


async def test_one_that_is_killed_starts_again(bench: Bench) -> None:
    supervisor = bench.supervisor(server("service"))
    await supervisor.start()
    first = look(supervisor, "service")["pid"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: look(supervisor, "service")["pid"] not in (first, None))
    await until(lambda: look(supervisor, "service")["state"] == "running")
    assert look(supervisor, "service")["restarts"] == 1
    assert bench.said[1:] == [
        "service was killed by SIGKILL; starting it again in 0.05 s",
        "service is ready again",
    ]


async def test_one_that_stays_ill_for_longer_than_its_patience_starts_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "WATCH", 0.05)
    well_twice = (
        "answers = iter([200, 200])\n"
        "def answer(self):\n"
        "    self.send_response(next(answers, 503)); self.end_headers()\n"
        "Health.do_GET = answer"
    )
    supervisor = bench.supervisor(server("service", code=well_twice, patience=0.2))
    await supervisor.start()
    await until(lambda: look(supervisor, "service")["restarts"] == 1)
    assert bench.said[1:3] == [
        "service has been ill for 0.2 s, and is killed",
        "service was killed by SIGKILL; starting it again in 0.05 s",
    ]


async def test_one_that_only_misses_what_it_depends_on_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "WATCH", 0.05)
    unready_after_one = (
        "answers = iter([200])\n"
        "def answer(self):\n"
        "    alive = self.path == '/alive'\n"
        "    self.send_response(200 if alive else next(answers, 503)); self.end_headers()\n"
        "Health.do_GET = answer"
    )
    component = server("service", code=unready_after_one, patience=0.2)
    supervisor = bench.supervisor(replace(component, alive=f"{component.address}/alive"))
    await supervisor.start()
    await asyncio.sleep(0.5)
    assert look(supervisor, "service")["restarts"] == 0


async def test_a_log_turns_over_while_its_process_writes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "RotatingFile", partial(RotatingFile, max_bytes=100_000))
    lines = "for number in range(20_000): print('line', number)"
    await bench.supervisor(task("talker", lines)).start()
    logs = [bench.logs / f"talker.log{suffix}" for suffix in (".2", ".1", "")]
    await until(lambda: logs[-1].read_text().endswith("line 19999\n"))
    kept = "".join(log.read_text() for log in logs).splitlines()
    assert kept == [f"line {number}" for number in range(20_000)]
    assert all(log.stat().st_size <= 100_000 for log in logs)


async def test_pauses_between_restarts_grow_to_a_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "LONGEST_PAUSE", 0.1)
    supervisor = bench.supervisor(task("broken", "raise SystemExit(7)", start_attempts=5))
    with pytest.raises(CannotStart):
        await supervisor.start()
    assert [line.rpartition(" in ")[2] for line in bench.said] == [
        "0.05 s",
        "0.1 s",
        "0.1 s",
        "0.1 s",
    ]


async def test_one_that_never_becomes_ready_is_given_up_with_its_last_words(bench: Bench) -> None:
    supervisor = bench.supervisor(
        task("broken", "raise SystemExit('the flux is inverted')", start_attempts=2)
    )
    with pytest.raises(CannotStart, match=r"broken exited with 1\..*the flux is inverted"):
        await supervisor.start()


async def test_one_that_stays_silent_is_killed_and_given_up(bench: Bench) -> None:
    supervisor = bench.supervisor(
        server("silent", code="time.sleep(60)", start_timeout=0.3, start_attempts=1)
    )
    with pytest.raises(CannotStart, match=r"silent was not ready after 0\.3 s"):
        await supervisor.start()
    assert look(supervisor, "silent")["pid"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "disk full"),
        ("ModuleNotFoundError: No module named 'orjson'", r"Delete \.venv"),
    ],
)
async def test_known_last_words_become_advice(bench: Bench, words: str, sentence: str) -> None:
    supervisor = bench.supervisor(task("broken", f"raise SystemExit({words!r})", start_attempts=1))
    with pytest.raises(CannotStart, match=sentence):
        await supervisor.start()


async def test_all_stop_in_reverse_order_and_by_their_own_signal(bench: Bench) -> None:
    farewell = (
        "import signal, time\n"
        "def leave(*_):\n"
        "    print('bye', flush=True)\n"
        "    time.sleep({takes})\n"
        "    sys.exit()\n"
        "signal.signal(signal.{name}, leave)"
    )
    supervisor = bench.supervisor(
        server("database", code=farewell.format(name="SIGINT", takes=1), stop_signal=signal.SIGINT),
        server(
            "service",
            code=farewell.format(name="SIGTERM", takes=0),
            depends_on=frozenset({"database"}),
        ),
    )
    await supervisor.start()
    stop = asyncio.create_task(supervisor.stop())
    await until(lambda: look(supervisor, "service")["state"] == "stopped")
    assert look(supervisor, "database")["state"] != "stopped"
    await stop
    for name in ("database", "service"):
        assert (bench.logs / f"{name}.log").read_text().splitlines()[-1] == "bye"


async def test_one_that_ignores_the_stop_signal_is_killed_after_its_grace(bench: Bench) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    supervisor = bench.supervisor(server("deaf", code=deaf, grace=0.2))
    await supervisor.start()
    process = Process.of(look(supervisor, "deaf")["pid"])
    began = time.monotonic()
    await supervisor.stop()
    assert 0.2 <= time.monotonic() - began < 2
    assert process is not None
    assert not process.is_alive()
    assert "deaf did not stop when asked, and is killed" in bench.said


async def test_force_ends_a_stop_that_is_waiting(bench: Bench) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    supervisor = bench.supervisor(server("deaf", code=deaf, grace=60))
    await supervisor.start()
    stop = asyncio.create_task(supervisor.stop())
    await until(lambda: look(supervisor, "deaf")["state"] == "stopping")
    supervisor.force()
    await asyncio.wait_for(stop, 5)


async def test_a_stop_during_start_leaves_nothing_running(bench: Bench) -> None:
    supervisor = bench.supervisor(
        server("slow", code="time.sleep(60)"),
        server("waiting", depends_on=frozenset({"slow"})),
        task(
            "early", "import sys; sys.stdin.readline()", early=True, depends_on=frozenset({"slow"})
        ),
        server("broken", code="sys.exit(1)", start_attempts=99),
    )
    start = asyncio.create_task(supervisor.start())
    await until(lambda: look(supervisor, "broken")["restarts"] > 1)
    processes = [Process.of(c["pid"]) for c in supervisor.report() if c["pid"]]
    start.cancel()
    await supervisor.stop()
    assert {c["state"] for c in supervisor.report()} == {"stopped"}
    assert not any(process.is_alive() for process in processes if process)


async def test_one_that_others_run_is_met_not_started(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        address = f"tcp://127.0.0.1:{elsewhere.getsockname()[1]}"
        supervisor = bench.supervisor(Component(name="nats", address=address, health=address))
        await supervisor.start()
    found = look(supervisor, "nats")
    assert (found["state"], found["pid"]) == ("external", None)


async def test_one_that_others_should_run_and_do_not_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "SILENCE", 0.1)
    address = f"tcp://127.0.0.1:{free_port()}"
    supervisor = bench.supervisor(
        Component(name="nats", address=address, health=address, start_timeout=0.2)
    )
    with pytest.raises(CannotStart, match=rf"nats at {address} did not answer within 0\.2 s"):
        await supervisor.start()
    assert bench.said == [f"nats at {address} does not answer yet; waiting for up to 0.2 s"]


async def test_a_hook_that_fails_fails_the_start(bench: Bench) -> None:
    async def refuse() -> None:
        raise CannotStart("the disk is full")

    with pytest.raises(CannotStart, match="the disk is full"):
        await bench.supervisor(server("database", before=refuse)).start()


async def test_every_change_is_reported(tmp_path: Path) -> None:
    states: list[str] = []
    supervisor = Supervisor(
        [server("service")],
        tmp_path,
        say=lambda _: None,
        changed=lambda: states.append(look(supervisor, "service")["state"]),
    )
    await supervisor.start()
    await supervisor.stop()
    assert list(dict.fromkeys(states)) == ["starting", "running", "stopping", "stopped"]
