"""What rosters and reports look like, coming in and going out."""

import csv
import io
from collections.abc import Callable

import asyncpg
import pytest

from services.identity.domain.organisations import Organisation
from tests.service.identity.imports.desk import (
    SCHOOL_CODE,
    Desk,
    Tree,
    counts,
    everything,
    id_number,
    pupil,
    roster,
)
from tests.unit.identity.test_oneroster import ONEROSTER, package


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_an_export_imports_back_unchanged(
    tree: Tree,
    desk_of: Callable[[Organisation], Desk],
    owner: asyncpg.Connection,
    format_: str,
) -> None:
    desk = desk_of(tree.county)
    content = roster(
        pupil(1, "李明", 学校标识码=SCHOOL_CODE, 监护人姓名="李强", 监护人手机="13800138001"),
        pupil(
            2, "阿依古丽·买买提", "三年级(2)班", 学校标识码=SCHOOL_CODE, 学籍号=f"G{id_number(2)}"
        ),
        pupil(3, "张三", 学校标识码="2132010002", 手机号="+8613700137000"),
        {
            "姓名": "赵老师",
            "工号": "T-01",
            "角色": "教师",
            "任教学科": "语文",
            "学校标识码": SCHOOL_CODE,
        },
        {"姓名": "钱老师", "手机号": "+12025550123", "角色": "职工", "学校标识码": SCHOOL_CODE},
    )
    assert counts(await desk.done(tree.county, content)) == {"created": 5}
    before = await everything(owner)
    exported = await desk.export(tree.county, format_)
    view = await desk.done(tree.county, exported, format_=format_)
    assert counts(view) == {"unchanged": 5}
    assert await everything(owner) == before
    reads = await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'person.read'")
    assert reads == 6  # told by the export, compared by the import


async def test_a_guardian_without_a_phone_is_exported_and_imports_back_with_a_warning(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    content = roster(pupil(1, "李明", 监护人姓名="李强", 监护人手机="13800138001"))
    await desk.done(tree.school, content)
    await owner.execute("DELETE FROM identifiers WHERE kind = 'phone'")
    exported = await desk.export(tree.school)
    assert "李强,无" in exported.decode("utf-8-sig")
    before = await everything(owner)
    assert counts(await desk.done(tree.school, exported)) == {"unchanged": 1}
    assert await everything(owner) == before


@pytest.mark.parametrize("exported", ["school", "other_school", "county"])
async def test_an_export_with_a_transfer_to_come_imports_back_unchanged(
    tree: Tree, desk_of: Callable[[Organisation], Desk], owner: asyncpg.Connection, exported: str
) -> None:
    await desk_of(tree.school).done(tree.school, roster(pupil(1, "李明")))
    await owner.execute("UPDATE memberships SET valid_until = '2099-09-01'")
    await owner.execute(
        "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from, version,"
        " created_at) SELECT gen_random_uuid(), id, $1, 'student', '2099-09-01', 1, now()"
        " FROM people",
        tree.other_school.id,
    )
    place: Organisation = getattr(tree, exported)
    desk = desk_of(place)
    before = await everything(owner)
    view = await desk.done(place, await desk.export(place))
    assert counts(view) == {"unchanged": 1}
    assert await everything(owner) == before
    if exported != "county":
        moved = await desk.done(place, roster(pupil(1, "李明", "2班")))
        assert counts(moved) == {"rejected": 1}


async def test_classes_and_names_that_are_alike_are_told_apart(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李小龙(大)"), pupil(2, "O/Brien, Zoë", "2班")))
    # By hand a class may be called like another but for its spelling.
    await owner.execute("UPDATE organisations SET name = '三年级（1）班' WHERE name = '2班'")
    before = await everything(owner)
    view = await desk.done(tree.school, await desk.export(tree.school))
    assert counts(view) == {"unchanged": 2}
    assert await everything(owner) == before


async def test_a_spelling_that_fits_several_classes_is_refused(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明"), pupil(2, "王芳", "2班")))
    await owner.execute("UPDATE organisations SET name = '(1)班' WHERE name = '2班'")
    view = await desk.done(tree.school, roster(pupil(1, "李明", "1")))
    (rejected,) = await desk.rows(view["id"], "rejected")
    assert [(each["column"], each["reason"]) for each in rejected["defects"]] == [
        ("class", "ambiguous")
    ]


async def test_classes_of_one_name_are_told_as_such(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明"), pupil(2, "王芳", "2班")))
    await owner.execute("UPDATE organisations SET name = '1班' WHERE name = '2班'")
    view = await desk.done(tree.school, await desk.export(tree.school))
    for rejected in await desk.rows(view["id"], "rejected"):
        (defect,) = rejected["defects"]
        assert defect["reason"] == "ambiguous"
        assert "名称相同" in defect["detail"]
        assert "改为不同的名称" in defect["detail"]
    assert counts(view) == {"rejected": 2}


async def test_a_remark_that_looks_like_a_row_makes_nobody(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    content = (
        "姓名,角色,用户名,出生日期,年级,班级,备注\n甲,学生,pupil-1,2014-01-02,三年级,9班,"
        '"地址:a,b,c\n李代桃,学生,li.daitao,2014-01-02,三年级,8班"\n'
    )
    view = await desk.done(tree.school, content.encode())
    assert counts(view) == {"created": 1}
    assert await owner.fetchval("SELECT count(*) FROM people") == 1
    assert await owner.fetch("SELECT name FROM organisations WHERE kind = 'class'") == [("9班",)]


async def test_somebody_who_is_pupil_and_staff_stays_both(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    member = {"姓名": "李明", "身份证号": id_number(1), "角色": "职工"}
    await desk.done(tree.school, roster(pupil(1, "李明"), member))
    before = await everything(owner)
    view = await desk.done(tree.school, await desk.export(tree.school))
    assert counts(view) == {"unchanged": 2}
    assert await everything(owner) == before


async def test_a_roster_gives_no_role_to_a_pupil_who_was_left_without(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")))
    await owner.execute("DELETE FROM role_grants")
    assert counts(await desk.done(tree.school, roster(pupil(1, "李明")))) == {"unchanged": 1}
    assert await owner.fetchval("SELECT count(*) FROM role_grants") == 0


@pytest.mark.parametrize("dry_run", [True, False])
async def test_the_same_name_and_birth_date_in_a_school_is_a_warning(
    tree: Tree, desk: Desk, dry_run: bool
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")))
    view = await desk.done(
        tree.school, roster(pupil(2, "李 明"), pupil(3, "王芳")), dry_run=dry_run
    )
    created = {row["row"]: row["defects"] for row in await desk.rows(view["id"], "created")}
    assert [each["reason"] for each in created[2]] == ["possible_duplicate"]
    assert created[3] == []


async def test_a_birth_date_to_come_is_refused(tree: Tree, desk: Desk) -> None:
    told = {**pupil(1, "李明"), "身份证号": id_number(1, "20990304")}
    view = await desk.done(tree.school, roster(told), dry_run=True)
    assert counts(view) == {"rejected": 1}


async def test_a_file_that_is_no_roster_fails_with_a_reason(tree: Tree, desk: Desk) -> None:
    view = await desk.done(tree.school, b"%PDF-1.7\n...")
    assert view["state"] == "FAILED"
    assert "表头" in view["failure"]


async def test_the_report_names_row_column_and_reason(tree: Tree, desk: Desk) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李" * 101, 手机号="abc")))
    answer = await desk.client.get(
        f"/identity/v1/imports/{view['id']}/report", headers=desk.headers
    )
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["行号", "列", "原因", "说明"]
    assert [row[:3] for row in rows[1:]] == [["2", "姓名", "invalid"], ["2", "手机号", "invalid"]]


async def test_the_template_is_a_roster_without_lines(tree: Tree, desk: Desk) -> None:
    answer = await desk.client.get("/identity/v1/roster-template?format=xlsx", headers=desk.headers)
    assert answer.status_code == 200
    view = await desk.done(tree.school, answer.content, format_="xlsx")
    assert view["failure"] == "文件中没有数据行：请在表头下填写人员"


async def test_of_a_oneroster_package_with_spoilt_rows_the_others_are_applied(
    tree: Tree, desk: Desk
) -> None:
    users = ONEROSTER["users"] + 'u9,,true,x,"三三,王,,,\n'
    roles = ONEROSTER["roles"] + "r6,nobody,primary,student,s1\n"
    packed = package(**{**ONEROSTER, "users": users, "roles": roles})
    view = await desk.done(tree.school, packed, format_="oneroster")
    assert counts(view) == {"created": 2, "updated": 1, "rejected": 3}
    told = [
        (row["row"], each["reason"])
        for row in await desk.rows(view["id"], "rejected")
        for each in row["defects"]
    ]
    assert told == [(5, "not-here"), (6, "torn"), (6, "unknown")]


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_a_control_character_in_what_was_kept_is_left_out_of_an_export(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, format_: str
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")))
    await owner.execute("UPDATE organisations SET name = E'1\\x01\\n班' WHERE name = '1班'")
    exported = await desk.export(tree.school, format_)
    assert exported
    view = await desk.done(tree.school, exported, format_=format_, dry_run=True)
    assert view["state"] != "FAILED"
    assert "rejected" not in counts(view)


async def test_what_names_no_organisation_is_refused(tree: Tree, desk: Desk) -> None:
    roster_ = await desk.client.get("/identity/v1/rosters/%00", headers=desk.headers)
    body = {"organisation": "\x00", "format": "csv", "upload_id": await desk.upload(b"")}
    started = await desk.client.post("/identity/v1/imports", json=body, headers=desk.headers)
    assert (roster_.status_code, started.status_code) == (422, 422)
