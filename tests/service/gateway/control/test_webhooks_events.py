"""What webhooks hear of applications and organisations, and which events leave the house."""

import json
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from gateway.app import HEARS
from gateway.domain.webhooks_types import TYPES
from shared.events import SCHEMAS
from tests.service.gateway.control.webhooks import (
    PUBLISHED,
    RENAMED,
    Integrator,
    Receiver,
    build,
    client_event,
    desk,
    organisation_event,
    receiver,
    resource_event,
)

__all__ = ["build", "desk", "receiver"]

PERSONAL = {
    *("owner", "person_id", "subject", "actor", "author", "reviewer", "reporter", "claimant"),
    *("email", "phone", "student", "guardian", "given_name", "family_name", "notice", "words"),
}


async def test_a_suspended_application_is_told_nothing_until_it_is_approved_again(
    desk: Integrator, receiver: Receiver
) -> None:
    made, paused = await desk.create(receiver), await desk.create(receiver)
    other = Integrator(desk.app, desk.client, desk.owner, desk.token)
    kept = await other.create(receiver)
    await desk.patch(paused, state="PAUSED")
    await desk.published()
    await desk.hear(client_event("suspended", desk.application))
    await desk.published()
    assert await desk.send_all() == 2  # both to the other application
    assert len(await other.deliveries(kept)) == 2
    seen = await desk.read(made)
    assert (seen["state"], seen["application_suspended"], seen["version"]) == ("ACTIVE", True, 2)
    assert (await desk.post(made, "test")).status_code == 409
    scopes = ["integrate", "catalog.read", "copyright.read", "identity.read"]
    await desk.hear(client_event("approved", desk.application, scopes))
    assert await desk.send_all() == 1
    assert (await desk.read(made))["application_suspended"] is False
    assert (await desk.read(paused))["state"] == "PAUSED"


async def test_a_scope_that_the_application_loses_ends_what_it_allowed(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver, types=[PUBLISHED, RENAMED])
    await desk.hear(client_event("changed", desk.application, ["integrate", "identity.read"]))
    await desk.hear(resource_event(PUBLISHED), organisation_event("renamed", "P1.C1"))
    desk.clock.advance(timedelta(seconds=1))
    await desk.send_all()
    assert [each.event["type"] for each in receiver.got] == [RENAMED]
    assert (await desk.read(made))["scopes"] == ["identity.read"]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("P1.E1", "P2.E1", "P2.E1"),
        ("P1", "P9.P1", "P9.P1.E1"),
        ("P1.E2", "P2.E2", "P1.E1"),
        ("P1.E", "P2.E", "P1.E1"),
    ],
)
async def test_a_webhook_moves_with_its_organisation(
    desk: Integrator, receiver: Receiver, old: str, new: str, kept: str
) -> None:
    await desk.create(receiver)
    await desk.hear(organisation_event("moved", new, old_path=old))
    assert await desk.owner.fetchval("SELECT organisation_path::text FROM webhooks") == kept


async def test_positions_rise_in_the_order_of_commits(
    desk: Integrator, receiver: Receiver, owner: asyncpg.Connection
) -> None:
    """Whoever has seen an event may ask for all behind it: none comes in before it later."""
    await desk.create(receiver)
    runtime = desk.app.state.runtime
    record = runtime.handlers["catalog"][PUBLISHED]
    async with runtime.new_uow() as first:
        await record(first, resource_event(PUBLISHED))
        async with runtime.new_uow() as second:
            await second.connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                await record(second, resource_event(PUBLISHED))
        await first.commit()
    assert await owner.fetchval("SELECT count(*) FROM webhook_events") == 1


@pytest.mark.parametrize("event_type", TYPES)
def test_no_event_that_leaves_the_house_says_who_somebody_is(event_type: str) -> None:
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text())
    outside = TYPES[event_type].schema_outside(schema)
    assert {*outside["properties"]} == TYPES[event_type].members
    assert not PERSONAL & TYPES[event_type].members
    assert {*outside["required"]} <= {*outside["properties"]}


async def test_a_member_that_an_event_comes_to_have_stays_here_until_it_is_listed(
    desk: Integrator, receiver: Receiver
) -> None:
    await desk.create(receiver)
    event = resource_event(PUBLISHED)
    await desk.hear(replace(event, data={**event.data, "author": "张三"}))
    desk.clock.advance(timedelta(seconds=1))
    await desk.send_all()
    (got,) = receiver.got
    assert {*got.event["data"]} <= TYPES[PUBLISHED].members
    kept = await desk.owner.fetchval("SELECT envelope FROM webhook_events")
    assert b"a-person" not in kept
    assert "张三".encode() not in kept


def test_every_type_that_is_offered_is_heard() -> None:
    assert {*TYPES} <= {name for handlers in HEARS.values() for name in handlers}
