"""Rosters come in, are compared, applied and go out again, with an object store in memory."""

import asyncio
import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.adapters.roster_people import RosterPeopleRepository
from services.identity.application import importing
from services.identity.application.importing import Importer
from services.identity.application.organisations import Organisations
from services.identity.domain.imports import ATTEMPTS
from services.identity.domain.organisations import Kind, OfficialCodes, Organisation
from services.identity.parts import imports
from services.identity.settings import Settings
from shared.database import UnitOfWork
from shared.principal import Principal
from shared.service import Runtime, application
from shared.testing.storage import FakeObjectStore
from tests.service.house import Token

HEADINGS = (
    "姓名,性别,身份证号,学籍号,手机号,工号,学校标识码,年级,班级,角色,任教学科,"
    "监护人姓名,监护人手机,关系,状态"
)
SCHOOL_CODE = "2132010001"


def id_number(serial: int, born: str = "20150304") -> str:
    body = f"320102{born}{serial:03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


def pupil(serial: int, name: str, class_: str = "1班", **cells: str) -> dict[str, str]:
    return {
        "姓名": name,
        "身份证号": id_number(serial),
        "年级": "三年级",
        "班级": class_,
        "角色": "学生",
        **cells,
    }


def roster(*lines: Mapping[str, str]) -> bytes:
    headings = HEADINGS.split(",")
    written = io.StringIO(newline="")
    rows = csv.DictWriter(written, headings)
    rows.writeheader()
    rows.writerows(lines)
    return written.getvalue().encode()


@dataclass(frozen=True)
class Tree:
    province: Organisation
    county: Organisation
    school: Organisation
    other_school: Organisation


@pytest.fixture
def objects() -> FakeObjectStore:
    return FakeObjectStore()


class RecordedRevocations:
    def __init__(self) -> None:
        self.values: list[tuple[str, str]] = []

    async def revoke(self, _uow: UnitOfWork, kind: str, value: str) -> None:
        self.values.append((kind, value))


@pytest.fixture
def revocations() -> RecordedRevocations:
    return RecordedRevocations()


@pytest.fixture
def build(
    objects: FakeObjectStore, revocations: RecordedRevocations
) -> Callable[[Settings], FastAPI]:
    def built(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        part = imports.build(runtime, settings, revocations=revocations, objects=objects)
        app = application(runtime, title="identity", description="", parts=[part], table=part.table)
        app.state.importer = part.importer
        return app

    return built


@pytest.fixture
async def tree(app: FastAPI) -> Tree:
    runtime = app.state.runtime
    organisations = Organisations(runtime.new_uow, OrganisationRepository, runtime.clock)
    province = await organisations.found_province("江苏省", "320000")
    caller = administrator(province)

    async def below(parent: Organisation, kind: Kind, name: str, **codes: str) -> Organisation:
        return await organisations.create(caller, parent.code, kind, name, OfficialCodes(**codes))

    county = await below(province, Kind.COUNTY, "玄武区")
    return Tree(
        province,
        county,
        await below(county, Kind.SCHOOL, "实验小学", school_code=SCHOOL_CODE),
        await below(county, Kind.SCHOOL, "第二小学", school_code="2132010002"),
    )


def administrator(place: Organisation) -> Principal:
    grants = [f"administrator@{place.path}"]
    scopes = frozenset({"identity.manage", "identity.import"})
    return Principal(str(uuid4()), "tests", scopes, {"grants": grants})


class Desk:
    """Somebody who imports: a client of the service, with their token."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        objects: FakeObjectStore,
        importer: Importer,
        headers: dict[str, str],
    ) -> None:
        self.client = client
        self.importer = importer
        self.headers = headers
        self._objects = objects

    async def upload(self, content: bytes) -> str:
        answer = await self.client.post("/identity/v1/imports/uploads", headers=self.headers)
        assert answer.status_code == 201, answer.text
        upload = answer.json()
        async with httpx2.AsyncClient(transport=self._objects.http()) as store:
            put = await store.put(upload["url"], content=content)
        assert put.status_code == 200
        upload_id: str = upload["upload_id"]
        return upload_id

    async def start(
        self, place: Organisation, content: bytes, *, dry_run: bool = False, format_: str = "csv"
    ) -> str:
        body = {
            "organisation": place.code,
            "format": format_,
            "upload_id": await self.upload(content),
            "dry_run": dry_run,
        }
        answer = await self.client.post("/identity/v1/imports", json=body, headers=self.headers)
        assert answer.status_code == 202, answer.text
        import_id: str = answer.json()["id"]
        assert answer.headers["location"] == f"/identity/v1/imports/{import_id}"
        return import_id

    async def carry_out(self) -> None:
        while await self.importer.step():
            pass

    async def done(self, place: Organisation, content: bytes, **options: Any) -> dict[str, Any]:
        """Start an import, carry it out, and read how it ended."""
        import_id = await self.start(place, content, **options)
        await self.carry_out()
        return await self.read(import_id)

    async def read(self, import_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/identity/v1/imports/{import_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view | {"etag": answer.headers["etag"]}

    async def apply(self, view: Mapping[str, Any]) -> httpx2.Response:
        return await self.client.post(
            f"/identity/v1/imports/{view['id']}/apply",
            headers=self.headers | {"if-match": view["etag"]},
        )

    async def rows(self, import_id: str, outcome: str) -> list[dict[str, Any]]:
        answer = await self.client.get(
            f"/identity/v1/imports/{import_id}/rows?outcome={outcome}", headers=self.headers
        )
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def export(self, place: Organisation, format_: str = "csv") -> bytes:
        answer = await self.client.get(
            f"/identity/v1/rosters/{place.code}?format={format_}", headers=self.headers
        )
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture
def desk_of(
    app: FastAPI, client: httpx2.AsyncClient, objects: FakeObjectStore, token: Token
) -> Callable[[Organisation], Desk]:
    def desk(place: Organisation) -> Desk:
        grants = (f"administrator@{place.path}",)
        headers = token(str(uuid4()), "identity.import", grants)
        return Desk(client, objects, app.state.importer, headers)

    return desk


@pytest.fixture
def desk(tree: Tree, desk_of: Callable[[Organisation], Desk]) -> Desk:
    """The administrator of the school."""
    return desk_of(tree.school)


def counts(view: Mapping[str, Any]) -> dict[str, int]:
    return {outcome: count for outcome, count in view["counts"].items() if count}


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


async def everything(owner: asyncpg.Connection) -> dict[str, list[Any]]:
    tables = "people identifiers memberships role_grants guardianships organisations outbox"
    return {
        table: await owner.fetch(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608
        for table in tables.split()
    }


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
    assert reads == 3


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


async def test_a_killed_import_goes_on_where_it_was(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "STAGE_LINES", 7)
    monkeypatch.setattr(importing, "STEP_LINES", 5)
    import_id = await desk.start(
        tree.school, roster(*(pupil(serial, f"学生{serial}") for serial in range(1, 41)))
    )
    cut = 0
    while True:
        running = asyncio.create_task(desk.carry_out())
        await asyncio.sleep(0.02 * (cut + 1))
        if running.done():
            await running
            break
        running.cancel()
        cut += 1
        await asyncio.gather(running, return_exceptions=True)
    view = await desk.read(import_id)
    assert cut > 2
    assert view["state"] == "APPLIED"
    assert counts(view) == {"created": 40}
    assert await owner.fetchval("SELECT count(*) FROM people") == 40


async def test_two_workers_do_not_apply_a_line_twice(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "STEP_LINES", 5)
    lines = [pupil(serial, f"学生{serial}") for serial in range(1, 41)]
    import_id = await desk.start(tree.school, roster(*lines))
    await asyncio.gather(*(desk.carry_out() for _ in range(3)))
    await desk.carry_out()
    assert counts(await desk.read(import_id)) == {"created": 40}
    assert await owner.fetchval("SELECT count(*) FROM people") == 40


async def test_a_file_that_is_no_roster_fails_with_a_reason(tree: Tree, desk: Desk) -> None:
    view = await desk.done(tree.school, b"%PDF-1.7\n...")
    assert view["state"] == "FAILED"
    assert "表头" in view["failure"]


async def test_the_report_names_row_column_and_reason(tree: Tree, desk: Desk) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "=cmd()", 手机号="abc")))
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


async def test_an_import_whose_steps_keep_failing_fails_and_keeps_no_personal_data(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_what: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(RosterPeopleRepository, "write", broken)
    import_id = await desk.start(tree.school, roster(pupil(1, "李明")))
    for _ in range(ATTEMPTS):
        with pytest.raises(RuntimeError, match="planted"):
            await desk.carry_out()
    view = await desk.read(import_id)
    assert view["state"] == "FAILED"
    assert view["failure"]
    assert await owner.fetchval("SELECT count(*) FROM import_lines WHERE content IS NOT NULL") == 0
    assert await owner.fetchval("SELECT count(*) FROM people") == 0


async def test_a_roster_is_gone_once_it_is_read_and_an_unused_one_after_a_day(
    tree: Tree, desk: Desk, objects: FakeObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    await desk.upload(roster(pupil(2, "王芳")))
    await desk.importer.tidy()
    assert len([each async for each in objects.list("rosters/")]) == 1
    monkeypatch.setattr(importing, "UNUSED_UPLOAD_LIFE", timedelta(0))
    await desk.importer.tidy()
    assert [each async for each in objects.list("rosters/")] == []


async def test_a_report_that_nobody_applies_expires(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    await owner.execute("UPDATE imports SET updated_at = now() - interval '8 days'")
    await desk.importer.tidy()
    expired = await desk.read(view["id"])
    assert (expired["state"], expired["may_be_applied"]) == ("EXPIRED", False)
    assert await owner.fetchval("SELECT count(*) FROM import_lines WHERE content IS NOT NULL") == 0


async def test_a_file_that_changes_while_it_is_read_is_not_mixed_with_the_other(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, objects: FakeObjectStore
) -> None:
    import_id = await desk.start(tree.school, roster(pupil(1, "李明")))
    await owner.execute("UPDATE imports SET file_digest = '\\x00'")
    await desk.carry_out()
    view = await desk.read(import_id)
    assert view["state"] == "FAILED"
    assert "被替换" in view["failure"]


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
