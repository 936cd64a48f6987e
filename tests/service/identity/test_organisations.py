from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Organisation
from services.identity.parts import organisations as part
from services.identity.settings import Settings
from shared.service import Runtime, application
from tests.service.identity.conftest import Token

ORGANISATIONS = "/identity/v1/organisations"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    def alone(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        built = part.build(runtime, settings)
        return application(
            runtime, title="", description="", routers=built.routers, table=built.table
        )

    return alone


@pytest.fixture
def organisations(app: FastAPI) -> Organisations:
    runtime = app.state.runtime
    return Organisations(runtime.new_uow, OrganisationRepository, runtime.clock)


@pytest.fixture
async def province(organisations: Organisations) -> Organisation:
    return await organisations.found_province("陕西省", "610000")


@pytest.fixture
def admin(token: Token, province: Organisation) -> dict[str, str]:
    return token("admin", "identity.read identity.manage", (f"administrator@{province.path}",))


async def test_smoke(client: httpx2.AsyncClient, admin: dict[str, str], province: Organisation, statements) -> None:
    import time
    a = await client.post(ORGANISATIONS, headers=admin, json={"parent": province.code, "kind": "city", "name": "西安市", "division_code": "610100"})
    print(a.status_code, a.text, a.headers)
    city = a.json()
    a = await client.post(ORGANISATIONS, headers=admin, json={"parent": city["id"], "kind": "school", "name": "西安市第二中学"})
    print(a.status_code, a.text)
    school = a.json()
    for p in ("", f"?parent={province.id}", f"?within={province.code}&q=xian", "?parent=root", "?limit=1"):
        a = await client.get(ORGANISATIONS + p, headers=admin)
        print(p, a.status_code, a.text)
    a = await client.get(ORGANISATIONS + "/" + school["code"], headers=admin)
    print(a.status_code, a.text, a.headers["etag"])
    h = {**admin, "if-match": '"v1"'}
    a = await client.patch(f"{ORGANISATIONS}/{school['id']}", headers=h, json={"name": "二中"})
    print(a.status_code, a.text)
    a = await client.post(f"{ORGANISATIONS}/{city['id']}/move", headers=h, json={"parent": str(province.id)})
    print(a.status_code, a.text)
    h = {**admin, "if-match": '"v2"'}
    a = await client.post(f"{ORGANISATIONS}/{school['id']}/move", headers=h, json={"parent": str(province.id)})
    print(a.status_code, a.text)
    a = await client.get(ORGANISATIONS + "/" + school["code"]+"/history", headers=admin)
    print(a.status_code, a.text)
    statements.clear()
    a = await client.post(f"{ORGANISATIONS}/{province.id}/close", headers={**admin, "if-match": '"v1"'}, json={})
    print(a.status_code, a.text)
    print("\n".join(statements))
    a = await client.post(f"{ORGANISATIONS}/{province.id}/close", headers={**admin, "if-match": '"v1"'}, json={"below": True})
    print(a.status_code, a.text)
    a = await client.get(ORGANISATIONS + "/" + school["code"], headers=admin)
    print(a.status_code, a.text, a.headers["etag"])
    assert 0
