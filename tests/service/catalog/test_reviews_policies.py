"""Who judges what: policies, groups, absences, conflicts; and what machine review says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.app import HEARS
from services.catalog.settings import Settings
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, OTHER_SCHOOL, PROVINCE, SCHOOL, URL
from tests.service.catalog.reviews import APPROVE, Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

V1 = "/catalog/v1"
LEVELS = {"levels": [{"kind": "SCHOOL"}, {"kind": "CITY", "needed": 2, "seats": 2}]}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


class Office(Panel):
    """A panel whose administrators say how things are judged."""

    async def put_policy(
        self, path: str, body: dict[str, Any], version: int = 0, **asked: str
    ) -> httpx2.Response:
        headers = {**self.administrator(path), "if-match": f'"v{version}"'}
        params = {"organisation": path, **asked}
        return await self.client.put(
            f"{V1}/review-policy", headers=headers, params=params, json=body
        )

    async def found_group(self, members: list[str], **others: Any) -> dict[str, Any]:
        for each in members:
            await self.enrol(each)
        body = {"organisation": SCHOOL, "name": "数学组", "members": members, **others}
        answer = await self.client.post(
            f"{V1}/review-groups", headers=self.administrator(SCHOOL), json=body
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def put_mine(self, what: str, person: str, items: list[Any]) -> None:
        answer = await self.client.put(
            f"{V1}/reviewers/me/{what}",
            headers=self.reviewer(person=person),
            json={"items": items},
        )
        assert answer.status_code == 200, answer.text

    async def hear(self, what: str, grant_id: str, person: str, role: str = "reviewer") -> None:
        """As identity tells of a grant at the school."""
        assert self.app is not None
        runtime: Runtime = self.app.state.runtime
        told = {"grant_id": grant_id, "person_id": person, "role": role, "path": SCHOOL}
        valid = {"subject": None, "valid_from": "2026-01-01T00:00:00Z", "valid_until": None}
        type_, now = f"identity.role.{what}.v1", datetime.now(UTC)
        envelope = Envelope(uuid7(), "/identity", type_, person, now, {**told, **valid})
        async with runtime.new_uow() as uow:
            await HEARS["identity"][type_](uow, envelope)
            await uow.commit()

    async def list_terms(self, *terms: str, version: int = 0, **others: Any) -> httpx2.Response:
        headers = {**self.administrator(PROVINCE), "if-match": f'"v{version}"'}
        body = {"terms": [{"term": each, "category": "ad"} for each in terms], **others}
        return await self.client.put(f"{V1}/term-lists/advertising", headers=headers, json=body)


@pytest.fixture
def office(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Office:
    return Office(client, owner, token, object_store(settings), app=app)


async def test_a_policy_is_read_and_set_by_those_it_is_of(office: Office) -> None:
    url = f"{V1}/review-policy?organisation={SCHOOL}"
    assert (await office.client.get(url)).status_code == 401
    assert (await office.client.get(url, headers=office.colleague())).status_code == 403
    own = await office.client.get(url, headers=office.administrator(SCHOOL))
    assert (own.headers["etag"], len(own.json()["levels"])) == ('"v0"', 2)
    assert (await office.put_policy(CITY, LEVELS)).json()["version"] == 1
    assert (await office.put_policy(CITY, LEVELS)).status_code == 412
    assert (await office.put_policy(CITY, LEVELS, 1)).json()["version"] == 2
    read = await office.client.get(url, headers=office.administrator(SCHOOL))
    assert (read.json()["organisation"], len(read.json()["levels"])) == (CITY, 2)
    backwards = {"levels": [*reversed(LEVELS["levels"])]}
    assert (await office.put_policy(OTHER_SCHOOL, backwards)).status_code == 422


async def test_types_stages_and_subjects_are_those_of_the_dictionaries(office: Office) -> None:
    refused = await office.put_policy(CITY, LEVELS, resource_type="no_such_type")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "no_such_type")
    body = {"organisation": SCHOOL, "name": "组", "members": [], "subjects": ["no-such-subject"]}
    url, headers = f"{V1}/review-groups", office.administrator(SCHOOL)
    assert (await office.client.post(url, headers=headers, json=body)).status_code == 422


async def test_a_case_is_judged_by_the_policy_of_its_type_and_place(office: Office) -> None:
    await office.put_policy(PROVINCE, {"levels": [{"kind": "PROVINCE"}]})
    await office.put_policy(CITY, LEVELS, resource_type="coursewares")
    review_id = await office.submitted(await office.finished())
    chain = (await office.review(review_id))["chain"]
    assert [(each["kind"], each["path"]) for each in chain] == [("SCHOOL", SCHOOL), ("CITY", CITY)]


async def test_a_skippable_level_is_passed_over_only_where_nobody_is_known(
    office: Office,
) -> None:
    levels = [{"kind": "SCHOOL", "skippable": True}, {"kind": "CITY", "skippable": True}]
    await office.put_policy(CITY, {"levels": levels})
    skipped = await office.submitted(await office.finished())
    assert (await office.review(skipped))["level"] == 1
    assert "LEVEL_SKIPPED" in [each["kind"] for each in await office.timeline(skipped)]
    grant, person = str(uuid7()), str(uuid7())
    await office.hear("granted", str(uuid7()), person, role="teacher")
    assert (await office.review(await office.submitted(await office.finished())))["level"] == 1
    await office.hear("granted", grant, person)
    judged = await office.submitted(await office.finished())
    seen = await office.review(judged)
    assert (seen["level"], seen["assignee"]) == (0, person)
    await office.hear("revoked", grant, person)
    assert (await office.review(await office.submitted(await office.finished())))["level"] == 1


async def test_a_skippable_level_waits_for_whoever_is_on_leave(office: Office) -> None:
    levels = [{"kind": "SCHOOL", "skippable": True}, {"kind": "CITY"}]
    await office.put_policy(CITY, {"levels": levels})
    person, today = str(uuid7()), datetime.now(UTC).date()
    await office.enrol(person)
    days = {"from_date": str(today), "until_date": str(today + timedelta(days=9))}
    await office.put_mine("absences", person, [days])
    seen = await office.review(await office.submitted(await office.finished()))
    assert (seen["level"], seen["assignee"]) == (0, None)


async def test_a_level_is_assigned_by_administrators_there_or_above(office: Office) -> None:
    await office.put_policy(CITY, {"levels": [{"kind": "CITY"}]})
    review_id, person = await office.submitted(await office.finished()), str(uuid7())
    await office.enrol(person, CITY)
    school = await office.act("assign", review_id, office.administrator(SCHOOL), assignee=person)
    assert (school.status_code, school.json()["guard"]) == (409, "of_the_level")
    await office.done("assign", review_id, office.administrator(CITY), assignee=person)


async def test_another_type_takes_no_level_of_a_mandatory_chain_away(office: Office) -> None:
    light = {"levels": [{"kind": "SCHOOL"}], "mandatory": True}
    await office.put_policy(CITY, light, resource_type="exercises")
    await office.put_policy(CITY, {**LEVELS, "mandatory": True}, resource_type="coursewares")
    for types in (["coursewares"], ["coursewares", "exercises"], ["exercises", "coursewares"]):
        made = await office.finished(resource_types=types)
        chain = (await office.review(await office.submitted(made)))["chain"]
        assert [each["kind"] for each in chain] == ["SCHOOL", "CITY"]


async def test_cases_go_to_whoever_of_the_group_that_fits_has_least_to_do(
    office: Office,
) -> None:
    first, second, away, biased, outsider = sorted(str(uuid7()) for _ in range(5))
    await office.found_group([outsider], stages=["senior"])
    await office.found_group([first, second, away, biased, office.subject], stages=["primary"])
    today = datetime.now(UTC).date()
    days = {"from_date": str(today), "until_date": str(today + timedelta(days=2))}
    await office.put_mine("absences", away, [days])
    await office.put_mine("conflicts", biased, [office.subject])
    ids = [await office.submitted(await office.finished()) for _ in range(3)]
    assigned = [(await office.review(each))["assignee"] for each in ids]
    assert assigned == [first, second, first]
    listed = await office.queue(office.reviewer(person=second), "assigned=true")
    assert [each["id"] for each in listed] == [ids[1]]
    for person in (outsider, biased):
        refused = await office.act("claim", ids[0], office.reviewer(person=person))
        assert (refused.status_code, refused.json()["guard"]) == (409, "no_conflict")
    after = await office.judge(ids[0], office.reviewer(person=second), APPROVE)
    assert after["resource_state"] == "PUBLISHED"


async def test_when_it_is_time_to_remind_a_case_of_somebody_on_leave_goes_to_another(
    office: Office,
) -> None:
    first, second = sorted(str(uuid7()) for _ in range(2))
    await office.found_group([first, second])
    review_id = await office.submitted(await office.finished())
    assert (await office.review(review_id))["assignee"] == first
    today = datetime.now(UTC).date()
    days = {"from_date": str(today), "until_date": str(today + timedelta(days=9))}
    await office.put_mine("absences", first, [days])
    office.ahead = timedelta(hours=60)
    assert await office.scheduler.work() == 1
    assert (await office.review(review_id))["assignee"] == second
    kinds = [each["kind"] for each in await office.timeline(review_id)]
    assert kinds[-2:] == ["ASSIGNED", "REMINDED"]
    listed = await office.queue(office.reviewer(person=second), "assigned=true")
    assert [each["id"] for each in listed] == [review_id]


async def test_an_administrator_gives_a_case_to_somebody_else_who_may_judge_it(
    office: Office,
) -> None:
    review_id = await office.submitted(await office.finished())
    above, person = office.administrator(CITY), str(uuid7())
    own = await office.act("assign", review_id, above, assignee=office.subject)
    assert own.json()["type"] == "urn:shuyuan:problem:catalog/assignee-refused"
    assert (
        await office.act("assign", review_id, office.reviewer(), assignee=person)
    ).status_code == 403
    for stranger in (person, "nobody-at-all"):
        refused = await office.act("assign", review_id, above, assignee=stranger)
        assert refused.json()["type"] == "urn:shuyuan:problem:catalog/assignee-refused"
    await office.enrol(person)
    told = await office.done("assign", review_id, above, assignee=person)
    assert (told["assignee"], "assign" in told["actions"]) == (person, True)
    assert len(await office.queue(office.reviewer(person=person), "assigned=true")) == 1
    last = (await office.timeline(review_id))[-1]
    assert (last["kind"], last["data"]["assignee"]) == ("ASSIGNED", person)
    assert (await office.events(review_id))[-1] == "catalog.review.assigned.v1"


async def test_a_group_is_changed_and_dissolved_by_its_administrators(office: Office) -> None:
    made = await office.found_group(["a"])
    url = f"{V1}/review-groups/{made['id']}"
    body = {"name": "语文组", "members": ["b"]}
    stranger = {**office.administrator(OTHER_SCHOOL), "if-match": '"v1"'}
    assert (await office.client.put(url, headers=stranger, json=body)).status_code == 404
    own = {**office.administrator(SCHOOL), "if-match": '"v1"'}
    changed = await office.client.put(url, headers=own, json=body)
    assert (changed.json()["version"], changed.json()["members"]) == (2, ["b"])
    assert (await office.client.delete(url, headers=own)).status_code == 412
    gone = await office.client.delete(url, headers={**own, "if-match": '"v2"'})
    assert gone.status_code == 204
    listed = await office.client.get(
        f"{V1}/review-groups?organisation={CITY}", headers=office.administrator(CITY)
    )
    assert listed.json() == {"items": []}


async def test_the_machine_points_at_places_and_leaves_the_word_to_people(
    office: Office,
) -> None:
    assert (await office.list_terms("加微信", "减价")).status_code == 200
    later = datetime.now(UTC) + timedelta(days=1)
    tomorrow = await office.list_terms("苹果", version=1, effective_from=later.isoformat())
    assert tomorrow.json()["version"] == 2
    text = "把一个苹果平均分成两份。" * 9 + "\f详情请加 微信："
    upload = await office.upload(text=text, filename="减\u0301价.pdf")
    made = await office.create(await office.complete(title="分数大减价"), upload)
    told_of = {"upload_id": upload, "role": "main", "alt_text": "加微信", "description": "减价"}
    assert (await office.patch(made, {"files": [told_of]})).status_code == 200
    review_id = await office.submitted(made)
    (told,) = [each for each in await office.timeline(review_id) if each["kind"] == "EXAMINED"]
    data = told["data"]
    assert data["lists"] == [{"name": "advertising", "version": 1}]
    places = ("pointer", "element", "page", "term")
    assert [tuple(each.get(name) for name in places) for each in data["hits"]] == [
        ("/title", None, None, "减价"),
        (None, "filename", None, "减价"),
        (None, "description", None, "减价"),
        (None, "alt_text", None, "加微信"),
        (None, None, 2, "加微信"),
    ]
    where = [(each["start"], each["end"]) for each in data["hits"][:2]]
    assert (where, data["total"]) == ([(3, 5), (0, 3)], 5)
    assert (await office.judge(review_id, office.reviewer(), APPROVE))["state"] == "APPROVED"


async def test_a_term_list_is_the_provinces_and_its_versions_stay(office: Office) -> None:
    assert (await office.list_terms("一")).status_code == 200
    assert (await office.list_terms("二")).status_code == 412
    assert (await office.list_terms(" ", version=1)).status_code == 422
    headers = {**office.administrator(CITY), "if-match": '"v1"'}
    body: dict[str, Any] = {"terms": []}
    url = f"{V1}/term-lists/advertising"
    assert (await office.client.put(url, headers=headers, json=body)).status_code == 403
    listed = await office.client.get(f"{V1}/term-lists", headers=office.administrator(PROVINCE))
    assert [(each["version"], each["terms"]) for each in listed.json()["items"]] == [(1, 1)]


async def test_what_a_term_list_lists_is_read_by_the_province_alone(office: Office) -> None:
    url = f"{V1}/term-lists/advertising"
    assert (await office.client.get(url)).status_code == 401
    assert (await office.client.get(url, headers=office.administrator(CITY))).status_code == 403
    headers = office.administrator(PROVINCE)
    assert (await office.client.get(url, headers=headers)).status_code == 404
    await office.list_terms("一")
    await office.list_terms("二", version=1)
    last, first = [
        await office.client.get(f"{url}{asked}", headers=headers) for asked in ("", "?version=1")
    ]
    assert last.json()["listed"] == [{"term": "二", "category": "ad"}]
    assert first.json()["listed"] == [{"term": "一", "category": "ad"}]
    assert last.headers["etag"] == '"v2"'
    unknown = await office.client.get(f"{url}?version=3", headers=headers)
    assert unknown.status_code == 404


async def test_an_examination_that_was_killed_in_the_middle_is_taken_up_again(
    office: Office,
) -> None:
    made = await office.finished()
    review_id = (await office.submit(made)).json()["review_id"]
    await office.owner.execute(
        "UPDATE review_cases SET state = 'MACHINE_REVIEW' WHERE id = $1", UUID(review_id)
    )
    await office.owner.execute("UPDATE resources SET state = 'MACHINE_REVIEW'")
    await office.owner.execute("UPDATE review_tasks SET due_at = now() + interval '2 min'")
    assert await office.scheduler.work() == 0
    office.ahead = timedelta(minutes=3)
    assert await office.scheduler.work() == 1
    assert (await office.review(review_id))["state"] == "IN_REVIEW"


async def test_a_task_of_a_round_that_is_over_changes_nothing(office: Office) -> None:
    made = await office.finished()
    review_id = await office.submitted(made)
    assert (await office.withdraw(made)).status_code == 200
    row = (UUID(review_id), "ESCALATE", 1, 0)
    await office.owner.execute(
        "INSERT INTO review_tasks (case_id, kind, round, level, due_at, attempts)"
        " VALUES ($1, $2, $3, $4, now(), 0)",
        *row,
    )
    assert await office.scheduler.work() == 1
    assert (await office.review(review_id))["state"] == "WITHDRAWN"
    assert (await office.review(review_id))["escalated"] is False


async def test_published_metadata_says_who_approved_it(office: Office) -> None:
    await office.owner.execute(
        "INSERT INTO organisations (label, path, name, kind, state)"
        " VALUES ('S1', text2ltree($1), '第一小学', 'school', 'OPEN')",
        SCHOOL,
    )
    made = await office.finished()
    review_id = await office.submitted(made)
    await office.judge(review_id, office.reviewer(), APPROVE)
    told = (await office.client.get(f"{URL}/{made['id']}/metadata")).json()["audit"]
    today = datetime.now(UTC).date().isoformat()
    assert told == [
        {"audit-item": item, "institute": "第一小学", "date": today}
        for item in ("政治审核", "内容审核")
    ]
