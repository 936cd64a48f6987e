"""The demonstration province, seeded once into an empty database, and a real sign-in to it."""

import json
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.app import build_parts
from services.identity.demonstration.commands import keep
from services.identity.demonstration.province import ACCOUNTS, FAMILIES, SIGN_IN
from services.identity.demonstration.seed import Seeding, new_password, provinces
from services.identity.demonstration.sign_in import SignInFailed, access_token
from services.identity.problems import PROBLEMS
from services.identity.settings import Settings
from shared.principal import Principal
from shared.service import Runtime, application


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    """The application with its parts at hand."""

    def built(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        parts = build_parts(runtime, settings)
        app = application(runtime, title="", description="", parts=parts, table=PROBLEMS)
        app.state.parts = parts
        return app

    return built


@pytest.fixture
async def told(app: FastAPI) -> dict[str, Any]:
    """What the accounts file says."""
    parts = app.state.parts
    assert not await provinces(parts)
    seeded = await Seeding(parts).run()
    await parts.provider.keys.tend()
    assert await provinces(parts)
    found: dict[str, Any] = json.loads(json.dumps(seeded))
    return found


@pytest.fixture
def through_the_app(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign in to the application in this process instead of over the network."""

    class Browser(httpx2.AsyncClient):
        def __init__(self, **_options: Any) -> None:
            super().__init__(transport=httpx2.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(httpx2, "AsyncClient", Browser)


async def test_everybody_whom_a_demonstration_needs_is_there_and_signs_in(
    told: dict[str, Any],
    owner: asyncpg.Connection,
    app: FastAPI,
    settings: Settings,
    through_the_app: None,
) -> None:
    people = {each["username"]: each for each in told["accounts"]}
    held = Counter(role for each in people.values() for role in each["roles"])
    assert held["teacher"] >= 10
    assert held["student"] == 60
    assert {"guardian", "subject_expert", "auditor", "security_administrator"} <= set(held)
    kinds = await owner.fetch(
        "SELECT DISTINCT role, kind FROM role_grants JOIN organisations o"
        " ON o.id = organisation_id WHERE role IN ('reviewer', 'administrator')"
    )
    levels = {"province", "city", "county", "school"}
    assert {(row["role"], row["kind"]) for row in kinds} == {
        (role, level) for role in ("reviewer", "administrator") for level in levels
    }
    assert await owner.fetchval("SELECT count(*) FROM people WHERE state <> 'ACTIVE'") == 0
    actors = await owner.fetch(
        "SELECT action, actor FROM audit WHERE action IN ('person.invite', 'role.grant',"
        " 'guardianship.create', 'client.requested', 'client.approve') GROUP BY action, actor"
    )
    assert {row["actor"].startswith("demonstration-") for row in actors} == {True}
    assert await owner.fetchval("SELECT count(*) FROM organisations WHERE kind = 'school'") == 8

    interactive, *integrators = told["clients"]
    assert (interactive["client_secret"], SIGN_IN in interactive["grant_types"]) == (None, True)
    assert len(integrators) == 2
    assert all(each["client_secret"] for each in integrators)

    async def scopes_of(username: str) -> Principal:
        password = people[username]["password"]
        token = await access_token(settings.issuer, interactive, username, password)
        found: Principal = app.state.verifier.verify(token)
        return found

    teacher = await scopes_of("teacher01")
    assert "catalog.write" in teacher.scopes
    [grant] = teacher.claims["grants"]
    assert grant.startswith("teacher@P")
    consented = next(each.child for each in FAMILIES if each.consents)
    assert "learning.read" in (await scopes_of(consented)).scopes
    alone = next(each.child for each in FAMILIES if not each.consents)
    assert (await scopes_of(alone)).scopes == {"openid"}
    with pytest.raises(SignInFailed):
        await access_token(settings.issuer, interactive, "teacher01", "not the password at all")


def test_the_file_is_its_owners_alone_and_is_replaced_whole(tmp_path: Path) -> None:
    accounts = tmp_path / "demo-accounts.json"
    contents: list[dict[str, list[str]]] = [{"accounts": []}, {"accounts": ["张伟"]}]
    for content in contents:
        keep(accounts, content)
        assert json.loads(accounts.read_text()) == content
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["demo-accounts.json"]


def test_passwords_are_long_and_never_the_same() -> None:
    drawn = {new_password() for _ in range(1000)}
    assert len(drawn) == 1000
    assert min(map(len, drawn)) >= 15


def test_usernames_are_unique() -> None:
    assert len({each.username for each in ACCOUNTS}) == len(ACCOUNTS)
