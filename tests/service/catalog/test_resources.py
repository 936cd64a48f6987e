"""Drafts over HTTP: who may, what is kept, what is refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import (
    CITY,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    URL,
    Desk,
    build_resources,
)
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources)


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def test_nobody_creates_without_a_token_a_scope_and_a_role(desk: Desk) -> None:
    reader = desk.token("reader", "catalog.read", (f"teacher@{SCHOOL}",))
    student = desk.token("student", "catalog.write", (f"student@{SCHOOL}",))
    answers = [await desk.client.post(URL, headers=each, json={}) for each in ({}, reader, student)]
    assert [each.status_code for each in answers] == [401, 403, 403]


async def test_nobody_creates_at_an_organisation_that_is_not_theirs(desk: Desk) -> None:
    for elsewhere in (OTHER_SCHOOL, CITY, "S-0000-0000-0"):
        body = {"organisation": elsewhere}
        answer = await desk.client.post(URL, headers=desk.teacher, json=body)
        assert answer.status_code == 403, elsewhere


async def test_a_draft_may_be_nearly_empty(desk: Desk) -> None:
    made = await desk.create({"title": "  草稿  "})
    assert made["metadata"]["title"] == "草稿"
    assert made["code"].startswith("R-")
    assert (made["state"], made["live_version"], made["latest_version"]) == ("DRAFT", None, 0)
    assert made["organisation"] == SCHOOL
    assert made["actions"] == ["change", "delete"]


async def test_every_defect_of_shape_is_told_at_once(desk: Desk) -> None:
    metadata = {
        "title": "a\u0000b",
        "volume": "../x",
        "relations": [{"relationship": "contains"}],
        "unheard": 1,
        "description": "d" * 2001,
    }
    body = {"metadata": metadata, "files": [{"upload_id": "x", "role": "villain"}]}
    answer = await desk.client.post(URL, headers=desk.teacher, json=body)
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} == {
        "#/metadata/title",
        "#/metadata/volume",
        "#/metadata/relations/0",
        "#/metadata/unheard",
        "#/metadata/description",
        "#/files/0/upload_id",
        "#/files/0/role",
    }


async def test_files_of_others_unfinished_and_refused_ones_are_not_attached(desk: Desk) -> None:
    reason = {"code": "macro", "detail": "It contains macros.", "detail_zh": "文件含有宏。"}
    refused = await desk.upload(state="REFUSED", refusal=[reason])
    uploads = [
        await desk.upload(owner="somebody"),
        await desk.upload(owner="somebody", organisation=OTHER_SCHOOL),
        await desk.upload(state="OPEN"),
        refused,
        str(uuid7()),
    ]
    body = {"files": [{"upload_id": each} for each in uploads]}
    answer = await desk.client.post(URL, headers=desk.teacher, json=body)
    assert answer.status_code == 422
    told = answer.json()["errors"]
    assert [each["pointer"] for each in told] == [f"#/files/{n}/upload_id" for n in range(5)]
    assert "文件含有宏。" in told[3]["detail"]
    assert told[0]["detail"] == told[1]["detail"] == told[4]["detail"]


async def test_files_still_inspected_and_those_of_the_own_school_are_attached(desk: Desk) -> None:
    waiting = await desk.upload(state="COMPLETED")
    of_the_school = await desk.upload(owner="colleague", organisation=SCHOOL)
    made = await desk.create(None, waiting, of_the_school)
    assert [each["upload_id"] for each in made["files"]] == [waiting, of_the_school]
    assert made["files"][0]["filename"] == "分数.pdf"


async def test_one_upload_is_attached_once(desk: Desk) -> None:
    upload = await desk.upload()
    body = {"files": [{"upload_id": upload}, {"upload_id": upload, "role": "cover"}]}
    answer = await desk.client.post(URL, headers=desk.teacher, json=body)
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/files/1/upload_id"]


async def test_a_draft_is_read_by_its_owner_and_the_administrators_above(desk: Desk) -> None:
    url = f"{URL}/{(await desk.create())['id']}"

    async def status(headers: dict[str, str]) -> int:
        return (await desk.client.get(url, headers=headers)).status_code

    for above in (SCHOOL, CITY, PROVINCE):
        assert await status(desk.administrator(above)) == 200
    assert await status(desk.teacher) == 200
    for stranger in (
        {},
        desk.colleague(),
        desk.administrator(OTHER_SCHOOL),
        desk.administrator(f"{SCHOOL}.G1"),
        desk.token(desk.subject, "openid"),
    ):
        assert await status(stranger) == 404


async def test_a_patch_merges_into_the_draft(desk: Desk) -> None:
    made = await desk.create({"title": "草稿", "keywords": ["一"], "volume": "upper"})
    patch = {"metadata": {"title": "新题", "keywords": ["二", "三"], "volume": None}}
    answer = await desk.patch(made, patch)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert after["metadata"]["title"] == "新题"
    assert after["metadata"]["keywords"] == ["二", "三"]
    assert after["metadata"]["volume"] is None
    assert answer.headers["etag"] == f'"v{after["version"]}"' == '"v2"'


async def test_a_patch_that_would_break_the_shape_changes_nothing(desk: Desk) -> None:
    made = await desk.create({"rights_basis": {"kind": "licensed", "valid_from": "2026-09-01"}})
    patch = {"metadata": {"rights_basis": {"valid_until": "2026-08-01"}, "strange": 1}}
    answer = await desk.patch(made, patch)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "#/metadata/rights_basis",
        "#/metadata/strange",
    ]
    assert await desk.read(made) == made


@pytest.mark.parametrize(
    "patch",
    [
        '{"metadata": ' + '{"a": ' * 900 + "1" + "}" * 901,
        '{"metadata": {"title": "\\ud800"}}',
        '{"metadata": {"\\u0000": 1}}',
        '{"metadata": {"\\udfff": 1}}',
        '{"metadata": {"title": {"a": [[]]}, "grades": {"0": null}}}',
        '{"metadata": []}',
        '{"files": [{"upload_id": null}]}',
        '{"files": null, "metadata": {"relations": [{"version": 1e99}]}}',
    ],
)
async def test_a_patch_of_any_shape_is_told_what_is_wrong(desk: Desk, patch: str) -> None:
    made = await desk.create()
    headers = {**desk.teacher, "if-match": '"v1"', "content-type": "application/merge-patch+json"}
    url = f"{URL}/{made['id']}"
    answer = await desk.client.patch(url, headers=headers, content=patch.encode())
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_a_file_that_was_refused_later_stays_attached_until_it_is_replaced(
    desk: Desk,
) -> None:
    upload = await desk.upload(state="COMPLETED")
    made = await desk.create(None, upload)
    await desk.owner.execute("UPDATE uploads SET state = 'REFUSED'")
    files = [{"upload_id": upload, "alt_text": "封面"}]
    assert (await desk.patch(made, {"files": files})).status_code == 200


async def test_a_change_needs_the_version_that_was_read(desk: Desk) -> None:
    made = await desk.create()
    url, patch = f"{URL}/{made['id']}", {"metadata": {"title": "新"}}
    assert (await desk.client.patch(url, headers=desk.teacher, json=patch)).status_code == 428
    assert (await desk.patch(made, patch, version=9)).status_code == 412


async def test_only_the_owner_changes_a_draft(desk: Desk) -> None:
    url = f"{URL}/{(await desk.create())['id']}"
    for headers, expected in ((desk.administrator(), 403), (desk.colleague(), 404)):
        tagged = {**headers, "if-match": '"v1"'}
        assert (await desk.client.patch(url, headers=tagged, json={})).status_code == expected
        assert (await desk.client.delete(url, headers=tagged)).status_code == expected


async def test_of_two_changes_at_once_one_wins(desk: Desk) -> None:
    made = await desk.create()
    answers = await asyncio.gather(
        *(desk.patch(made, {"metadata": {"title": f"第{n}个"}}) for n in range(4))
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_a_repeated_creation_makes_one_resource(desk: Desk) -> None:
    headers = {**desk.teacher, "idempotency-key": str(uuid7())}
    first, again = [await desk.client.post(URL, headers=headers, json={}) for _ in range(2)]
    assert first.json() == again.json()
    assert await desk.owner.fetchval("SELECT count(*) FROM resources") == 1
    assert first.headers["location"] == f"{URL}/{first.json()['id']}"


async def test_a_draft_without_versions_is_deleted(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload())
    headers = {**desk.teacher, "if-match": '"v1"'}
    url = f"{URL}/{made['id']}"
    assert (await desk.client.delete(url, headers=headers)).status_code == 204
    assert (await desk.client.get(url, headers=desk.teacher)).status_code == 404


async def test_every_change_is_audited_without_what_was_written(desk: Desk) -> None:
    made = await desk.create({"title": "不应出现"})
    await desk.patch(made, {"metadata": {"title": "也不应出现"}})
    rows = await desk.owner.fetch("SELECT action, actor, facts::text FROM audit ORDER BY id")
    assert [row["action"] for row in rows] == ["resource.created", "resource.changed"]
    assert {row["actor"] for row in rows} == {desk.subject}
    assert "不应出现" not in str([row["facts"] for row in rows])


async def test_the_schema_of_metadata_is_published(desk: Desk) -> None:
    schema: dict[str, Any] = (await desk.client.get("/catalog/v1/resource-schema")).json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "1.2.1" in schema["properties"]["title"]["description"]
    assert schema["additionalProperties"] is False


async def test_metadata_is_told_in_the_elements_of_the_standard(desk: Desk) -> None:
    made = await desk.finished()
    url = f"{URL}/{made['id']}/metadata"
    told = (await desk.client.get(url, headers=desk.teacher)).json()
    assert told["1.1 identifier"] == {"catalog": "shuyuan", "entry": made["code"]}
    assert told["2.2 contribute"] == [{"contributor": "张敏", "role": "作者"}]
    assert told["4.1 format"] == ["application/pdf"]
    assert told["4.3 size"] == 200
    assert told["5.2.2 grade-level"] == ["小学", "三年级"]
    assert told["8.1 curriculum-name"] == "14"
    assert (await desk.client.get(url)).status_code == 404
