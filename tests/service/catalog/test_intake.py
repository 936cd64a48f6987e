"""Bulk intake over HTTP and through its worker, on the real stack; inspections are played."""

import asyncio
import csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.application.intake_work import IntakeWorker
from services.catalog.application.uploads import Uploads
from services.catalog.parts import intake, intake_worker, uploads
from services.catalog.settings import Settings
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import OTHER_SCHOOL, SCHOOL, Desk, build_resources
from tests.service.catalog.uploads import build_uploads, inspected
from tests.service.house import Token

URL = "/catalog/v1/imports"
HEADINGS = ("外部编号", "题名", "年级", "文件")


def build_all(settings: Settings) -> FastAPI:
    return only(build_resources, build_uploads, intake.build)(settings)


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_all


def table(*rows: Sequence[str], headings: Sequence[str] = HEADINGS) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([headings, *rows])
    return written.getvalue().encode()


def archive(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return written.getvalue()


class Office(Desk):
    """A teacher who takes in many resources at once, and the worker that does it."""

    settings: Settings
    runtime: Runtime
    worker: IntakeWorker

    uploads: Uploads

    def employ(self, settings: Settings, runtime: Runtime) -> None:
        self.settings, self.runtime = settings, runtime
        self.uploads = uploads.build(
            runtime, settings, objects=self.objects, queue=InspectionQueue()
        ).uploads
        self.worker = self.employed(runtime.new_uow)

    def employed(self, new_uow: Callable[[], UnitOfWork]) -> IntakeWorker:
        """A worker that does all its work in units of `new_uow`."""
        return intake_worker.build(new_uow, self.settings, self.runtime.clock)

    async def sheet(self, content: bytes, **others: Any) -> str:
        return await self.upload(
            content, **{"filename": "表.csv", "media_type": "text/csv", **others}
        )

    async def zipped(self, files: Mapping[str, bytes]) -> str:
        return await self.upload(archive(files), filename="课件.zip", media_type="application/zip")

    async def ask(self, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        whole = {"organisation": SCHOOL, "dry_run": False, **body}
        return await self.client.post(URL, headers=headers or self.teacher, json=whole)

    async def begin(self, **body: Any) -> str:
        answer = await self.ask(**body)
        assert answer.status_code == 202, answer.text
        begun: str = answer.json()["id"]
        return begun

    async def told(self, import_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"{URL}/{import_id}", headers=self.teacher)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def rows(self, import_id: str, query: str = "") -> list[dict[str, Any]]:
        url = f"{URL}/{import_id}/rows{query}"
        answer = await self.client.get(url, headers=self.teacher)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def inspect(self, refused: str = "") -> None:
        """Settle every upload that waits for it; those whose name has `refused` in it are."""
        for row in await self.owner.fetch(
            "SELECT id, filename FROM uploads WHERE state = 'COMPLETED'"
        ):
            reason = "macro" if refused and refused in row["filename"] else ""
            await inspected(self.runtime, self.uploads, self.objects, str(row["id"]), reason)

    async def finish(self, import_id: str, refused: str = "") -> dict[str, Any]:
        """Let worker and inspectors work until it is over."""
        for _ in range(20):
            await self.owner.execute("UPDATE intakes SET lease_until = now()")
            await self.worker.step()
            await self.inspect(refused)
            told = await self.told(import_id)
            if not told["may_be_cancelled"]:
                return told
        raise AssertionError(await self.told(import_id))

    async def count(self, of: str) -> int:
        counted: int = await self.owner.fetchval(f"SELECT count(*) FROM {of}")  # noqa: S608 - a table's name
        return counted


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


async def test_nobody_takes_in_anonymously_or_sees_the_imports_of_others(office: Office) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")))
    body: dict[str, Any] = {"table_upload_id": sheet}
    assert (await office.client.post(URL, json=body)).status_code == 401
    student = office.token(str(uuid7()), "catalog.write", (f"student@{SCHOOL}",))
    assert (await office.ask(student, **body)).status_code == 403
    elsewhere = await office.ask(**body, organisation=OTHER_SCHOOL)
    assert elsewhere.status_code == 403
    assert (await office.ask(office.colleague(OTHER_SCHOOL), **body)).status_code == 403
    begun = await office.begin(**body)
    for stranger in (office.colleague(), office.administrator(SCHOOL)):
        for rest in ("", "/rows"):
            answer = await office.client.get(f"{URL}/{begun}{rest}", headers=stranger)
            assert answer.status_code == 404
        answer = await office.client.post(f"{URL}/{begun}/cancel", headers=stranger)
        assert answer.status_code == 404
        assert (await office.client.get(URL, headers=stranger)).json()["items"] == []


async def test_every_upload_that_cannot_be_used_is_told_at_once(office: Office) -> None:
    theirs = await office.sheet(table(("1", "一", "", "")), owner="another")
    open_one = await office.upload(state="OPEN")
    mine = await office.upload(filename="课件.pdf")
    answer = await office.ask(
        table_upload_id=theirs,
        archive_upload_id=str(uuid7()),
        uploads=[
            {"upload_id": open_one},
            {"upload_id": mine},
        ],
    )
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "#/table_upload_id",
        "#/archive_upload_id",
        "#/uploads/0/upload_id",
    ]
    defaults = await office.ask(table_upload_id=await office.sheet(b"x"), defaults={"grades": "G1"})
    assert defaults.status_code == 422
    twice = await office.ask(
        table_upload_id=await office.sheet(b"x"),
        uploads=[
            {"upload_id": mine, "filename": "a.pdf"},
            {"upload_id": await office.upload(), "filename": "a.pdf"},
        ],
    )
    assert [each["pointer"] for each in twice.json()["errors"]] == ["#/uploads/1/filename"]


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [("表.txt", "text/plain"), ("表.pdf", "application/pdf"), ("表.zip", "application/zip")],
)
@pytest.mark.parametrize("state", ["COMPLETED", "AVAILABLE"])
async def test_what_can_be_no_table_and_no_archive_is_told_at_once(
    office: Office, filename: str, media_type: str, state: str
) -> None:
    none = await office.sheet(b"x", filename=filename, media_type=media_type, state=state)
    sheet = await office.sheet(table(("1", "一", "", "")), filename="表.CSV")
    answer = await office.ask(table_upload_id=none, archive_upload_id=sheet)
    assert answer.status_code == 422
    told = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert told["#/table_upload_id"] == "表格须为 CSV 或 XLSX 文件。"
    assert told["#/archive_upload_id"] == "压缩包须为 ZIP 文件。"
    assert (await office.ask(table_upload_id=sheet)).status_code == 202


async def test_good_rows_become_drafts_and_each_bad_one_is_told_with_its_reasons(
    office: Office,
) -> None:
    sheet = await office.sheet(
        table(
            ("A1", "分数", "三年级", "第一课/课件.pdf"),
            ("A2", "", "没有这个年级", "不在.pdf"),
            ("A3", "小数", "", "教案.pdf"),
            ("A4", "带宏", "", "宏.pdf"),
            ("A5", "歌谱", "", "歌谱.exe"),
        )
    )
    zipped = await office.zipped(
        {
            "第一课/课件.pdf": b"%PDF-1 one",
            "教案.pdf": b"%PDF-1 two",
            "宏.pdf": b"%PDF-1 three",
            "歌谱.exe": b"MZ",
            "没人要.pdf": b"%PDF-1 four",
        }
    )
    begun = await office.begin(
        table_upload_id=sheet,
        archive_upload_id=zipped,
        defaults={"stage": "primary", "keywords": ["单元"]},
    )
    done = await office.finish(begun, refused="宏")
    assert done["state"] == "DONE", done
    assert done["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "rejected": 3}
    assert (done["rows"], done["done"]) == (5, 5)
    assert done["unused_files"] == ["没人要.pdf"]
    rows = await office.rows(begun)
    assert [(each["row"], each["outcome"]) for each in rows] == [
        (2, "created"),
        (3, "rejected"),
        (4, "created"),
        (5, "rejected"),
        (6, "rejected"),
    ]
    assert [(each["column"], each["reason"]) for each in rows[1]["defects"]] == [
        ("年级", "unknown"),
        ("文件", "unknown"),
        ("题名", "missing"),
    ]
    assert [(each["column"], each["reason"]) for each in rows[3]["defects"]] == [
        ("文件", "refused")
    ]
    assert rows[4]["defects"][0]["reason"] == "refused"
    made = await office.read({"id": rows[0]["resource_id"]})
    assert made["organisation"] == SCHOOL
    assert made["metadata"]["grades"] == ["G3"]
    assert (made["metadata"]["stage"], made["metadata"]["keywords"]) == ("primary", ["单元"])
    assert [each["filename"] for each in made["files"]] == ["课件.pdf"]
    content = await office.client.get(
        f"/catalog/v1/resources/{made['id']}/content", headers=office.teacher
    )
    assert content.status_code == 302
    assert [each["row"] for each in await office.rows(begun, "?outcome=created&limit=1")] == [2]


async def test_the_same_table_again_changes_nothing_and_another_value_changes_one_draft(
    office: Office,
) -> None:
    rows = [("A1", "分数", "", "一.pdf"), ("A2", "小数", "", "")]
    zipped = await office.zipped({"一.pdf": b"%PDF-1 one"})

    async def run(*rows: Sequence[str]) -> dict[str, int]:
        sheet = await office.sheet(table(*rows))
        begun = await office.begin(table_upload_id=sheet, archive_upload_id=zipped)
        counts: dict[str, int] = (await office.finish(begun))["counts"]
        return {name: count for name, count in counts.items() if count}

    assert await run(*rows) == {"created": 2}
    assert await run(*rows) == {"unchanged": 2}
    assert await run(rows[0], ("A2", "小数的意义", "", "")) == {"unchanged": 1, "updated": 1}
    assert await office.count("resources") == 2
    titles = await office.owner.fetch("SELECT title FROM resources ORDER BY title")
    assert [row["title"] for row in titles] == ["分数", "小数的意义"]


async def test_rows_that_a_second_import_would_not_know_again_are_told(office: Office) -> None:
    sheet = await office.sheet(table(("A1", "分数", "", ""), ("", "小数", "", "")))
    done = await office.finish(await office.begin(table_upload_id=sheet))
    assert done["hints"] == ["有 1 行未填“外部编号”：再次导入时将另建草稿，而不是更新原有草稿。"]


async def test_a_dry_run_tells_the_same_and_has_no_effect(office: Office) -> None:
    rows = [
        ("A1", "分数", "", "一.pdf"),
        ("A2", "重复", "", ""),
        ("A2", "重复", "", ""),
        ("A4", "歌谱", "", "二.exe"),
    ]
    sheet = await office.sheet(table(*rows))
    zipped = await office.zipped({"一.pdf": b"%PDF-1 one", "二.exe": b"MZ"})
    body = {"table_upload_id": sheet, "archive_upload_id": zipped}

    async def told(*, dry_run: bool) -> list[tuple[Any, ...]]:
        begun = await office.begin(**body, dry_run=dry_run)
        assert (await office.finish(begun))["state"] == "DONE"
        return [(each["outcome"], each["defects"]) for each in await office.rows(begun)]

    before = await office.count("uploads")
    dry = await told(dry_run=True)
    assert [outcome for outcome, _ in dry] == ["created", "rejected", "rejected", "rejected"]
    assert (await office.count("resources"), await office.count("intake_keys")) == (0, 0)
    assert await office.count("uploads") == before
    assert await told(dry_run=False) == dry
    assert (await told(dry_run=True))[0] == ("unchanged", [])


async def test_files_may_be_given_one_by_one(office: Office) -> None:
    first, second = await office.upload(filename="一.pdf"), await office.upload()
    sheet = await office.sheet(table(("", "分数", "", "一.pdf|二.pdf")))
    begun = await office.begin(
        table_upload_id=sheet,
        uploads=[{"upload_id": first}, {"upload_id": second, "filename": "二.pdf"}],
    )
    assert (await office.finish(begun))["counts"]["created"] == 1
    (row,) = await office.rows(begun)
    made = await office.read({"id": row["resource_id"]})
    assert [each["upload_id"] for each in made["files"]] == [first, second]


async def test_a_table_that_is_none_fails_the_import_with_the_reason(office: Office) -> None:
    begun = await office.begin(table_upload_id=await office.sheet("备注\n一\n".encode()))
    done = await office.finish(begun)
    assert (done["state"], done["rows"]) == ("FAILED", 0)
    assert "模板" in done["failure"]
    zipped = await office.upload(b"no archive", filename="a.zip", media_type="application/zip")
    sheet = await office.sheet(table(("1", "一", "", "")))
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=zipped)
    assert "压缩包" in (await office.finish(begun))["failure"]


async def test_a_table_that_inspection_refuses_fails_the_import(office: Office) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")), state="COMPLETED")
    begun = await office.begin(table_upload_id=sheet)
    assert await office.worker.step()
    assert (await office.told(begun))["state"] == "RECEIVED"
    assert (await office.finish(begun, refused="表"))["state"] == "FAILED"


async def test_a_cancelled_import_does_nothing_more_and_an_ended_one_stays(
    office: Office,
) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")))
    begun = await office.begin(table_upload_id=sheet)
    url = f"{URL}/{begun}/cancel"
    answers = [await office.client.post(url, headers=office.teacher) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[1].json()["state"] == "CANCELLED"
    assert not await office.worker.step()
    assert await office.count("resources") == 0
    again = await office.begin(table_upload_id=sheet)
    await office.finish(again)
    over = await office.client.post(f"{URL}/{again}/cancel", headers=office.teacher)
    assert (over.status_code, over.json()["state"]) == (409, "DONE")


async def test_a_repeated_request_begins_one_import(office: Office) -> None:
    body = {"table_upload_id": await office.sheet(table(("1", "一", "", "")))}
    headers = {**office.teacher, "idempotency-key": str(uuid7())}
    first, second = [await office.ask(headers, **body) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    assert await office.count("intakes") == 1


async def test_two_imports_with_one_key_make_one_resource(office: Office) -> None:
    bodies = [
        {"table_upload_id": await office.sheet(table(("K", f"题{number}", "", "")))}
        for number in range(2)
    ]
    begun = [await office.begin(**body) for body in bodies]
    await asyncio.gather(office.worker.step(), office.worker.step())
    states = [(await office.told(each))["state"] for each in begun]
    assert states == ["DONE", "DONE"]
    assert await office.count("resources") == 1


async def test_the_template_has_chinese_headings_for_everybody(office: Office) -> None:
    answer = await office.client.get(f"{URL}/template.csv")
    assert answer.status_code == 200
    assert answer.text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}外部编号,文件,")
    book = await office.client.get(f"{URL}/template.xlsx")
    assert book.content.startswith(b"PK")
    assert (await office.client.get(f"{URL}/template.pdf")).status_code == 422


async def test_a_file_without_room_fails_its_rows_alone(office: Office) -> None:
    office.employ(office.settings.model_copy(update={"person_quota_bytes": 20}), office.runtime)
    sheet = await office.sheet(table(("1", "一", "", "大.pdf"), ("2", "二", "", "小.pdf")))
    zipped = await office.zipped({"大.pdf": b"%PDF-" + b"x" * 100, "小.pdf": b"%PDF-1"})
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=zipped)
    await office.finish(begun)
    rows = await office.rows(begun)
    assert [each["outcome"] for each in rows] == ["rejected", "created"]
    assert rows[0]["defects"][0]["reason"] == "no-room"


async def test_imports_are_listed_page_by_page(office: Office) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")))
    begun = [await office.begin(table_upload_id=sheet) for _ in range(3)]
    page = (await office.client.get(f"{URL}?limit=2", headers=office.teacher)).json()
    assert [each["id"] for each in page["items"]] == [begun[2], begun[1]]
    rest = await office.client.get(f"{URL}?limit=2&cursor={page['next']}", headers=office.teacher)
    assert [each["id"] for each in rest.json()["items"]] == [begun[0]]
