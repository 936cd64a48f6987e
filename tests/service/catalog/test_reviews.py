"""Judging over HTTP: claims, verdicts, levels, opinions, places, and who must not."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, PROVINCE, SCHOOL, URL
from tests.service.catalog.reviews import (
    APPROVE,
    CHANGES,
    PASSED,
    REJECT,
    REVIEWS,
    Panel,
    build_reviews,
)
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


@pytest.fixture
def panel(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Panel:
    return Panel(client, owner, token, object_store(settings), app=app)


def guard_of(answer: httpx2.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("guard")


async def test_of_two_who_claim_at_once_one_holds_it_until_it_is_given_up(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    people = [panel.reviewer() for _ in range(4)]
    answers = await asyncio.gather(*(panel.act("claim", review_id, each) for each in people))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    holder = people[[each.status_code for each in answers].index(200)]
    other = next(each for each in people if each is not holder)
    assert guard_of(await panel.act("claim", review_id, other)) == (409, "seat_free")
    again = await panel.done("claim", review_id, holder)
    assert {"decide", "release"} <= set(again["actions"])
    await panel.done("release", review_id, holder)
    assert guard_of(await panel.act("release", review_id, holder)) == (409, "holds_claim")
    await panel.done("claim", review_id, other)


async def test_a_claim_that_ran_out_is_another_reviewers_to_take(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    first, second = panel.reviewer(), panel.reviewer()
    told = await panel.done("claim", review_id, first)
    await panel.owner.execute("UPDATE review_claims SET lease_until = now() - interval '1s'")
    late = await panel.act("decide", review_id, first, **APPROVE, digest=told["digest"])
    assert guard_of(late) == (409, "holds_claim")
    await panel.done("claim", review_id, second)
    assert guard_of(await panel.act("claim", review_id, first)) == (409, "seat_free")


async def test_nobody_judges_what_they_made_or_uploaded(panel: Panel) -> None:
    colleague = str(uuid7())
    upload = await panel.upload(
        owner=colleague, organisation=SCHOOL, text="把一个苹果平均分成两份。" * 9
    )
    review_id = await panel.submitted(await panel.create(await panel.complete(), upload))
    herself = panel.token(
        panel.subject,
        "catalog.read catalog.write catalog.review",
        (f"teacher@{SCHOOL}", f"reviewer@{SCHOOL}"),
    )
    assert guard_of(await panel.act("claim", review_id, herself)) == (409, "not_maker")
    uploader = panel.reviewer(person=colleague)
    assert guard_of(await panel.act("claim", review_id, uploader)) == (409, "not_maker")
    for_her = panel.reviewer(act={"sub": panel.subject})
    assert guard_of(await panel.act("claim", review_id, for_her)) == (409, "not_maker")
    refusals = {each["action"]: each for each in (await panel.review(review_id))["refusals"]}
    assert refusals["claim"]["guard"] is None
    assert "审核员" in refusals["claim"]["detail"]


async def test_a_verdict_is_a_persons_own_and_nobody_gives_two_of_them_through_another(
    panel: Panel,
) -> None:
    review_id = await panel.submitted(await panel.finished())
    judge, assistant = str(uuid7()), str(uuid7())
    for_them = panel.reviewer(person=judge, act={"sub": assistant})
    assert guard_of(await panel.act("claim", review_id, for_them)) == (409, "in_person")
    await panel.done("claim", review_id, panel.reviewer(person=judge))
    seen = await panel.review(review_id, for_them)
    verdict = {**APPROVE, "digest": seen["digest"]}
    assert guard_of(await panel.act("decide", review_id, for_them, **verdict)) == (409, "in_person")
    assert "本人" in {each["action"]: each["detail"] for each in seen["refusals"]}["decide"]
    await panel.done("release", review_id, panel.reviewer(person=judge))
    assert await panel.queue(for_them) == []
    assert len(await panel.queue(panel.reviewer(person=judge))) == 1


async def test_a_verdict_without_a_claim_or_about_something_unseen_counts_for_nothing(
    panel: Panel,
) -> None:
    review_id = await panel.submitted(await panel.finished())
    reviewer = panel.reviewer()
    seen = await panel.review(review_id, reviewer)
    unclaimed = await panel.act("decide", review_id, reviewer, **APPROVE, digest=seen["digest"])
    assert guard_of(unclaimed) == (409, "holds_claim")
    await panel.done("claim", review_id, reviewer)
    assert (await panel.act("decide", review_id, reviewer, **APPROVE)).status_code == 428
    other = await panel.act("decide", review_id, reviewer, **APPROVE, digest="0" * 64)
    assert (other.status_code, other.json()["digest"]) == (412, seen["digest"])
    stale = {**reviewer, "if-match": f'"v{seen["version"]}"'}
    assert (await panel.act("decide", review_id, stale, **APPROVE)).status_code == 412
    read = await panel.client.get(f"{REVIEWS}/{review_id}", headers=reviewer)
    fresh = {**reviewer, "if-match": read.headers["etag"]}
    after = await panel.done("decide", review_id, fresh, **APPROVE)
    assert (after["state"], after["resource_state"]) == ("APPROVED", "PUBLISHED")
    assert (await panel.act("decide", review_id, fresh, **APPROVE)).status_code == 409


async def test_an_incomplete_verdict_is_told_every_defect_at_once(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    reviewer = panel.reviewer()
    digest = (await panel.done("claim", review_id, reviewer))["digest"]
    criteria: dict[str, str] = {**PASSED, "scientific": "FAIL"}
    refused = await panel.act(
        "decide", review_id, reviewer, decision="APPROVE", criteria=criteria, digest=digest
    )
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["#/criteria/scientific"]
    criteria.pop("timeliness")
    bare = {"decision": "REJECT", "criteria": criteria, "comment": " ", "digest": digest}
    refused = await panel.act("decide", review_id, reviewer, **bare)
    pointers = [each["pointer"] for each in refused.json()["errors"]]
    assert pointers == ["#/criteria/timeliness", "#/reason_code", "#/comment"]
    chinese = dict.fromkeys(
        ("政治性", "导向性", "科学性", "适用性", "规范性", "时效性", "公益性"), "PASS"
    )
    judged = await panel.done(
        "decide", review_id, reviewer, decision="APPROVE", criteria=chinese, digest=digest
    )
    assert judged["state"] == "APPROVED"


async def test_important_resources_pass_every_level_and_two_of_the_committee(
    panel: Panel,
) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made, importance="IMPORTANT")
    school, city = panel.reviewer(SCHOOL), panel.reviewer(CITY)
    assert (await panel.act("claim", review_id, city)).status_code == 404
    chain = (await panel.review(review_id))["chain"]
    assert [each["kind"] for each in chain] == ["SCHOOL", "CITY", "PROVINCE", "COMMITTEE"]
    after = await panel.judge(review_id, school, APPROVE)
    assert (after["state"], after["level"], after["resource_state"]) == (
        *("IN_REVIEW", 1),
        "IN_REVIEW",
    )
    both = str(uuid7())
    await panel.judge(review_id, panel.reviewer(CITY, person=both), APPROVE)
    twice = await panel.act("claim", review_id, panel.reviewer(PROVINCE, person=both))
    assert guard_of(twice) == (409, "fresh_eyes")
    await panel.judge(review_id, panel.reviewer(PROVINCE), APPROVE)
    experts = [panel.reviewer(PROVINCE, role="subject_expert") for _ in range(4)]
    for each in experts[:3]:
        await panel.done("claim", review_id, each)
    assert guard_of(await panel.act("claim", review_id, experts[3])) == (409, "seat_free")
    digest = (await panel.review(review_id))["digest"]
    first = await panel.done("decide", review_id, experts[0], **REJECT, digest=digest)
    assert first["state"] == "IN_REVIEW"
    second = await panel.done("decide", review_id, experts[1], **APPROVE, digest=digest)
    assert second["state"] == "IN_REVIEW"
    third = await panel.done("decide", review_id, experts[2], **APPROVE, digest=digest)
    assert (third["state"], third["resource_state"]) == ("APPROVED", "PUBLISHED")
    assert (await panel.read(made))["live_version"] == 1
    assert [each["kind"] for each in await panel.timeline(review_id)].count("LEVEL_PASSED") == 3


async def test_two_verdicts_at_once_are_one_decision(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    reviewer = panel.reviewer()
    digest = (await panel.done("claim", review_id, reviewer))["digest"]
    verdicts = (APPROVE, CHANGES, REJECT, APPROVE)
    answers = await asyncio.gather(
        *(panel.act("decide", review_id, reviewer, **each, digest=digest) for each in verdicts)
    )
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert await panel.owner.fetchval("SELECT count(*) FROM review_verdicts") == 1
    assert await panel.owner.fetchval("SELECT count(*) FROM publications") <= 1


async def test_a_decision_is_whole_or_was_never_made(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    reviewer = panel.reviewer()
    digest = (await panel.done("claim", review_id, reviewer))["digest"]
    await panel.owner.execute("UPDATE files SET state = 'REFUSED'")
    refused = await panel.act("decide", review_id, reviewer, **APPROVE, digest=digest)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "files-unfit")
    assert await panel.owner.fetchval("SELECT count(*) FROM review_verdicts") == 0
    assert (await panel.read(made))["state"] == "IN_REVIEW"
    await panel.owner.execute("UPDATE files SET state = 'CLEAN'")
    keyed = {**reviewer, "idempotency-key": "decide-1"}
    first = await panel.done("decide", review_id, keyed, **APPROVE, digest=digest)
    again = await panel.done("decide", review_id, keyed, **APPROVE, digest=digest)
    assert first == again
    assert first["state"] == "APPROVED"


async def test_words_point_at_places_and_carry_attachments(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    reviewer, person = panel.reviewer(), str(uuid7())
    expert = panel.reviewer(person=person, role="subject_expert")
    upload = await panel.upload(owner=person, filename="批注.pdf")
    place = {"file": 0, "page": 1}
    said = {"comment": "这里的图示有误。", "place": place, "attachments": [upload]}
    await panel.done("comment", review_id, expert, **said)
    await panel.done("comment", review_id, panel.teacher, comment="谢谢，马上改。")
    told = [each for each in await panel.timeline(review_id) if each["kind"] == "COMMENTED"]
    assert told[0]["data"] == {
        "comment": "这里的图示有误。",
        "place": place,
        "attachments": [{"upload_id": upload, "filename": "批注.pdf"}],
    }
    assert told[1]["actor"] == panel.subject
    address = f"{REVIEWS}/{review_id}/attachments/{upload}"
    for reader in (panel.teacher, reviewer):
        assert (await panel.client.get(address, headers=reader)).status_code == 302
    assert (await panel.client.get(address, headers=panel.colleague())).status_code == 404
    elsewhere = await panel.submitted(await panel.finished())
    other = f"{REVIEWS}/{elsewhere}/attachments/{upload}"
    assert (await panel.client.get(other, headers=panel.teacher)).status_code == 404
    wrong = {"comment": "看这里", "place": {"file": 7}, "attachments": [upload]}
    refused = await panel.act("comment", review_id, reviewer, **wrong)
    pointers = [each["pointer"] for each in refused.json()["errors"]]
    assert (refused.status_code, pointers) == (422, ["#/place", "#/attachments/0"])
    digest = (await panel.done("claim", review_id, reviewer))["digest"]
    nowhere = {**CHANGES, "items": [{"place": {"pointer": "/keywords/9"}, "change": "改"}]}
    refused = await panel.act("decide", review_id, reviewer, **nowhere, digest=digest)
    assert refused.json()["errors"][0]["pointer"] == "#/items/0/place"


async def test_the_queue_shows_what_may_be_judged_the_most_urgent_first(panel: Panel) -> None:
    ids = [await panel.submitted(await panel.finished()) for _ in range(3)]
    await panel.owner.execute("UPDATE review_cases SET due_at = now() WHERE id = $1", ids[2])
    reviewer = panel.reviewer()
    first = await panel.client.get(f"{REVIEWS}?limit=2", headers=reviewer)
    assert [each["id"] for each in first.json()["items"]] == [ids[2], ids[0]]
    rest = await panel.queue(reviewer, f"limit=2&cursor={first.json()['next']}")
    assert [each["id"] for each in rest] == [ids[1]]
    subject = (await panel.review(ids[0]))["subject"]
    assert len(await panel.queue(panel.reviewer(subject=subject))) == 3
    assert await panel.queue(panel.reviewer(subject="history")) == []
    assert await panel.queue(panel.reviewer(CITY)) == []
    assert await panel.queue(panel.colleague()) == []
    assert len(await panel.queue(panel.teacher, "owner=me")) == 3
    assert len(await panel.queue(panel.administrator(CITY), f"organisation={CITY}")) == 3
    assert await panel.queue(reviewer, "subject=history") == []
    await panel.done("claim", ids[1], reviewer)
    assert [each["id"] for each in await panel.queue(reviewer, "claimed=true")] == [ids[1]]
    await panel.judge(ids[1], reviewer, REJECT)
    assert len(await panel.queue(reviewer)) == 2


async def test_past_its_deadline_a_case_is_told_of_and_those_above_may_judge(
    panel: Panel,
) -> None:
    review_id = await panel.submitted(await panel.finished())
    city = panel.reviewer(CITY)
    assert await panel.queue(city) == []
    panel.ahead = timedelta(hours=60)
    assert await panel.scheduler.work() == 1
    assert [each["kind"] for each in await panel.timeline(review_id)][-1] == "REMINDED"
    panel.ahead = timedelta(hours=73)
    assert await panel.scheduler.work() == 1
    assert await panel.scheduler.work() == 0
    assert [each["kind"] for each in await panel.timeline(review_id)][-1] == "ESCALATED"
    assert [each["id"] for each in await panel.queue(city)] == [review_id]
    assert (await panel.judge(review_id, city, APPROVE))["resource_state"] == "PUBLISHED"
    assert [each.split(".")[2] for each in await panel.events(review_id)] == [
        *("submitted", "level_opened", "reminded", "escalated", "decided"),
    ]


async def test_the_files_of_what_is_judged_are_its_reviewers_to_read(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    seen = await panel.review(review_id, panel.reviewer())
    assert seen["metadata"]["title"] == "分数的初步认识"
    file = await panel.client.get(f"{REVIEWS}/{review_id}/files/0", headers=panel.reviewer())
    assert file.status_code == 302
    stranger = await panel.client.get(f"{URL}/{made['id']}/content", headers=panel.reviewer())
    assert stranger.status_code == 404
