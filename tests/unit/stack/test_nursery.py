"""With the real nursery: it is about processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from stack.adoption import Adopted, Nursery
from stack.component import Component
from stack.processes import Process

PROGRAM = """
import os, sys, time
said = [os.environ.get("GREETING"), os.getcwd(), os.getppid(), os.getsid(0)]
print(*sys.argv[1:], *said, "SECRET_OF_THE_SUPERVISOR" in os.environ, flush=True)
if "wait" in sys.argv: time.sleep(60)
sys.exit(int(sys.argv[-1]))
"""


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    found = Nursery(tmp_path)
    await found.open()
    yield found
    await found.close()


def program(at: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Component:
    (at / "program_of_a_test.py").write_text(PROGRAM)
    argv = (sys.executable, "-m", "stack.early", "program_of_a_test", "json", *arguments)
    return Component(name="program", argv=argv, early=True, cwd=at, env=env or {})


async def born(nursery: Nursery, component: Component) -> tuple[Adopted, asyncio.StreamReader]:
    """A child that has been told to begin, and what it says."""
    read, write = os.pipe()
    said = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(read, "rb", buffering=0)
    )
    child = await nursery.fork(component, write)
    os.close(write)
    assert child is not None
    child.stdin.write(b"\n")
    return child, said


async def test_a_child_is_ours_with_its_own_arguments_environment_and_session(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SUPERVISOR", "x")
    here = program(tmp_path, "one", "0", env={"GREETING": "hello"})
    child, said = await born(nursery, here)
    words = (await said.read()).decode().split()
    assert words == ["one", "0", "hello", str(tmp_path), str(os.getpid()), str(child.pid), "False"]
    assert await child.wait() == child.returncode == 0


async def test_how_it_ended_is_told(nursery: Nursery, tmp_path: Path) -> None:
    failing, _ = await born(nursery, program(tmp_path, "3"))
    assert await failing.wait() == 3
    killed, said = await born(nursery, program(tmp_path, "wait", "0"))
    await said.readline()
    os.kill(killed.pid, signal.SIGKILL)
    assert await killed.wait() == -signal.SIGKILL


async def test_a_child_waits_for_its_line(nursery: Nursery, tmp_path: Path) -> None:
    read, write = os.pipe()
    child = await nursery.fork(program(tmp_path, "0"), write)
    assert child is not None
    child.stdin.close()
    os.close(write)
    assert await child.wait() == 1
    with os.fdopen(read, "rb") as said:
        assert said.read() == b"the supervisor ended before this could begin\n"


async def test_several_at_once_are_different_processes(nursery: Nursery, tmp_path: Path) -> None:
    born_together = await asyncio.gather(
        *(born(nursery, program(tmp_path, str(number))) for number in range(5))
    )
    assert len({child.pid for child, _ in born_together}) == 5
    assert [await child.wait() for child, _ in born_together] == list(range(5))


async def test_a_nursery_that_is_killed_forks_no_more_and_takes_nobody_along(
    nursery: Nursery, tmp_path: Path
) -> None:
    child, said = await born(nursery, program(tmp_path, "wait", "0"))
    await said.readline()
    proof = Process.of(child.pid)
    assert nursery._process is not None
    nursery._process.kill()
    await nursery._process.wait()
    assert await nursery.fork(program(tmp_path, "0"), 1) is None
    assert proof is not None
    assert proof.is_alive()
    os.kill(child.pid, signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM


async def test_what_is_no_program_of_ours_is_left_to_others(nursery: Nursery) -> None:
    stranger = Component(name="stranger", argv=(sys.executable, "-c", "pass"), early=True)
    assert await nursery.fork(stranger, 1) is None
