"""Recorded events are sent once more: in order, all of them, and none twice."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.adapters.webhooks_deliveries import DeliveryRepository
from gateway.application.webhooks_sweeping import WebhookSweeper
from shared.ids import uuid7
from tests.service.gateway.control.webhooks import (
    PUBLISHED,
    RENAMED,
    SUSPENDED,
    URL,
    Integrator,
    Received,
    Receiver,
    build,
    desk,
    organisation_event,
    receiver,
    resource_event,
)

__all__ = ["build", "desk", "receiver"]


def sequences(received: Sequence[Received]) -> list[str]:
    return [each.event["sequence"] for each in received]


async def test_a_replay_goes_on_behind_the_last_event_that_was_had(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    events = await desk.published(6)
    await desk.send_all()
    known = sequences(receiver.got)
    receiver.got.clear()
    answer = await desk.post(made, "replay", {"after": known[2]})
    assert answer.status_code == 202
    assert answer.json() == {"queued": 3, "through": known[5], "more": False}
    await desk.send_all()
    assert receiver.ids() == [str(each.id) for each in events[3:]]
    assert sequences(receiver.got) == known[3:]
    nothing = await desk.post(made, "replay", {"after": known[5]})
    assert nothing.json() == {"queued": 0, "through": None, "more": False}


async def test_a_replay_since_a_time_takes_what_was_recorded_from_then_on(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    events = await desk.published(3)
    await desk.owner.execute(
        "UPDATE webhook_events SET recorded_at = now() - interval '2 days' WHERE event_id = $1",
        events[0].id,
    )
    await desk.send_all()
    receiver.got.clear()
    since = (desk.clock() - timedelta(days=1)).isoformat()
    assert (await desk.post(made, "replay", {"since": since})).json()["queued"] == 2
    await desk.send_all()
    assert receiver.ids() == [str(each.id) for each in events[1:]]


async def test_what_waits_already_is_not_queued_again(desk: Integrator, receiver: Receiver) -> None:
    made = await desk.create(receiver)
    events = await desk.published(4)
    assert (await desk.post(made, "replay", {"after": "0"})).json()["queued"] == 0
    await desk.send_all()
    both = await asyncio.gather(*(desk.post(made, "replay", {"after": "0"}) for _ in range(2)))
    assert sorted(each.json()["queued"] for each in both) == [0, 4]
    receiver.got.clear()
    await desk.send_all()
    assert receiver.ids() == [str(each.id) for each in events]


async def test_a_repeated_request_replays_once(desk: Integrator, receiver: Receiver) -> None:
    made = await desk.create(receiver)
    await desk.published(2)
    await desk.send_all()
    headers = {**desk.own, "idempotency-key": str(uuid7())}
    url = f"{URL}/{made['id']}/replay"
    first = await desk.client.post(url, headers=headers, json={"after": "0"})
    await desk.send_all()
    again = await desk.client.post(url, headers=headers, json={"after": "0"})
    assert first.json() == again.json()
    assert await desk.send_all() == 0


async def test_a_replay_keeps_to_the_types_that_are_subscribed_to_and_still_allowed(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver, types=[PUBLISHED, RENAMED])
    await desk.hear(
        resource_event(PUBLISHED), resource_event(SUSPENDED), organisation_event("renamed", "P1.C1")
    )
    await desk.owner.execute("DELETE FROM webhook_deliveries")
    assert (await desk.post(made, "replay", {"after": "0"})).json()["queued"] == 2
    await desk.owner.execute("DELETE FROM webhook_deliveries")
    await desk.owner.execute("UPDATE webhooks SET scopes = '{identity.read}'")
    assert (await desk.post(made, "replay", {"after": "0"})).json()["queued"] == 1
    desk.clock.advance(timedelta(seconds=1))
    await desk.send_all()
    assert [each.event["type"] for each in receiver.got] == [RENAMED]


async def test_a_pause_is_made_up_for_while_events_go_on_coming(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    await desk.patch(made, state="PAUSED")
    before = await desk.published(5)
    assert await desk.deliveries(made) == []
    coming = [resource_event(PUBLISHED) for _ in range(24)]

    async def keep_hearing(events: Sequence[Any]) -> None:
        for each in events:
            await desk.hear(each)

    hearing = [asyncio.create_task(keep_hearing(coming[start::4])) for start in range(4)]
    await asyncio.sleep(0.02)
    assert (await desk.patch(made, state="ACTIVE")).status_code == 200
    assert (await desk.post(made, "replay", {"after": "0"})).status_code == 202
    await asyncio.gather(*hearing)
    desk.clock.advance(timedelta(seconds=5))
    await desk.send_all()
    assert sorted(receiver.ids()) == sorted(str(each.id) for each in (*before, *coming))
    assert sequences(receiver.got) == sorted(sequences(receiver.got))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"after": "1", "since": "2026-11-22T00:00:00Z"},
        {"after": "-1"},
        {"after": "9" * 19},
        {"since": "2026-11-22T00:00:00"},
        {"since": "yesterday"},
        {"since": "9999-12-31T23:59:59-23:00"},
        {"since": "0001-01-01T00:00:00+23:00"},
        {"before": "1"},
    ],
)
async def test_where_a_replay_starts_must_be_clear(
    desk: Integrator, receiver: Receiver, body: dict[str, Any]
) -> None:
    made = await desk.create(receiver)
    assert (await desk.post(made, "replay", body)).status_code == 422


async def test_after_their_time_deliveries_go_and_events_that_nothing_waits_for(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    await desk.post(made, "secret-rotations")
    old, new = await desk.published(2)
    await desk.owner.execute(
        "UPDATE webhook_events SET recorded_at = now() - interval '31 days' WHERE event_id = $1",
        old.id,
    )
    runtime = desk.app.state.runtime
    sweeper = WebhookSweeper(runtime.new_uow, DeliveryRepository, timedelta(days=30), runtime.clock)
    assert await sweeper.sweep() == 0
    await desk.owner.execute(
        "UPDATE webhook_deliveries d SET created_at = e.recorded_at FROM webhook_events e"
        " WHERE e.position = d.position"
    )
    await sweeper.sweep()
    left = await desk.owner.fetch("SELECT event_id FROM webhook_events")
    assert [str(row["event_id"]) for row in left] == [str(new.id)]
    assert [each["event_id"] for each in await desk.deliveries(made)] == [str(new.id)]
    assert await desk.owner.fetchval("SELECT count(*) FROM webhook_secrets") == 2
    desk.clock.advance(timedelta(days=32))
    await sweeper.sweep()
    assert await desk.owner.fetchval("SELECT count(*) FROM webhook_secrets") == 1
    assert await desk.owner.fetchval("SELECT count(*) FROM webhook_events") == 0
