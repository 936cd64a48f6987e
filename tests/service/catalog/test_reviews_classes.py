"""A class has teachers and administrators, and resources of its own: its school judges them."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import SUSPENDED
from tests.service.catalog.resources import CITY, SCHOOL, URL
from tests.service.catalog.reviews import APPROVE, Panel, build_reviews, panel

__all__ = ["panel"]

V1 = "/catalog/v1"
CLASS = f"{SCHOOL}.G1.K1"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


async def submitted(panel: Panel) -> tuple[dict[str, Any], str]:
    """A resource of the class, and its review."""
    upload = await panel.upload(text="把一个苹果平均分成两份。" * 9)
    teacher = panel.token(panel.subject, "catalog.read catalog.write", (f"teacher@{CLASS}",))
    made = await panel.create(await panel.complete(), upload, organisation=CLASS, headers=teacher)
    answer = await panel.submit(made, teacher)
    assert answer.status_code == 200, answer.text
    await panel.scheduler.work()
    return made, answer.json()["review_id"]


async def put_policy(panel: Panel, path: str, *kinds: str) -> httpx2.Response:
    return await panel.client.put(
        f"{V1}/review-policy?organisation={path}",
        headers={**panel.administrator(path), "if-match": '"v0"'},
        json={"levels": [{"kind": each} for each in kinds]},
    )


async def test_the_school_judges_it_also_where_its_policy_names_no_level_there(
    panel: Panel,
) -> None:
    assert (await put_policy(panel, CITY, "COUNTY")).status_code == 200
    made, review_id = await submitted(panel)
    told = await panel.review(review_id)
    assert [(each["kind"], each["path"]) for each in told["chain"]] == [("SCHOOL", SCHOOL)]
    for role in ("reviewer", "subject_expert"):
        of_the_class = panel.reviewer(CLASS, role=role)
        assert (await panel.act("claim", review_id, of_the_class)).status_code == 404
        assert await panel.queue(of_the_class) == []
    await panel.judge(review_id, panel.reviewer(), APPROVE)
    assert (await panel.read(made))["state"] == "PUBLISHED"


async def test_its_administrators_write_no_policy_and_name_no_judges(panel: Panel) -> None:
    refused = await put_policy(panel, CLASS, "SCHOOL")
    assert refused.status_code == 422
    assert "学校的审核策略" in refused.json()["errors"][0]["detail"]
    _, review_id = await submitted(panel)
    of_the_class, judge = panel.administrator(CLASS), str(uuid7())
    await panel.enrol(judge)
    assigned = await panel.act("assign", review_id, of_the_class, assignee=judge)
    assert (assigned.status_code, assigned.json()["guard"]) == (409, "of_the_level")
    conflict = {"organisation": CLASS, "reviewer": judge, "maker": panel.subject, "words": "同事。"}
    declared = await panel.client.post(
        f"{V1}/review-conflicts", headers=of_the_class, json=conflict
    )
    assert declared.status_code == 201, declared.text
    await panel.done("claim", review_id, panel.reviewer(person=judge))


async def test_they_may_take_down_what_is_published_there_and_nothing_else_of_the_school(
    panel: Panel,
) -> None:
    made, review_id = await submitted(panel)
    await panel.judge(review_id, panel.reviewer(), APPROVE)
    other = await panel.finished()
    await panel.judge(await panel.submitted(other), panel.reviewer(), APPROVE)
    for each, status in ((other, 403), (made, 200)):
        tag = {"if-match": f'"v{(await panel.read(each))["version"]}"'}
        headers = {**panel.administrator(CLASS), **tag}
        url = f"{URL}/{each['id']}/suspend"
        taken = await panel.client.post(url, headers=headers, json=SUSPENDED)
        assert taken.status_code == status, taken.text


@pytest.mark.parametrize(
    ("begins", "ends", "status"),
    [
        ("- interval '1 day'", None, 200),
        ("- interval '1 day'", "+ interval '1 day'", 200),
        ("+ interval '1 day'", None, 409),
        ("- interval '1 day'", "- interval '1 second'", 409),
    ],
)
async def test_it_is_given_to_nobody_whose_office_has_not_begun_or_is_over(
    panel: Panel, begins: str, ends: str | None, status: int
) -> None:
    judge = str(uuid7())
    await panel.enrol(judge)
    until = f"now() {ends}" if ends else "NULL"
    await panel.owner.execute(
        f"UPDATE review_roster SET valid_from = now() {begins}, valid_until = {until}"  # noqa: S608 - constant spans
    )
    _, review_id = await submitted(panel)
    told = await panel.review(review_id)
    assert told["assignee"] == (judge if status == 200 else None)
    above = panel.administrator(SCHOOL)
    assigned = await panel.act("assign", review_id, above, assignee=judge)
    assert assigned.status_code == status, assigned.text
