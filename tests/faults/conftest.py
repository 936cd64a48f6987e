"""A stack of its own, since whoever else uses one would not survive what is done to it."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import SHUYUAN, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("besieged")
    answer = subprocess.run(
        [SHUYUAN, "up", "--data", str(data), "--port", "0", "--detach", "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    yield Stack(data, told["gateway"], told["object_store"], told["postgres"], told["nats"])
    subprocess.run([SHUYUAN, "down", "--data", str(data)], check=True, timeout=120)


@pytest.fixture
def seed() -> int:
    """``SHUYUAN_FAULTS_SEED`` brings a campaign back, as far as the machine's timing lets it."""
    return int(os.environ.get("SHUYUAN_FAULTS_SEED") or secrets.randbits(32))
