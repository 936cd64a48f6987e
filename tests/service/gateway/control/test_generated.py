"""Requests drawn from the control plane's own OpenAPI document: none is answered otherwise than the
document says."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from gateway.app import create_app
from gateway.settings import Settings
from shared.contract import openapi_document
from tests.service.gateway.control.webhooks import (
    PUBLISHED,
    Integrator,
    Receiver,
    client_event,
    reaching,
    receiver,
    resource_event,
)
from tests.service.generated import defects, naming
from tests.service.house import Token

__all__ = ["receiver"]

REQUESTS = 6
SECONDS = 6.0


@pytest.fixture
def build(receiver: Receiver) -> Callable[[Settings], FastAPI]:
    return lambda settings: create_app(reaching(receiver, settings))


async def test_every_answer_to_a_generated_request_is_one_that_is_documented(
    app: FastAPI,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    receiver: Receiver,
) -> None:
    desk = Integrator(app, client, owner, token)
    made = [await desk.create(receiver) for _ in range(3)]
    await desk.hear(resource_event(PUBLISHED), resource_event(PUBLISHED))
    await desk.hear(client_event("approved", desk.application, ["integrate", "catalog.read"]))
    await owner.execute("UPDATE webhook_deliveries SET state = 'DEAD'")
    letters = [each["id"] for webhook in made for each in await desk.deliveries(webhook)]
    known = {
        "webhook_id": [each["id"] for each in made],
        "delivery_id": letters,
        "client_id": [desk.application],
        "if-match": ['"v1"', '"v2"', '"v3"'],
    }
    callers = {"nobody": {}, "an application": desk.own, "a person": desk.person()}
    document = naming(openapi_document(app), known)
    found = await defects(document, client, callers, requests=REQUESTS, seconds=SECONDS)
    assert not found, "\n".join(found)
