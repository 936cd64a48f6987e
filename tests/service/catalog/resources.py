"""What the tests of resources share: a teacher's drafts over files that were inspected."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from services.catalog.adapters.objects import object_store
from services.catalog.application.checks import Thresholds
from services.catalog.domain.files import key_of
from services.catalog.parts import feedback, resources, vocabularies
from services.catalog.settings import Settings
from shared.ids import uuid7
from shared.service import Part, Runtime
from shared.storage import ObjectStore
from tests.service.house import Token

URL = "/catalog/v1/resources"
SCOPES = "catalog.read catalog.write"
PROVINCE = "P0"
CITY = f"{PROVINCE}.C1"
SCHOOL = f"{CITY}.S1"
OTHER_SCHOOL = f"{CITY}.S2"
PDF = "application/pdf"

COMPLETE: dict[str, Any] = {
    "title": "分数的初步认识",
    "languages": ["zh"],
    "description": "用折纸和画图认识几分之一，配有课堂练习与评价建议。",
    "keywords": ["分数", "三年级数学"],
    "contributors": [{"name": "张敏", "role": "author"}],
    "requirement": "PDF 阅读器",
    "resource_types": ["coursewares"],
    "audience": "teacher_and_student",
    "stage": "primary",
    "grades": ["G3"],
    "curricular_standard": "数与运算：初步认识分数",
    "licence": "CC-BY-4.0",
    "rights_basis": {"kind": "own_work"},
    "accessibility": {"reading_order": True},
    "relations": [{"relationship": "related", "identifier": "ISBN 978-7-107-30000-0"}],
}
"""Everything that the check asks for but the subject, which each dictionary names its own way."""


def build_resources(runtime: Runtime, settings: Settings) -> Part:
    terms = vocabularies.build(runtime, settings).vocabulary
    return resources.build(
        runtime,
        settings,
        lexicons=terms,
        objects=object_store(settings),
        thresholds=Thresholds(),
        audience=feedback.build(runtime, settings).audience,
    )


@dataclass
class Desk:
    """A teacher of a school, and what she needs to write and read resources."""

    client: httpx2.AsyncClient
    owner: asyncpg.Connection
    token: Token
    objects: ObjectStore
    subject: str = field(default_factory=lambda: str(uuid7()))

    @property
    def teacher(self) -> dict[str, str]:
        return self.token(self.subject, SCOPES, (f"teacher@{SCHOOL}",))

    def administrator(self, path: str = CITY) -> dict[str, str]:
        return self.token(str(uuid7()), SCOPES, (f"administrator@{path}",))

    def colleague(self, path: str = SCHOOL) -> dict[str, str]:
        return self.token(str(uuid7()), SCOPES, (f"teacher@{path}",))

    async def complete(self, **others: Any) -> dict[str, Any]:
        """Metadata in which the check finds no error."""
        subject = await self.owner.fetchval(
            "SELECT code FROM terms WHERE dictionary = 'subject' AND until IS NULL"
            " AND name_zh = '数学'"
        )
        return {**COMPLETE, "subject": subject, **others}

    async def upload(
        self,
        content: bytes | None = None,
        *,
        state: str = "AVAILABLE",
        owner: str | None = None,
        organisation: str | None = None,
        filename: str = "分数.pdf",
        media_type: str = PDF,
        text: str | None = None,
        refusal: Sequence[dict[str, str]] = (),
        **facts: Any,
    ) -> str:
        """An upload as inspection leaves it in that state; the object is in the store."""
        content = secrets.token_bytes(200) if content is None else content
        digest, upload_id = hashlib.sha256(content).digest(), uuid7()
        available = state == "AVAILABLE"
        key = key_of(digest) if available else f"incoming/{upload_id}"
        await self.objects.put(key, content, media_type)
        told = json.dumps(list(refusal)) if refusal else None
        await self.owner.execute(
            "INSERT INTO uploads (id, owner, organisation_path, filename, media_type, size, sha256,"
            " method, state, object_key, part_size, created_at, expires_at, completed_at, refusal,"
            " version) VALUES ($1, $2, text2ltree($3::text), $4, $5, $6, $7, 'single', $8, $9, $6,"
            " now(), now(), now(), $10, 1)",
            *(upload_id, owner or self.subject, organisation, filename, media_type),
            *(len(content), digest, state, key, told),
        )
        if available:
            await self._inspected(digest, len(content), media_type, text, facts)
        return str(upload_id)

    async def _inspected(
        self, digest: bytes, size: int, media_type: str, text: str | None, facts: dict[str, Any]
    ) -> None:
        text_key = None
        if text is not None:
            text_key = f"derived/{digest.hex()[:2]}/{digest.hex()}/text-1"
            await self.objects.put(text_key, text.encode(), "text/plain")
            facts = {"characters": len(text), "pages": text.count("\f") + 1, **facts}
        await self.owner.execute(
            "INSERT INTO files (sha256, size, object_key, state, media_type, facts, created_at,"
            " inspected_at, text_key, sm3) VALUES ($1, $2, $3, 'CLEAN', $4, $5, now(), now(), $6,"
            " $7) ON CONFLICT DO NOTHING",
            *(digest, size, key_of(digest), media_type, json.dumps(facts), text_key),
            hashlib.new("sm3", digest).digest(),
        )

    async def create(
        self,
        metadata: dict[str, Any] | None = None,
        *uploads: str,
        organisation: str | None = SCHOOL,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "metadata": metadata or {"title": "草稿"},
            "files": [{"upload_id": each, "role": "main"} for each in uploads],
        }
        if organisation is not None:
            body["organisation"] = organisation
        answer = await self.client.post(URL, headers=headers or self.teacher, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def finished(self, **others: Any) -> dict[str, Any]:
        """A draft in which the check finds no error, with one file that has text."""
        upload = await self.upload(text="把一个苹果平均分成两份，每份是它的二分之一。" * 3)
        return await self.create(await self.complete(**others), upload)

    async def patch(
        self, resource: dict[str, Any], body: Any, *, version: int | None = None
    ) -> httpx2.Response:
        tag = f'"v{version or resource["version"]}"'
        headers = {**self.teacher, "if-match": tag}
        return await self.client.patch(f"{URL}/{resource['id']}", headers=headers, json=body)

    async def freeze(self, resource: dict[str, Any], note: str | None = None) -> httpx2.Response:
        headers = {**self.teacher, "if-match": f'"v{resource["version"]}"'}
        url = f"{URL}/{resource['id']}/versions"
        return await self.client.post(url, headers=headers, json={"note": note})

    async def read(self, resource: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.get(f"{URL}/{resource['id']}", headers=self.teacher)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def check(self, resource: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
        """The defects that the check finds."""
        url = f"{URL}/{resource['id']}/check"
        answer = await self.client.post(url, headers={**self.teacher, **headers})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["defects"]
        return found

    async def publish(self, resource: dict[str, Any], number: int = 1) -> None:
        """Make a version the one that everybody may read, as publication will."""
        await self.owner.execute(
            "UPDATE resources SET live_version = $2 WHERE id = $1", UUID(resource["id"]), number
        )
