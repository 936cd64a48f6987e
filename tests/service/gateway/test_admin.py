"""Envoy's administration by a socket, where it and the control plane share no loopback."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters import access_log
from gateway.adapters.access_log import EnvoyAccessLog
from tests.service.gateway.door import Door, open_door
from tests.service.gateway.test_requests import PUBLIC

ENVOY_WRITES_SECONDS = 15


@pytest.fixture
def door() -> Iterator[Door]:
    # The path of a socket has 107 bytes at the most (unix(7)).
    with (
        tempfile.TemporaryDirectory() as name,
        open_door(Path(name), admin_socket=f"{name}/admin.sock") as opened,
    ):
        yield opened


def test_only_its_owner_reaches_the_socket(door: Door) -> None:
    assert Path(door.deployment.admin_socket).stat().st_mode & 0o777 == 0o600


def test_a_restarted_envoy_takes_over_the_socket_that_was_left(door: Door) -> None:
    with (
        open_door(
            door.directory, admin_socket=door.deployment.admin_socket, access_log=""
        ) as again,
        again.client() as client,
    ):
        assert client.get(PUBLIC).status_code == 200


async def test_a_long_log_is_begun_anew(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(door.deployment.access_log)
    monkeypatch.setattr(access_log, "LARGE", -1)
    await EnvoyAccessLog(path, f"unix:{door.deployment.admin_socket}").tidy({})
    assert not path.exists()
    with door.client() as client:
        client.get(PUBLIC)
    assert await asyncio.to_thread(_appears, path)


def _appears(path: Path) -> bool:
    deadline = time.monotonic() + ENVOY_WRITES_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return path.exists()
