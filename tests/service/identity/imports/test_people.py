"""Whom a roster may be about."""

from collections.abc import Callable

import asyncpg

from services.identity.domain.organisations import Organisation
from tests.service.house import Token
from tests.service.identity.imports.desk import (
    Desk,
    RecordedRevocations,
    Tree,
    counts,
    id_number,
    pupil,
    roster,
)


async def test_pupils_change_class_and_leave(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, revocations: RecordedRevocations
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明"), pupil(2, "王芳")))
    moved = await desk.done(
        tree.school, roster(pupil(1, "李明", "2班"), pupil(2, "王芳", 状态="转出"))
    )
    assert counts(moved) == {"updated": 1, "left": 1}
    open_ = await owner.fetch(
        "SELECT o.name FROM memberships m JOIN organisations o ON o.id = m.organisation_id"
        " WHERE m.valid_until IS NULL"
    )
    assert [each["name"] for each in open_] == ["2班"]
    roles = await owner.fetch("SELECT organisation_id FROM role_grants WHERE valid_until IS NULL")
    assert len(roles) == 1
    assert [kind for kind, _ in revocations.values] == ["person", "person"]


async def test_a_birth_date_that_makes_a_minor_of_somebody_voids_their_tokens(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, revocations: RecordedRevocations
) -> None:
    staff = {"姓名": "赵老师", "工号": "T-01", "角色": "职工", "身份证号": id_number(1, "20090304")}
    await desk.done(tree.school, roster(staff))
    assert revocations.values == []
    younger = {**staff, "身份证号": id_number(1)}
    assert counts(await desk.done(tree.school, roster(younger))) == {"updated": 1}
    person_id = await owner.fetchval("SELECT id FROM people")
    assert revocations.values == [("consent", str(person_id))]


async def test_a_pupil_of_another_school_is_not_taken_over(
    tree: Tree, desk: Desk, desk_of: Callable[[Organisation], Desk]
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")))
    elsewhere = desk_of(tree.other_school)
    view = await elsewhere.done(tree.other_school, roster(pupil(1, "李某某")))
    assert counts(view) == {"rejected": 1}
    (rejected,) = await elsewhere.rows(view["id"], "rejected")
    assert [each["reason"] for each in rejected["defects"]] == ["belongs-elsewhere"]
    assert rejected["person_id"] is None


async def test_what_is_somebody_else_s_is_refused_by_name(tree: Tree, desk: Desk) -> None:
    await desk.done(
        tree.school,
        roster(pupil(1, "李明", 手机号="13800138002"), pupil(2, "王芳", 手机号="13800138003")),
    )
    view = await desk.done(
        tree.school,
        roster(
            pupil(3, "陈晨", 手机号="13800138002"),
            pupil(1, "李明", 手机号="13800138003"),
            pupil(4, "周周", 监护人姓名="周父", 监护人手机="13800138003"),
        ),
    )
    assert counts(view) == {"rejected": 3}
    reasons = [row["defects"][0]["reason"] for row in await desk.rows(view["id"], "rejected")]
    assert reasons == ["taken", "matches-several", "repeated"]


async def test_nobody_imports_a_role_for_themselves(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, token: Token
) -> None:
    staff = {"姓名": "赵老师", "工号": "T-01", "角色": "职工"}
    await desk.done(tree.school, roster(staff))
    own = await owner.fetchval("SELECT id FROM people")
    desk.headers = token(str(own), "identity.import", (f"administrator@{tree.school.path}",))
    assert counts(await desk.done(tree.school, roster(staff))) == {"unchanged": 1}
    view = await desk.done(tree.school, roster({**staff, "角色": "教师"}))
    (rejected,) = await desk.rows(view["id"], "rejected")
    assert rejected["defects"][0]["reason"] == "own-account"
