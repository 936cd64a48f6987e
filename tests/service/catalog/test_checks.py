"""The check before submission over HTTP: what it learns from the database and the object store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.domain.files import key_of
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import SCHOOL, URL, Desk, build_resources
from tests.service.house import Token

TALE = "".join(f"第{n}天，小明在河边看见{n * 7}只白鹭飞过第{n % 9}座桥。" for n in range(120))


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources)


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


def told(defects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(each["code"], each["pointer"]) for each in defects}


async def test_strangers_learn_nothing(desk: Desk) -> None:
    url = f"{URL}/{(await desk.create())['id']}/check"
    assert (await desk.client.post(url)).status_code == 401
    assert (await desk.client.post(url, headers=desk.colleague())).status_code == 404
    assert (await desk.client.post(url, headers=desk.administrator())).status_code == 200


async def test_a_complete_draft_passes(desk: Desk) -> None:
    made = await desk.finished()
    answer = await desk.client.post(f"{URL}/{made['id']}/check", headers=desk.teacher)
    assert (answer.json()["passed"], answer.json()["defects"]) == (True, [])


async def test_an_empty_draft_is_told_everything_in_the_callers_language(desk: Desk) -> None:
    made = await desk.create({"title": "草稿"})
    defects = await desk.check(made)
    assert len([each for each in defects if each["code"] == "missing"]) >= 10
    assert {"no-rights-basis", "no-files"} <= {each["code"] for each in defects}
    english = await desk.check(made, **{"accept-language": "en"})
    assert english[0]["advice"] == "Fill in languages."
    assert defects[0]["advice"] == "请填写语种"


async def test_terms_that_no_dictionary_has_or_that_are_retired_are_told(desk: Desk) -> None:
    await desk.owner.execute(
        "UPDATE terms SET state = 'RETIRED' WHERE dictionary = 'audience' AND code = 'teacher'"
    )
    try:
        made = await desk.create(
            {"stage": "nursery", "grades": ["G3", "G99"], "audience": "teacher"}
        )
        found = told(await desk.check(made))
    finally:
        await desk.owner.execute("UPDATE terms SET state = 'ACTIVE' WHERE dictionary = 'audience'")
    assert ("unknown-term", "#/metadata/stage") in found
    assert ("unknown-term", "#/metadata/grades/1") in found
    assert ("retired-term", "#/metadata/audience") in found
    assert ("unknown-term", "#/metadata/grades/0") not in found


async def test_stage_grades_and_relations_must_not_contradict_each_other(desk: Desk) -> None:
    made, other = await desk.create({"title": "分数"}), await desk.create({"title": "小数"})
    said = {
        "stage": "primary",
        "grades": ["G7"],
        "keywords": ["分数", "分数"],
        "relations": [
            {"relationship": "related", "resource_id": made["id"]},
            {"relationship": "contains", "resource_id": other["id"]},
            {"relationship": "part_of", "resource_id": other["id"]},
        ],
    }
    answer = await desk.patch(made, {"metadata": said})
    assert answer.status_code == 200, answer.text
    found = told(await desk.check(made))
    assert {
        ("stage-mismatch", "#/metadata/grades"),
        ("repeated", "#/metadata/keywords/1"),
        ("related-to-itself", "#/metadata/relations/0"),
        ("relations-contradict", "#/metadata/relations/2"),
    } <= found


async def test_textbook_and_chapters_must_fit(desk: Desk) -> None:
    book = uuid7()
    await desk.owner.execute(
        "INSERT INTO textbooks (id, title, sort_key, publisher, stage, subject, stage_text,"
        " subject_text, edition_text, grade_text, volume_text, source, state, version, updated_at)"
        " VALUES ($1, '数学', '', '', 'primary', 'x', '', '', '', '', '', '', 'ACTIVE', 1, now())",
        book,
    )
    await desk.owner.execute(
        "INSERT INTO chapters (textbook, code, title, position, state)"
        " VALUES ($1, '1', '分数', 1, 'ACTIVE')",
        book,
    )
    made = await desk.create({"textbook_id": str(book), "stage": "junior", "chapters": ["1", "2"]})
    found = told(await desk.check(made))
    assert ("textbook-mismatch", "#/metadata/stage") in found
    assert ("unknown-chapter", "#/metadata/chapters/1") in found
    assert ("unknown-chapter", "#/metadata/chapters/0") not in found
    nowhere = await desk.create({"textbook_id": str(uuid7())})
    assert ("unknown-textbook", "#/metadata/textbook_id") in told(await desk.check(nowhere))


async def test_a_licence_that_ended_is_an_error(desk: Desk) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    basis = {
        "kind": "licensed",
        "licensor": "某出版社",
        "terms": "校内使用",
        "valid_from": "2020-01-01",
        "valid_until": yesterday,
    }
    found = told(await desk.check(await desk.finished(rights_basis=basis)))
    assert found == {("licence-expired", "#/metadata/rights_basis/valid_until")}


async def test_a_relation_leads_to_something_that_the_owner_may_read(desk: Desk) -> None:
    theirs = await desk.create(headers=desk.colleague())
    mine = await desk.finished(licence="CC-BY-NC-4.0")
    relations = [
        {"relationship": "contains", "resource_id": theirs["id"]},
        {"relationship": "contains", "resource_id": mine["id"]},
        {"relationship": "related", "resource_id": mine["id"], "version": 4},
        {"relationship": "related", "identifier": "ISBN 978-7-107-00000-0"},
    ]
    found = told(await desk.check(await desk.finished(relations=relations)))
    assert found == {
        ("unknown-related", "#/metadata/relations/0"),
        ("unknown-related", "#/metadata/relations/2"),
        ("licence-looser-than-part", "#/metadata/relations/1"),
    }


async def test_files_that_wait_were_refused_or_say_nothing_are_told(desk: Desk) -> None:
    reason = {"code": "macro", "detail": "It contains macros.", "detail_zh": "文件含有宏。"}
    waiting, refused = [await desk.upload(state="COMPLETED") for _ in range(2)]
    scanned = await desk.upload(pages=12, characters=12, scanned=12)
    picture = await desk.upload(media_type="image/png", filename="图.png")
    film = await desk.upload(media_type="video/mp4", filename="课.mp4")
    made = await desk.create(await desk.complete(), waiting, refused, scanned, picture, film)
    await desk.owner.execute(
        "UPDATE uploads SET state = 'REFUSED', refusal = $2 WHERE id = $1",
        UUID(refused),
        f'[{{"code": "macro", "detail": "{reason["detail"]}", "detail_zh": "文件含有宏。"}}]',
    )
    defects = await desk.check(made)
    assert told(defects) == {
        ("not-inspected", "#/files/0"),
        ("refused", "#/files/1"),
        ("no-text-layer", "#/files/2"),
        ("no-alt-text", "#/files/3/alt_text"),
        ("no-captions", "#/files/4"),
    }
    assert any("文件含有宏。" in each["detail"] for each in defects)


async def test_personal_data_is_told_by_page_and_masked(desk: Desk) -> None:
    upload = await desk.upload(
        text="目录\f学生身份证 11010519491231002X，电话 13812345678。" + "字" * 50
    )
    metadata = await desk.complete(
        description="联系人邮箱 zhang.min@example.edu.cn，欢迎来信交流。"
    )
    defects = await desk.check(await desk.create(metadata, upload))
    by_code = {each["code"]: each for each in defects}
    assert set(by_code) == {"personal-id-number", "personal-phone", "personal-email"}
    assert "第 2 页" in by_code["personal-id-number"]["detail"]
    assert by_code["personal-email"]["pointer"] == "#/metadata/description"
    assert "49123" not in str(defects)
    assert "13812345678" not in str(defects)


async def test_the_same_file_elsewhere_is_told_if_the_owner_may_know_of_it(desk: Desk) -> None:
    content = b"the same bytes" * 20
    first = await desk.create(await desk.complete(), await desk.upload(content))
    stranger = Desk(desk.client, desk.owner, desk.token, desk.objects)
    hers = await stranger.finished()
    again = await stranger.upload(content)
    patched = await stranger.patch(hers, {"files": [{"upload_id": again, "role": "main"}]})
    hers = patched.json()
    second = await desk.create(await desk.complete(), await desk.upload(content))

    def duplicates(defects: list[dict[str, Any]]) -> list[tuple[str, bool]]:
        return [
            (each["code"], first["code"] in each["detail"])
            for each in defects
            if each["code"].startswith("duplicate")
        ]

    assert duplicates(await desk.check(second)) == [("duplicate-own", True)]
    assert duplicates(await stranger.check(hers)) == []
    frozen = await desk.freeze(first)
    assert frozen.status_code == 201, frozen.text
    await desk.publish(first)
    assert duplicates(await stranger.check(hers)) == [("duplicate-other", True)]


async def test_a_text_much_like_a_published_one_is_told_with_its_share(desk: Desk) -> None:
    published = await desk.create(await desk.complete(), await desk.upload(text=TALE))
    assert (await desk.freeze(published)).status_code == 201
    stranger = Desk(desk.client, desk.owner, desk.token, desk.objects)
    changed = TALE.replace("白鹭", "苍鹭", 20) + "后来下起了雨，大家都回家去了。" * 3
    copy = await stranger.create(
        await stranger.complete(), await stranger.upload(text=changed), organisation=SCHOOL
    )
    assert told(await stranger.check(copy)) == set()
    await desk.publish(published)
    [defect] = await stranger.check(copy)
    assert defect["code"] == "near-duplicate-other"
    assert published["code"] in defect["detail"]
    mine = await desk.create(await desk.complete(), await desk.upload(text=changed))
    assert {each["code"] for each in await desk.check(mine)} == {"near-duplicate-own"}


async def test_nothing_is_learned_by_a_digest_that_was_only_claimed(desk: Desk) -> None:
    secret = b"somebody else's bytes"
    stranger = Desk(desk.client, desk.owner, desk.token, desk.objects)
    theirs = await stranger.upload(secret, text="13812345678" + TALE)
    await stranger.create(None, theirs)
    claimed = await desk.upload(secret, state="COMPLETED")
    made = await desk.create(await desk.complete(), claimed)
    assert told(await desk.check(made)) == {("not-inspected", "#/files/0")}


async def test_a_file_that_the_store_has_lost_is_told_and_not_handed_out(desk: Desk) -> None:
    made = await desk.finished()
    [file] = made["files"]
    assert not file["damaged"]
    url = f"{URL}/{made['id']}"
    digest = bytes.fromhex(file["sha256"])
    await desk.owner.execute(
        "INSERT INTO scrub_findings (sha256, object_key, kind, found_at)"
        " VALUES ($1, $2, 'UNREADABLE', now())",
        *(digest, key_of(digest)),
    )

    assert told(await desk.check(made)) == {("damaged", "#/files/0")}
    read = await desk.client.get(url, headers=desk.teacher)
    assert [each["damaged"] for each in read.json()["files"]] == [True]
    refused = await desk.client.get(f"{url}/content", headers=desk.teacher)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("catalog/file-damaged")
    assert "重新上传" in refused.json()["detail"]
