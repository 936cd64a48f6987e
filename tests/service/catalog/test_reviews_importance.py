"""What is important after all: whoever judges says so, and no author leaves out a level."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, OTHER_SCHOOL
from tests.service.catalog.reviews import APPROVE, Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

LEVELS = ["SCHOOL", "CITY", "PROVINCE", "COMMITTEE"]
WHY = "全省使用，按重要资源审核。"


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


async def test_its_author_and_strangers_do_not_raise_it(panel: Panel) -> None:
    review_id = await panel.submitted(await panel.finished())
    cases = [
        (403, panel.teacher),
        (404, panel.colleague()),
        (404, panel.reviewer(OTHER_SCHOOL)),
        (404, panel.administrator(OTHER_SCHOOL)),
    ]
    for status, headers in cases:
        answer = await panel.act("raise", review_id, headers, comment=WHY)
        assert answer.status_code == status, answer.text
    wordless = await panel.act("raise", review_id, panel.reviewer(), comment=" ")
    assert wordless.status_code == 422


@pytest.mark.parametrize("by", ["reviewer", "administrator"])
async def test_raised_it_goes_on_to_the_levels_that_judge_what_is_important(
    panel: Panel, by: str
) -> None:
    review_id = await panel.submitted(await panel.finished())
    assert [each["kind"] for each in (await panel.review(review_id))["chain"]] == ["SCHOOL"]
    headers = panel.reviewer() if by == "reviewer" else panel.administrator(CITY)
    raised = await panel.done("raise", review_id, headers, comment=WHY)
    assert (raised["importance"], raised["level"]) == ("IMPORTANT", 0)
    assert [each["kind"] for each in raised["chain"]] == LEVELS
    again = await panel.act("raise", review_id, headers, comment=WHY)
    assert (again.status_code, again.json()["guard"]) == (409, "not_important_yet")
    after = await panel.judge(review_id, panel.reviewer(), APPROVE)
    assert (after["state"], after["level"]) == ("IN_REVIEW", 1)
    [told] = [each for each in await panel.timeline(review_id) if each["kind"] == "RAISED"]
    assert told["data"] == {"comment": WHY, "levels": LEVELS}


async def test_what_was_important_once_is_whatever_its_author_says_next(panel: Panel) -> None:
    made = await panel.finished()
    review_id = await panel.submitted(made)
    await panel.done("raise", review_id, panel.reviewer(), comment=WHY)
    assert (await panel.withdraw(made)).status_code == 200
    again = await panel.review(await panel.submitted(made, importance="NORMAL"))
    assert again["importance"] == "IMPORTANT"
    assert [each["kind"] for each in again["chain"]] == LEVELS
    assert again["id"] != review_id
