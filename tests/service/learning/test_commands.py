"""What an operator and the demonstration ask of the service at the terminal."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.learning import commands
from services.learning.settings import Settings


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
    asked = ["app", "--name", "应用", "--organisation", "PTEST", "--scope", "statements/write"]
    assert commands.register_application(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["username"] == "app"
    assert len(told["password"]) >= 43
    assert commands.register_application(asked) == 1
    assert "choose another name" in capsys.readouterr().err


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
