"""From the last byte that arrived to the verdict, with the real store and the real process."""

import asyncio
import hashlib
import io
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image, PngImagePlugin

from services.catalog.adapters.inspection_process import ExaminingProcess
from services.catalog.adapters.inspections import InspectionQueue, InspectionRepository
from services.catalog.adapters.objects import object_store
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.application.inspection_work import Worker
from services.catalog.domain.files import key_of
from services.catalog.domain.fingerprints import BANDS
from services.catalog.domain.inspection import MAX_ATTEMPTS
from services.catalog.domain.leases import LEASE
from services.catalog.domain.uploads import State, refused_for_members
from services.catalog.inspection.formats import FORMATS
from services.catalog.parts import inspection, inspection_worker
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.s3 import S3ObjectStore
from shared.service import Part, Runtime
from tests.hostile import pdfs
from tests.hostile.case import Case
from tests.hostile.corpus import HOSTILE
from tests.service.catalog.conftest import only
from tests.service.catalog.uploads import Person, build_uploads, teacher
from tests.service.house import Token

PNG: dict[str, Any] = {"filename": "图.png", "media_type": "image/png"}


def _build_inspections(runtime: Runtime, settings: Settings) -> Part:
    return inspection.build(runtime, settings, objects=object_store(settings))


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_uploads, _build_inspections)


@pytest.fixture
async def store() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def ada(client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, store, teacher(token, "ada"))


@pytest.fixture
def objects(settings: Settings) -> S3ObjectStore:
    return object_store(settings)


@pytest.fixture
def worker(app: FastAPI, settings: Settings, objects: S3ObjectStore, tmp_path: Path) -> Worker:
    return new_worker(app, settings, objects, tmp_path)


def new_worker(app: FastAPI, settings: Settings, objects: S3ObjectStore, at: Path) -> Worker:
    here = settings.model_copy(update={"inspection_directory": str(at)})
    return inspection_worker.build(app.state.runtime.new_uow, here, objects, utc_now, Pulse())


def picture() -> bytes:
    """A PNG that nobody uploaded before."""
    target = io.BytesIO()
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", secrets.token_hex(16))
    Image.linear_gradient("L").convert("RGB").save(target, "PNG", pnginfo=told)
    return target.getvalue()


async def inspection_of(owner: asyncpg.Connection, upload_id: str) -> asyncpg.Record:
    return await owner.fetchrow("SELECT * FROM inspections WHERE upload_id = $1", upload_id)


async def state_of(person: Person, upload_id: str) -> str:
    state: str = (await person.get(upload_id)).json()["state"]
    return state


async def test_anonymous_people_read_no_inspection(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"/catalog/v1/inspections/{uuid4()}")).status_code == 401


async def test_an_inspection_is_its_uploaders_alone(
    ada: Person, client: httpx2.AsyncClient, token: Token, owner: asyncpg.Connection
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    path = f"/catalog/v1/inspections/{(await inspection_of(owner, upload_id))['id']}"

    assert (await client.get(path, headers=teacher(token, "ben"))).status_code == 404
    seen = await client.get(path, headers=ada.headers)
    assert (seen.status_code, seen.json()["state"], seen.json()["progress"]) == (200, "QUEUED", 0)


async def test_a_clean_file_becomes_available_under_its_digest(
    ada: Person,
    client: httpx2.AsyncClient,
    worker: Worker,
    objects: S3ObjectStore,
    owner: asyncpg.Connection,
) -> None:
    content = picture()
    upload_id = await ada.upload(content, **PNG)

    assert await worker.step()

    digest = hashlib.sha256(content)
    key = f"files/{digest.hexdigest()[:2]}/{digest.hexdigest()}"
    file = await owner.fetchrow("SELECT * FROM files WHERE sha256 = $1", digest.digest())
    assert await state_of(ada, upload_id) == "AVAILABLE"
    assert (file["state"], file["media_type"], file["object_key"]) == ("CLEAN", "image/png", key)
    assert file["sm3"] == hashlib.new("sm3", content).digest()
    assert await objects.get(key) == content
    assert await objects.head(f"incoming/{upload_id}") is None
    row = await inspection_of(owner, upload_id)
    assert (row["state"], row["progress"], row["attempts"]) == ("DONE", 100, 1)
    told = (await client.get(f"/catalog/v1/inspections/{row['id']}", headers=ada.headers)).json()
    assert told["findings"] == []
    assert [each["kind"] for each in told["derivatives"]] == ["preview", "thumbnail"]


async def test_a_pdf_gives_its_pages_and_its_text(
    ada: Person, store: httpx2.AsyncClient, worker: Worker, owner: asyncpg.Connection,
    objects: S3ObjectStore,
) -> None:  # fmt: skip
    content = pdfs.pdf(3)
    upload_id = await ada.upload(content)

    assert await worker.step()

    digest = hashlib.sha256(content).digest()
    rows = await owner.fetch("SELECT * FROM derivatives WHERE sha256 = $1", digest)
    assert sorted((row["kind"], row["number"]) for row in rows) == [
        ("page", 1), ("page", 2), ("page", 3), ("text", 1), ("thumbnail", 1),
    ]  # fmt: skip
    key = await owner.fetchval("SELECT text_key FROM files WHERE sha256 = $1", digest)
    assert "两点之间线段最短" in (await objects.get(key)).decode()
    told = (await ada.get(upload_id)).json()
    assert told["inspection"]["id"] == str((await inspection_of(owner, upload_id))["id"])
    assert (told["facts"]["pages"], told["facts"]["page_images"]) == (3, 3)
    assert not {"text_parts", "said"} & told["facts"].keys()
    bands = "SELECT count(*) FROM fingerprint_bands WHERE sha256 = $1"
    assert await owner.fetchval(bands, digest) == BANDS, "others like it are found from now on"
    again = await ada.begin(content)
    assert (again["method"], again["facts"]) == ("none", None)
    assert (await ada.get(again["id"])).json()["facts"] == told["facts"]


async def test_other_bytes_than_declared_are_refused(
    ada: Person, worker: Worker, owner: asyncpg.Connection, objects: S3ObjectStore
) -> None:
    """A single PUT is bound to its digest, so the object is exchanged behind the service."""
    upload_id = await ada.upload(content := picture(), **PNG)
    await objects.put(f"incoming/{upload_id}", content[:-1] + b"\0", "image/png")

    assert await worker.step()

    told = (await ada.get(upload_id)).json()
    assert (told["state"], told["refusal"][0]["code"]) == ("REFUSED", "digest-mismatch")
    assert await owner.fetchval("SELECT count(*) FROM files WHERE state <> 'QUARANTINED'") == 0


def _acceptable(case: Case) -> bool:
    """Whether it could be announced at all; names and claims are judged before a byte is sent."""
    extension = case.filename.rpartition(".")[2].lower()
    known = any(extension in each.extensions for each in FORMATS.values())
    return known and case.code not in {"empty", "type-mismatch", "too-large"}


SAMPLE = [case for case in HOSTILE if _acceptable(case)][::12]


async def test_no_hostile_file_reaches_anybody_else(
    ada: Person,
    client: httpx2.AsyncClient,
    token: Token,
    worker: Worker,
    objects: S3ObjectStore,
    owner: asyncpg.Connection,
) -> None:
    assert len(SAMPLE) >= 20
    for case in SAMPLE:
        extension = case.filename.rpartition(".")[2].lower()
        type_ = next(f.media_type for f in FORMATS.values() if extension in f.extensions)
        content = case.make()
        upload_id = await ada.upload(content, filename=f"a.{extension}", media_type=type_)
        assert await worker.step()

        told = (await ada.get(upload_id)).json()
        assert told["state"] == "REFUSED", case.name
        assert case.code in {reason["code"] for reason in told["refusal"]}, case.name
        digest = hashlib.sha256(content).hexdigest()
        assert await objects.head(f"files/{digest[:2]}/{digest}") is None
        for_intake = refused_for_members(State.REFUSED, type_, told["refusal"])
        assert for_intake is (await objects.head(f"incoming/{upload_id}") is not None), case.name
        another = await client.get(
            f"/catalog/v1/uploads/{upload_id}/content", headers=teacher(token, "ben")
        )
        assert another.status_code == 404
    assert await owner.fetchval("SELECT count(*) FROM files WHERE state = 'CLEAN'") == 0
    assert await owner.fetchval("SELECT count(*) FROM derivatives") == 0


async def test_a_damaged_file_is_repaired_by_whoever_uploads_it_again(
    ada: Person, worker: Worker, owner: asyncpg.Connection, objects: S3ObjectStore
) -> None:
    content = picture()
    digest = hashlib.sha256(content).digest()
    await ada.upload(content, **PNG)
    assert await worker.step()
    await objects.put(key_of(digest), content[::-1], "image/png")
    await owner.execute(
        "INSERT INTO scrub_findings (sha256, object_key, kind, found_at)"
        " VALUES ($1, $2, 'MISMATCH', now())",
        *(digest, key_of(digest)),
    )

    again = await ada.upload(content, **PNG)
    assert await worker.step()

    assert await state_of(ada, again) == "AVAILABLE"
    assert await objects.get(key_of(digest)) == content
    finding = "SELECT resolved_at FROM scrub_findings WHERE sha256 = $1"
    assert await owner.fetchval(finding, digest) is not None
    assert (await ada.begin(content, **PNG))["method"] == "none"


async def test_a_wrong_name_says_nothing_of_the_bytes(
    ada: Person, worker: Worker, owner: asyncpg.Connection
) -> None:
    content = picture()
    wrong = await ada.upload(content, filename="图.jpg", media_type="image/jpeg")
    assert await worker.step()
    right = await ada.upload(content, **PNG)
    assert await worker.step()

    assert await state_of(ada, wrong) == "REFUSED"
    assert await state_of(ada, right) == "AVAILABLE"


async def test_a_killed_workers_job_is_taken_again_when_its_lease_ends(
    ada: Person, worker: Worker, app: FastAPI, owner: asyncpg.Connection
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    async with app.state.runtime.new_uow() as uow:
        await InspectionRepository(uow.connection).take(uuid4(), LEASE)
        await uow.commit()

    assert not await worker.step()
    await owner.execute("UPDATE inspections SET step = 'examining'")
    assert (await ada.get(upload_id)).json()["inspection"]["step"] == "examining"
    await owner.execute("UPDATE inspections SET lease_until = now() + interval '9 seconds'")
    assert (await ada.get(upload_id)).json()["inspection"]["step"] == "waiting"
    await owner.execute("UPDATE inspections SET lease_until = now()")
    assert await worker.step()

    assert await state_of(ada, upload_id) == "AVAILABLE"
    assert (await inspection_of(owner, upload_id))["attempts"] == 2


async def test_a_worker_killed_after_the_verdict_leaves_the_tidying_to_the_next(
    ada: Person, worker: Worker, owner: asyncpg.Connection, objects: S3ObjectStore
) -> None:
    upload_id = await ada.upload(content := picture(), **PNG)
    assert await worker.step()
    await objects.put(f"incoming/{upload_id}", content, "image/png")
    await owner.execute("UPDATE inspections SET state = 'RUNNING', lease_until = now()")

    assert await worker.step()

    assert await objects.head(f"incoming/{upload_id}") is None
    assert (await inspection_of(owner, upload_id))["state"] == "DONE"
    events = await owner.fetchval("SELECT count(*) FROM outbox WHERE type LIKE '%inspected%'")
    assert events == 1


async def test_a_worker_whose_lease_was_lost_settles_nothing(
    ada: Person, worker: Worker, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    examine = ExaminingProcess.__call__

    async def overtaken(*arguments: Any) -> Any:
        await owner.execute("UPDATE inspections SET worker = gen_random_uuid()")
        return await examine(*arguments)

    monkeypatch.setattr(ExaminingProcess, "__call__", overtaken)
    assert await worker.step()

    assert await state_of(ada, upload_id) == "COMPLETED"
    assert await owner.fetchval("SELECT count(*) FROM files WHERE state = 'CLEAN'") == 0


async def test_two_workers_share_the_queue_without_doing_anything_twice(
    ada: Person, app: FastAPI, settings: Settings, objects: S3ObjectStore, tmp_path: Path,
    owner: asyncpg.Connection,
) -> None:  # fmt: skip
    ids = [await ada.upload(picture(), **PNG) for _ in range(4)]
    workers = [new_worker(app, settings, objects, tmp_path) for _ in range(2)]

    await asyncio.gather(*(each.run(idle_seconds=0) for each in workers))

    assert [await state_of(ada, each) for each in ids] == ["AVAILABLE"] * 4
    assert await owner.fetchval("SELECT sum(attempts) FROM inspections") == 4


async def test_whoever_has_fewest_running_is_served_first(
    ada: Person, client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token, app: FastAPI
) -> None:
    ben = Person(client, store, teacher(token, "ben"))
    hers = [await ada.upload(picture(), **PNG) for _ in range(3)]
    his = await ben.upload(picture(), **PNG)

    async with app.state.runtime.new_uow() as uow:
        queue = InspectionRepository(uow.connection)
        taken = [await queue.take(uuid4(), LEASE) for _ in range(4)]

    order = [str(job.upload_id) for job in taken if job is not None]
    assert order == [hers[0], his, *hers[1:]]


async def test_an_outage_of_the_store_postpones_and_refuses_nothing(
    ada: Person, app: FastAPI, settings: Settings, objects: S3ObjectStore, tmp_path: Path,
    owner: asyncpg.Connection,
) -> None:  # fmt: skip
    upload_id = await ada.upload(picture(), **PNG)
    away = settings.model_copy(update={"object_store_endpoint": "http://127.0.0.1:9"})
    lost = new_worker(app, away, object_store(away), tmp_path)

    assert await lost.step()

    row = await inspection_of(owner, upload_id)
    assert (row["state"], row["attempts"], row["outages"]) == ("QUEUED", 0, 1)
    await owner.execute("UPDATE inspections SET lease_until = now()")
    assert await new_worker(app, settings, objects, tmp_path).step()
    assert await state_of(ada, upload_id) == "AVAILABLE"


async def test_a_file_that_keeps_bringing_its_worker_down_is_given_up(
    ada: Person, worker: Worker, owner: asyncpg.Connection
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    await owner.execute("UPDATE inspections SET attempts = $1", MAX_ATTEMPTS)

    assert await worker.step()

    told = (await ada.get(upload_id)).json()
    assert (told["state"], told["refusal"][0]["code"]) == ("REFUSED", "unreadable")
    assert (await inspection_of(owner, upload_id))["state"] == "FAILED"


async def test_a_stopped_worker_gives_its_job_back_at_once(
    ada: Person, worker: Worker, owner: asyncpg.Connection
) -> None:
    upload_id = await ada.upload(pdfs.pdf(50))
    running = asyncio.create_task(worker.run(idle_seconds=60))
    while (await inspection_of(owner, upload_id))["state"] != "RUNNING":  # noqa: ASYNC110 - a table
        await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait({running})

    row = await inspection_of(owner, upload_id)
    assert (row["state"], row["attempts"]) == ("QUEUED", 0)


async def test_an_upload_is_queued_once(
    ada: Person, app: FastAPI, owner: asyncpg.Connection
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    async with app.state.runtime.new_uow() as uow:
        await InspectionQueue().enqueue(uow, upload_id)  # type: ignore[arg-type]
        await uow.commit()

    assert await owner.fetchval("SELECT count(*) FROM inspections") == 1


async def test_without_its_object_an_upload_is_damaged(
    ada: Person, worker: Worker, objects: S3ObjectStore
) -> None:
    upload_id = await ada.upload(picture(), **PNG)
    await objects.delete(f"incoming/{upload_id}")

    assert await worker.step()

    told = (await ada.get(upload_id)).json()
    assert (told["state"], told["refusal"][0]["code"]) == ("REFUSED", "damaged")
