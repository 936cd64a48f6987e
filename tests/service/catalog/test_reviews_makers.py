"""Whoever had a part in it: they judge nothing of it, choose no judges, and do not undo what others
decided. Whom they only name do not approve it, and may do all the rest."""

from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import RESTORED, RETIRED, SUSPENDED
from tests.service.catalog.resources import CITY, PROVINCE, SCHOOL, URL
from tests.service.catalog.reviews import APPROVE, CHANGES, SCOPES, Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

V1 = "/catalog/v1"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


class Yard(Panel):
    """A teacher who is an administrator of her school, too."""

    @property
    def principal(self) -> dict[str, str]:
        grants = (f"teacher@{SCHOOL}", f"administrator@{SCHOOL}")
        return self.token(self.subject, SCOPES, grants)

    async def with_authors(self, *people: str, role: str = "author", **others: Any) -> Any:
        named = [{"name": "张敏", "role": role, "person_id": each} for each in people]
        mine = {"name": "张敏", "role": "author"}
        return await self.finished(contributors=[mine, *named], **others)

    async def with_files_of(self, person: str) -> dict[str, Any]:
        """A resource to which that person uploaded something, for all to use at their school."""
        upload = await self.upload(
            owner=person, organisation=SCHOOL, text="把一个苹果平均分成两份。" * 9
        )
        return await self.create(await self.complete(), upload)

    async def verdict(
        self, review_id: str, person: str, verdict: dict[str, Any]
    ) -> httpx2.Response:
        headers = self.reviewer(person=person)
        told = await self.done("claim", review_id, headers)
        return await self.act("decide", review_id, headers, **verdict, digest=told["digest"])

    async def may_not_approve(self, review_id: str, person: str) -> bool:
        """It stays claimed by the person unless they approved it."""
        answer = await self.verdict(review_id, person, APPROVE)
        if answer.status_code == 200:
            return False
        assert answer.status_code == 422, answer.text
        assert [each["pointer"] for each in answer.json()["errors"]] == ["#/decision"]
        return True

    async def published(self, **others: Any) -> dict[str, Any]:
        made = await self.finished(**others)
        told = await self.judge(await self.submitted(made), self.reviewer(), APPROVE)
        assert told["resource_state"] == "PUBLISHED"
        return await self.read(made)

    async def take(
        self, action: str, made: dict[str, Any], headers: dict[str, str]
    ) -> httpx2.Response:
        body = {"suspend": SUSPENDED, "retire": RETIRED, "restore": RESTORED}[action]
        tag = {"if-match": f'"v{(await self.read(made))["version"]}"'}
        url = f"{URL}/{made['id']}/{action}"
        return await self.client.post(url, headers={**headers, **tag}, json=body)

    async def refused(self, action: str, made: dict[str, Any], headers: dict[str, str]) -> str:
        """The guard that stops it, which is told beforehand too."""
        answer = await self.take(action, made, headers)
        assert answer.status_code == 409, answer.text
        guard: str = answer.json()["guard"]
        seen = (await self.client.get(f"{URL}/{made['id']}", headers=headers)).json()
        assert (action, guard) in [(each["action"], each["guard"]) for each in seen["refusals"]]
        return guard

    async def write(
        self, method: str, path: str, headers: dict[str, str], **body: Any
    ) -> dict[str, Any]:
        answer = await self.client.request(method, f"{V1}/{path}", headers=headers, json=body)
        assert answer.status_code in (200, 201), answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def policy(self, headers: dict[str, str], path: str, *levels: dict[str, Any]) -> None:
        asked, tag = f"review-policy?organisation={path}", {"if-match": '"v0"'}
        await self.write("PUT", asked, {**headers, **tag}, levels=levels)

    async def found(self, headers: dict[str, str], *members: str) -> dict[str, Any]:
        for each in members:
            await self.enrol(each)
        told = {"organisation": SCHOOL, "name": "数学组", "members": list(members)}
        return await self.write("POST", "review-groups", headers, **told)

    async def claiming(self, review_id: str, person: str) -> str | None:
        """What keeps that person from claiming it, as the review says and as the claim is told."""
        headers = self.reviewer(person=person)
        seen = await self.review(review_id, headers)
        told = {each["action"]: each["guard"] for each in seen["refusals"]}
        answer = await self.act("claim", review_id, headers)
        if answer.status_code == 200:
            assert "claim" in seen["actions"]
            await self.done("release", review_id, headers)
            return None
        guard: str = answer.json()["guard"]
        assert told["claim"] == guard
        return guard


@pytest.fixture
def yard(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Yard:
    return Yard(client, owner, token, object_store(settings), app=app)


async def test_what_was_suspended_from_above_stays_so_until_it_is_restored_from_there(
    yard: Yard,
) -> None:
    made = await yard.published()
    assert (await yard.take("suspend", made, yard.administrator(CITY))).status_code == 200
    for action in ("restore", "retire"):
        assert await yard.refused(action, made, yard.administrator(SCHOOL)) == "authority"
    assert await yard.refused("retire", made, yard.teacher) == "authority"
    assert (await yard.take("restore", made, yard.administrator(CITY))).status_code == 200
    assert (await yard.take("suspend", made, yard.administrator(SCHOOL))).status_code == 200
    assert (await yard.take("restore", made, yard.administrator(PROVINCE))).status_code == 200
    assert (await yard.take("retire", made, yard.teacher)).status_code == 200


async def test_whose_authority_it_was_is_the_highest_that_they_have(yard: Yard) -> None:
    made = await yard.published()
    both = (f"administrator@{SCHOOL}", f"administrator@{CITY}")
    headers = yard.token(str(uuid7()), SCOPES, both)
    assert (await yard.take("suspend", made, headers)).status_code == 200
    assert await yard.refused("restore", made, yard.administrator(SCHOOL)) == "authority"
    # One that was written before authorities were noted is the top organisation's to end.
    await yard.owner.execute("ALTER TABLE notices DISABLE TRIGGER USER")
    await yard.owner.execute("UPDATE notices SET authority = NULL")
    await yard.owner.execute("ALTER TABLE notices ENABLE TRIGGER USER")
    assert await yard.refused("restore", made, headers) == "authority"
    assert (await yard.take("restore", made, yard.administrator(PROVINCE))).status_code == 200


async def test_no_maker_restores_what_was_suspended(yard: Yard) -> None:
    made = await yard.published()
    assert (await yard.take("suspend", made, yard.administrator(SCHOOL))).status_code == 200
    helper = {"act": {"sub": yard.subject}}
    helped = yard.token(str(uuid7()), SCOPES, (f"administrator@{CITY}",), **helper)
    for headers in (yard.principal, helped):
        assert await yard.refused("restore", made, headers) == "not_maker"
    assert (await yard.take("restore", made, yard.administrator(SCHOOL))).status_code == 200


@pytest.mark.parametrize("role", ["author", "editor", "translator", "other"])
async def test_whom_the_metadata_names_as_makers_refuse_it_but_do_not_approve(
    yard: Yard, role: str
) -> None:
    author = str(uuid7())
    review_id = await yard.submitted(await yard.with_authors(author, role=role))
    assert await yard.may_not_approve(review_id, author)
    assert (await yard.verdict(review_id, author, CHANGES)).status_code == 200
    assert (await yard.review(review_id))["state"] == "CHANGES_REQUESTED"


async def test_the_cataloguer_does_not_approve_it_and_who_reviewed_it_before_may(
    yard: Yard,
) -> None:
    cataloguer, reviewer = str(uuid7()), str(uuid7())
    named = {"cataloguer": {"name": "李静", "person_id": cataloguer}}
    review_id = await yard.submitted(await yard.with_authors(reviewer, role="reviewer", **named))
    assert await yard.may_not_approve(review_id, cataloguer)
    await yard.done("release", review_id, yard.reviewer(person=cataloguer))
    assert not await yard.may_not_approve(review_id, reviewer)


async def test_an_author_who_is_left_out_of_the_next_version_stays_one(yard: Yard) -> None:
    author = str(uuid7())
    made = await yard.with_authors(author)
    review_id = await yard.submitted(made)
    await yard.judge(review_id, yard.reviewer(), CHANGES)
    alone = {"metadata": {"contributors": [{"name": "张敏", "role": "author"}]}}
    assert (await yard.patch(await yard.read(made), alone)).status_code == 200
    assert await yard.submitted(made) == review_id
    assert await yard.may_not_approve(review_id, author)


async def test_nobody_approves_what_names_somebody_they_have_a_conflict_with(yard: Yard) -> None:
    author, reviewer = str(uuid7()), str(uuid7())
    told = {"organisation": SCHOOL, "reviewer": reviewer, "maker": author, "words": "系夫妻。"}
    await yard.write("POST", "review-conflicts", yard.administrator(SCHOOL), **told)
    review_id = await yard.submitted(await yard.with_authors(author))
    assert await yard.may_not_approve(review_id, reviewer)


async def test_naming_the_judges_of_a_level_does_not_leave_it_out(yard: Yard) -> None:
    school = {"kind": "SCHOOL", "skippable": True}
    await yard.policy(yard.administrator(CITY), CITY, school, {"kind": "CITY"})
    only_one, another = sorted(str(uuid7()) for _ in range(2))
    await yard.enrol(only_one)
    seen = await yard.review(await yard.submitted(await yard.with_authors(only_one)))
    assert (seen["level"], seen["assignee"]) == (0, only_one)
    await yard.enrol(another)
    seen = await yard.review(await yard.submitted(await yard.with_authors(another)))
    assert (seen["level"], seen["assignee"]) == (0, only_one)


async def test_taking_what_the_judges_of_a_level_uploaded_does_not_leave_it_out(yard: Yard) -> None:
    school = {"kind": "SCHOOL", "skippable": True}
    await yard.policy(yard.administrator(CITY), CITY, school, {"kind": "CITY"})
    only_one = str(uuid7())
    await yard.enrol(only_one)
    review_id = await yard.submitted(await yard.with_files_of(only_one))
    seen = await yard.review(review_id)
    assert (seen["level"], seen["assignee"]) == (0, None)
    assert await yard.claiming(review_id, only_one) == "not_maker"


async def test_taking_what_an_administrator_uploaded_undoes_nothing_that_they_arranged(
    yard: Yard,
) -> None:
    head, member, friend = (str(uuid7()) for _ in range(3))
    arranging = yard.token(head, SCOPES, (f"administrator@{SCHOOL}",))
    told = {"organisation": SCHOOL, "reviewer": friend, "maker": yard.subject, "words": "系夫妻。"}
    await yard.write("POST", "review-conflicts", arranging, **told)
    review_id = await yard.submitted(await yard.with_files_of(head))
    assert await yard.claiming(review_id, friend) == "no_conflict"
    assert await yard.queue(yard.reviewer(person=friend)) == []
    group = await yard.found(arranging, member)
    review_id = await yard.submitted(await yard.with_files_of(head))
    assert (await yard.review(review_id))["group_id"] == group["id"]
    assert await yard.claiming(review_id, str(uuid7())) == "no_conflict"
    assert await yard.claiming(review_id, member) is None


async def test_a_policy_that_a_maker_wrote_takes_no_level_away(yard: Yard) -> None:
    await yard.policy(yard.administrator(CITY), CITY, {"kind": "SCHOOL"}, {"kind": "CITY"})
    panel = {"kind": "SCHOOL", "needed": 2, "seats": 2, "skippable": True}
    await yard.policy(yard.principal, SCHOOL, panel)

    async def chain(made: dict[str, Any]) -> list[tuple[str, int, bool]]:
        seen = await yard.review(await yard.submitted(made))
        return [(each["kind"], each["needed"], each["skippable"]) for each in seen["chain"]]

    assert await chain(await yard.finished()) == [("SCHOOL", 2, False), ("CITY", 1, False)]


async def test_whom_an_author_names_administers_what_was_published(yard: Yard) -> None:
    named = str(uuid7())
    mine = {"name": "张敏", "role": "author"}
    editor = {"name": "李静", "role": "editor", "person_id": named}
    made = await yard.published(contributors=[mine, editor])
    headers = yard.token(named, SCOPES, (f"administrator@{SCHOOL}",))
    for action in ("suspend", "restore"):
        assert (await yard.take(action, made, headers)).status_code == 200


async def test_a_group_that_a_maker_founded_or_changed_is_passed_over(yard: Yard) -> None:
    friend, other = str(uuid7()), str(uuid7())
    await yard.found(yard.principal, friend)
    review_id = await yard.submitted(await yard.finished())
    assert (await yard.review(review_id))["group_id"] is None
    assert await yard.claiming(review_id, other) is None
    theirs = await yard.found(yard.administrator(SCHOOL), other)
    review_id = await yard.submitted(await yard.finished())
    assert (await yard.review(review_id))["group_id"] == theirs["id"]
    assert await yard.claiming(review_id, friend) == "no_conflict"
    tag = {**yard.principal, "if-match": '"v1"'}
    body = {"name": "数学组", "members": [friend]}
    await yard.write("PUT", f"review-groups/{theirs['id']}", tag, **body)
    assert await yard.claiming(review_id, other) is None
    assert [each["id"] for each in await yard.queue(yard.reviewer(person=other))][-1] == review_id


async def test_a_maker_assigns_the_case_to_nobody(yard: Yard) -> None:
    friend = str(uuid7())
    await yard.enrol(friend)
    review_id = await yard.submitted(await yard.finished())
    refused = await yard.act("assign", review_id, yard.principal, assignee=friend)
    assert (refused.status_code, refused.json()["guard"]) == (409, "not_maker")
    seen = await yard.review(review_id, yard.principal)
    assert ("assign", "not_maker") in [(e["action"], e["guard"]) for e in seen["refusals"]]


async def test_conflicts_that_a_maker_declares_or_lifts_do_not_count_for_the_case(
    yard: Yard,
) -> None:
    author, reviewer = str(uuid7()), str(uuid7())
    told = {"organisation": SCHOOL, "reviewer": reviewer, "maker": author, "words": "系夫妻。"}
    await yard.write("POST", "review-conflicts", yard.principal, **told)
    review_id = await yard.submitted(await yard.with_files_of(author))
    assert await yard.claiming(review_id, reviewer) is None
    made = await yard.write("POST", "review-conflicts", yard.administrator(SCHOOL), **told)
    assert await yard.claiming(review_id, reviewer) == "no_conflict"
    lift = f"review-conflicts/{made['id']}/lift"
    await yard.write("POST", lift, yard.principal, words="已无关。")
    assert await yard.claiming(review_id, reviewer) == "no_conflict"


async def test_nobody_says_in_the_name_of_a_reviewer_what_keeps_them_away(yard: Yard) -> None:
    helped = yard.reviewer(act={"sub": yard.subject})
    for what in ("absences", "conflicts"):
        url = f"{V1}/reviewers/me/{what}"
        refused = await yard.client.put(url, headers=helped, json={"items": []})
        assert refused.status_code == 403


async def test_the_queue_has_nothing_that_one_may_not_judge(yard: Yard) -> None:
    author, member, outsider, wife = (str(uuid7()) for _ in range(4))
    told = {"organisation": SCHOOL, "reviewer": wife, "maker": author, "words": "系夫妻。"}
    await yard.write("POST", "review-conflicts", yard.administrator(SCHOOL), **told)
    own = await yard.submitted(await yard.with_files_of(author))
    await yard.found(yard.administrator(SCHOOL), member)
    routed = await yard.submitted(await yard.finished())

    async def listed(person: str) -> list[str]:
        return [each["id"] for each in await yard.queue(yard.reviewer(person=person))]

    assert await listed(author) == []
    assert await listed(wife) == []
    assert await listed(outsider) == [own]
    assert await listed(member) == [own, routed]
