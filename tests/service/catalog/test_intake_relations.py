"""Relations in a table of bulk intake, over HTTP."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.test_intake import Office, build_all
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_all


@pytest.fixture
def office(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Office:
    made = Office(client, owner, token, object_store(settings))
    made.employ(settings, app.state.runtime)
    return made


async def test_a_row_names_related_resources_by_their_codes(office: Office) -> None:
    own = await office.create()
    hidden = await office.create()
    await office.owner.execute("UPDATE resources SET owner = 'else' WHERE id = $1", hidden["id"])
    rows = f"题名,关联\n甲,包含：{own['code']}；相关：人教版教师用书\n乙,相关：{hidden['code']}\n"
    begun = await office.begin(table_upload_id=await office.sheet(rows.encode()))
    counts = (await office.finish(begun))["counts"]
    assert (counts["created"], counts["rejected"]) == (1, 1)
    [made, refused] = await office.rows(begun)
    assert refused["defects"][0]["column"] == "关联", "what one may not read does not exist"
    read = await office.read({"id": made["resource_id"]})
    first, second = read["metadata"]["relations"]
    assert (first["relationship"], first["resource_id"]) == ("contains", own["id"])
    assert (second["relationship"], second["identifier"]) == ("related", "人教版教师用书")
