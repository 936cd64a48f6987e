"""Every guarded operation × every role × every place: nobody reaches what is not theirs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from gateway.app import create_app
from gateway.settings import Settings
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.testing.matrix import cells, operations
from tests.service.gateway.control.webhooks import (
    COMPANY,
    OTHER_COMPANY,
    PUBLISHED,
    SCOPES,
    URL,
    Integrator,
    Receiver,
    client_event,
    reaching,
    receiver,
    resource_event,
)
from tests.service.house import Token

__all__ = ["receiver"]


@pytest.fixture
def build(receiver: Receiver) -> Callable[[Settings], FastAPI]:
    return lambda settings: create_app(reaching(receiver, settings))


@dataclass(frozen=True)
class Target:
    """A request's path and its body; what it is about is kept at the company."""

    path: str
    body: Any = None
    version: int = 1


@dataclass
class Desk:
    integrator: Integrator
    receiver: Receiver

    async def dead(self) -> tuple[str, str]:
        """A webhook and a dead letter of it."""
        made = await self.integrator.create(self.receiver)
        await self.integrator.hear(resource_event(PUBLISHED))
        await self.integrator.owner.execute("UPDATE webhook_deliveries SET state = 'DEAD'")
        (letter,) = await self.integrator.deliveries(made)
        return made["id"], letter["id"]


Make = Callable[[Desk], Awaitable[Target]]


def webhook(rest: str = "", body: Any = None) -> Make:
    async def make(desk: Desk) -> Target:
        made, letter = await desk.dead()
        return Target(f"{URL}/{made}{rest.format(letter=letter)}", body)

    return make


async def create_webhook(desk: Desk) -> Target:
    body = {"name": "n", "url": desk.receiver.url, "event_types": [PUBLISHED]}
    return Target(URL, {**body, "organisation": COMPANY})


async def list_webhooks(_desk: Desk) -> Target:
    return Target(URL)


def application(path: str) -> Make:
    """Of an application of the company."""

    async def make(desk: Desk) -> Target:
        known = desk.integrator.application
        await desk.integrator.hear(client_event("approved", known, ["integrate"]))
        return Target(f"/gateway/v1{path}?client_id={known}")

    return make


TARGETS: Mapping[str, Make] = {
    "create_webhook": create_webhook,
    "list_webhooks": list_webhooks,
    "read_webhook": webhook(),
    "change_webhook": webhook("", {"name": "新"}),
    "delete_webhook": webhook(),
    "rotate_webhook_secret": webhook("/secret-rotations"),
    "test_webhook": webhook("/test"),
    "replay_webhook_events": webhook("/replay", {"after": "0"}),
    "list_webhook_deliveries": webhook("/deliveries"),
    "read_webhook_delivery": webhook("/deliveries/{letter}"),
    "retry_webhook_delivery": webhook("/deliveries/{letter}/retry"),
    "read_quota": application("/quota"),
    "list_usage": application("/usage"),
    "export_usage": application("/usage/export"),
}

ON_NO_ORGANISATION: Mapping[str, str] = {
    "list_webhooks": "a list holds what the roles of its reader reach, be it nothing",
}
"""Operations whose roles count wherever they are held, each with the reason."""


@pytest.fixture
def desk(
    app: FastAPI,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    receiver: Receiver,
) -> Desk:
    return Desk(Integrator(app, client, owner, token), receiver)


async def test_no_operation_answers_whom_its_rule_refuses(
    desk: Desk, app: FastAPI, token: Token
) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public"):
            continue
        target = await TARGETS[operation.id](desk)
        bound = operation.id not in ON_NO_ORGANISATION
        for cell in sorted(cells(operation, bound=bound), key=lambda cell: cell.allowed):
            headers = {"if-match": f'"v{target.version}"'}
            if cell.scopes is not None:
                grants = cell.grants(COMPANY, OTHER_COMPANY)
                scopes = f"{cell.scopes} {SCOPES}" if "integrate" in cell.scopes else cell.scopes
                headers |= token(str(uuid7()), scopes, grants)
            answer = await desk.integrator.client.request(
                operation.method, target.path, headers=headers, json=target.body
            )
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)
