"""Resources of the catalogue: whose registration is found under them, and who registers there."""

from typing import Any

import httpx2
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.copyright.registering import V1, Person, file, work
from tests.service.copyright.test_registrations import hear, published


async def test_nobody_registers_under_anothers_published_resource(
    app: FastAPI, ada: Person, stranger: Person
) -> None:
    resource = uuid7()
    await hear(app, published(resource, ada.id))
    under = {"resource_id": str(resource), "files": [file(b"of somebody else")]}
    assert (await stranger.post("", work(**under))).status_code == 403
    assert (await ada.post("", work(**under))).status_code == 202


async def test_what_the_catalogue_published_is_found_before_what_was_there_by_hand(
    app: FastAPI, ada: Person, stranger: Person, client: httpx2.AsyncClient
) -> None:
    resource = uuid7()
    early = await stranger.registered(resource_id=str(resource))
    await hear(app, published(resource, ada.id))
    own = await ada.registered(resource_id=str(resource), files=[file(b"more")])
    found: list[dict[str, Any]] = []
    asked: dict[str, str | int] = {"resource_id": str(resource), "limit": 1}
    while True:
        told = (await client.get(V1, params=asked)).json()
        found += told["items"]
        if not told["next"]:
            break
        asked["cursor"] = told["next"]
    assert [each["origin"] for each in found] == ["CATALOGUE", "HAND", "HAND"]
    assert [each["id"] for each in found[1:]] == [own, early]
