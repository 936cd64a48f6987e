"""Submitting over HTTP: the commitment, the round that begins, taking it back."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, OTHER_SCHOOL, SCHOOL, URL
from tests.service.catalog.reviews import APPROVE, CHANGES, REJECT, REVIEWS, Panel, build_reviews
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


async def test_nobody_submits_anonymously_or_what_is_not_theirs(panel: Panel) -> None:
    made = await panel.finished()
    url = f"{URL}/{made['id']}/submit"
    assert (await panel.client.post(url, json={"commitment": True})).status_code == 401
    for headers in (panel.colleague(), panel.administrator(OTHER_SCHOOL), panel.reviewer()):
        assert (await panel.submit(made, headers)).status_code == 404
    assert (await panel.submit(made, panel.administrator(CITY))).status_code == 403
    assert (await panel.read(made))["state"] == "DRAFT"


async def test_without_the_commitment_nothing_is_submitted(panel: Panel) -> None:
    made = await panel.finished()
    refused = await panel.submit(made, commitment=False)
    assert (refused.status_code, refused.json()["type"].endswith("commitment-missing")) == (
        422,
        True,
    )
    assert (await panel.read(made))["review_id"] is None


async def test_what_the_check_finds_wrong_is_not_submitted(panel: Panel) -> None:
    made = await panel.create({"title": "草稿"})
    refused = await panel.submit(made)
    assert refused.status_code == 409
    assert refused.json()["defects"]


async def test_a_resource_of_no_organisation_is_judged_by_nobody(panel: Panel) -> None:
    upload = await panel.upload(text="把一个苹果平均分成两份。" * 9)
    made = await panel.create(await panel.complete(), upload, organisation=None)
    refused = await panel.submit(made)
    assert (refused.status_code, refused.json()["guard"]) == (409, "at_an_organisation")


async def test_submitting_freezes_a_version_and_keeps_who_signed_which_text(
    panel: Panel,
) -> None:
    made = await panel.finished()
    answer = await panel.submit(made)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["review_state"], told["number"]) == ("SUBMITTED", "SUBMITTED", 1)
    signed = told["round"]
    assert (signed["round"], signed["signer"], signed["on_behalf_of"]) == (1, panel.subject, None)
    text = (await panel.client.get("/catalog/v1/review-commitment")).json()
    assert signed["commitment"] == text["version"]
    version = await panel.client.get(f"{URL}/{made['id']}/versions/1", headers=panel.teacher)
    assert version.json()["digest"] == told["digest"] == signed["digest"]
    now = await panel.read(made)
    assert (now["state"], now["review_id"]) == ("SUBMITTED", told["review_id"])
    assert now["actions"] == ["withdraw"]
    assert {each["action"]: each["guard"] for each in now["refusals"]}["submit"] is None


async def test_while_it_is_judged_the_draft_stands_still(panel: Panel) -> None:
    made = await panel.finished()
    await panel.submitted(made)
    now = await panel.read(made)
    assert now["state"] == "IN_REVIEW"
    changed = await panel.patch(now, {"metadata": {"title": "换了"}})
    assert (changed.status_code, changed.json()["action"]) == (409, "change")
    assert (await panel.freeze(now)).status_code == 409
    assert (await panel.submit(made)).status_code == 409


async def test_of_two_submissions_at_once_one_begins_a_round(panel: Panel) -> None:
    made = await panel.finished()
    answers = await asyncio.gather(*(panel.submit(made) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert await panel.owner.fetchval("SELECT count(*) FROM review_rounds") == 1


async def test_a_repeated_submission_under_its_key_is_answered_as_the_first(panel: Panel) -> None:
    made = await panel.finished()
    keyed = {**panel.teacher, "idempotency-key": "submit-1"}
    first, again = await panel.submit(made, keyed), await panel.submit(made, keyed)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_submission_of_another_draft_than_was_read_is_refused(panel: Panel) -> None:
    made = await panel.finished()
    stale = await panel.submit(made, {**panel.teacher, "if-match": '"v7"'})
    assert stale.status_code == 412


async def test_withdrawing_gives_the_draft_back_and_ends_the_review(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    reviewer = panel.reviewer()
    await panel.done("claim", review_id, reviewer)
    answer = await panel.withdraw(made)
    assert (answer.status_code, answer.json()["state"]) == (200, "WITHDRAWN")
    verdict = await panel.act("decide", review_id, reviewer, **APPROVE, digest="0" * 64)
    assert verdict.status_code == 409
    assert (await panel.withdraw(made)).status_code == 409
    now = await panel.read(made)
    assert {"change", "submit"} <= set(now["actions"])
    again = await panel.submitted(made)
    assert again != review_id
    assert [each["kind"] for each in await panel.timeline(review_id)][-1] == "WITHDRAWN"


async def test_after_changes_were_asked_for_the_same_content_is_not_judged_again(
    panel: Panel,
) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    await panel.judge(review_id, panel.reviewer(), CHANGES)
    same = await panel.submit(made)
    assert (same.status_code, same.json()["type"].rpartition("/")[2]) == (409, "nothing-changed")
    assert (await panel.withdraw(made)).status_code == 200
    assert (await panel.submit(made)).status_code == 409


async def test_a_resubmission_is_a_round_more_and_shows_what_changed(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    reviewer = panel.reviewer()
    await panel.judge(review_id, reviewer, CHANGES)
    now = await panel.read(made)
    assert (now["state"], now["review_id"]) == ("CHANGES_REQUESTED", review_id)
    changed = await panel.patch(now, {"metadata": {"title": "三年级分数的初步认识"}})
    assert changed.status_code == 200
    assert await panel.submitted(made) == review_id
    seen = await panel.review(review_id, reviewer)
    assert (seen["round"], seen["number"], seen["compared_with"]) == (2, 2, 1)
    assert [each["pointer"] for each in seen["changes"]["metadata"]] == ["/title"]
    assert [each["round"] for each in seen["rounds"]] == [1, 2]
    after = await panel.judge(review_id, reviewer, APPROVE)
    assert after["state"] == "APPROVED"


async def test_nobody_withdraws_from_an_unkind_judge_to_find_a_kinder_one(panel: Panel) -> None:
    await panel.owner.execute(
        "INSERT INTO review_policies (path, resource_type, importance, steps, mandatory, version,"
        " updated_at) VALUES (text2ltree($1), '', 'NORMAL', $2, false, 1, now())",
        *(SCHOOL, '[{"kind": "SCHOOL", "needed": 2, "seats": 3}]'),
    )
    made = await panel.finished()
    review_id = await panel.submitted(made)
    assert (await panel.judge(review_id, panel.reviewer(), REJECT))["state"] == "IN_REVIEW"
    assert (await panel.withdraw(made)).status_code == 200
    refused = await panel.submit(made)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:shuyuan:problem:catalog/nothing-changed",
    )
    draft = await panel.read(made)
    changed = await panel.patch(draft, {"metadata": {"title": "分数的初步认识（修订）"}})
    assert changed.status_code == 200
    assert (await panel.submit(made)).status_code == 200


async def test_what_was_rejected_stays_rejected(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    await panel.judge(review_id, panel.reviewer(), REJECT)
    now = await panel.read(made)
    assert (now["state"], now["actions"]) == ("REJECTED", [])
    assert (await panel.submit(made)).status_code == 409


async def test_an_update_is_judged_while_the_live_version_is_read(panel: Panel) -> None:
    made = await panel.finished()
    await panel.judge(await panel.submitted(made), panel.reviewer(), APPROVE)
    live = await panel.read(made)
    assert (live["state"], live["live_version"]) == ("PUBLISHED", 1)
    assert (await panel.submit(made)).status_code == 409  # nothing changed
    await panel.patch(live, {"metadata": {"title": "分数的再认识"}})
    review_id = await panel.submitted(made)
    assert (await panel.read(made))["state"] == "UPDATE_IN_REVIEW"
    public = (await panel.client.get(f"{URL}/{made['id']}")).json()
    assert (public["metadata"]["title"], public["number"]) == ("分数的初步认识", 1)
    await panel.judge(review_id, panel.reviewer(), REJECT)
    after = await panel.read(made)
    assert (after["state"], after["live_version"]) == ("PUBLISHED", 1)
    assert (await panel.submit(made)).status_code == 409  # that very content was rejected
    await panel.patch(after, {"metadata": {"title": "分数的再认识（修订）"}})
    await panel.judge(await panel.submitted(made), panel.reviewer(), APPROVE)
    assert (await panel.read(made))["live_version"] == 3


async def test_what_is_taken_down_is_judged_no_further(panel: Panel) -> None:
    made = await panel.finished()
    await panel.judge(await panel.submitted(made), panel.reviewer(), APPROVE)
    live = await panel.read(made)
    await panel.patch(live, {"metadata": {"title": "分数的再认识"}})
    review_id = await panel.submitted(made)
    now = await panel.read(made)
    answer = await panel.client.post(
        f"{URL}/{made['id']}/suspend",
        headers={**panel.administrator(CITY), "if-match": f'"v{now["version"]}"'},
        json={"reason_code": "factual_error", "notice": "练习三答案有误。"},
    )
    assert answer.status_code == 200, answer.text
    assert (await panel.review(review_id))["state"] == "WITHDRAWN"
    assert [each["kind"] for each in await panel.timeline(review_id)][-1] == "ENDED"
    assert (await panel.act("claim", review_id, panel.reviewer())).status_code == 409


async def test_whoever_acts_for_the_owner_signs_and_judges_nothing_of_it(panel: Panel) -> None:
    made = await panel.finished()
    helper = str(uuid7())
    acting = panel.token(
        panel.subject, "catalog.read catalog.write", (f"teacher@{SCHOOL}",), act={"sub": helper}
    )
    answer = await panel.submit(made, acting)
    signed = answer.json()["round"]
    assert (signed["signer"], signed["on_behalf_of"]) == (helper, panel.subject)
    await panel.scheduler.work()
    review_id = answer.json()["review_id"]
    refused = await panel.act("claim", review_id, panel.reviewer(person=helper))
    assert (refused.status_code, refused.json()["guard"]) == (409, "not_maker")


async def test_whoever_wrote_on_the_owners_behalf_judges_nothing_of_it(panel: Panel) -> None:
    made = await panel.finished()
    helper = str(uuid7())
    scopes, grants = "catalog.read catalog.write", (f"teacher@{SCHOOL}",)
    acting = panel.token(panel.subject, scopes, grants, act={"sub": helper})
    changed = await panel.client.patch(
        f"{URL}/{made['id']}",
        headers={**acting, "if-match": f'"v{made["version"]}"'},
        json={"metadata": {"title": "分数的再认识"}},
    )
    assert changed.status_code == 200, changed.text
    review_id = await panel.submitted(made)
    refused = await panel.act("claim", review_id, panel.reviewer(person=helper))
    assert (refused.status_code, refused.json()["guard"]) == (409, "not_maker")
    stranger = panel.reviewer(act={"sub": helper})
    assert (await panel.act("claim", review_id, stranger)).json()["guard"] == "not_maker"
    assert (await panel.act("claim", review_id, panel.reviewer())).status_code == 200


async def test_rounds_verdicts_and_the_timeline_cannot_be_rewritten(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    await panel.judge(review_id, panel.reviewer(), CHANGES)
    assert panel.app is not None
    runtime: Any = panel.app.state.runtime
    for table in ("review_rounds", "review_verdicts", "review_events"):
        for change in (f"UPDATE {table} SET round = 9", f"DELETE FROM {table}"):  # noqa: S608 - constant names
            with pytest.raises(Exception, match="written once"):
                async with runtime.new_uow() as uow:
                    await uow.connection.exec_driver_sql(change)
    told = await panel.timeline(review_id)
    assert (await panel.review(review_id))["timeline"] == told
    assert [each["kind"] for each in told] == [
        *("SUBMITTED", "EXAMINED", "LEVEL_OPENED", "CLAIMED", "DECIDED", "CHANGES_REQUESTED"),
    ]
    assert await panel.events(review_id) == [
        "catalog.review.submitted.v1",
        "catalog.review.level_opened.v1",
        "catalog.review.decided.v1",
    ]


async def test_nobody_reads_a_review_that_is_none_of_their_business(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    url = f"{REVIEWS}/{review_id}"
    assert (await panel.client.get(url)).status_code == 401
    strangers = (
        panel.colleague(),
        panel.reviewer(OTHER_SCHOOL),
        panel.reviewer(CITY),
        panel.reviewer(subject="history"),
        panel.administrator(OTHER_SCHOOL),
    )
    for headers in strangers:
        for path in (url, f"{url}/timeline"):
            assert (await panel.client.get(path, headers=headers)).status_code == 404
        assert (await panel.act("claim", review_id, headers)).status_code in (403, 404)
    above = await panel.review(review_id, panel.administrator(CITY))
    assert above["actions"] == ["comment", "assign", "raise"]
    assert await panel.owner.fetchval("SELECT id FROM review_cases") == UUID(review_id)
