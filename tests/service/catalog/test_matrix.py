"""Every guarded operation × every role × every place: nobody reaches what is not theirs.

Each operation gets a target that exists, at a school, and a request that would succeed in the right
hands. Each part of the service has a table of targets. Public operations admit everybody; those
about a resource are asked by strangers too, who must not learn that a draft exists.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.access import Role
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.testing.matrix import Place, cells, operations
from tests.service.catalog import matrix_reviews
from tests.service.catalog.publication import RESTORED, RETIRED, SUSPENDED, UPHELD, WRONG, Office
from tests.service.catalog.resources import OTHER_SCHOOL, SCHOOL, Desk
from tests.service.catalog.test_textbooks import BOOK, CHAPTERS
from tests.service.catalog.test_vocabularies import TERM
from tests.service.catalog.test_vocabularies_imports import TERMS
from tests.service.catalog.uploads import announced
from tests.service.catalog.vocabularies import PROVINCE, starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

V1 = "/catalog/v1"


@dataclass(frozen=True)
class Target:
    """A request's path behind its version, its body (text is a CSV file), and the path of the
    organisation that it is about."""

    path: str
    body: Any = None
    here: str = SCHOOL
    version: int = 1

    def request(self, headers: dict[str, str]) -> dict[str, Any]:
        """What is sent there, beside the caller's `headers`."""
        headers = {**headers, "if-match": f'"v{self.version}"'}
        if isinstance(self.body, str):
            return {"content": self.body, "headers": {**headers, "content-type": "text/csv"}}
        return {"json": self.body, "headers": headers}


Make = Callable[[Office], Awaitable[Target]]


def resource(rest: str = "", body: Any = None) -> Make:
    """A draft without errors at the school."""

    async def make(desk: Desk) -> Target:
        return Target(f"/resources/{(await desk.finished())['id']}{rest}", body)

    return make


async def create_resource(_desk: Desk) -> Target:
    return Target("/resources", {"organisation": SCHOOL})


async def restore_version(desk: Desk) -> Target:
    made = await desk.finished()
    assert (await desk.freeze(made)).status_code == 201
    return Target(f"/resources/{made['id']}/versions/1/restore", version=2)


RESOURCES: Mapping[str, Make] = {
    "create_resource": create_resource,
    "change_resource": resource("", {"metadata": {"title": "新"}}),
    "delete_resource": resource(),
    "check_resource": resource("/check"),
    "freeze_resource": resource("/versions", {}),
    "restore_version": restore_version,
}


async def announce_upload(_desk: Desk) -> Target:
    return Target("/uploads", announced(b"%PDF-", organisation=SCHOOL))


def upload(rest: str = "", state: str = "OPEN") -> Make:
    """Somebody's upload for the school."""

    async def make(desk: Desk) -> Target:
        return Target(f"/uploads/{await desk.upload(state=state, organisation=SCHOOL)}{rest}")

    return make


async def read_inspection(desk: Desk) -> Target:
    inspection_id = uuid7()
    await desk.owner.execute(
        "INSERT INTO inspections (id, upload_id, state, step, progress, attempts, outages,"
        " lease_until, queued_at) VALUES ($1, $2, 'QUEUED', 'waiting', 0, 0, 0, now(), now())",
        *(inspection_id, UUID(await desk.upload(state="COMPLETED", organisation=SCHOOL))),
    )
    return Target(f"/inspections/{inspection_id}")


def province(path: str, body: Any = None, version: int = 1) -> Make:
    """What stands there, of the whole province."""

    async def make(_desk: Desk) -> Target:
        return Target(path, body, PROVINCE, version)

    return make


def textbook(rest: str, body: Any) -> Make:
    async def make(desk: Desk) -> Target:
        headers = desk.administrator(PROVINCE)
        made = await desk.client.post(f"{V1}/textbooks", json=BOOK, headers=headers)
        assert made.status_code == 201, made.text
        return Target(f"/textbooks/{made.json()['id']}{rest}", body, PROVINCE)

    return make


UPLOADS: Mapping[str, Make] = {
    "list_uploads": province("/uploads"),
    "announce_upload": announce_upload,
    "read_upload": upload(),
    "abort_upload": upload(),
    "read_part_addresses": upload("/parts"),
    "complete_upload": upload("/complete"),
    "read_upload_content": upload("/content", "AVAILABLE"),
    "read_inspection": read_inspection,
    "list_scrub_findings": province("/scrub-findings"),
}

VOCABULARIES: Mapping[str, Make] = {
    "add_term": province("/dictionaries/edition/terms", TERM),
    "change_term": province("/dictionaries/stage/terms/primary", {"name_en": "Primary"}),
    "list_dictionary_versions": province("/dictionaries/edition/history"),
    "add_textbook": province("/textbooks", BOOK),
    "change_textbook": textbook("", {"title": "语文"}),
    "replace_chapters": textbook("/chapters", CHAPTERS),
    "put_knowledge_point": province("/knowledge/14/points/a", {"name_zh": "加法"}, 0),
    "import_vocabulary": province("/vocabulary-imports?kind=terms&dry_run=false", TERMS),
}


def published(rest: str = "", body: Any = None) -> Make:
    """What everybody may read."""

    async def make(desk: Office) -> Target:
        made = await desk.published()
        return Target(f"/resources/{made['id']}{rest}", body, version=made["version"])

    return make


async def restore_resource(desk: Office) -> Target:
    taken = await desk.taken("suspend", await desk.published(), SUSPENDED)
    return Target(f"/resources/{taken['resource_id']}/restore", RESTORED, version=taken["version"])


async def report_cases(_desk: Desk) -> Target:
    return Target(f"/report-cases?organisation={SCHOOL}")


def report_case(rest: str = "", body: Any = None) -> Make:
    """A case about a resource of the school."""

    async def make(desk: Office) -> Target:
        made = await desk.published()
        url = f"{V1}/resources/{made['id']}/reports"
        reported = await desk.client.post(url, headers=desk.colleague(), json=WRONG)
        assert reported.status_code == 201, reported.text
        return Target(f"/report-cases/{reported.json()['case_id']}{rest}", body)

    return make


def collection(rest: str = "", body: Any = None) -> Make:
    async def make(desk: Desk) -> Target:
        made = await desk.client.post(
            f"{V1}/collections",
            headers=desk.teacher,
            json={"title": "分数单元", "organisation": SCHOOL},
        )
        assert made.status_code == 201, made.text
        return Target(f"/collections/{made.json()['id']}{rest}", body)

    return make


async def create_collection(_desk: Desk) -> Target:
    return Target("/collections", {"title": "分数单元", "organisation": SCHOOL})


def bulk(rest: str = "", *, begun: bool = True) -> Make:
    """An import for the school, or what begins one."""

    async def make(desk: Desk) -> Target:
        sheet = await desk.upload(b"x", filename="t.csv", media_type="text/csv")
        body = {"table_upload_id": sheet, "organisation": SCHOOL}
        if not begun:
            return Target("/imports", body)
        made = await desk.client.post(f"{V1}/imports", headers=desk.teacher, json=body)
        assert made.status_code == 202, made.text
        return Target(f"/imports/{made.json()['id']}{rest}")

    return make


COLLECTIONS: Mapping[str, Make] = {
    "create_collection": create_collection,
    "list_collections": province("/collections"),
    "read_collection": collection(),
    "change_collection": collection("", {"title": "新"}),
    "delete_collection": collection(),
    "list_collection_items": collection("/items"),
    "arrange_collection": collection("/items", {"items": []}),
    "copy_collection": collection("/copies", {"organisation": SCHOOL}),
    "read_collection_lineage": collection("/lineage"),
    "compare_collection": collection("/differences"),
}

IMPORTS: Mapping[str, Make] = {
    "start_import": bulk(begun=False),
    "list_imports": province("/imports"),
    "read_import": bulk(),
    "list_import_rows": bulk("/rows"),
    "cancel_import": bulk("/cancel"),
}

PUBLICATION: Mapping[str, Make] = {
    "suspend_resource": published("/suspend", SUSPENDED),
    "retire_resource": published("/retire", RETIRED),
    "restore_resource": restore_resource,
    "preview_impact": published("/impact"),
    "report_resource": published("/reports", WRONG),
    "list_reports": province("/reports"),
    "list_report_cases": report_cases,
    "read_report_case": report_case(),
    "close_report_case": report_case("/close", UPHELD),
    "add_favourite": published("/favourite"),
    "remove_favourite": published("/favourite"),
    "list_favourites": province("/favourites"),
    "rate_resource": published("/rating", {"stars": 5}),
    "withdraw_rating": published("/rating"),
}


def review(make: matrix_reviews.Make) -> Make:
    async def made(desk: Office) -> Target:
        assert desk.app is not None
        return Target(*await make(desk, desk.app))

    return made


TARGETS: Mapping[str, Make] = {
    **{name: review(make) for name, make in matrix_reviews.REVIEWS.items()},
    **PUBLICATION,
    **RESOURCES,
    **UPLOADS,
    **VOCABULARIES,
    **COLLECTIONS,
    **IMPORTS,
}

OF_THE_PUBLISHED = frozenset({"read_tombstone", "read_feedback", "list_related_resources"})
"""Operations that tell of no draft, not even its owner."""

ON_NO_ORGANISATION: Mapping[str, str] = matrix_reviews.ON_NO_ORGANISATION
"""Operations whose roles count wherever they are held, each with the reason."""

_OWNERS = "administrators read drafts and leave changing them to the owners"
EXCEPTIONS: Mapping[tuple[str, Role, Place], str] = {
    **matrix_reviews.EXCEPTIONS,
    **{
        (operation, Role.ADMINISTRATOR, "here"): _OWNERS
        for operation in (
            *("change_resource", "delete_resource"),
            *("freeze_resource", "restore_version"),
        )
    },
}
"""Cells that are refused although their operation's rule, taken alone, would let them in."""


@pytest.fixture
def desk(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Office:
    return Office(client, owner, token, object_store(settings), app=app)


async def test_no_operation_answers_whom_its_rule_refuses(desk: Office, app: FastAPI) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public") or not operation.path.startswith(V1):
            continue
        target = await TARGETS[operation.id](desk)
        bound = operation.id not in ON_NO_ORGANISATION
        for cell in sorted(cells(operation, bound=bound), key=lambda cell: cell.allowed):
            headers = {}
            if cell.scopes is not None:
                grants = cell.grants(target.here, OTHER_SCHOOL)
                headers = desk.token(str(uuid7()), cell.scopes, grants)
            answer = await desk.client.request(
                operation.method,
                f"{V1}{target.path}",
                **target.request(headers),
            )
            excepted = cell.role and (operation.id, cell.role, cell.place) in EXCEPTIONS
            if excepted and answer.status_code == 403:
                continue
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)


async def test_no_public_operation_tells_a_stranger_of_a_draft(desk: Office, app: FastAPI) -> None:
    made = await desk.finished()
    assert (await desk.freeze(made)).status_code == 201
    strangers = {
        "nobody": {},
        "a colleague": desk.colleague(),
        "an administrator elsewhere": desk.administrator(OTHER_SCHOOL),
        "an administrator below": desk.administrator(f"{SCHOOL}.K1"),
        "the owner without the scope": desk.token(desk.subject, "openid"),
    }
    asked = 0
    for operation in operations(openapi_document(app)):
        if not (operation.access.get("public") and "{resource_id}" in operation.path):
            continue
        path = operation.path.replace("{resource_id}", made["id"])
        path = path.replace("{number}", "1").replace("{kind}", "svg")
        path += "?from=1" if operation.path.endswith("/differences") else ""
        owned = await desk.client.request(operation.method, path, headers=desk.teacher)
        if operation.id in OF_THE_PUBLISHED:
            assert owned.status_code == 404, f"{operation.id}: {owned.text}"
        else:
            assert owned.status_code in (200, 302), f"{operation.id}: {owned.text}"
        for name, headers in strangers.items():
            answer = await desk.client.request(operation.method, path, headers=headers)
            assert answer.status_code == 404, f"{operation.id}: {name} {answer.status_code}"
            asked += 1
    assert asked >= len(strangers)
