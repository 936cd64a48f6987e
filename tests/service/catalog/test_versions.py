"""Versions over HTTP: frozen once, the same for ever, compared and restored."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import SCHOOL, URL, Desk, build_resources
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources)


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def frozen(desk: Desk, resource: dict[str, Any], note: str | None = None) -> dict[str, Any]:
    answer = await desk.freeze(resource, note)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def two_versions(desk: Desk) -> dict[str, Any]:
    """A resource as it stands after two versions, whose titles and files differ."""
    made = await desk.finished()
    await frozen(desk, made)
    upload = await desk.upload()
    patch = {"metadata": {"title": "第二版"}, "files": [{"upload_id": upload}]}
    after = (await desk.patch(await desk.read(made), patch)).json()
    await frozen(desk, after)
    return await desk.read(made)


async def get(desk: Desk, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    return await desk.client.get(
        f"{URL}/{path}", headers=desk.teacher if headers is None else headers
    )


async def test_nobody_but_the_owner_freezes(desk: Desk) -> None:
    made = await desk.finished()
    url = f"{URL}/{made['id']}/versions"
    for headers, expected in (({}, 401), (desk.colleague(), 404), (desk.administrator(), 403)):
        tagged = {**headers, "if-match": '"v1"'}
        assert (await desk.client.post(url, headers=tagged, json={})).status_code == expected


async def test_a_draft_with_errors_is_not_frozen_and_every_one_is_told(desk: Desk) -> None:
    made = await desk.create({"title": "草稿"})
    answer = await desk.freeze(made)
    assert answer.status_code == 409
    told = answer.json()
    assert told["type"] == "urn:shuyuan:problem:catalog/defects-remain"
    assert {"#/metadata/description", "#/metadata/rights_basis", "#/files"} <= {
        each["pointer"] for each in told["defects"]
    }
    assert all(each["level"] == "error" for each in told["defects"])


async def test_a_version_is_numbered_digested_and_noted(desk: Desk) -> None:
    made = await desk.finished()
    version = await frozen(desk, made, "初稿")
    assert (version["number"], version["note"]) == (1, "初稿")
    assert len(version["digest"]) == 64
    assert version["created_by"] == desk.subject
    after = await desk.read(made)
    assert (after["latest_version"], after["version"]) == (1, 2)
    assert after["actions"] == ["change", "restore_version", "submit"]


async def test_what_the_client_already_has_is_not_sent_again(desk: Desk) -> None:
    made = await desk.finished()
    await frozen(desk, made, "初稿")
    for path in (
        f"/catalog/v1/resources/{made['id']}",
        f"/catalog/v1/resources/{made['id']}/versions/1",
        "/catalog/v1/resource-schema",
    ):
        first = await desk.client.get(path, headers=desk.teacher)
        assert first.status_code == 200
        known = {**desk.teacher, "if-none-match": first.headers["etag"]}
        again = await desk.client.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        other = {**desk.teacher, "if-none-match": '"v99"'}
        assert (await desk.client.get(path, headers=other)).status_code == 200


async def test_a_draft_that_did_not_change_is_not_frozen_again(desk: Desk) -> None:
    made = await desk.finished()
    await frozen(desk, made)
    answer = await desk.freeze(await desk.read(made))
    assert answer.json()["type"] == "urn:shuyuan:problem:catalog/nothing-changed"


async def test_a_resource_with_versions_is_not_deleted(desk: Desk) -> None:
    made = await desk.finished()
    await frozen(desk, made)
    headers = {**desk.teacher, "if-match": '"v2"'}
    answer = await desk.client.delete(f"{URL}/{made['id']}", headers=headers)
    assert answer.json()["type"] == "urn:shuyuan:problem:catalog/action-refused"


async def test_a_pinned_version_stays_what_it_was(desk: Desk) -> None:
    after = await two_versions(desk)
    pinned = (await get(desk, f"{after['id']}?version=1")).json()
    assert pinned["number"] == 1
    assert pinned["metadata"]["title"] == "分数的初步认识"
    assert (await get(desk, f"{after['id']}/versions/2")).json()["metadata"]["title"] == "第二版"
    assert (await get(desk, f"{after['id']}?version=3")).status_code == 404


async def test_the_service_itself_cannot_change_a_version(desk: Desk, app: FastAPI) -> None:
    await two_versions(desk)
    for statement in (
        "UPDATE resource_versions SET note = 'x'",
        "DELETE FROM resource_version_files",
        "TRUNCATE resource_version_files",
    ):
        async with app.state.runtime.engine.connect() as connection:
            with pytest.raises(ProgrammingError, match=r"written once|permission"):
                await connection.execute(text(statement))


async def test_differences_name_what_changed(desk: Desk) -> None:
    after = await two_versions(desk)
    told = (await get(desk, f"{after['id']}/versions/2/differences?from=1")).json()
    assert told["metadata"] == [
        {"pointer": "/title", "before": "分数的初步认识", "after": "第二版"}
    ]
    assert (told["added"], told["removed"], len(told["replaced"])) == ([], [], 1)
    await desk.patch(after, {"metadata": {"volume": "upper"}})
    draft = (await get(desk, f"{after['id']}/versions/2/differences?from=draft")).json()
    assert draft["metadata"] == [{"pointer": "/volume", "before": "upper", "after": None}]


async def test_restoring_makes_the_draft_what_the_version_was(desk: Desk) -> None:
    after = await two_versions(desk)
    url = f"{URL}/{after['id']}/versions/1/restore"
    headers = {**desk.teacher, "if-match": f'"v{after["version"]}"'}
    restored = await desk.client.post(url, headers=headers)
    assert restored.status_code == 200, restored.text
    first = (await get(desk, f"{after['id']}/versions/1")).json()
    assert restored.json()["metadata"] == first["metadata"]
    assert restored.json()["files"] == first["files"]
    assert restored.json()["latest_version"] == 2
    third = await frozen(desk, restored.json())
    assert (third["number"], third["digest"]) == (3, first["digest"])


async def test_of_two_freezes_at_once_one_makes_a_version(desk: Desk) -> None:
    made = await desk.finished()
    answers = await asyncio.gather(*(desk.freeze(made) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 412, 412]


async def test_a_repeated_freeze_tells_of_the_first(desk: Desk) -> None:
    made = await desk.finished()
    headers = {**desk.teacher, "if-match": '"v1"', "idempotency-key": str(uuid7())}
    url = f"{URL}/{made['id']}/versions"
    first, again = [await desk.client.post(url, headers=headers, json={}) for _ in range(2)]
    assert (first.status_code, again.json()) == (201, first.json())


async def test_everybody_sees_the_live_version_and_no_other(desk: Desk) -> None:
    after = await two_versions(desk)
    await desk.patch(after, {"metadata": {"title": "还没完成的第三版"}})
    await desk.publish(after, 1)
    shown = (await get(desk, after["id"], {})).json()
    assert (shown["number"], shown["metadata"]["title"]) == (1, "分数的初步认识")
    assert shown["actions"] == []
    for path in ("?version=2", "/versions/2", "/versions/1/differences?from=draft"):
        assert (await get(desk, after["id"] + path, {})).status_code == 404
    listed = (await get(desk, f"{after['id']}/versions", {})).json()
    assert [each["number"] for each in listed["items"]] == [1]
    assert (await desk.read(after))["metadata"]["title"] == "还没完成的第三版"


async def test_versions_are_listed_the_newest_first(desk: Desk) -> None:
    after = await two_versions(desk)
    first = (await get(desk, f"{after['id']}/versions?limit=1")).json()
    path = f"{after['id']}/versions?limit=1&cursor={first['next']}"
    second = (await get(desk, path)).json()
    assert [each["number"] for each in (*first["items"], *second["items"])] == [2, 1]
    assert second["next"] is None


async def test_a_repeated_number_or_another_resource_has_no_version(desk: Desk) -> None:
    made = await desk.finished()
    other = await desk.create(organisation=SCHOOL)
    await frozen(desk, made)
    assert (await get(desk, f"{other['id']}/versions/1")).status_code == 404
    assert (await get(desk, f"{UUID(int=0)}/versions/1")).status_code == 404
