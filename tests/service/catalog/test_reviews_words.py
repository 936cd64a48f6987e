"""Words of reviews: what shows nothing is none, and what no database keeps is refused."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import PROVINCE, SCHOOL
from tests.service.catalog.reviews import (
    APPROVE,
    CHANGES,
    PASSED,
    REJECT,
    Panel,
    build_reviews,
)
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

UNSEEN = ["\u200b", "\ufeff\u2060", "\u3164", "\ufe0f", "\u202e意见", " ", "a\u0000b"]


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


async def test_what_nobody_can_see_is_no_word_anywhere(panel: Panel) -> None:
    review_id, reviewer = await panel.submitted(await panel.finished()), panel.reviewer()
    await panel.done("claim", review_id, reviewer)
    digest = (await panel.review(review_id, reviewer))["digest"]
    place = {"pointer": "/title"}
    for words in UNSEEN:
        for action, body in (
            ("comment", {"comment": words}),
            ("raise", {"comment": words}),
            ("decide", {**REJECT, "comment": words, "digest": digest}),
            ("decide", {**CHANGES, "items": [{"place": place, "change": words}], "digest": digest}),
        ):
            answer = await panel.act(action, review_id, reviewer, **body)
            assert answer.status_code == 422, (action, words, answer.text)
    unplaced = {"comment": "此处", "place": {"pointer": "/a\u0000b"}}
    assert (await panel.act("comment", review_id, reviewer, **unplaced)).status_code == 422
    silent = {**APPROVE, "comment": " ", "digest": digest}
    assert (await panel.done("decide", review_id, reviewer, **silent))["state"] == "APPROVED"


@pytest.mark.parametrize("words", UNSEEN)
async def test_groups_conflicts_and_terms_have_words_to_be_seen(panel: Panel, words: str) -> None:
    office = panel.administrator(SCHOOL)
    group = {"organisation": SCHOOL, "name": words, "members": []}
    conflict = {"organisation": SCHOOL, "reviewer": "one", "maker": "two", "words": words}
    for path, body in (("review-groups", group), ("review-conflicts", conflict)):
        answer = await panel.client.post(f"/catalog/v1/{path}", headers=office, json=body)
        assert answer.status_code == 422, (path, answer.text)
    headers = {**panel.administrator(PROVINCE), "if-match": '"v0"'}
    terms = {"terms": [{"term": words, "category": "ad"}]}
    url = "/catalog/v1/term-lists/advertising"
    assert (await panel.client.put(url, headers=headers, json=terms)).status_code == 422


async def test_a_criterion_is_judged_once_under_whichever_name(panel: Panel) -> None:
    review_id, reviewer = await panel.submitted(await panel.finished()), panel.reviewer()
    await panel.done("claim", review_id, reviewer)
    digest = (await panel.review(review_id, reviewer))["digest"]
    twice = {**APPROVE, "criteria": {"政治性": "FAIL", **PASSED}, "digest": digest}
    refused = await panel.act("decide", review_id, reviewer, **twice)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/criteria"
