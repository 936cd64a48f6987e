"""What the tests of reviews share: who submits, who judges, and the scheduler."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.adapters.reviews import ReviewRepository
from services.catalog.adapters.reviews_tasks import TaskRepository
from services.catalog.application.checks import Thresholds
from services.catalog.application.reviews_work import Scheduler
from services.catalog.domain.reviews import Criterion
from services.catalog.parts import feedback, publication, resources, reviews, vocabularies
from services.catalog.settings import Settings
from shared.ids import uuid7
from shared.service import Part, Runtime
from tests.service.catalog.resources import SCHOOL, URL, Desk
from tests.service.house import Token

REVIEWS = "/catalog/v1/reviews"
SCOPES = "catalog.read catalog.write catalog.review"
PASSED: dict[str, str] = {each.value: "PASS" for each in Criterion}
APPROVE: dict[str, Any] = {"decision": "APPROVE", "criteria": PASSED}
CHANGES: dict[str, Any] = {
    "decision": "REQUEST_CHANGES",
    "criteria": {**PASSED, "scientific": "FAIL"},
    "reason_code": "FACTUAL_ERROR",
    "comment": "第三页的分数写反了，请改正。",
    "items": [{"place": {"pointer": "/title"}, "change": "标题请注明年级。"}],
}
REJECT: dict[str, Any] = {**CHANGES, "decision": "REJECT", "items": []}


def build_reviews(runtime: Runtime, settings: Settings) -> Part:
    """Resources, their reviews, and publication."""
    objects = object_store(settings)
    drafts = resources.build(
        runtime,
        settings,
        lexicons=vocabularies.build(runtime, settings).vocabulary,
        objects=objects,
        thresholds=Thresholds(),
        audience=feedback.build(runtime, settings).audience,
    )
    judged = reviews.build(
        runtime,
        settings,
        checks=drafts.draft_checks,
        objects=objects,
        publishing=publication.publishing(runtime),
    )
    after = publication.build(runtime, settings, end_case=judged.submissions.end)
    parts = [drafts, judged, after]
    return Part(
        routers=[router for part in parts for router in part.routers],
        table={error: told for part in parts for error, told in part.table.items()},
    )


@dataclass
class Panel(Desk):
    """A teacher's desk, and those who judge what comes from it."""

    app: FastAPI | None = None
    ahead: timedelta = field(default_factory=timedelta)

    @property
    def scheduler(self) -> Scheduler:
        """The service's, ``ahead`` of the time."""
        assert self.app is not None
        runtime: Runtime = self.app.state.runtime
        return Scheduler(
            runtime.new_uow,
            ResourceRepository,
            ReviewRepository,
            TaskRepository,
            self.objects,
            lambda: datetime.now(UTC) + self.ahead,
        )

    def reviewer(
        self,
        path: str = SCHOOL,
        *,
        person: str | None = None,
        subject: str | None = None,
        role: str = "reviewer",
        **claims: Any,
    ) -> dict[str, str]:
        grant = f"{role}@{path}" + (f"#{subject}" if subject else "")
        return self.token(person or str(uuid7()), SCOPES, (grant,), **claims)

    async def enrol(self, person: str, path: str = SCHOOL, subject: str | None = None) -> None:
        """As identity tells of somebody who may judge there."""
        await self.owner.execute(
            "INSERT INTO review_roster (grant_id, person, path, subject, valid_from)"
            " VALUES ($1, $2, text2ltree($3), $4, now())",
            *(uuid7(), person, path, subject),
        )

    async def submit(
        self, resource: dict[str, Any], headers: dict[str, str] | None = None, **body: Any
    ) -> httpx2.Response:
        return await self.client.post(
            f"{URL}/{resource['id']}/submit",
            headers=headers or self.teacher,
            json={"commitment": True, **body},
        )

    async def submitted(self, resource: dict[str, Any], **body: Any) -> str:
        """The id of the review that began; machine review is over."""
        answer = await self.submit(resource, **body)
        assert answer.status_code == 200, answer.text
        await self.scheduler.work()
        review_id: str = answer.json()["review_id"]
        return review_id

    async def withdraw(self, resource: dict[str, Any]) -> httpx2.Response:
        return await self.client.post(f"{URL}/{resource['id']}/withdraw", headers=self.teacher)

    async def act(
        self, action: str, review_id: str, headers: dict[str, str], **body: Any
    ) -> httpx2.Response:
        return await self.client.post(
            f"{REVIEWS}/{review_id}/{action}", headers=headers, json=body or None
        )

    async def done(
        self, action: str, review_id: str, headers: dict[str, str], **body: Any
    ) -> dict[str, Any]:
        answer = await self.act(action, review_id, headers, **body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def judge(
        self, review_id: str, headers: dict[str, str], verdict: dict[str, Any]
    ) -> dict[str, Any]:
        """Claim it, read it, and decide on what was read."""
        await self.done("claim", review_id, headers)
        seen = await self.review(review_id, headers)
        return await self.done("decide", review_id, headers, **verdict, digest=seen["digest"])

    async def review(self, review_id: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.client.get(f"{REVIEWS}/{review_id}", headers=headers or self.teacher)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def timeline(self, review_id: str) -> list[dict[str, Any]]:
        url = f"{REVIEWS}/{review_id}/timeline?limit=200"
        answer = await self.client.get(url, headers=self.teacher)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def queue(self, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
        answer = await self.client.get(f"{REVIEWS}?{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def events(self, review_id: str) -> list[str]:
        """The types of what the neighbours hear of a review."""
        rows = await self.owner.fetch(
            "SELECT type FROM outbox WHERE aggregate = $1 ORDER BY id", f"reviews/{UUID(review_id)}"
        )
        return [each["type"] for each in rows]


@pytest.fixture
def panel(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Panel:
    return Panel(client, owner, token, object_store(settings), app=app)
