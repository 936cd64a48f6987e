"""What a receiver gets, how often, and what becomes of what it does not take."""

import asyncio
import time
from datetime import timedelta
from email.utils import format_datetime

import httpx2
import pytest

from gateway.application.webhooks_courier import LEASE, Sender
from gateway.domain.webhooks_deliveries import BACK_OFF, JITTER, Answer
from gateway.parts.webhooks import webhook_sender
from shared.egress import resolve_by_system
from shared.ids import uuid7
from tests.service.gateway.control.webhooks import (
    PUBLISHED,
    SUSPENDED,
    URL,
    Integrator,
    Receiver,
    build,
    courier_of,
    desk,
    receiver,
    resource_event,
)

__all__ = ["build", "desk", "receiver"]

REFUSED = "503 Service Unavailable"


async def test_an_event_arrives_once_as_a_cloud_event_that_its_secret_signs(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    (event,) = await desk.published()
    await desk.hear(event)  # once more, as after a replay of the neighbour's outbox
    assert await desk.send_all() == 1
    (got,) = receiver.got
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["webhook-id"] == str(event.id)
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert got.signed_by(made["secret"])
    assert not got.signed_by("whsec_" + "A" * 43 + "=")
    told = got.event
    assert told.pop("sequence").isdigit()
    assert told.pop("time").startswith(str(event.time.date()))
    assert told == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": "/catalog",
        "type": PUBLISHED,
        "partitionkey": event.aggregate,
        "datacontenttype": "application/json",
        "data": {name: value for name, value in event.data.items() if name != "owner"},
    }
    (delivery,) = await desk.deliveries(made)
    assert delivery["state"] == "DELIVERED"
    assert (delivery["status"], delivery["attempts"]) == (204, 1)
    assert (delivery["event_id"], delivery["failure"]) == (str(event.id), None)
    one = await desk.client.get(f"{URL}/{made['id']}/deliveries/{delivery['id']}", headers=desk.own)
    assert one.json() == delivery


async def test_only_the_types_subscribed_to_are_sent(desk: Integrator, receiver: Receiver) -> None:
    await desk.create(receiver, types=[SUSPENDED])
    await desk.hear(resource_event(PUBLISHED), resource_event(SUSPENDED))
    desk.clock.advance(timedelta(seconds=1))
    await desk.send_all()
    assert [each.event["type"] for each in receiver.got] == [SUSPENDED]


async def test_the_first_delivery_goes_out_within_two_seconds(
    desk: Integrator, receiver: Receiver
) -> None:
    await desk.create(receiver)
    running = asyncio.create_task(courier_of(desk.app).run())
    await asyncio.sleep(0.1)
    try:
        started = time.monotonic()
        await desk.published()
        async with asyncio.timeout(2):
            while not receiver.got:  # noqa: ASYNC110 - of others
                await asyncio.sleep(0.01)
        assert time.monotonic() - started < 2
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_events_go_to_one_webhook_in_order_and_one_at_a_time(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    receiver.delay = 0.01
    events = await desk.published(8)
    couriers = [courier_of(desk.app) for _ in range(3)]
    await asyncio.gather(*(desk.send_all(each) for each in couriers))
    await desk.send_all()
    assert receiver.ids() == [str(each.id) for each in events]
    assert receiver.most_at_once == 1
    sequences = [each.event["sequence"] for each in receiver.got]
    assert sequences == sorted(sequences)
    assert len(set(sequences)) == 8
    assert [each["attempts"] for each in await desk.deliveries(made)] == [1] * 8


async def test_two_couriers_at_once_deliver_everything_once(
    desk: Integrator, receiver: Receiver
) -> None:
    for _ in range(5):
        await desk.create(receiver)
    events = await desk.published(6)
    running = [asyncio.create_task(courier_of(desk.app).run()) for _ in range(2)]
    async with asyncio.timeout(20):
        while len(receiver.got) < 30:
            await asyncio.sleep(0.02)
            desk.clock.advance(timedelta(milliseconds=20))
    await asyncio.sleep(0.2)
    for each in running:
        each.cancel()
    await asyncio.wait(running)
    assert sorted(receiver.ids()) == sorted([str(each.id) for each in events] * 5)
    done = await desk.owner.fetch("SELECT state, attempts FROM webhook_deliveries")
    assert [tuple(each) for each in done] == [("DELIVERED", 1)] * 30


async def test_a_kill_between_sending_and_marking_repeats_the_event_with_its_own_id(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    (event,) = await desk.published()
    runtime = desk.app.state.runtime
    sender = webhook_sender(runtime, runtime.settings, resolve_by_system)

    class Killed:
        async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
            await sender.send(url, headers, body)
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await courier_of(desk.app, Killed()).send_due()
    assert len(receiver.got) == 1
    assert await desk.send_all() == 0  # its lease holds
    desk.clock.advance(LEASE)
    assert await desk.send_all() == 1
    assert receiver.ids() == [str(event.id)] * 2
    assert receiver.got[0].body == receiver.got[1].body
    (delivery,) = await desk.deliveries(made)
    assert (delivery["state"], delivery["attempts"]) == ("DELIVERED", 1)


async def test_who_outlasts_the_lease_marks_nothing(desk: Integrator, receiver: Receiver) -> None:
    made = await desk.create(receiver)
    await desk.published()
    receiver.delay = 0.3
    slow = asyncio.create_task(courier_of(desk.app).send_due())
    while not receiver.got:  # noqa: ASYNC110 - of others
        await asyncio.sleep(0.01)
    desk.clock.advance(LEASE)
    receiver.delay, receiver.answers = 0, [REFUSED]
    assert await desk.send_all() == 1
    await slow
    (delivery,) = await desk.deliveries(made)
    assert (delivery["state"], delivery["attempts"]) == ("PENDING", 1)


async def test_what_fails_is_repeated_ever_later_and_then_lies_dead(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    receiver.answers = [REFUSED]
    (event,) = await desk.published()
    for wait in BACK_OFF:
        assert await desk.send_all() == 1
        (delivery,) = await desk.deliveries(made, "?state=PENDING")
        assert (delivery["status"], delivery["failure"]) == (503, "it answered 503 / 对方应答 503")
        desk.clock.advance(wait - timedelta(milliseconds=10))
        assert await desk.send_all() == 0
        desk.clock.advance(wait * JITTER + timedelta(milliseconds=20))
    assert await desk.send_all() == 1
    assert receiver.ids() == [str(event.id)] * (len(BACK_OFF) + 1)
    (dead,) = await desk.deliveries(made, "?state=DEAD")
    assert (dead["attempts"], dead["due_at"]) == (len(BACK_OFF) + 1, None)
    assert await desk.deliveries(made, "?state=PENDING") == []
    desk.clock.advance(timedelta(days=2))
    assert await desk.send_all() == 0


async def test_a_dead_letter_is_retried_once_and_again_from_the_start(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    (event,) = await desk.published()
    await desk.owner.execute("UPDATE webhook_deliveries SET state = 'DEAD', attempts = 8")
    (dead,) = await desk.deliveries(made, "?state=DEAD")
    path = f"deliveries/{dead['id']}/retry"
    first, second = await asyncio.gather(desk.post(made, path), desk.post(made, path))
    assert sorted([first.status_code, second.status_code]) == [202, 409]
    revived = first if first.status_code == 202 else second
    assert (revived.json()["state"], revived.json()["attempts"]) == ("PENDING", 0)
    await desk.send_all()
    assert receiver.ids() == [str(event.id)]
    delivered = await desk.post(made, path)
    assert delivered.json()["type"].endswith("gateway/delivery-not-dead")
    assert (await desk.post(made, f"deliveries/{uuid7()}/retry")).status_code == 404


async def test_a_webhook_that_fails_is_not_asked_for_every_event_that_waits(
    desk: Integrator, receiver: Receiver
) -> None:
    await desk.create(receiver)
    receiver.answers = [REFUSED, "200 OK"]
    events = await desk.published(4)
    assert await desk.send_all() == 1
    desk.clock.advance(timedelta(seconds=7))
    assert await desk.send_all() == 4
    assert receiver.ids()[0] == receiver.ids()[1] == str(events[0].id)
    assert receiver.ids()[2:] == [str(each.id) for each in events[1:]]


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_obeyed(desk: Integrator, receiver: Receiver, form: str) -> None:
    made = await desk.create(receiver)
    at = format_datetime(desk.clock() + timedelta(hours=1), usegmt=True)
    wish = "3600" if form == "seconds" else at
    receiver.answers = [f"429 Too Many Requests\r\nRetry-After: {wish}", "204 No Content"]
    await desk.published(2)
    assert await desk.send_all() == 1
    desk.clock.advance(timedelta(minutes=59))
    assert await desk.send_all() == 0
    desk.clock.advance(timedelta(minutes=1, seconds=1))
    assert await desk.send_all() == 2
    assert {each["state"] for each in await desk.deliveries(made)} == {"DELIVERED"}


@pytest.mark.parametrize(
    "wish",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Sun, 22 Nov 2026 08:00:00 -0000",
        "1" * 5000,
        "1" * 20,
        "soon",
    ],
    ids=["year", "offset", "no zone", "digits", "seconds", "word"],
)
async def test_an_attempt_counts_whatever_retry_after_says(
    desk: Integrator, receiver: Receiver, wish: str
) -> None:
    made = await desk.create(receiver)
    receiver.answers = [f"{REFUSED}\r\nRetry-After: {wish}"]
    await desk.published()
    assert await desk.send_all() == 1
    (delivery,) = await desk.deliveries(made)
    assert (delivery["attempts"], delivery["status"]) == (1, 503)
    assert delivery["failure"] == "it answered 503 / 对方应答 503"


class Faulty:
    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        raise OverflowError


class Unmarkable:
    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        return Answer(503, "\x00, which PostgreSQL does not store")


@pytest.mark.parametrize("sender", [Faulty(), Unmarkable()], ids=["sending", "marking"])
async def test_an_attempt_counts_even_where_the_courier_itself_fails(
    desk: Integrator, receiver: Receiver, sender: Sender
) -> None:
    made = await desk.create(receiver)
    await desk.published()
    for attempts, wait in enumerate(BACK_OFF, start=1):
        assert await desk.send_all(courier_of(desk.app, sender)) == 1
        (delivery,) = await desk.deliveries(made)
        assert (delivery["state"], delivery["attempts"]) == ("PENDING", attempts)
        assert delivery["failure"].startswith("it could not be sent")
        desk.clock.advance(wait * (1 + JITTER))
    assert await desk.send_all(courier_of(desk.app, sender)) == 1
    assert [each["state"] for each in await desk.deliveries(made)] == ["DEAD"]


async def test_an_address_that_is_gone_ends_the_webhook_until_it_is_set_active(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    receiver.answers = ["410 Gone", "204 No Content"]
    await desk.published(2)
    assert await desk.send_all() == 1
    assert (await desk.read(made))["state"] == "GONE"
    assert [each["state"] for each in await desk.deliveries(made)] == ["PENDING", "DEAD"]
    await desk.published()
    assert len(await desk.deliveries(made)) == 2
    refused = await desk.post(made, "test")
    assert (refused.status_code, refused.json()["type"][-18:]) == (409, "webhook-not-active")
    assert (await desk.patch(made, state="ACTIVE")).json()["state"] == "ACTIVE"
    assert await desk.send_all() == 1
    query = "SELECT actor, facts FROM audit WHERE action = 'webhook.ended'"
    assert tuple(await desk.owner.fetchrow(query)) == ("system", '{"state": "GONE"}')


async def test_five_days_of_nothing_but_failures_end_a_webhook(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    receiver.answers = [REFUSED]
    for day in range(6):
        assert (await desk.read(made))["state"] == "ACTIVE", day
        await desk.published()
        await desk.send_all()
        desk.clock.advance(timedelta(days=1))
    assert (await desk.read(made))["state"] == "FAILING"
    sent = len(receiver.got)
    assert await desk.send_all() == 0
    await desk.patch(made, state="ACTIVE")
    receiver.answers = ["200 OK"]
    await desk.send_all()
    assert len(receiver.got) > sent
    assert (await desk.read(made))["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("302 Found\r\nLocation: http://127.0.0.1/", "it answered 302"),
        ("OK without a status", "RemoteProtocolError"),
        ("418 I'm a teapot", "it answered 418"),
    ],
)
async def test_what_is_no_success_is_told_without_what_was_answered(
    desk: Integrator, receiver: Receiver, answer: str, told: str
) -> None:
    made = await desk.create(receiver)
    receiver.answers = [answer]
    await desk.published()
    await desk.send_all()
    (delivery,) = await desk.deliveries(made)
    assert delivery["state"] == "PENDING"
    assert told in delivery["failure"]


@pytest.mark.parametrize(
    "answer", ["200 OK\r\nTransfer-Encoding: chunked\r\nX: y", "204 No Content\r\nX: y"]
)
async def test_what_a_receiver_says_beside_its_status_fails_no_delivery(
    desk: Integrator, receiver: Receiver, answer: str
) -> None:
    made = await desk.create(receiver)
    receiver.answers = [answer]
    await desk.published()
    await desk.send_all()
    (delivery,) = await desk.deliveries(made)
    assert delivery["state"] == "DELIVERED"


async def test_a_test_pings_that_webhook_alone(desk: Integrator, receiver: Receiver) -> None:
    made, other = await desk.create(receiver), await desk.create(receiver)
    answer = await desk.post(made, "test")
    assert answer.status_code == 202
    await desk.send_all()
    (got,) = receiver.got
    assert got.event["type"] == "gateway.webhook.pinged.v1"
    assert got.event["data"] == {"webhook_id": made["id"]}
    assert got.signed_by(made["secret"])
    told = await desk.client.get(answer.headers["location"], headers=desk.own)
    assert told.json()["state"] == "DELIVERED"
    assert await desk.deliveries(other) == []


async def test_for_a_day_after_a_rotation_both_secrets_sign(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    rotated = await desk.post(made, "secret-rotations")
    assert rotated.status_code == 201
    await desk.published()
    await desk.send_all()
    (both,) = receiver.got
    assert both.signed_by(made["secret"])
    assert both.signed_by(rotated.json()["secret"])
    desk.clock.advance(timedelta(hours=24, seconds=1))
    await desk.published()
    await desk.send_all()
    assert not receiver.got[1].signed_by(made["secret"])
    assert receiver.got[1].signed_by(rotated.json()["secret"])
    again = (await desk.post(made, "secret-rotations")).json()
    last = (await desk.post(made, "secret-rotations")).json()
    await desk.published()
    await desk.send_all()
    signers = [rotated.json()["secret"], again["secret"], last["secret"]]
    assert [receiver.got[2].signed_by(each) for each in signers] == [False, True, True]


async def test_a_page_of_deliveries_takes_two_statements(
    desk: Integrator, receiver: Receiver, statements: list[str]
) -> None:
    made = await desk.create(receiver)
    await desk.published(5)
    statements.clear()
    url = f"{URL}/{made['id']}/deliveries?limit=3"
    page = (await desk.client.get(url, headers=desk.own)).json()
    assert len(statements) == 2
    rest: httpx2.Response = await desk.client.get(f"{url}&cursor={page['next']}", headers=desk.own)
    assert len(page["items"]) + len(rest.json()["items"]) == 5
    assert rest.json()["next"] is None
    wrong = await desk.client.get(f"{url}&state=DEAD&cursor={page['next']}", headers=desk.own)
    assert wrong.status_code == 400
