"""A receiver of webhooks on loopback, and an integrator who subscribes to events."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from fastapi import FastAPI

from gateway.adapters.webhooks_deliveries import DeliveryQueue
from gateway.app import HEARS
from gateway.application.webhooks_courier import Courier, Sender
from gateway.parts import webhooks
from gateway.settings import Settings
from shared.clock import utc_now
from shared.context import RequestContext, acting
from shared.egress import Resolver, resolve_by_system
from shared.encryption import KeyRing
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime, application
from shared.testing.clock import FrozenClock
from tests.service.house import Token

URL = "/gateway/v1/webhooks"
COMPANY = "P1.E1"
OTHER_COMPANY = "P1.E2"
SCOPES = "integrate catalog.read copyright.read identity.read"
PUBLISHED = "catalog.resource.published.v1"
SUSPENDED = "catalog.resource.suspended.v1"
RENAMED = "identity.organisation.renamed.v1"


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    def signed_by(self, secret: str) -> bool:
        """Standard Webhooks, "Verifying signatures", written from the specification alone."""
        key = base64.b64decode(secret[len("whsec_") :])
        message = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        content = ".".join(message).encode() + b"." + self.body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        given = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and value == expected for version, value in given)


@dataclass
class Receiver:
    """Answers with what stands first in ``answers`` (the last stays), after ``delay`` seconds."""

    port: int = 0
    answers: list[str] = field(default_factory=lambda: ["204 No Content"])
    delay: float = 0
    got: list[Received] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {
                name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append(Received(headers, body))
            reply = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await asyncio.sleep(self.delay)
            writer.write(f"HTTP/1.1 {reply}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        self.at_once -= 1
        writer.close()

    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.got]


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    listener = await asyncio.start_server(receiver, host, port)
    receiver.port = listener.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        listener.close()


def reaching(receiver: Receiver, settings: Settings) -> Settings:
    """Settings with which webhooks may be told at `receiver`, as in development."""
    allowed = {
        "webhook_networks": "127.0.0.1/32",
        "webhook_ports": f"443,{receiver.port}",
        "webhook_plain_http": True,
    }
    return settings.model_copy(update=allowed)


def webhooks_alone(settings: Settings, resolve: Resolver = resolve_by_system) -> FastAPI:
    """The application of webhooks alone, with a clock that tests move."""
    runtime = Runtime("gateway", settings, HEARS, FrozenClock(utc_now()))
    part = webhooks.build(runtime, settings, resolve)
    return application(runtime, title="", description="", parts=[part], table=part.table)


def courier_of(app: FastAPI, sender: Sender | None = None, resolve: Any = None) -> Courier:
    """A courier of its own, as another replica has it."""
    runtime: Runtime = app.state.runtime
    settings: Any = runtime.settings
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    sender = sender or webhooks.webhook_sender(runtime, settings, resolve or resolve_by_system)
    return Courier(runtime.new_uow, DeliveryQueue, sender, keys, 16, runtime.clock)


@dataclass
class Integrator:
    """An application with its own token, and what happens around it."""

    app: FastAPI
    client: httpx2.AsyncClient
    owner: asyncpg.Connection
    token: Token
    application: str = field(default_factory=lambda: str(uuid7()))

    @property
    def clock(self) -> FrozenClock:
        clock: FrozenClock = self.app.state.runtime.clock
        return clock

    @property
    def own(self) -> dict[str, str]:
        return self.with_scopes(SCOPES)

    def with_scopes(self, scopes: str, path: str = COMPANY) -> dict[str, str]:
        grants = (f"integrator@{path}",)
        return self.token(self.application, scopes, grants, client_id=self.application)

    def person(self, role: str = "administrator", path: str = COMPANY) -> dict[str, str]:
        return self.token(str(uuid7()), SCOPES, (f"{role}@{path}",))

    async def create(
        self, receiver: Receiver, types: Sequence[str] = (PUBLISHED, SUSPENDED), **more: Any
    ) -> dict[str, Any]:
        body = {"name": "同步", "url": receiver.url, "event_types": list(types), **more}
        answer = await self.client.post(URL, headers=self.own, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def read(self, webhook: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.get(f"{URL}/{webhook['id']}", headers=self.own)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def patch(self, webhook: dict[str, Any], **fields: Any) -> httpx2.Response:
        version = (await self.read(webhook))["version"]
        headers = {**self.own, "if-match": f'"v{version}"'}
        return await self.client.patch(f"{URL}/{webhook['id']}", headers=headers, json=fields)

    async def post(self, webhook: dict[str, Any], rest: str, body: Any = None) -> httpx2.Response:
        url = f"{URL}/{webhook['id']}/{rest}"
        return await self.client.post(url, headers=self.own, json=body)

    async def deliveries(self, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        url = f"{URL}/{webhook['id']}/deliveries{query}"
        answer = await self.client.get(url, headers=self.own)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def hear(self, *events: Envelope) -> None:
        """What the inbox does with each, in a transaction of its own."""
        runtime: Runtime = self.app.state.runtime
        for event in events:
            handlers = runtime.handlers[event.source.removeprefix("/")]
            with acting(RequestContext(actor=f"service:{event.source}")):
                async with runtime.new_uow() as uow:
                    await handlers[event.type](uow, event)
                    await uow.commit()

    async def published(self, count: int = 1) -> list[Envelope]:
        """Resources are published one after the other, and heard of."""
        events = [resource_event(PUBLISHED) for _ in range(count)]
        await self.hear(*events)
        self.clock.set(max(utc_now(), self.clock()) + timedelta(milliseconds=1))
        return events

    async def send_all(self, courier: Courier | None = None) -> int:
        """Send until nothing is due now, in no request; returns how many attempts that took."""
        courier = courier or courier_of(self.app)
        sent = 0
        with acting(RequestContext(actor="system")):
            while count := await courier.send_due():
                sent += count
        return sent


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def build(receiver: Receiver) -> Callable[[Settings], FastAPI]:
    """Webhooks alone, which may reach the receiver as well as the public Internet."""
    return lambda settings: webhooks_alone(reaching(receiver, settings))


@pytest.fixture
def desk(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Integrator:
    return Integrator(app, client, owner, token)


def resource_event(event_type: str, at: datetime | None = None) -> Envelope:
    data: dict[str, Any] = {
        "resource_id": str(uuid7()),
        "version": 1,
        "code": "R-7K3M-9QXB-D",
        "owner": "a-person",
        "organisation_path": "P1.C1.S1",
    }
    if event_type == PUBLISHED:
        data |= {
            "title_sha256": "00" * 32,
            "licence": None,
            "rights_basis": "own",
            "files": [],
        }
    else:
        data |= {"reason_code": "rights", "notice": "侵权投诉"}
    return event("catalog", event_type, data["resource_id"], data, at)


def client_event(what: str, client: str, scopes: Sequence[str] = ()) -> Envelope:
    data = {
        "client_id": client,
        "organisation_id": str(uuid7()),
        "organisation_path": COMPANY,
        "name": "一个应用",
        "state": "x",
        "scopes": list(scopes),
        "quota_class": "trial",
        "version": 2,
    }
    return event("identity", f"identity.client.{what}.v1", client, data)


def organisation_event(what: str, path: str, **more: Any) -> Envelope:
    data = {
        "organisation_id": str(uuid7()),
        "code": "E-0000-0000-0",
        "kind": "company",
        "name": "某公司",
        "path": path,
        "version": 2,
        **more,
    }
    return event("identity", f"identity.organisation.{what}.v1", data["organisation_id"], data)


def event(
    source: str, event_type: str, aggregate: str, data: dict[str, Any], at: datetime | None = None
) -> Envelope:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    made = Envelope(uuid7(), f"/{source}", event_type, aggregate, at or utc_now(), data, trace)
    heard = Envelope.from_json(made.to_json())
    heard.check()
    return heard
