"""Webhooks over HTTP: who keeps them, what may be asked for, and their secrets."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest

from gateway.domain.webhooks import MOST_WEBHOOKS
from shared.ids import uuid7
from tests.service.gateway.control.webhooks import (
    COMPANY,
    OTHER_COMPANY,
    PUBLISHED,
    RENAMED,
    SCOPES,
    URL,
    Integrator,
    Receiver,
    build,
    desk,
    receiver,
)

__all__ = ["build", "desk", "receiver"]


def asked(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"name": "同步", "url": receiver.url, "event_types": [PUBLISHED], **more}


async def test_nobody_keeps_a_webhook_anonymously_or_learns_of_somebody_elses(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    url = f"{URL}/{made['id']}"
    assert (await desk.client.get(url)).status_code == 401
    assert (await desk.client.post(URL, json=asked(receiver))).status_code == 401
    another = Integrator(desk.app, desk.client, desk.owner, desk.token)
    strangers = (
        another.own,  # another application of the same organisation
        another.with_scopes(SCOPES, OTHER_COMPANY),
        desk.person(path=OTHER_COMPANY),
        desk.person("teacher"),
    )
    for headers in strangers:
        assert (await desk.client.get(url, headers=headers)).status_code == 404
        tag = {**headers, "if-match": '"v1"'}
        assert (await desk.client.patch(url, headers=tag, json={})).status_code == 404
        assert (await desk.client.delete(url, headers=tag)).status_code == 404
        assert (await desk.client.get(f"{url}/deliveries", headers=headers)).status_code == 404
        for rest, body in (
            ("test", None),
            ("secret-rotations", None),
            ("replay", {"after": "0"}),
            (f"deliveries/{uuid7()}/retry", None),
        ):
            answer = await desk.client.post(f"{url}/{rest}", headers=headers, json=body)
            assert answer.status_code == 404
    assert (await desk.client.get(URL, headers=another.own)).json()["items"] == []
    for headers in (desk.own, desk.person(), desk.person("integrator"), desk.person(path="P1")):
        assert (await desk.client.get(url, headers=headers)).status_code == 200
        listed = (await desk.client.get(URL, headers=headers)).json()["items"]
        assert [each["id"] for each in listed] == [made["id"]]


async def test_a_webhook_belongs_to_its_application_and_stands_at_its_organisation(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver, types=[PUBLISHED, PUBLISHED, RENAMED])
    assert made["client_id"] == desk.application
    assert made["organisation"] == COMPANY
    assert made["event_types"] == [PUBLISHED, RENAMED]
    assert made["scopes"] == ["catalog.read", "copyright.read", "identity.read"]
    assert (made["state"], made["application_suspended"], made["version"]) == ("ACTIVE", False, 1)
    assert made["secret"].startswith("whsec_")
    read = await desk.client.get(f"{URL}/{made['id']}", headers=desk.own)
    assert read.headers["etag"] == '"v1"'
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}


async def test_a_person_says_at_which_of_their_organisations_it_is_kept(
    desk: Integrator, receiver: Receiver
) -> None:
    grants = (f"teacher@{COMPANY}", "administrator@P1.C2", "integrator@P1.C2.S1")
    person = desk.token(str(uuid7()), SCOPES, grants)

    async def kept(organisation: str | None) -> httpx2.Response:
        body = asked(receiver, organisation=organisation)
        return await desk.client.post(URL, headers=person, json=body)

    assert (await kept(None)).json()["organisation"] == "P1.C2"
    assert (await kept("s-1")).json()["organisation"] == "P1.C2.S1"
    assert (await kept("P1.C2.S1")).json()["organisation"] == "P1.C2.S1"
    for elsewhere in ("E1", "P1", "S2"):
        assert (await kept(elsewhere)).status_code == 403


async def test_every_type_and_address_that_cannot_be_had_is_told_at_once(
    desk: Integrator,
) -> None:
    body = {
        "name": "同步",
        "url": "https://127.0.0.2/events",
        "event_types": [
            "identity.client.approved.v1",
            RENAMED,
            PUBLISHED,
            "identity.person.changed.v1",
            "nothing",
        ],
    }
    headers = desk.with_scopes("integrate catalog.read")
    answer = await desk.client.post(URL, headers=headers, json=body)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("gateway/webhook-refused")
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert pointers == [
        "#/event_types/0",
        "#/event_types/1",
        "#/event_types/3",
        "#/event_types/4",
        "#/url",
    ]
    assert await desk.owner.fetchval("SELECT count(*) FROM webhooks") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "mailto:somebody@school.example"},
        {"url": "https://"},
        {"url": "https://school.example/\n"},
        {"event_types": []},
        {"event_types": ["*"]},
        {"name": ""},
        {"name": "a\x00b"},
        {"secret": "whsec_mine"},
        {"organisation": "E1; DROP"},
    ],
)
async def test_what_is_malformed_is_refused_where_it_stands(
    desk: Integrator, receiver: Receiver, wrong: dict[str, Any]
) -> None:
    answer = await desk.client.post(URL, headers=desk.own, json=asked(receiver, **wrong))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"#/{next(iter(wrong))}")


async def test_a_repeated_request_creates_one_and_shows_its_secret_once(
    desk: Integrator, receiver: Receiver
) -> None:
    headers = {**desk.own, "idempotency-key": str(uuid7())}
    first, second = [
        await desk.client.post(URL, headers=headers, json=asked(receiver)) for _ in range(2)
    ]
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["secret"] is None
    assert first.headers["location"] == f"{URL}/{first.json()['id']}"
    kept = await desk.owner.fetch("SELECT secret FROM webhook_secrets")
    assert len(kept) == 1
    assert first.json()["secret"].encode() not in kept[0]["secret"]


async def test_a_repeated_request_is_answered_alike_when_there_is_no_more_room(
    desk: Integrator, receiver: Receiver, owner: asyncpg.Connection
) -> None:
    headers = {**desk.own, "idempotency-key": str(uuid7())}
    first = await desk.client.post(URL, headers=headers, json=asked(receiver))
    await owner.execute("UPDATE webhooks SET organisation_path = 'P1.E2'")
    for _ in range(MOST_WEBHOOKS):
        await desk.create(receiver)
    again = await desk.client.post(URL, headers=headers, json=asked(receiver))
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


async def test_a_change_needs_the_version_that_was_read(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    url = f"{URL}/{made['id']}"
    missing = await desk.client.patch(url, headers=desk.own, json={"name": "新"})
    assert missing.status_code == 428
    tag = {**desk.own, "if-match": '"v1"'}
    changed = await desk.client.patch(url, headers=tag, json={"name": "新"})
    assert (changed.json()["name"], changed.headers["etag"]) == ("新", '"v2"')
    assert (await desk.client.patch(url, headers=tag, json={"name": "二"})).status_code == 412
    assert (await desk.client.delete(url, headers=tag)).status_code == 412
    same = await desk.patch(made, name="新")
    assert same.headers["etag"] == '"v2"'
    assert (await desk.patch(made, url=None)).status_code == 422
    assert (await desk.patch(made, state="GONE")).status_code == 422


async def test_of_two_changes_at_once_one_is_kept(desk: Integrator, receiver: Receiver) -> None:
    made = await desk.create(receiver)
    tag = {**desk.own, "if-match": '"v1"'}
    answers = await asyncio.gather(
        *(
            desk.client.patch(f"{URL}/{made['id']}", headers=tag, json={"name": name})
            for name in ("一", "二")
        )
    )
    assert sorted(each.status_code for each in answers) == [200, 412]


async def test_nobody_else_widens_what_an_application_is_told(
    desk: Integrator, receiver: Receiver
) -> None:
    narrow = desk.with_scopes("integrate catalog.read")
    made = (await desk.client.post(URL, headers=narrow, json=asked(receiver))).json()
    url, more = f"{URL}/{made['id']}", {"event_types": [PUBLISHED, RENAMED]}
    above = {**desk.person(), "if-match": '"v1"'}
    assert (await desk.client.patch(url, headers=above, json=more)).status_code == 422
    changed = await desk.patch(made, **more)
    assert changed.json()["scopes"] == ["catalog.read", "copyright.read", "identity.read"]


async def test_a_deleted_webhook_is_gone_with_its_queue(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    await desk.published(3)
    tag = {**desk.own, "if-match": '"v1"'}
    assert (await desk.client.delete(f"{URL}/{made['id']}", headers=tag)).status_code == 204
    assert (await desk.client.get(f"{URL}/{made['id']}", headers=desk.own)).status_code == 404
    assert await desk.send_all() == 0
    assert await desk.owner.fetchval("SELECT count(*) FROM webhook_secrets") == 0
    assert await desk.owner.fetchval("SELECT count(*) FROM webhook_events") == 3


async def test_an_organisation_keeps_so_many_and_no_more(
    desk: Integrator, receiver: Receiver
) -> None:
    for _ in range(MOST_WEBHOOKS):
        await desk.create(receiver)
    full = await desk.client.post(URL, headers=desk.own, json=asked(receiver))
    assert full.status_code == 409
    elsewhere = desk.person(path=OTHER_COMPANY)
    answer = await desk.client.post(URL, headers=elsewhere, json=asked(receiver))
    assert answer.status_code == 201


async def test_lists_go_page_by_page_in_one_statement(
    desk: Integrator, receiver: Receiver, statements: list[str]
) -> None:
    made = [(await desk.create(receiver))["id"] for _ in range(3)]
    statements.clear()
    page = (await desk.client.get(f"{URL}?limit=2", headers=desk.own)).json()
    assert len(statements) == 1
    assert [each["id"] for each in page["items"]] == [made[2], made[1]]
    rest = f"{URL}?limit=2&cursor={page['next']}"
    last = (await desk.client.get(rest, headers=desk.own)).json()
    assert ([each["id"] for each in last["items"]], last["next"]) == ([made[0]], None)
    assert (await desk.client.get(rest, headers=desk.person())).status_code == 400


async def test_everybody_reads_which_types_there_are_and_what_they_ask_for(
    desk: Integrator,
) -> None:
    answer = await desk.client.get("/gateway/v1/event-types")
    assert answer.status_code == 200
    offered = {each["type"]: each for each in answer.json()["items"]}
    assert offered[PUBLISHED]["scope"] == "catalog.read"
    assert "resource_id" in offered[PUBLISHED]["data_schema"]["properties"]
    assert "owner" not in offered[PUBLISHED]["data_schema"]["properties"]
    assert "owner" not in offered[PUBLISHED]["data_schema"]["required"]
    assert not [each for each in offered if each.startswith(("identity.client", "identity.person"))]


async def test_what_is_done_to_a_webhook_is_audited_without_its_secret(
    desk: Integrator, receiver: Receiver
) -> None:
    made = await desk.create(receiver)
    await desk.patch(made, name="新")
    rotated = (await desk.post(made, "secret-rotations")).json()
    await desk.post(made, "test")
    rows = await desk.owner.fetch("SELECT action, organisation, facts FROM audit ORDER BY id")
    assert [row["action"] for row in rows] == [
        "webhook.created",
        "webhook.changed",
        "webhook.secret_rotated",
        "webhook.tested",
    ]
    assert {row["organisation"] for row in rows} == {COMPANY}
    assert made["secret"] not in str(rows)
    assert rotated["secret"] not in str(rows)
