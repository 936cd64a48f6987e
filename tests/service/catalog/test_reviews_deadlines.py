"""Deadlines: how long a claim holds before and after, and who may take what was let lapse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, SCHOOL
from tests.service.catalog.reviews import APPROVE, Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


class Clockwork(Panel):
    async def escalated(self, review_id: str) -> None:
        self.ahead = timedelta(hours=73)
        await self.scheduler.work()
        assert (await self.review(review_id))["escalated"] is True


@pytest.fixture
def panel(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Clockwork:
    return Clockwork(client, owner, token, object_store(settings), app=app)


async def test_no_claim_holds_longer_than_until_the_deadline(panel: Clockwork) -> None:
    review_id, reviewer = await panel.submitted(await panel.finished()), panel.reviewer()
    due_at = datetime.now(UTC) + timedelta(minutes=30)
    await panel.owner.execute(
        "UPDATE review_cases SET due_at = $2 WHERE id = $1", UUID(review_id), due_at
    )
    for _ in range(2):
        [claim] = (await panel.done("claim", review_id, reviewer))["claims"]
        assert datetime.fromisoformat(claim["lease_until"]) <= due_at


async def test_once_escalated_nobody_holds_it_and_those_above_take_it(panel: Clockwork) -> None:
    review_id, holder = await panel.submitted(await panel.finished()), panel.reviewer()
    await panel.done("claim", review_id, holder)
    await panel.escalated(review_id)
    assert (await panel.review(review_id))["claims"] == []
    last = (await panel.timeline(review_id))[-1]
    assert (last["kind"], len(last["data"]["released"])) == ("ESCALATED", 1)
    refused = await panel.act("claim", review_id, holder)
    assert (refused.status_code, refused.json()["guard"]) == (409, "in_time")
    above = panel.reviewer(CITY)
    for _ in range(2):
        await panel.done("claim", review_id, above)
    assert (await panel.judge(review_id, above, APPROVE))["state"] == "APPROVED"


async def test_of_the_level_each_may_try_once_more_unless_it_is_assigned_to_them(
    panel: Clockwork,
) -> None:
    review_id, person = await panel.submitted(await panel.finished()), str(uuid7())
    await panel.escalated(review_id)
    reviewer = panel.reviewer(person=person)
    await panel.done("claim", review_id, reviewer)
    again = await panel.act("claim", review_id, reviewer)
    assert again.json()["guard"] == "in_time"
    await panel.done("release", review_id, reviewer)
    await panel.enrol(person)
    above = panel.administrator(SCHOOL)
    await panel.done("assign", review_id, above, assignee=person)
    assert (await panel.judge(review_id, reviewer, APPROVE))["state"] == "APPROVED"
