"""A client that others wrote (@xapi/xapi) keeps records in the running stack, in both versions."""

import asyncio
import json
import sys
import uuid
from pathlib import Path

import pytest

from stack import plan, ports
from stack.data import DataDirectory
from stack.settings import StackSettings
from tests.conftest import CHECKOUT, Stack


@pytest.fixture
async def application(stack: Stack) -> tuple[str, str]:
    """User name and password of a new application."""
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    [learning] = [each for each in components if each.name == "learning"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.learning", "register-application"),
        *(f"client-{uuid.uuid4().hex[:8]}", "--name", "Client"),
        *("--organisation", f"P{uuid.uuid4().hex[:8]}", "--unknown-organisation"),
        env=dict(learning.env),
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    told = json.loads(printed)
    return told["username"], told["password"]


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
async def test_the_client_stores_finds_voids_and_keeps_documents(
    version: str, installed: Path, stack: Stack, application: tuple[str, str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", "xapi.js", f"{stack.gateway}/learning/xapi/{version}/", *application, version),
        cwd=installed,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    assert json.loads(printed) == {
        "actor": {
            "objectType": "Agent",
            "name": "李雨桐",
            "mbox": "mailto:yutong@school.example",
        },
        "sent": 3,
        "paged": 4,
        "voided": True,
        "state": {"page": 1, "seen": True},
        "profile": {"a": 1},
        "refused": 412,
        "person": "Person",
        "about": ["1.0.3", "2.0.0"],
    }
