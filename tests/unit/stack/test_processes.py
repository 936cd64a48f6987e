import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack import CHECKOUT, launch
from stack.data import DataDirectory
from stack.health import healthy, tcp
from stack.leftovers import end_leftovers
from stack.logs import KEPT, RotatingFile, last_line
from stack.processes import Process, boot_id, memory_of_trees

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def test_a_child_dies_with_its_killed_parent() -> None:
    """A parent that launches a child through the wrapper, tells its pid, and is killed."""
    program = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-I', '-S', *sys.argv[1:2], str(os.getpid()),\n"
        "    '9', 'same', sys.executable, '-c', 'print(flush=True); input()'],\n"
        "    stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, launch.__file__], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = Process.of(int(parent.stdout.readline()))
        assert child is not None
        parent.kill()
    assert child.wait(5)


def test_a_child_of_a_parent_that_is_gone_already_does_not_begin() -> None:
    wrapper = [sys.executable, "-I", "-S", launch.__file__, "1234567", "9", "same", "/bin/true"]
    run = subprocess.run(wrapper, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "supervisor died" in run.stderr


def test_a_child_may_open_many_files() -> None:
    show = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    run = subprocess.run(
        [
            *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "9", "same"),
            *(sys.executable, "-c", show),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    soft, hard = map(int, run.stdout.split())
    assert soft == (launch.OPEN_FILES if hard == -1 else min(launch.OPEN_FILES, hard))


def test_a_pid_that_was_given_to_another_process_is_not_the_same_process() -> None:
    with subprocess.Popen(SLEEP) as child:
        now = Process.of(child.pid)
        assert now is not None
        before = Process(now.pid, now.started - 1)
        assert now.is_alive()
        assert not before.is_alive()
        before.send(signal.SIGKILL)
        before.send_to_group(signal.SIGKILL)
        assert before.wait(0)
        assert not now.wait(0.05)
        now.send(signal.SIGKILL)
        assert now.wait(5)


def test_memory_counts_descendants() -> None:
    program = (
        f"import subprocess, time; subprocess.Popen({SLEEP!r}); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        with subprocess.Popen(SLEEP) as alone:
            memory = memory_of_trees([parent.pid, alone.pid])
            alone.kill()
        os.killpg(parent.pid, signal.SIGKILL)
    assert memory[parent.pid] > memory[alone.pid] > 0


class TestLeftovers:
    @pytest.fixture
    def data(self, tmp_path: Path) -> DataDirectory:
        directory = DataDirectory(tmp_path)
        directory.prepare()
        return directory

    def record(
        self,
        data: DataDirectory,
        process: Process,
        boot: str,
        supervisor: Process = Process(1, -1),  # noqa: B008 - one that is no more
    ) -> None:
        addresses = dict.fromkeys(("gateway", "issuer", "object_store", "postgres", "nats"), "")
        proof = {"pid": process.pid, "started": process.started}
        component = {
            **dict.fromkeys(("name", "state", "address", "health"), "nats"),
            **proof,
            "restarts": 0,
            "stop_signal": signal.SIGTERM,
            "grace": 5,
        }
        data.write_state(
            {
                **addresses,
                "pid": supervisor.pid,
                "started": supervisor.started,
                "boot": boot,
                "data": "",
                "components": [component],
            }
        )

    def test_ours_are_ended(self, data: DataDirectory) -> None:
        said: list[str] = []
        with subprocess.Popen(SLEEP, start_new_session=True) as child:
            process = Process.of(child.pid)
            assert process is not None
            self.record(data, process, boot_id())
            end_leftovers(data, said.append)
            assert not process.is_alive()
        assert "nats" in said[0]

    def test_strangers_with_the_same_pid_are_left_alone(self, data: DataDirectory) -> None:
        with subprocess.Popen(SLEEP, start_new_session=True) as child:
            process = Process.of(child.pid)
            assert process is not None
            self.record(data, Process(process.pid, process.started - 1), boot_id())
            end_leftovers(data, pytest.fail)
            self.record(data, process, "another boot")
            end_leftovers(data, pytest.fail)
            assert process.is_alive()
            child.kill()

    def test_those_of_a_directory_of_which_this_is_a_copy_are_left_alone(
        self, data: DataDirectory
    ) -> None:
        with subprocess.Popen(SLEEP, start_new_session=True) as child:
            process = Process.of(child.pid)
            assert process is not None
            self.record(data, process, boot_id(), supervisor=Process.current())
            end_leftovers(data, pytest.fail)
            assert process.is_alive()
            child.kill()


class TestHealth:
    @pytest.fixture
    async def address(self, request: pytest.FixtureRequest) -> AsyncIterator[str]:
        """HOST:PORT of a server that answers each connection with `request.param`."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(request.param)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
        server.close()

    @pytest.mark.parametrize("address", [b"HTTP/1.1 200 OK\r\n\r\nwell"], indirect=True)
    async def test_200_is_healthy(self, address: str) -> None:
        assert await healthy(f"http://{address}/readyz")

    @pytest.mark.parametrize(
        "address", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"nonsense"], indirect=True
    )
    async def test_anything_else_is_not(self, address: str) -> None:
        assert not await healthy(f"http://{address}/readyz")

    @pytest.mark.parametrize("address", [b"R\0\0\0\x08"], indirect=True)
    async def test_postgresql_that_asks_for_a_password_is_healthy(self, address: str) -> None:
        assert await healthy(f"postgresql://{address}")

    @pytest.mark.parametrize("address", [b"E\0\0\0\x08", b""], indirect=True)
    async def test_postgresql_that_still_starts_is_not(self, address: str) -> None:
        assert not await healthy(f"postgresql://{address}")

    async def test_silence_refusal_and_nonsense_are_not_healthy(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            assert not await healthy(address, within=0.1)
        assert not await healthy(address)
        assert not await healthy("")
        assert not await healthy("http://127.0.0.1:port/")

    def test_any_address_can_be_asked_for_its_port(self) -> None:
        assert tcp("https://s3.example", 443) == "tcp://s3.example:443"
        assert tcp("nats://[::1]:4000", 4222) == "tcp://[::1]:4000"


class TestLogs:
    def test_a_full_file_is_turned_over_and_old_ones_are_dropped(self, tmp_path: Path) -> None:
        file = RotatingFile(tmp_path / "a.log", max_bytes=10)
        for number in range(KEPT + 3):
            file.write(b"line %d\n" % number)
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["a.log", *(f"a.log.{n}" for n in range(1, KEPT + 1))]
        assert (tmp_path / "a.log").read_text() == f"line {KEPT + 2}\n"
        assert (tmp_path / f"a.log.{KEPT}").read_text() == "line 2\n"

    def test_a_full_disk_loses_lines_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / "full.log").symlink_to("/dev/full")
        RotatingFile(tmp_path / "full.log").write(b"lost\n")

    def test_the_last_line_is_the_last_that_says_something(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_text("first\nlast\n\n")
        assert last_line(log) == "last"
        assert last_line(tmp_path / "missing.log") == ""


def test_the_wrapper_needs_nothing_of_ours() -> None:
    """It runs with `-I -S`: no site-packages, no checkout on the path."""
    assert Path(launch.__file__).is_relative_to(CHECKOUT)
    run = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "9", "same", "/bin/true"],
        check=False,
    )
    assert run.returncode == 0
