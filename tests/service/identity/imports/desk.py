"""Rosters as tests write them, and somebody who imports them."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2

from services.identity.application.importing import Importer
from services.identity.domain.organisations import Organisation
from shared.database import UnitOfWork
from shared.principal import Principal
from shared.testing.storage import FakeObjectStore

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


class RecordedRevocations:
    def __init__(self) -> None:
        self.values: list[tuple[str, str]] = []

    async def revoke(self, _uow: UnitOfWork, kind: str, *values: str) -> None:
        self.values += [(kind, value) for value in values]


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


def counts(view: Mapping[str, Any]) -> dict[str, int]:
    return {outcome: count for outcome, count in view["counts"].items() if count}


async def everything(owner: asyncpg.Connection) -> dict[str, list[Any]]:
    tables = "people identifiers memberships role_grants guardianships organisations outbox"
    return {
        table: await owner.fetch(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608
        for table in tables.split()
    }
