import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import ports
from stack.errors import CannotStart, UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_zero_takes_a_free_block_below_the_ports_linux_hands_out(file: Path) -> None:
    chosen = ports.choose(file, 0)
    assert set(chosen) == {"gateway", *ports.OFFSETS}
    assert len(set(chosen.values())) == len(chosen)
    assert all(port + ports.TWIN < 32_768 for port in chosen.values())


def test_the_next_start_finds_the_same_ports(file: Path) -> None:
    first = ports.choose(file, 0)
    assert ports.choose(file, None) == first
    assert ports.choose(file, 0) == first
    assert ports.kept(file) == first


@pytest.mark.parametrize(
    "content", ['{"gateway": "many"}', '{"nats": null}', '{"nats": 70000}', '{"nats": -1}', "[1]"]
)
def test_a_damaged_file_is_as_good_as_none(file: Path, content: str) -> None:
    file.write_text(content)
    assert ports.kept(file) == {}
    assert ports.choose(file, 0) == ports.kept(file)


def test_an_inner_port_that_was_taken_meanwhile_moves_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ports.choose(file, 0)
    with socket.create_server(("127.0.0.1", first["postgres"])):
        second = ports.choose(file, None)
    moved = {name for name in first if first[name] != second[name]}
    assert moved == {"postgres"}
    assert ports.kept(file) == second


def test_a_taken_gateway_port_is_refused_with_advice(file: Path, listener: socket.socket) -> None:
    with pytest.raises(CannotStart, match=rf"Port {port_of(listener)} is taken.*--port"):
        ports.choose(file, port_of(listener))


def test_a_port_that_only_another_loopback_address_has_is_taken(file: Path) -> None:
    if len(ports.loopbacks()) == 1:
        pytest.skip("this machine has no IPv6 loopback")
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        pytest.raises(CannotStart, match="is taken"),
    ):
        ports.choose(file, port_of(server))


@pytest.mark.parametrize("number", [-1, 60_000, 70_000])
def test_a_number_that_is_no_usable_port_is_refused(file: Path, number: int) -> None:
    with pytest.raises(UsageError, match="--port takes"):
        ports.choose(file, number)


def test_a_privileged_port_is_refused_with_advice(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(address: str, port: int) -> None:
        if port == 80:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ports, "_bind", refuse)
    with pytest.raises(CannotStart, match="above 1023"):
        ports.choose(file, 80)


def test_a_port_moves_away_from_a_socket_file_of_another_user(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "SOCKETS", tmp_path)
    first = ports.choose(file, 0)
    (tmp_path / f"seaweedfs-filer-grpc-{first['filer'] + ports.TWIN}.sock").touch()
    assert ports.choose(file, None) == first
    stranger = tmp_path / "seaweedfs-filer-grpc-1.sock"
    stranger.touch()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    second = ports.choose(file, None)
    assert {name for name in first if first[name] != second[name]} == {"filer"}
    ports.remove_sockets(first)
    assert list(tmp_path.glob("*.sock")) == [stranger]
