"""What an operator and the demonstration ask of the service at the terminal."""

import asyncio
import base64
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from services.learning import commands
from services.learning.domain.applications import UnknownApplication
from services.learning.settings import Settings

ASKED = ["app", "--name", "应用", "--organisation", "PTEST"]
Command = Callable[[Sequence[str]], int]


@pytest.fixture
def terminal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that a command reads."""
    monkeypatch.delenv("SHUYUAN_SECRETS_DIR", raising=False)
    told: dict[str, Any] = {
        "DATABASE_URL": settings.database_url,
        "DATABASE_PASSWORD": settings.database_password.get_secret_value(),
        "MASTER_KEYS": settings.master_keys.get_secret_value(),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"SHUYUAN_LEARNING_{name}", value)


@pytest.mark.usefixtures("terminal")
def test_an_application_gets_a_secret_that_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = [*ASKED, "--unknown-organisation", "--scope", "statements/write"]
    assert commands.register_application(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["username"] == "app"
    assert len(told["password"]) >= 43
    assert commands.register_application(asked) == 1
    assert "choose another name" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_an_application_is_of_an_organisation_that_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert commands.register_application(ASKED) == 1
    assert "no open organisation at PTEST" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("username", "path"), [("a:b", "PTEST"), ("", "PTEST"), ("app", "bad path!"), ("app", "P..S")]
)
def test_names_that_can_never_sign_in_are_refused(
    username: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        commands.register_application([username, "--name", "应用", "--organisation", path])
    assert "no colon" in (told := capsys.readouterr().err) or "labels with dots" in told


@pytest.mark.usefixtures("terminal")
async def test_a_secret_is_changed_and_an_application_revoked(
    app: FastAPI, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.learning.application.applications.SEEN_SECONDS", -1.0)

    async def told(command: Command, *argv: str) -> str:
        assert await asyncio.to_thread(command, argv) == 0
        return str(json.loads(capsys.readouterr().out)["password"])

    async def signs_in(password: str) -> bool:
        pair = base64.b64encode(f"app:{password}".encode()).decode()
        try:
            await app.state.records.registry.identify(f"Basic {pair}")
        except UnknownApplication:
            return False
        return True

    first = await told(commands.register_application, *ASKED, "--unknown-organisation")
    assert await signs_in(first)
    second = await told(commands.rotate_application, "app")
    assert (await signs_in(first), await signs_in(second)) == (False, True)
    assert await asyncio.to_thread(commands.revoke_application, ["app"]) == 0
    assert not await signs_in(second)
    capsys.readouterr()
    for command in (commands.rotate_application, commands.revoke_application):
        assert await asyncio.to_thread(command, ["app"]) == 1
        assert "No application signs in as app" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_the_demonstration_gets_an_application_of_its_province(tmp_path: Path) -> None:
    file = tmp_path / "demo-accounts.json"
    accounts = [{"organisation": "S-1234-5"}, {"organisation": "P-7XJ4-8"}]
    file.write_text(json.dumps({"accounts": accounts, "clients": []}))
    for _ in range(2):
        assert commands.seed_demo(["--accounts", str(file)]) == 0
    told = json.loads(file.read_text())
    [application] = told["xapi"]
    assert set(application) == {"username", "password"}
    assert told["accounts"] == accounts
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


async def test_the_secret_is_kept_as_a_hash(owner: asyncpg.Connection, register: Any) -> None:
    headers = await register("app")
    row = await owner.fetchval("SELECT applications::text FROM applications")
    assert headers["authorization"][6:] not in row
    assert await owner.fetchval("SELECT length(secret_hash) FROM applications") == 32
