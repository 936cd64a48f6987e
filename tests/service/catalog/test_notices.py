"""Taking resources down and giving them back: who may, what readers get instead, what is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from services.catalog.parts import changes, collections
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import (
    NOTICE,
    RESTORED,
    RETIRED,
    SUSPENDED,
    Follower,
    Office,
    build_publication,
    office,
)
from tests.service.catalog.resources import (
    CITY,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    SCOPES,
    URL,
    build_resources,
)

__all__ = ["office"]


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, build_publication, changes.build, collections.build)


async def test_nobody_takes_down_what_is_not_in_their_care(office: Office) -> None:
    made = await office.published()
    strangers = [
        (401, {}),
        (403, office.colleague()),
        (403, office.administrator(OTHER_SCHOOL)),
        (403, office.administrator(f"{SCHOOL}.K1")),
        (403, office.token(str(uuid7()), SCOPES, (f"reviewer@{SCHOOL}",))),
        (403, office.token(str(uuid7()), "catalog.read", (f"administrator@{SCHOOL}",))),
    ]
    for action, body in (("suspend", SUSPENDED), ("retire", RETIRED), ("restore", RESTORED)):
        for status, headers in strangers:
            answer = await office.take(action, made, body, headers)
            assert answer.status_code == status, f"{action}: {answer.text}"
    assert (await office.take("suspend", made, SUSPENDED, office.teacher)).status_code == 403
    assert (await office.client.get(f"{URL}/{made['id']}")).status_code == 200


async def test_of_a_draft_strangers_do_not_even_learn_that_it_cannot_be_taken_down(
    office: Office,
) -> None:
    made = await office.finished()
    elsewhere = office.administrator(OTHER_SCHOOL)
    assert (await office.take("suspend", made, SUSPENDED, elsewhere)).status_code == 404
    refused = await office.take("suspend", made, SUSPENDED)
    assert (refused.status_code, refused.json()["state"]) == (409, "DRAFT")


async def test_what_is_suspended_is_delivered_to_no_reader_and_says_why(office: Office) -> None:
    made = await office.published()
    taken = await office.taken("suspend", made, SUSPENDED)
    assert (taken["state"], taken["live_version"]) == ("SUSPENDED", None)
    assert taken["version"] == made["version"] + 1
    code = made["code"]
    paths = (f"/codes/{code}", *(f"/resources/{made['id']}{rest}" for rest in READ))
    for path in paths:
        for headers in ({}, office.colleague(), office.administrator(OTHER_SCHOOL)):
            answer = await office.client.get(f"/catalog/v1{path}", headers=headers)
            assert answer.status_code == 410, f"{path}: {answer.text}"
            told = answer.json()
            assert (told["code"], told["state"], told["notice"]) == (code, "SUSPENDED", NOTICE)
            assert told["reason_code"] == "factual_error"
            assert NOTICE in told["detail"]
    listed = await office.client.get(URL)
    assert listed.json()["items"] == []


READ = ("", "?version=1", "/metadata", "/content", "/derivatives", "/qr.svg", "/versions")


async def test_its_owner_and_the_administrators_above_still_see_it(office: Office) -> None:
    made = await office.published()
    await office.taken("suspend", made, SUSPENDED)
    for headers in (office.teacher, office.administrator(PROVINCE)):
        answer = await office.client.get(f"{URL}/{made['id']}", headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (200, "SUSPENDED")


async def test_a_tombstone_keeps_the_evidence_and_names_nobody(office: Office) -> None:
    made = await office.published()
    url = f"{URL}/{made['id']}/tombstone"
    assert (await office.client.get(url)).status_code == 404
    await office.taken("retire", made, RETIRED)
    answer = await office.client.get(url)
    told = answer.json()
    assert (told["code"], told["state"]) == (made["code"], "RETIRED")
    assert told["notice"]["reason_zh"] == "内容已过时效"
    [publication] = told["publications"]
    digest = await office.owner.fetchval("SELECT encode(digest, 'hex') FROM resource_versions")
    assert (publication["version"], publication["digest"]) == (1, digest)
    assert office.subject not in answer.text
    assert (await office.client.get(f"{URL}/{uuid7()}/tombstone")).status_code == 404


async def test_what_was_suspended_is_given_back_as_it_was(office: Office) -> None:
    made = await office.published()
    taken = await office.taken("suspend", made, SUSPENDED)
    back = await office.take("restore", made, RESTORED, version=taken["version"])
    assert (back.json()["state"], back.json()["live_version"]) == ("PUBLISHED", 1)
    assert back.headers["etag"] == f'"v{back.json()["version"]}"'
    assert (await office.client.get(f"{URL}/{made['id']}")).json()["number"] == 1
    assert (await office.client.get(f"/catalog/v1/codes/{made['code']}")).status_code == 200


async def test_what_is_retired_stays_retired(office: Office) -> None:
    made = await office.published()
    taken = await office.take("retire", made, RETIRED, office.teacher)
    assert taken.status_code == 200, "its owner may retire it"
    version = taken.json()["version"]
    refused = await office.take("restore", made, RESTORED, version=version)
    assert (refused.status_code, refused.json()["action"]) == (409, "restore")
    assert (await office.take("suspend", made, SUSPENDED, version=version)).status_code == 409


async def test_a_step_without_the_state_that_was_read_is_refused(office: Office) -> None:
    made = await office.published()
    stale = await office.take("suspend", made, SUSPENDED, version=made["version"] - 1)
    assert stale.status_code == 412
    url = f"{URL}/{made['id']}/suspend"
    blind = await office.client.post(url, headers=office.administrator(), json=SUSPENDED)
    assert blind.status_code == 428


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"notice": NOTICE}, "reason_code"),
        ({**SUSPENDED, "reason_code": "whim"}, "reason_code"),
        ({**SUSPENDED, "reason_code": "cleared"}, "reason_code"),
        ({**SUSPENDED, "notice": " "}, "notice"),
    ],
)
async def test_a_reason_is_of_the_vocabulary_and_has_words(
    office: Office, body: dict[str, Any], pointer: str
) -> None:
    made = await office.published()
    refused = await office.take("suspend", made, body)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [f"#/{pointer}"]


async def test_the_vocabulary_of_reasons_is_published(office: Office) -> None:
    told = (await office.client.get("/catalog/v1/removal-reasons")).json()["items"]
    reasons = {each["code"]: each for each in told}
    assert reasons["rights_notice"]["name_zh"] == "收到权利人通知"
    assert reasons["rights_notice"]["actions"] == ["suspend", "retire"]
    assert reasons["cleared"]["actions"] == ["restore"]


async def test_of_two_at_once_one_takes_it_down(office: Office) -> None:
    made = await office.published()
    answers = await asyncio.gather(
        *(office.take("suspend", made, SUSPENDED) for _ in range(3)),
        *(office.take("retire", made, RETIRED) for _ in range(3)),
    )
    statuses = sorted(each.status_code for each in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}
    assert len(await office.events(made)) == 2


async def test_a_repeated_request_is_answered_as_before(office: Office) -> None:
    made = await office.published()
    headers = {**office.administrator(), "idempotency-key": "once"}
    first, again = [await office.take("suspend", made, SUSPENDED, headers) for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)


async def test_neighbours_feed_and_audit_are_told_of_every_step(office: Office) -> None:
    made = await office.published()
    taken = await office.taken("suspend", made, SUSPENDED)
    back = await office.take("restore", made, RESTORED, version=taken["version"])
    gone = await office.take("retire", made, RETIRED, version=back.json()["version"])
    assert gone.status_code == 200
    events = await office.events(made)
    kinds = ["published", "suspended", "restored", "retired"]
    assert [kind for kind, _ in events] == [f"catalog.resource.{each}.v1" for each in kinds]
    assert events[1][1] == {
        "resource_id": made["id"],
        "version": 1,
        "code": made["code"],
        "owner": office.subject,
        "organisation_path": SCHOOL,
        **SUSPENDED,
    }
    follower = Follower(office.client)
    await follower.catch_up(len(kinds))
    assert follower.kinds == kinds
    rows = await office.owner.fetch(
        "SELECT action FROM audit WHERE action LIKE 'resource.%ed' AND target = $1 ORDER BY id",
        made["id"],
    )
    assert [each["action"].removeprefix("resource.") for each in rows][-4:] == kinds


async def test_a_collection_shows_it_as_unavailable_and_has_it_back_later(office: Office) -> None:
    made = await office.published()
    reader = office.token(str(uuid7()), SCOPES, (f"teacher@{CITY}",))
    url = "/catalog/v1/collections"
    shelf = (await office.client.post(url, headers=reader, json={"title": "单元"})).json()
    items = f"{url}/{shelf['id']}/items"
    body = {"items": [{"resource_id": made["id"], "version": 1}]}
    put = await office.client.put(items, headers={**reader, "if-match": '"v1"'}, json=body)
    assert put.status_code == 200, put.text

    async def shown() -> tuple[bool, str | None]:
        [item] = (await office.client.get(items, headers=reader)).json()["items"]
        return item["available"], item["resource"] and item["resource"]["title"]

    pinned = (True, made["metadata"]["title"])
    assert await shown() == pinned
    changed = await office.patch(made, {"metadata": {"title": "下一版"}})
    assert (await office.freeze(changed.json())).status_code == 201
    await office.approve(made, 2)
    assert await shown() == pinned, "what was published once may stay pinned"
    taken = await office.taken("suspend", await office.read(made), SUSPENDED)
    assert await shown() == (False, None)
    await office.take("restore", made, RESTORED, version=taken["version"])
    assert await shown() == pinned
