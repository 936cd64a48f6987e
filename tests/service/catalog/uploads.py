"""What the tests of uploads share: a part on the real object store, people, and their bytes."""

import hashlib
import secrets
from typing import Any
from uuid import UUID

import httpx2

from services.catalog.adapters.files import FileRepository
from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.uploads import UploadRepository
from services.catalog.application.uploads import Uploads
from services.catalog.parts import scrubbing, uploads
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.service import Part, Runtime, application
from shared.storage import ObjectStore
from shared.testing.clock import FrozenClock
from shared.testing.storage import FakeObjectStore
from tests.service.house import Token

MIB = 1 << 20
SCHOOL = "P0.C1.S1"
PDF = "application/pdf"
SCOPES = "catalog.read catalog.write"


def build_uploads(runtime: Runtime, settings: Settings) -> Part:
    return uploads.build(runtime, settings, objects=object_store(settings), queue=InspectionQueue())


def teacher(token: Token, name: str = "teacher", at: str = SCHOOL) -> dict[str, str]:
    return token(name, SCOPES, (f"teacher@{at}",))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def announced(content: bytes, **others: Any) -> dict[str, Any]:
    return {
        "filename": "第一课.pdf",
        "size": len(content),
        "sha256": sha256(content),
        "media_type": PDF,
        **others,
    }


class Room:
    """Uploads and scrubber over an object store in memory, and a clock that stands still."""

    def __init__(self, settings: Settings) -> None:
        self.clock = FrozenClock(utc_now())
        self.objects = FakeObjectStore(self.clock)
        self.runtime = Runtime("catalog", settings, {}, self.clock)
        self.part = uploads.build(
            self.runtime, settings, objects=self.objects, queue=InspectionQueue()
        )
        self.scrubbing = scrubbing.build(self.runtime, settings, objects=self.objects)
        self.app = application(
            self.runtime,
            title="catalog",
            description="",
            parts=[self.part, self.scrubbing],
            table=self.part.table,
        )

    async def inspected(self, upload_id: str, refusal: str = "") -> None:
        await inspected(self.runtime, self.part.uploads, self.objects, upload_id, refusal)

    async def keys(self) -> list[str]:
        """Of every object there is."""
        return sorted([each.key async for each in self.objects.list("")])


class Person:
    """Somebody who uploads: to the service by `client`, and straight to the object store."""

    def __init__(
        self, client: httpx2.AsyncClient, store: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        self._client = client
        self.store = store
        self.headers = headers

    async def announce(self, content: bytes, **others: Any) -> httpx2.Response:
        body = announced(content, **others)
        return await self._client.post("/catalog/v1/uploads", json=body, headers=self.headers)

    async def begin(self, content: bytes, **others: Any) -> dict[str, Any]:
        answer = await self.announce(content, **others)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def send(self, content: bytes, parts: list[dict[str, Any]]) -> None:
        for part in parts:
            piece = content[part["offset"] : part["offset"] + part["length"]]
            assert (await self.store.put(part["url"], content=piece)).status_code == 200

    async def get(self, upload_id: str, below: str = "") -> httpx2.Response:
        path = f"/catalog/v1/uploads/{upload_id}{below}"
        return await self._client.get(path, headers=self.headers)

    async def list(self) -> list[dict[str, Any]]:
        answer = await self._client.get("/catalog/v1/uploads", headers=self.headers)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def complete(self, upload_id: str, **headers: str) -> httpx2.Response:
        return await self._client.post(
            f"/catalog/v1/uploads/{upload_id}/complete", headers={**self.headers, **headers}
        )

    async def abort(self, upload_id: str) -> httpx2.Response:
        path = f"/catalog/v1/uploads/{upload_id}"
        return await self._client.delete(path, headers=self.headers)

    async def upload(self, content: bytes, **others: Any) -> str:
        """Bring it all in; the id."""
        begun = await self.begin(content, **others)
        await self.send(content, begun["parts"])
        assert (await self.complete(begun["id"])).status_code == 200
        upload_id: str = begun["id"]
        return upload_id

    async def limits(self) -> dict[str, Any]:
        answer = await self._client.get("/catalog/v1/upload-limits", headers=self.headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def used(self) -> dict[str | None, int]:
        """By organisation; None: the person's own."""
        return {each["organisation"]: each["used"] for each in (await self.limits())["quotas"]}


async def inspected(
    runtime: Runtime, uploads: Uploads, objects: ObjectStore, upload_id: str, refusal: str = ""
) -> None:
    """What an inspection does in the end: the row of the file, its object, and the verdict."""
    incoming = f"incoming/{upload_id}"
    async with runtime.new_uow() as uow:
        upload = await UploadRepository(uow.connection).locked(UUID(upload_id))
        assert upload is not None
        files = FileRepository(uow.connection)
        file = await files.ensure(upload.sha256, upload.size, runtime.clock())
        await uow.commit()
    if not refusal:
        await objects.copy(incoming, file.object_key)
    async with runtime.new_uow() as uow:
        files, now = FileRepository(uow.connection), runtime.clock()
        sm3, reasons = bytes(32), [{"code": refusal, "where": "page 1", "detail": "Not that."}]
        if refusal:
            await files.mark_refused(
                upload.sha256, sm3=sm3, media_type=PDF, refusal=reasons, at=now
            )
        else:
            await files.mark_clean(
                upload.sha256, sm3=sm3, media_type=PDF, facts={}, text_key=None, at=now
            )
        await uploads.settle(uow, upload.id, reasons if refusal else [])
        await uow.commit()
    await objects.delete(incoming)


def some(size: int) -> bytes:
    return secrets.token_bytes(size)
