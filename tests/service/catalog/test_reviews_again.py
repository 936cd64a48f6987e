"""What is withdrawn, moved or left half-judged: nothing that was said of it is lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

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
from tests.service.catalog.publication import RESTORED, SUSPENDED
from tests.service.catalog.resources import CITY, PROVINCE, SCHOOL, URL
from tests.service.catalog.reviews import APPROVE, CHANGES, REJECT, Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

PANEL = '[{"kind": "SCHOOL", "needed": 2, "seats": 3}]'


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


class Bench(Panel):
    """A panel to which identity tells who judges, and what moved."""

    async def hear(self, type_: str, **told: Any) -> None:
        assert self.app is not None
        runtime: Runtime = self.app.state.runtime
        envelope = Envelope(uuid7(), "/identity", type_, "s", datetime.now(UTC), told)
        async with runtime.new_uow() as uow:
            await HEARS["identity"][type_](uow, envelope)
            await uow.commit()

    async def policy(self, steps: str, importance: str = "NORMAL") -> None:
        await self.owner.execute(
            "INSERT INTO review_policies (path, resource_type, importance, steps, mandatory,"
            " version, updated_at) VALUES (text2ltree($1), '', $2, $3, false, 1, now())",
            *(PROVINCE, importance, steps),
        )

    async def people(self, *places: tuple[str, str | None]) -> list[str]:
        """Who may judge at these places, for these subjects; in the order of their ids."""
        found = sorted(str(uuid7()) for _ in places)
        for person, (path, subject) in zip(found, places, strict=True):
            await self.enrol(person, path, subject)
        return found

    async def retitled(self, made: dict[str, Any]) -> None:
        draft = await self.read(made)
        changed = await self.patch(draft, {"metadata": {"title": "分数的初步认识（修订）"}})
        assert changed.status_code == 200, changed.text


@pytest.fixture
def bench(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Bench:
    return Bench(client, owner, token, object_store(settings), app=app)


async def test_what_was_asked_for_outlives_a_withdrawal(bench: Bench) -> None:
    made = await bench.finished()
    review_id = await bench.submitted(made)
    await bench.judge(review_id, bench.reviewer(), CHANGES)
    assert (await bench.withdraw(made)).status_code == 200
    await bench.retitled(made)
    assert await bench.submitted(made) == review_id
    seen = await bench.review(review_id, bench.reviewer())
    assert (seen["round"], seen["compared_with"], seen["state"]) == (2, 1, "IN_REVIEW")
    assert [each["pointer"] for each in seen["changes"]["metadata"]] == ["/title"]
    (asked,) = [each for each in seen["timeline"] if each["kind"] == "DECIDED"]
    assert asked["data"]["items"][0]["change"] == "标题请注明年级。"
    assert (await bench.judge(review_id, bench.reviewer(), APPROVE))["state"] == "APPROVED"


async def test_it_is_compared_with_what_somebody_judged_whatever_was_withdrawn_since(
    bench: Bench,
) -> None:
    made = await bench.finished()
    review_id = await bench.submitted(made)
    await bench.judge(review_id, bench.reviewer(), CHANGES)
    words = {"metadata": {"description": "换了一份完全不同的课件，供三年级上册使用。"}}
    assert (await bench.patch(await bench.read(made), words)).status_code == 200
    assert await bench.submitted(made) == review_id
    assert (await bench.withdraw(made)).status_code == 200
    await bench.retitled(made)
    assert await bench.submitted(made) == review_id
    seen = await bench.review(review_id, bench.reviewer())
    assert (seen["round"], seen["number"], seen["compared_with"]) == (3, 3, 1)
    changed = {each["pointer"] for each in seen["changes"]["metadata"]}
    assert changed == {"/description", "/title"}


async def test_a_rejection_in_a_panel_outlives_a_withdrawal(bench: Bench) -> None:
    await bench.policy(PANEL)
    made = await bench.finished()
    review_id = await bench.submitted(made)
    await bench.judge(review_id, bench.reviewer(), REJECT)
    assert (await bench.withdraw(made)).status_code == 200
    assert (await bench.submit(made)).status_code == 409
    await bench.retitled(made)
    assert await bench.submitted(made) == review_id
    assert (await bench.withdraw(made)).status_code == 200
    assert (await bench.submitted(made)) == review_id
    told = (await bench.review(review_id, bench.reviewer()))["timeline"]
    assert [each["data"]["decision"] for each in told if each["kind"] == "DECIDED"] == ["REJECT"]


async def test_the_levels_above_are_those_of_where_the_school_is_now(bench: Bench) -> None:
    await bench.policy('[{"kind": "SCHOOL"}, {"kind": "CITY"}]')
    review_id = await bench.submitted(await bench.finished())
    now_in = f"{PROVINCE}.C9"
    moved = {"old_path": SCHOOL, "path": SCHOOL.replace(CITY, now_in)}
    await bench.hear("identity.organisation.moved.v1", **moved)
    after = await bench.judge(review_id, bench.reviewer(moved["path"]), APPROVE)
    assert (after["level"], after["chain"][1]["path"]) == (1, now_in)
    assert after["chain"][0]["path"] == moved["path"]
    judged_before = bench.reviewer(moved["path"])
    assert (await bench.review(review_id, judged_before))["chain"] == after["chain"]
    before = await bench.act("claim", review_id, bench.reviewer(CITY))
    assert before.status_code == 404
    done = await bench.judge(review_id, bench.reviewer(now_in), APPROVE)
    assert done["state"] == "APPROVED"


async def test_the_level_that_is_open_follows_a_school_that_moves(bench: Bench) -> None:
    await bench.policy('[{"kind": "SCHOOL"}, {"kind": "CITY"}]')
    review_id = await bench.submitted(await bench.finished())
    await bench.judge(review_id, bench.reviewer(), APPROVE)
    assert (await bench.act("claim", review_id, bench.reviewer(CITY))).status_code == 200
    now_in = f"{PROVINCE}.C9"
    moved = {"old_path": SCHOOL, "path": SCHOOL.replace(CITY, now_in)}
    await bench.hear("identity.organisation.moved.v1", **moved)
    assert (await bench.act("claim", review_id, bench.reviewer(CITY))).status_code == 404
    done = await bench.judge(review_id, bench.reviewer(now_in), APPROVE)
    assert done["state"] == "APPROVED"
    told = (await bench.review(review_id, bench.reviewer(now_in)))["timeline"]
    opened = [each["data"]["path"] for each in told if each["kind"] == "LEVEL_OPENED"]
    assert opened == [SCHOOL, CITY, now_in]


async def test_conflicts_and_what_was_suspended_stay_those_of_a_school_that_moves(
    bench: Bench,
) -> None:
    reviewer = str(uuid7())
    made, other = await bench.finished(), await bench.finished()
    await bench.judge(await bench.submitted(made), bench.reviewer(), APPROVE)
    tag = {"if-match": f'"v{(await bench.read(made))["version"]}"'}
    headers = {**bench.administrator(SCHOOL), **tag}
    taken = await bench.client.post(f"{URL}/{made['id']}/suspend", headers=headers, json=SUSPENDED)
    assert taken.status_code == 200, taken.text
    told = {"organisation": SCHOOL, "reviewer": reviewer, "maker": bench.subject, "words": "夫妻。"}
    conflicts = "/catalog/v1/review-conflicts"
    answer = await bench.client.post(conflicts, headers=bench.administrator(SCHOOL), json=told)
    assert answer.status_code == 201, answer.text
    review_id = await bench.submitted(other)
    moved = {"old_path": SCHOOL, "path": SCHOOL.replace(CITY, f"{PROVINCE}.C9")}
    school = {"name": "实验学校", "kind": "SCHOOL"}
    await bench.hear("identity.organisation.created.v1", path=SCHOOL, **school)
    await bench.hear("identity.organisation.moved.v1", **moved)
    there = bench.reviewer(moved["path"], person=reviewer)
    assert (await bench.act("claim", review_id, there)).json()["guard"] == "no_conflict"
    now = bench.administrator(moved["path"])
    listed = await bench.client.get(f"{conflicts}?organisation={moved['path']}", headers=now)
    assert [each["reviewer"] for each in listed.json()["items"]] == [reviewer]
    tag = {"if-match": f'"v{(await bench.read(made))["version"]}"'}
    url = f"{URL}/{made['id']}/restore"
    given = await bench.client.post(url, headers={**now, **tag}, json=RESTORED)
    assert given.status_code == 200, given.text


async def test_each_seat_of_a_panel_goes_to_another(bench: Bench) -> None:
    await bench.policy(PANEL)
    first, second = await bench.people((SCHOOL, None), (SCHOOL, None))
    review_id = await bench.submitted(await bench.finished())
    assert (await bench.review(review_id))["assignee"] == first
    after = await bench.judge(review_id, bench.reviewer(person=first), APPROVE)
    assert (after["state"], after["assignee"]) == ("IN_REVIEW", second)
    done = await bench.judge(review_id, bench.reviewer(person=second), APPROVE)
    assert done["state"] == "APPROVED"


async def test_a_committee_is_of_all_subjects(bench: Bench) -> None:
    levels = '[{"kind": "PROVINCE"}, {"kind": "COMMITTEE", "needed": 2, "seats": 3}]'
    await bench.policy(levels, "IMPORTANT")
    one, other, elsewhere = await bench.people(
        (PROVINCE, None), (PROVINCE, "history"), (PROVINCE, "biology")
    )
    review_id = await bench.submitted(await bench.finished(), importance="IMPORTANT")
    historian = bench.reviewer(PROVINCE, person=other, subject="history", role="subject_expert")
    biologist = bench.reviewer(PROVINCE, person=elsewhere, subject="biology", role="subject_expert")
    assert (await bench.act("claim", review_id, historian)).status_code == 404
    await bench.judge(review_id, bench.reviewer(PROVINCE, person=one), APPROVE)
    seen = await bench.review(review_id, historian)
    assert (seen["level"], seen["assignee"]) == (1, other)
    assert [each["id"] for each in await bench.queue(biologist)] == [review_id]
    await bench.judge(review_id, historian, APPROVE)
    assert (await bench.review(review_id))["assignee"] == elsewhere
    assert (await bench.judge(review_id, biologist, APPROVE))["state"] == "APPROVED"


async def test_a_group_of_nobody_who_judges_there_keeps_nobody_away(bench: Bench) -> None:
    (person,) = await bench.people((SCHOOL, None))
    answer = await bench.client.post(
        "/catalog/v1/review-groups",
        headers=bench.administrator(SCHOOL),
        json={"organisation": SCHOOL, "name": "数学组", "members": ["nobody-1"]},
    )
    assert answer.status_code == 201, answer.text
    review_id = await bench.submitted(await bench.finished())
    seen = await bench.review(review_id)
    assert (seen["group_id"], seen["assignee"]) == (None, person)
    await bench.done("claim", review_id, bench.reviewer(person=person))


async def test_a_group_that_is_emptied_gives_its_case_to_all_who_judge_there(bench: Bench) -> None:
    member, other = await bench.people((SCHOOL, None), (SCHOOL, None))
    groups, headers = "/catalog/v1/review-groups", bench.administrator(SCHOOL)
    body = {"name": "数学组", "members": [member]}
    told = {"organisation": SCHOOL, **body}
    made = (await bench.client.post(groups, headers=headers, json=told)).json()
    review_id = await bench.submitted(await bench.finished())
    outsider = bench.reviewer(person=other)
    assert await bench.queue(outsider) == []
    emptied = await bench.client.put(
        f"{groups}/{made['id']}",
        headers={**headers, "if-match": '"v1"'},
        json={**body, "members": []},
    )
    assert emptied.status_code == 200, emptied.text
    for person in (member, other):
        reviewer = bench.reviewer(person=person)
        assert [each["id"] for each in await bench.queue(reviewer)] == [review_id]
        await bench.done("claim", review_id, reviewer)
        await bench.done("release", review_id, reviewer)


async def test_the_queue_has_nothing_that_others_hold_or_that_one_has_judged(bench: Bench) -> None:
    await bench.policy(PANEL)
    review_id = await bench.submitted(await bench.finished())

    async def listed(headers: dict[str, str]) -> bool:
        return [each["id"] for each in await bench.queue(headers)] == [review_id]

    first, second, third, fourth = (bench.reviewer() for _ in range(4))
    await bench.judge(review_id, first, REJECT)
    assert not await listed(first)
    await bench.done("claim", review_id, second)
    assert await listed(fourth)
    await bench.done("claim", review_id, third)
    assert not await listed(fourth)
    assert await listed(third)
    for reviewer in (second, third):
        seen = await bench.review(review_id, reviewer)
        await bench.done("decide", review_id, reviewer, **APPROVE, digest=seen["digest"])
    ended = await bench.queue(first, "state=APPROVED")
    assert [each["id"] for each in ended] == [review_id]


async def test_who_judges_no_more_holds_nothing(bench: Bench) -> None:
    grant, first, second = str(uuid7()), "a-reviewer", "b-reviewer"
    told = {"grant_id": grant, "person_id": first, "role": "reviewer", "path": SCHOOL}
    valid = {"subject": None, "valid_from": "2026-01-01T00:00:00Z", "valid_until": None}
    await bench.hear("identity.role.granted.v1", **told, **valid)
    review_id = await bench.submitted(await bench.finished())
    await bench.done("claim", review_id, bench.reviewer(person=first))
    await bench.enrol(second)
    await bench.hear("identity.role.revoked.v1", **told, **valid)
    seen = await bench.review(review_id)
    assert (seen["claims"], seen["assignee"]) == ([], second)
    assert [each["kind"] for each in seen["timeline"]][-2:] == ["RELEASED", "ASSIGNED"]
    await bench.done("claim", review_id, bench.reviewer(person=second))


@pytest.mark.parametrize(
    "place",
    [
        {"pointer": "/no_such_element"},
        {"pointer": "/~9/x"},
        {"pointer": "/keywords/00"},
        {"pointer": "/edition/x"},
        {"file": 0, "page": 99_999},
    ],
)
async def test_a_place_that_is_not_there_is_refused(bench: Bench, place: dict[str, Any]) -> None:
    review_id = await bench.submitted(await bench.finished())
    await bench.owner.execute("UPDATE files SET facts = '{\"pages\": 4}', state = 'CLEAN'")
    reviewer = bench.reviewer()
    refused = await bench.act("comment", review_id, reviewer, comment="看这里", place=place)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == "#/place"
    missing = {"comment": "请注明。", "place": {"pointer": "/edition_statement"}}
    assert (await bench.act("comment", review_id, reviewer, **missing)).status_code == 200


async def test_a_commitment_is_given_by_nothing_but_true(bench: Bench) -> None:
    made = await bench.finished()
    for said in ("yes", 1, "true"):
        assert (await bench.submit(made, commitment=said)).status_code == 422
