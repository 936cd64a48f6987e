from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.people import (
    V1,
    World,
    build_people,
    crowd,
    make_world,
)

PEOPLE = f"{V1}/people"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


class TestLists:
    async def page(
        self, world: World, headers: dict[str, str] | None = None, **query: str
    ) -> httpx2.Response:
        query.setdefault("organisation", world.school.ref)
        return await world.client.get(
            PEOPLE, headers=headers or world.admin(world.province), params=query
        )

    async def test_everybody_comes_once_with_the_memberships_there(self, world: World) -> None:
        pupil = await world.invite(world.school)
        for place in (world.room, world.other_school):
            await world.client.post(
                f"{PEOPLE}/{pupil['id']}/memberships",
                headers=world.admin(world.province),
                json={"organisation_id": place.ref, "kind": "student"},
            )
        await world.invite(world.other_school)
        answer = await self.page(world)
        (found,) = answer.json()["items"]
        assert found["id"] == pupil["id"]
        paths = {each["path"] for each in found["memberships"]}
        assert paths == {world.school.path, world.room.path}

    async def test_pages_go_through_the_tree_and_miss_nobody(self, world: World) -> None:
        invited = [
            (await world.invite(place, f"学生{number}"))["id"]
            for number, place in enumerate((world.room, world.school, world.other_school) * 3)
        ]
        seen: list[str] = []
        query = {"organisation": world.county.code, "limit": "2"}
        while True:
            answer = (await self.page(world, None, **query)).json()
            seen += [each["id"] for each in answer["items"]]
            assert len(answer["items"]) <= 2
            if answer["next"] is None:
                break
            query["cursor"] = answer["next"]
        assert sorted(seen) == sorted(invited)

    async def test_a_cursor_of_another_list_is_refused(self, world: World) -> None:
        for name in ("甲", "乙"):
            await world.invite(world.school, name)
        cursor = (await self.page(world, limit="1")).json()["next"]
        answer = await self.page(world, limit="1", cursor=cursor, organisation=world.county.ref)
        assert answer.status_code == 400

    @pytest.mark.parametrize("typed", ["欧阳 娜娜", "nana", "13800008000", "CODE"])
    async def test_people_are_found_by_whole_name_code_or_identifier(
        self, world: World, typed: str
    ) -> None:
        await world.invite(world.school)
        wanted = await world.invite(
            world.school,
            "欧阳娜娜",
            identifiers=[
                {"kind": "username", "value": "nana"},
                {"kind": "phone", "value": "13800008000"},
            ],
        )
        q = wanted["code"].lower() if typed == "CODE" else typed
        answer = await self.page(world, q=q)
        assert [each["id"] for each in answer.json()["items"]] == [wanted["id"]]
        assert (await self.page(world, q="nobody")).json()["items"] == []

    async def test_who_left_comes_when_asked_for(self, world: World) -> None:
        pupil = await world.active(world.school)
        await world.act(pupil, "leave")
        assert (await self.page(world)).json()["items"] == []
        (left,) = (await self.page(world, state="LEFT")).json()["items"]
        assert left["id"] == pupil["id"]

    async def test_who_was_to_come_and_does_not_is_listed_no_more(self, world: World) -> None:
        place = {"organisation_id": world.school.ref, "kind": "student", "valid_from": "2027-03-01"}
        pupil = await world.invite(world.school, membership=place)
        assert [each["id"] for each in (await self.page(world)).json()["items"]] == [pupil["id"]]
        [future] = (await world.read(pupil["id"]))["memberships"]
        cancelled = await world.client.delete(
            f"{V1}/memberships/{future['id']}",
            headers={**world.admin(world.school), "if-match": '"v1"'},
        )
        assert cancelled.status_code == 204
        assert (await self.page(world)).json()["items"] == []
        assert (await self.page(world, q=pupil["code"])).json()["items"] == []

    async def test_a_teacher_lists_the_class_that_the_role_names(self, world: World) -> None:
        await world.invite(world.room)
        teacher = world.as_role("teacher", world.room)
        assert len((await self.page(world, teacher, organisation=world.room.ref)).json()["items"])
        for place in (world.school, world.other_school):
            answer = await self.page(world, teacher, organisation=place.ref)
            assert answer.status_code == 403
        elsewhere = await self.page(
            world, world.as_role("teacher", world.school), organisation=world.room.ref
        )
        assert elsewhere.status_code == 403

    async def test_a_security_administrator_lists_whom_to_give_roles(self, world: World) -> None:
        await world.invite(world.room)
        security = world.security(world.school)
        assert (await self.page(world, security)).status_code == 200
        other = await self.page(world, security, organisation=world.other_school.ref)
        assert other.status_code == 403

    async def test_an_unknown_organisation_is_not_found(self, world: World) -> None:
        answer = await self.page(world, organisation=str(uuid7()))
        assert answer.status_code == 404

    async def test_the_number_of_statements_does_not_grow_with_the_page(
        self, world: World, statements: list[str]
    ) -> None:
        for number in range(12):
            await world.invite(world.room, f"学生{number}", birth_date="2016-01-01")
        counts = []
        for limit in ("2", "10", "100"):
            await self.page(world)
            statements.clear()
            answer = await self.page(world, limit=limit)
            assert len(answer.json()["items"]) == min(int(limit), 12)
            counts.append(len(statements))
        assert counts == [5, 5, 5]


class TestAmongMany:
    """Where thousands have accounts, nobody's request reads through them all."""

    @pytest.fixture
    async def plans(
        self, world: World, app: FastAPI
    ) -> AsyncIterator[Callable[[], Awaitable[str]]]:
        """How PostgreSQL runs what the service has sent since the fixture was asked for."""
        await crowd(world.owner, world.room, 5000)
        sent: list[tuple[str, tuple[Any, ...]]] = []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            if statement.lstrip().startswith("SELECT"):
                sent.append((statement, parameters))

        async def plans() -> str:
            explained = [
                row[0]
                for statement, parameters in sent
                for row in await world.owner.fetch(f"EXPLAIN {statement}", *parameters)
            ]
            return "\n".join(explained)

        engine = app.state.runtime.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        yield plans
        event.remove(engine, "before_cursor_execute", note)

    @pytest.mark.parametrize("q", [{}, {"q": "张伟"}])
    async def test_a_page_of_a_school_reads_its_own_people(
        self, world: World, plans: Callable[[], Awaitable[str]], q: dict[str, str]
    ) -> None:
        await world.invite(world.school)
        answer = await world.client.get(
            PEOPLE,
            headers=world.admin(world.school),
            params={"organisation": world.school.ref, "state": "INVITED", "limit": "1", **q},
        )
        assert len(answer.json()["items"]) == 1
        told = await plans()
        for table in ("people", "memberships", "identifiers"):
            assert f"Seq Scan on {table}" not in told, told
