"""What somebody who is signed in does for the webhooks of their applications."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from gateway.app import HEARS
from gateway.settings import Settings
from shared.ids import uuid7
from shared.inbox import apply_handler
from tests.service.gateway.control.portal import DESK, FakeIdentity, Person, portal_alone
from tests.service.gateway.control.test_usage import event
from tests.service.house import Token

TYPE = "catalog.resource.published.v1"
FORM = {"name": "资源同步", "url": "https://1.1.1.1/events", "event_types": [TYPE]}


@pytest.fixture
def identity(token: Token) -> FakeIdentity:
    return FakeIdentity(token)


@pytest.fixture
def build(identity: FakeIdentity) -> Callable[[Settings], FastAPI]:
    return lambda settings: portal_alone(settings, identity)


@pytest.fixture
async def person(app: FastAPI, identity: FakeIdentity) -> Person:
    found = Person(app, identity)
    await found.sign_in()
    return found


@pytest.fixture
async def application(app: FastAPI, person: Person, identity: FakeIdentity) -> str:
    """One of the person's, of which the gateway has heard."""
    client_id = identity.add(person.subject)
    async with app.state.runtime.new_uow() as uow:
        told = event("client.approved", client_id=client_id, quota_class="trial")
        await apply_handler(HEARS["identity"], uow, told)
        await uow.commit()
    return client_id


@pytest.fixture
async def webhook(person: Person, application: str, owner: asyncpg.Connection) -> str:
    """The address of the page of one."""
    answer = await person.send(f"{DESK}/{application}/webhooks", FORM)
    assert answer.status_code == 200, answer.text
    made = await owner.fetchval("SELECT id FROM webhooks")
    return f"{DESK}/{application}/webhooks/{made}"


async def test_an_application_is_subscribed_and_its_secret_shown_once(
    person: Person, application: str, owner: asyncpg.Connection
) -> None:
    address = f"{DESK}/{application}/webhooks"
    page = (await person.browser.get(address)).text
    assert TYPE in page
    assert "identity.organisation.created.v1" not in page  # it has not the scope
    once = re.findall(r'name="once" value="([^"]+)"', page)
    made = await person.send(address, {**FORM, "once": once})
    assert re.search(r'id="new-secret" class="secret">whsec_[^<]{40,}<', made.text)
    assert made.headers["cache-control"] == "no-store"
    again = await person.send(address, {**FORM, "once": once})
    assert again.status_code == 409
    assert "whsec_" not in again.text
    (kept,) = await owner.fetch("SELECT * FROM webhooks")
    assert (kept["client"], kept["scopes"]) == (application, ["catalog.read"])
    assert "whsec_" not in (await person.browser.get(f"{address}/{kept['id']}")).text
    audited = await owner.fetchrow("SELECT actor, action FROM audit")
    assert audited["actor"] == person.subject
    assert audited["action"] == "webhook.created"
    assert f"{address}/{kept['id']}" in (await person.browser.get(f"{DESK}/{application}")).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "https://127.0.0.1/"}, "接收地址"),
        ({"url": "ftp://1.1.1.1/"}, "接收地址"),
        ({"event_types": []}, "事件类型"),
        ({"event_types": ["identity.organisation.created.v1"]}, "identity.read"),
        ({"name": ""}, "名称"),
    ],
)
async def test_what_cannot_be_subscribed_is_told_on_the_form(
    person: Person, application: str, owner: asyncpg.Connection, change: dict[str, Any], told: str
) -> None:
    answer = await person.send(f"{DESK}/{application}/webhooks", {**FORM, **change})
    assert answer.status_code == 422
    summary = re.search(r'class="summary".*?</div>', answer.text, re.S)
    assert summary
    assert told in summary[0]
    assert await owner.fetchval("SELECT count(*) FROM webhooks") == 0


async def test_a_dead_letter_is_sent_again(
    person: Person, webhook: str, owner: asyncpg.Connection
) -> None:
    assert "没有死信" in (await person.browser.get(webhook)).text
    assert (await person.send(f"{webhook}/test", {})).status_code == 303
    await owner.execute(
        "UPDATE webhook_deliveries SET state = 'DEAD', attempts = 8, due_at = NULL, status = 502"
    )
    page = (await person.browser.get(webhook)).text
    assert "没有死信" not in page
    assert "gateway.webhook.pinged.v1" in page
    (delivery,) = re.findall(r'name="delivery" value="([^"]+)"', page)
    again = await person.send(f"{webhook}/retry", {"delivery": delivery})
    assert (again.status_code, again.headers["location"]) == (303, webhook)
    assert await owner.fetchval("SELECT state FROM webhook_deliveries") == "PENDING"
    unknown = await person.send(f"{webhook}/retry", {"delivery": str(uuid7())})
    assert unknown.status_code == 404


async def test_it_is_paused_resumed_replayed_and_deleted(
    person: Person, application: str, webhook: str, owner: asyncpg.Connection
) -> None:
    assert (await person.send(f"{webhook}/state", {"state": "PAUSED"})).status_code == 303
    assert "恢复推送" in (await person.browser.get(webhook)).text
    silent = await person.send(f"{webhook}/replay", {"hours": "24"})
    assert silent.status_code == 409
    assert silent.headers["content-type"].startswith("text/html")
    assert (await person.send(f"{webhook}/state", {"state": "GONE"})).status_code == 403
    assert (await person.send(f"{webhook}/state", {"state": "ACTIVE"})).status_code == 303
    assert (await person.send(f"{webhook}/replay", {"hours": "24"})).status_code == 303
    assert (await person.send(f"{webhook}/replay", {"hours": "9999"})).status_code == 403
    gone = await person.send(f"{webhook}/delete", {})
    assert gone.headers["location"] == f"{DESK}/{application}"
    assert await owner.fetchval("SELECT count(*) FROM webhooks") == 0
    assert (await person.browser.get(webhook)).status_code == 404


async def test_in_english_its_page_is_english(person: Person, webhook: str) -> None:
    page = (await person.browser.get(webhook, params={"lang": "en"})).text
    assert "Dead letters" in page
    assert "死信" not in page


FORMS: dict[str, dict[str, Any]] = {
    "": FORM,
    "/state": {"state": "PAUSED"},
    "/test": {},
    "/retry": {"delivery": str(UUID(int=1))},
    "/replay": {"hours": "1"},
    "/delete": {},
}


@pytest.mark.parametrize("path", FORMS)
async def test_of_somebody_elses_webhook_nobody_learns_or_changes_anything(
    app: FastAPI,
    person: Person,
    identity: FakeIdentity,
    webhook: str,
    owner: asyncpg.Connection,
    path: str,
) -> None:
    address = f"{webhook}{path}" if path else webhook.rpartition("/")[0]
    foreign = await person.send(address, {**FORMS[path], "csrf": "AAAA"})
    assert foreign.status_code == 403
    other = Person(app, identity)
    await other.sign_in(grants=("integrator@P1.N2",))
    assert (await other.browser.get(webhook)).status_code == 404
    assert (await other.send(address, FORMS[path])).status_code == 404
    (kept,) = await owner.fetch("SELECT * FROM webhooks")
    assert kept["version"] == 1
    assert await owner.fetchval("SELECT count(*) FROM webhook_deliveries") == 0


async def test_the_webhook_of_one_application_is_not_among_anothers(
    person: Person, identity: FakeIdentity, webhook: str
) -> None:
    another = identity.add(person.subject)
    address = f"{DESK}/{another}/webhooks/{webhook.rpartition('/')[2]}"
    assert (await person.browser.get(address)).status_code == 404
    assert (await person.send(f"{address}/delete", {})).status_code == 404
    assert (await person.browser.get(f"{DESK}/{another}/webhooks/nothing")).status_code == 404


async def test_an_application_that_is_not_approved_subscribes_to_nothing(
    person: Person, identity: FakeIdentity, application: str, owner: asyncpg.Connection
) -> None:
    identity.applications[application]["state"] = "SUSPENDED"
    address = f"{DESK}/{application}/webhooks"
    assert (await person.browser.get(address)).status_code == 403
    assert (await person.send(address, FORM)).status_code == 403
    assert await owner.fetchval("SELECT count(*) FROM webhooks") == 0
