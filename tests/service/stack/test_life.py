"""A stack of its own that is killed in every way, and always comes back."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from shared.services import SERVICES
from stack.processes import Process
from tests.conftest import SHUYUAN

Run = subprocess.CompletedProcess[str]


def shuyuan(*arguments: str, **variables: str) -> Run:
    return subprocess.run(
        [SHUYUAN, *arguments],
        env={**os.environ, **variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


class Own:
    """A stack on a data directory that only these tests use."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def up(self, *options: str, **variables: str) -> Run:
        return shuyuan("up", "--data", str(self.data), "--detach", "--json", *options, **variables)

    def down(self) -> Run:
        return shuyuan("down", "--data", str(self.data))

    def status(self) -> dict[str, Any]:
        run = shuyuan("status", "--data", str(self.data), "--json")
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    def components(self) -> dict[str, dict[str, Any]]:
        return {component["name"]: component for component in self.status()["components"]}

    def until(self, condition: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition(self.components()):
            assert time.monotonic() < deadline, self.components()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def own() -> Iterator[Own]:
    with tempfile.TemporaryDirectory(prefix="shuyuan-own-") as directory:
        # Others may cross it: where root may not unshare, PostgreSQL runs as `nobody`.
        Path(directory).chmod(0o711)
        own = Own(Path(directory))
        run = own.up("--port", "0")
        assert run.returncode == 0, run.stderr
        yield own
        assert own.down().returncode == 0


def answers(own: Own) -> bool:
    gateway = own.status()["gateway"]
    return all(
        httpx2.get(f"{gateway}/{service}/v1/about", trust_env=False).status_code == 200
        for service in SERVICES
    )


def test_up_tells_one_json_object_on_standard_output(own: Own) -> None:
    # The fixture's own `up` has already spoken; `status` tells the same facts.
    status = own.status()
    assert {"gateway", "issuer", "object_store", "accounts_file", "data", "seconds"} <= set(status)
    assert status["issuer"] == f"{status['gateway']}/identity"
    assert all(component["healthy"] for component in status["components"])


def test_up_on_a_running_data_directory_says_where_it_runs(own: Own) -> None:
    run = own.up()
    assert run.returncode == 3
    assert f"already running on {own.data}: {own.status()['gateway']}" in run.stderr
    assert run.stdout == ""


def test_a_taken_port_is_refused_with_advice(own: Own, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = Own(tmp_path).up("--port", port)
    assert run.returncode == 3
    assert f"Port {port} is taken" in run.stderr
    assert "Traceback" not in run.stderr


def test_every_killed_component_comes_back(own: Own) -> None:
    before = own.components()
    victims = {name: c["pid"] for name, c in before.items() if c["pid"]}
    assert set(victims) >= {*SERVICES, "postgres", "object-store", "nats", "gateway", "envoy"}
    for pid in victims.values():
        os.kill(pid, signal.SIGKILL)
    own.until(
        lambda now: all(
            now[name]["healthy"] and now[name]["pid"] not in (pid, None)
            for name, pid in victims.items()
        )
    )
    after = own.components()
    assert all(after[name]["restarts"] > before[name]["restarts"] for name in victims)
    assert answers(own)


def test_a_killed_supervisor_leaves_nothing_and_up_recovers(own: Own) -> None:
    before = own.status()
    children = [Process.of(c["pid"]) for c in before["components"] if c["pid"]]
    os.kill(before["pid"], signal.SIGKILL)
    assert shuyuan("status", "--data", str(own.data)).returncode == 4
    run = own.up()
    assert run.returncode == 0, run.stderr
    assert not any(child.is_alive() for child in children if child)
    assert json.loads(run.stdout)["gateway"] == before["gateway"]
    assert answers(own)


def test_servers_elsewhere_are_used_and_not_started(own: Own, tmp_path: Path) -> None:
    """A second stack on the first one's servers, with the same secrets."""
    other = Own(tmp_path)
    shutil.copytree(own.data / "secrets", tmp_path / "secrets")
    status = own.status()

    def secret(owner: str, name: str) -> str:
        return (own.data / "secrets" / owner / name).read_text()

    run = other.up(
        *("--port", "0"),
        SHUYUAN_STACK_POSTGRES_URL=f"{status['postgres']}/postgres".replace("//", "//postgres@"),
        SHUYUAN_STACK_POSTGRES_PASSWORD=secret("postgres", "superuser_password"),
        SHUYUAN_STACK_NATS_URL=status["nats"],
        SHUYUAN_STACK_OBJECT_STORE_ENDPOINT=status["object_store"],
        SHUYUAN_STACK_OBJECT_STORE_ACCESS_KEY=secret("object-store", "access_key"),
        SHUYUAN_STACK_OBJECT_STORE_SECRET_KEY=secret("object-store", "secret_key"),
    )
    try:
        assert run.returncode == 0, run.stderr
        components = other.components()
        external = {name for name, c in components.items() if c["state"] == "external"}
        assert external == {"postgres", "nats", "object-store"}
        assert components["postgres"]["address"] == status["postgres"]
        assert not (tmp_path / "postgres").exists()
        assert json.loads(run.stdout)["object_store"] == status["object_store"]
        assert answers(other)
    finally:
        other.down()


def test_down_ends_every_process_and_says_so_once(own: Own) -> None:
    before = own.status()
    processes = [Process.of(c["pid"]) for c in before["components"] if c["pid"]]
    began = time.monotonic()
    run = own.down()
    assert run.returncode == 0
    assert "has stopped" in run.stderr
    assert time.monotonic() - began < 8
    assert not any(process.is_alive() for process in processes if process)
    for address in (before["gateway"], before["postgres"]):
        url = urlsplit(address)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((url.hostname, url.port or 0))
    again = own.down()
    assert again.returncode == 0
    assert "is not running" in again.stderr


def test_ctrl_c_during_a_start_stops_it_and_the_next_start_works(own: Own) -> None:
    """In the foreground, as the first thing after `down`, and below a shell that ignores it."""
    ignoring = ["sh", "-c", 'trap "" INT; exec "$0" "$@"']
    with subprocess.Popen(
        [*ignoring, SHUYUAN, "up", "--data", str(own.data)], stderr=subprocess.PIPE, text=True
    ) as foreground:
        assert foreground.stderr is not None
        while "postgres" not in (line := foreground.stderr.readline()):
            assert line, "it ended before PostgreSQL was ready"
        foreground.send_signal(signal.SIGINT)
        said = foreground.stderr.read()
    assert foreground.returncode == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert shuyuan("status", "--data", str(own.data)).returncode == 4
    assert own.up().returncode == 0
    assert answers(own)
