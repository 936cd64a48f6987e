"""What the catalogue publishes while a dispute goes on, and what it tells of a work."""

from uuid import UUID

import httpx2
from fastapi import FastAPI

from services.copyright.parts.registrations import held_versions
from services.copyright.settings import Settings
from shared.civil import civil_date
from shared.clock import utc_now
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.copyright.registering import V1, Person
from tests.service.copyright.test_registrations import hear, published


async def of(client: httpx2.AsyncClient, resource: UUID) -> str:
    [found] = (await client.get(V1, params={"resource_id": str(resource)})).json()["items"]
    return str(found["id"])


async def test_a_version_published_during_a_dispute_is_registered_once_that_is_over(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    ada: Person,
    ben: Person,
    chief: Person,
) -> None:
    runtime: Runtime = app.state.runtime
    held, resource = held_versions(runtime, settings), uuid7()
    await hear(app, published(resource, ada.id))
    registered = await of(client, resource)
    claim = {"kind": "claim.dispute", "text": "插图取自我的教案。"}
    assert (await ben.post(f"/{registered}/disputes", claim)).status_code == 202
    for version in (2, 2, 3):
        await hear(app, published(resource, ada.id, version))
    await held.register()
    assert (await ada.get(f"/{registered}")).json()["resource_version"] == 1
    decision = {"kind": "takedown.decision", "outcome": "rejected", "text": "证据不足。"}
    assert (await chief.post(f"/{registered}/decisions", decision)).status_code == 202
    await held.register()
    await held.register()
    shown = (await ada.get(f"/{registered}")).json()
    assert [each["type"] for each in shown["events"][-2:]] == ["revise", "revise"]
    assert (shown["resource_version"], len(shown["events"])) == (3, 5)


async def test_a_published_work_was_first_published_when_its_first_version_was(
    app: FastAPI, client: httpx2.AsyncClient, ada: Person
) -> None:
    resource = uuid7()
    told = {"title": "认识分数", "contributors": [{"name": "张敏", "role": "author"}]}
    for version in (1, 2):
        await hear(app, published(resource, ada.id, version, **told))
    shown = (await ada.get(f"/{await of(client, resource)}")).json()
    assert shown["details"]["first_published_on"] == civil_date(utc_now()).isoformat()
    assert shown["details"]["title"] == "认识分数"
    assert "张敏" not in str(shown)
