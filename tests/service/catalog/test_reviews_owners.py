"""What is left to an author who went to another school: what is said in their own name alone."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.domain.lifecycle import Action
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import RETIRED
from tests.service.catalog.resources import CITY, OTHER_SCHOOL, SCHOOL, SCOPES, URL
from tests.service.catalog.reviews import APPROVE, CHANGES, Panel, build_reviews, panel

__all__ = ["panel"]

STILL_THERE = (f"teacher@{SCHOOL}", f"administrator@{SCHOOL}", f"administrator@{CITY}")
GONE = (
    *(f"teacher@{OTHER_SCHOOL}", f"administrator@{OTHER_SCHOOL}", f"teacher@{SCHOOL}.K1"),
    *(f"student@{SCHOOL}", f"reviewer@{SCHOOL}", f"guardian@{SCHOOL}", f"integrator@{SCHOOL}"),
    "",
)
"""What its owner may be instead, the last one nothing anywhere."""

BODIES: Mapping[str, Any] = {
    "change": {"metadata": {"title": "分数的初步认识（二）"}},
    "freeze": {"note": "二稿"},
    "submit": {"commitment": True},
    "retire": RETIRED,
}
PLACES: Mapping[str, str] = {"change": "", "freeze": "/versions"}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


async def tried(panel: Panel, action: str, made: dict[str, Any], grant: str) -> httpx2.Response:
    """The answer to the owner, who holds that grant and no other, and was told what to expect."""
    headers = panel.token(panel.subject, SCOPES, (grant,) if grant else ())
    url = f"{URL}/{made['id']}"
    read = await panel.client.get(url, headers=headers)
    assert read.status_code == 200, "whoever wrote it goes on reading it"
    told = read.json()
    answer = await panel.client.request(
        "PATCH" if action == "change" else "POST",
        url + PLACES.get(action, f"/{action}"),
        headers={**headers, "if-match": read.headers["etag"]},
        json=BODIES.get(action),
    )
    assert (Action(action) in told["actions"]) is answer.is_success, answer.text
    if answer.status_code == 409:
        guards = {each["action"]: each["guard"] for each in told["refusals"]}
        assert guards[action] == answer.json()["guard"]
    return answer


async def published(panel: Panel) -> dict[str, Any]:
    made = await panel.finished()
    await panel.judge(await panel.submitted(made), panel.reviewer(), APPROVE)
    return made


@pytest.mark.parametrize("grant", GONE)
async def test_who_went_away_submits_nothing_in_the_name_of_the_school(
    panel: Panel, grant: str
) -> None:
    made = await panel.finished()
    refused = await tried(panel, "submit", made, grant)
    assert (refused.status_code, refused.json()["guard"]) == (409, "affiliated")
    assert "教师或管理员" in refused.json()["detail"]


@pytest.mark.parametrize("grant", GONE)
async def test_who_went_away_retires_nothing_that_the_school_published(
    panel: Panel, grant: str
) -> None:
    made = await published(panel)
    refused = await tried(panel, "retire", made, grant)
    assert (refused.status_code, refused.json()["guard"]) == (409, "affiliated")
    assert (await panel.client.get(f"{URL}/{made['id']}")).json()["live_version"] == 1


@pytest.mark.parametrize("grant", GONE)
async def test_who_went_away_still_takes_their_own_submission_back(
    panel: Panel, grant: str
) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    assert (await tried(panel, "withdraw", made, grant)).json()["state"] == "WITHDRAWN"
    assert (await panel.review(review_id))["state"] == "WITHDRAWN"


async def test_taking_an_update_back_leaves_the_school_what_it_published(panel: Panel) -> None:
    made = await published(panel)
    again = await panel.patch(await panel.read(made), BODIES["change"])
    await panel.submitted(again.json())
    taken = await tried(panel, "withdraw", made, f"teacher@{OTHER_SCHOOL}")
    assert taken.json()["state"] == "PUBLISHED"
    live = (await panel.client.get(f"{URL}/{made['id']}")).json()
    assert (live["live_version"], live["metadata"]["title"]) == (1, made["metadata"]["title"])


async def test_who_went_away_goes_on_writing_what_nobody_else_reads(panel: Panel) -> None:
    made = await panel.finished()
    for action in ("change", "freeze"):
        assert (await tried(panel, action, made, GONE[0])).is_success, action
    elsewhere = panel.token(panel.subject, SCOPES, (GONE[0],))
    assert (await panel.submit(made, elsewhere)).status_code == 409
    assert "submit" in (await panel.read(made))["actions"]


@pytest.mark.parametrize("grant", STILL_THERE)
async def test_who_is_still_there_submits_and_retires(panel: Panel, grant: str) -> None:
    made = await panel.finished()
    assert (await tried(panel, "submit", made, grant)).status_code == 200
    await panel.scheduler.work()
    review_id = (await panel.read(made))["review_id"]
    await panel.judge(review_id, panel.reviewer(), APPROVE)
    assert (await tried(panel, "retire", made, grant)).json()["state"] == "RETIRED"


async def test_what_was_sent_back_is_not_submitted_again_by_who_went_away(panel: Panel) -> None:
    made = await panel.finished()
    await panel.judge(await panel.submitted(made), panel.reviewer(), CHANGES)
    assert (await panel.patch(await panel.read(made), BODIES["change"])).status_code == 200
    refused = await tried(panel, "submit", made, GONE[0])
    assert (refused.status_code, refused.json()["guard"]) == (409, "affiliated")
