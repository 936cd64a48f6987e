"""Rosters come in, are compared and applied."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import httpx2

from services.identity.domain.organisations import Organisation
from tests.service.identity.imports.desk import (
    Desk,
    Tree,
    counts,
    everything,
    pupil,
    roster,
)


async def test_nobody_imports_anonymously(client: httpx2.AsyncClient) -> None:
    for method, path in (
        ("POST", "/imports/uploads"),
        ("POST", "/imports"),
        ("GET", f"/imports/{uuid4()}"),
        ("GET", f"/imports/{uuid4()}/rows"),
        ("GET", f"/imports/{uuid4()}/report"),
        ("POST", f"/imports/{uuid4()}/apply"),
        ("GET", "/roster-template"),
        ("GET", "/rosters/S-0000-0000-0"),
    ):
        answer = await client.request(method, f"/identity/v1{path}")
        assert answer.status_code == 401, path


async def test_another_school_s_administrator_sees_and_exports_nothing(
    tree: Tree, desk: Desk, desk_of: Callable[[Organisation], Desk]
) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    stranger = desk_of(tree.other_school)
    for path in (
        f"imports/{view['id']}",
        f"imports/{view['id']}/rows",
        f"imports/{view['id']}/report",
    ):
        answer = await stranger.client.get(f"/identity/v1/{path}", headers=stranger.headers)
        assert answer.status_code == 404
    assert (await stranger.apply(view)).status_code == 404
    exported = await stranger.client.get(
        f"/identity/v1/rosters/{tree.school.code}", headers=stranger.headers
    )
    assert exported.status_code == 403


async def test_a_roster_is_not_imported_into_another_s_school(
    tree: Tree, desk: Desk, desk_of: Callable[[Organisation], Desk]
) -> None:
    body = {
        "organisation": tree.other_school.code,
        "format": "csv",
        "upload_id": await desk.upload(roster(pupil(1, "李明"))),
    }
    answer = await desk.client.post("/identity/v1/imports", json=body, headers=desk.headers)
    assert answer.status_code == 403
    stranger = desk_of(tree.other_school)
    answer = await stranger.client.post("/identity/v1/imports", json=body, headers=stranger.headers)
    assert answer.json()["type"] == "urn:shuyuan:problem:identity/roster-not-uploaded"


async def test_a_dry_run_reports_and_changes_nothing(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    content = roster(
        pupil(1, "李明", 监护人姓名="李强", 监护人手机="13800138001", 关系="父亲"),
        pupil(2, "王芳", "2班"),
        {
            "姓名": "赵老师",
            "工号": "T-01",
            "角色": "教师",
            "任教学科": "语文",
            "年级": "三年级",
            "班级": "1班",
        },
        pupil(3, "", "2班", 手机号="12"),
    )
    view = await desk.done(tree.school, content, dry_run=True)
    assert view["state"] == "COMPARED"
    assert view["may_be_applied"]
    assert counts(view) == {"created": 3, "rejected": 1}
    assert await owner.fetchval("SELECT count(*) FROM people") == 0
    assert await owner.fetchval("SELECT count(*) FROM organisations WHERE kind = 'class'") == 0
    (rejected,) = await desk.rows(view["id"], "rejected")
    assert rejected["row"] == 5
    assert [(each["heading"], each["reason"]) for each in rejected["defects"]] == [
        ("姓名", "missing"),
        ("手机号", "invalid"),
    ]


async def test_applying_a_dry_run_does_what_it_said(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    content = roster(
        pupil(1, "李明", 监护人姓名="李强", 监护人手机="13800138001", 关系="父亲"),
        pupil(2, "李红", "2班", 监护人姓名="李强", 监护人手机="13800138001", 关系="父亲"),
    )
    compared = await desk.done(tree.school, content, dry_run=True)
    assert (await desk.apply(compared)).status_code == 202
    await desk.carry_out()
    applied = await desk.read(compared["id"])
    assert applied["state"] == "APPLIED"
    assert counts(applied) == counts(compared) == {"created": 2}
    assert await owner.fetchval("SELECT count(*) FROM people") == 3
    assert await owner.fetchval("SELECT count(*) FROM guardianships WHERE state = 'CLAIMED'") == 2
    assert await owner.fetchval("SELECT count(*) FROM import_lines WHERE content IS NOT NULL") == 0
    classes = await owner.fetch("SELECT name FROM organisations WHERE kind = 'class' ORDER BY name")
    assert [each["name"] for each in classes] == ["1班", "2班"]
    told = await owner.fetch("SELECT type, count(*) FROM outbox GROUP BY type")
    assert {each["type"]: each["count"] for each in told} == {
        "identity.organisation.created.v1": 4 + 3,
        "identity.membership.started.v1": 2,
        "identity.role.granted.v1": 2,
    }
    noted = await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'person.import'")
    assert noted == 3


async def test_of_two_applies_at_once_one_wins(tree: Tree, desk: Desk) -> None:
    compared = await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    answers = await asyncio.gather(*(desk.apply(compared) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [202, 412, 412, 412]


async def test_what_is_applied_is_not_applied_again(tree: Tree, desk: Desk) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李明")))
    answer = await desk.apply(view)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:shuyuan:problem:identity/import-action-refused"


async def test_the_same_file_a_second_time_changes_nothing(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    teacher = {"姓名": "赵老师", "工号": "T-01", "角色": "教师", "任教学科": "语文、数学"}
    content = roster(
        pupil(1, "李明", 监护人姓名="李强", 监护人手机="13800138001", 关系="父亲"),
        {**teacher, "年级": "三年级", "班级": "1班"},
        {**teacher, "年级": "三年级", "班级": "2班"},
        {"姓名": "钱老师", "手机号": "13800138009", "角色": "职工"},
    )
    first = await desk.done(tree.school, content)
    assert counts(first) == {"created": 3, "updated": 1}
    before = await everything(owner)
    second = await desk.done(tree.school, content)
    assert counts(second) == {"unchanged": 4}
    assert await everything(owner) == before


async def test_an_import_takes_the_same_number_of_statements_for_one_line_and_for_many(
    tree: Tree, desk: Desk, statements: list[str]
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")))
    taken = []
    for serials in (range(2, 3), range(3, 103)):
        statements.clear()
        await desk.done(tree.school, roster(*(pupil(each, f"学生{each}") for each in serials)))
        taken.append(len(statements))
    assert taken[0] == taken[1]
