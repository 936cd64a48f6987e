"""Licences with terms, what they permit, and how their end reaches every reuse."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from services.copyright.parts.registrations import deadlines
from services.copyright.settings import Settings
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.copyright.registering import SCHOOL, V1, Person
from tests.service.house import Token

SOON = timedelta(days=30)


@pytest.fixture
def fellow(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token, f"teacher@{SCHOOL}")


async def offered(holder: Person, registered: str, **terms: Any) -> str:
    """The offer of a licence for teaching; the event that makes it."""
    body = {"action": "offer", "template": "school-use", "terms": terms}
    answer = await holder.post(f"/{registered}/licences", body)
    assert answer.status_code == 202, answer.text
    return str((await holder.get(f"/{registered}")).json()["head"])


async def agreed(person: Person, registered: str, offer: str) -> str:
    """The resource that reuses the work under the licence that `person` agrees to."""
    used_in = str(uuid7())
    body = {"action": "agree", "offer": offer, "used_in": used_in}
    answer = await person.post(f"/{registered}/licences", body)
    assert answer.status_code == 202, answer.text
    return used_in


async def may(person: Person, registered: str, **asked: Any) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in ({"action": "derive"} | asked).items())
    answer = await person.get(f"/{registered}/permission?{query}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def told(owner: asyncpg.Connection, kind: str) -> Sequence[dict[str, Any]]:
    """What the outbox tells of that type, in order, each as a consumer takes it."""
    rows = await owner.fetch("SELECT envelope FROM outbox WHERE type = $1 ORDER BY id", kind)
    return [Envelope.from_json(row["envelope"]).data for row in rows]


async def after(settings: Settings, later: timedelta) -> None:
    """Do what is due when so much time has passed."""
    runtime = Runtime("copyright", settings, {}, clock=lambda: datetime.now(UTC) + later)
    while await deadlines(runtime, settings).tell():
        pass
    await runtime.close()


async def test_may_somebody_is_answered_by_the_terms_with_reasons(
    ada: Person, ben: Person, stranger: Person
) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    nothing = await may(ben, registered)
    assert (nothing["permitted"], nothing["reasons"][0]["code"]) == (False, "unlicensed")
    until = datetime.now(UTC) + SOON
    offer = await offered(ada, registered, until=until.isoformat())
    permitted = await may(ben, registered)
    assert (permitted["permitted"], permitted["offer"]) == (True, offer)
    assert permitted["duties"] == ["cc:Attribution"]
    refused = await may(stranger, registered)
    assert [each["code"] for each in refused["reasons"]] == ["recipient"]
    late = (until + SOON).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [e["code"] for e in (await may(ben, registered, on=late))["reasons"]] == ["expired"]
    sold = await may(ben, registered, commercial="true")
    assert [each["code"] for each in sold["reasons"]] == ["prohibited"]
    holds = await may(ada, registered, commercial="true")
    assert (holds["permitted"], holds["reasons"][0]["code"]) == (True, "holder")


async def test_anybody_may_do_what_a_public_licence_permits_without_asking(
    ada: Person, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered(licence="cc-by-sa-4.0")
    query = "action=translate&commercial=true&education=false"
    answer = (await client.get(f"{V1}/{registered}/permission?{query}")).json()
    assert answer["permitted"] is True
    assert "cc:ShareAlike" in answer["duties"]


async def test_a_public_licence_stands_for_anybody_after_it_was_withdrawn_and_handed_on(
    ada: Person, ben: Person, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered(licence="cc-by-4.0")
    [offer] = (await ada.get(f"/{registered}")).json()["offers"]
    body = {"action": "revoke", "offer": offer}
    assert (await ada.post(f"/{registered}/licences", body)).status_code == 202
    asked = f"{V1}/{registered}/permission?action=display"
    assert (await client.get(asked)).json()["permitted"] is True
    path = f"/{registered}/transfers"
    await ada.post(path, {"action": "propose", "to": ben.id})
    proposal = (await ben.get(f"/{registered}")).json()["proposal"]
    accepted = await ben.post(path, {"action": "accept", "proposal": proposal})
    assert accepted.status_code == 202
    told = (await client.get(asked)).json()
    assert (told["permitted"], told["offer"]) == (True, offer)


async def test_a_licence_is_offered_to_no_organisation_of_another_province(ada: Person) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    body = {"action": "offer", "template": "school-use", "terms": {"organisation": "NOPE"}}
    answer = await ada.post(f"/{registered}/licences", body)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("terms-unfit")


async def test_a_public_licence_takes_no_terms_and_none_expires_before_it_is_offered(
    ada: Person,
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    past = (datetime.now(UTC) - SOON).isoformat()
    for template, terms in (("cc-by-4.0", {"times": 3}), ("school-use", {"until": past})):
        body = {"action": "offer", "template": template, "terms": terms}
        answer = await ada.post(f"/{registered}/licences", body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"].endswith("terms-unfit")


async def test_a_licence_that_was_offered_is_shown_with_its_policy(
    ada: Person, ben: Person
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    offer = await offered(ada, registered, roles=["teacher"], times=30)
    await agreed(ben, registered, offer)
    declared, teaching = (await ben.get(f"/{registered}/licences")).json()
    assert (declared["template"], declared["agreed"]) == ("cc-by-4.0", 0)
    assert (teaching["offer"], teaching["agreed"], teaching["open"]) == (offer, 1, True)
    assert teaching["policy"]["profile"].startswith("https://")
    assert {c["leftOperand"] for c in teaching["policy"]["permission"][0]["constraint"]} == {
        *("purpose", "recipient", "count")
    }


async def test_an_expired_licence_is_told_to_every_reuse_and_agreed_to_no_more(
    ada: Person, ben: Person, owner: asyncpg.Connection, settings: Settings
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    until = (datetime.now(UTC) + SOON).isoformat()
    offer = await offered(ada, registered, until=until)
    reuses = [await agreed(ben, registered, offer) for _ in range(2)]
    await after(settings, SOON - timedelta(days=1))
    assert await told(owner, "copyright.licence.expired.v1") == []
    for _ in range(2):  # to look again changes nothing
        await after(settings, SOON + timedelta(days=1))
    [expired] = await told(owner, "copyright.licence.expired.v1")
    assert expired["offer"] == offer
    ended = await told(owner, "copyright.reuse.ended.v1")
    assert {each["used_in"] for each in ended} == set(reuses)
    assert {each["reason"] for each in ended} == {"EXPIRED"}


async def test_a_withdrawn_licence_for_teaching_ends_and_a_public_one_is_kept(
    ada: Person, ben: Person, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    [public] = (await ben.get(f"/{registered}")).json()["offers"]
    kept = await agreed(ben, registered, public)
    teaching = await offered(ada, registered)
    lost = await agreed(ben, registered, teaching)
    for offer in (public, teaching):
        body = {"action": "revoke", "offer": offer}
        assert (await ada.post(f"/{registered}/licences", body)).status_code == 202
    assert [e["used_in"] for e in await told(owner, "copyright.reuse.ended.v1")] == [lost]
    permitted = await may(ben, registered, commercial="true")
    assert (permitted["permitted"], permitted["offer"]) == (True, public)
    assert kept != lost


async def test_nobody_binds_anothers_resource_to_a_licence(
    ada: Person, ben: Person, fellow: Person, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    offer = await offered(ada, registered)
    bens, used_in = UUID(await ben.registered()), str(uuid7())
    publish = "UPDATE registrations SET origin = 'CATALOGUE', resource_id = $1 WHERE id = $2"
    await owner.execute(publish, UUID(used_in), bens)
    body = {"action": "agree", "offer": offer, "used_in": used_in}
    assert (await fellow.post(f"/{registered}/licences", body)).status_code == 403
    assert (await ben.post(f"/{registered}/licences", body)).status_code == 202
    free = await agreed(fellow, registered, offer)
    bens = UUID(await ben.registered())
    await owner.execute(publish, UUID(free), bens)
    await ada.post(f"/{registered}/licences", {"action": "revoke", "offer": offer})
    ended = {each["used_in"] for each in await told(owner, "copyright.reuse.ended.v1")}
    assert ended == {used_in}


async def test_a_takedown_reaches_every_reuse_and_so_does_its_end(
    ada: Person,
    ben: Person,
    client: httpx2.AsyncClient,
    token: Token,
    owner: asyncpg.Connection,
) -> None:
    chief = Person(client, token, "administrator@P0")
    registered = await ada.registered(organisation=SCHOOL)
    [public] = (await ben.get(f"/{registered}")).json()["offers"]
    reuses = {await agreed(ben, registered, public), await agreed(ben, registered, public)}
    await ben.post(f"/{registered}/disputes", {"kind": "takedown.notice", "text": "我的教案。"})
    await ada.post(f"/{registered}/disputes", {"kind": "takedown.counter", "text": "并非如此。"})
    decision = {"kind": "takedown.decision", "outcome": "upheld", "text": "证据充分。"}
    assert (await chief.post(f"/{registered}/decisions", decision)).status_code == 202
    ended = await told(owner, "copyright.reuse.ended.v1")
    assert {(each["used_in"], each["reason"]) for each in ended} == {
        (used_in, "REMOVED") for used_in in reuses
    }
    assert (await may(ben, registered))["reasons"][0]["code"] == "removed"
    restore = {"kind": "restore", "text": "双方和解。"}
    assert (await chief.post(f"/{registered}/decisions", restore)).status_code == 202
    resumed = await told(owner, "copyright.reuse.resumed.v1")
    assert {each["used_in"] for each in resumed} == reuses
    assert (await may(ben, registered))["permitted"] is True


async def test_what_expires_while_it_is_taken_down_does_not_come_back(
    ada: Person,
    ben: Person,
    client: httpx2.AsyncClient,
    token: Token,
    owner: asyncpg.Connection,
    settings: Settings,
) -> None:
    chief = Person(client, token, "administrator@P0")
    registered = await ada.registered(organisation=SCHOOL)
    offer = await offered(ada, registered, until=(datetime.now(UTC) + SOON).isoformat())
    await agreed(ben, registered, offer)
    await ben.post(f"/{registered}/disputes", {"kind": "claim.dispute", "text": "我的教案。"})
    await ada.post(f"/{registered}/disputes", {"kind": "takedown.counter", "text": "并非如此。"})
    decision = {"kind": "takedown.decision", "outcome": "upheld", "text": "证据充分。"}
    assert (await chief.post(f"/{registered}/decisions", decision)).status_code == 202
    await after(settings, SOON)
    restore = {"kind": "restore", "text": "双方和解。"}
    assert (await chief.post(f"/{registered}/decisions", restore)).status_code == 202
    assert await told(owner, "copyright.reuse.resumed.v1") == []
    reasons = [each["reason"] for each in await told(owner, "copyright.reuse.ended.v1")]
    assert reasons == ["REMOVED", "EXPIRED"]


async def test_erasure_leaves_an_agreement_without_its_person(
    ada: Person, ben: Person, owner: asyncpg.Connection, app: Any
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    [public] = (await ben.get(f"/{registered}")).json()["offers"]
    used_in = await agreed(ben, registered, public)
    runtime: Runtime = app.state.runtime
    data = {"person_id": ben.id, "code": "U-1", "version": 2}
    erased = "identity.person.erased.v1"
    envelope = Envelope(uuid7(), "/identity", erased, ben.id, datetime.now(UTC), data)
    async with runtime.new_uow() as uow:
        await runtime.handlers["identity"][erased](uow, envelope)
        await uow.commit()
    [row] = await owner.fetch("SELECT person, used_in FROM agreements")
    assert (row["person"], str(row["used_in"])) == (None, used_in)
