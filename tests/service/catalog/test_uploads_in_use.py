"""Uploads that resources refer to, which nobody may give up."""

import asyncio

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.resources import SCHOOL, URL, Desk
from tests.service.catalog.reviews import Panel
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

UPLOADS = "/catalog/v1/uploads"


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def give_up(desk: Desk, upload_id: str) -> httpx2.Response:
    return await desk.client.delete(f"{UPLOADS}/{upload_id}", headers=desk.teacher)


async def test_an_upload_in_a_draft_is_given_up_once_it_was_removed(desk: Desk) -> None:
    upload_id = await desk.upload()
    made = await desk.create(None, upload_id)
    refused = await give_up(desk, upload_id)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("upload-in-use")
    assert (await desk.patch(made, {"files": []})).status_code == 200
    assert (await give_up(desk, upload_id)).status_code == 204


async def test_an_upload_in_a_version_stays_for_good(desk: Desk) -> None:
    made = await desk.finished()
    [file] = made["files"]
    assert (await desk.freeze(made)).status_code == 201
    draft = await desk.read(made)
    assert (await desk.patch(draft, {"files": []})).status_code == 200
    assert (await give_up(desk, file["upload_id"])).status_code == 409


async def test_an_upload_in_the_timeline_of_a_review_stays_for_good(
    desk: Desk, app: FastAPI
) -> None:
    panel = Panel(desk.client, desk.owner, desk.token, desk.objects, desk.subject, app)
    review_id, upload_id = await panel.submitted(await panel.finished()), await panel.upload()
    said = {"comment": "见附件。", "attachments": [upload_id]}
    await panel.done("comment", review_id, panel.teacher, **said)
    assert (await give_up(desk, upload_id)).status_code == 409


async def test_an_upload_is_attached_or_given_up_never_both(desk: Desk) -> None:
    for _ in range(5):
        upload_id = await desk.upload()
        files = [{"upload_id": upload_id, "role": "main"}]
        body = {"organisation": SCHOOL, "metadata": {"title": "草稿"}, "files": files}
        made, gone = await asyncio.gather(
            desk.client.post(URL, headers=desk.teacher, json=body), give_up(desk, upload_id)
        )
        assert (made.status_code, gone.status_code) in ((201, 409), (422, 204))
