"""Collections over HTTP: their items, who sees what of them, copies and lineage."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.parts import collections
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, OTHER_SCHOOL, SCHOOL, Desk, build_resources
from tests.service.house import Token

URL = "/catalog/v1/collections"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, collections.build)


class Shelf(Desk):
    """A teacher's desk, with collections."""

    async def collect(self, title: str = "分数单元", **others: Any) -> dict[str, Any]:
        body = {"title": title, "organisation": SCHOOL, **others}
        answer = await self.client.post(URL, headers=self.teacher, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def arrange(
        self, collection: dict[str, Any], *items: dict[str, Any], **headers: str
    ) -> httpx2.Response:
        tag = {"if-match": f'"v{collection["version"]}"'}
        return await self.client.put(
            f"{URL}/{collection['id']}/items",
            headers={**self.teacher, **tag, **headers},
            json={"items": list(items)},
        )

    async def arranged(self, collection: dict[str, Any], *items: dict[str, Any]) -> dict[str, Any]:
        answer = await self.arrange(collection, *items)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def items(
        self, collection: dict[str, Any], headers: dict[str, str] | None = None, query: str = ""
    ) -> list[dict[str, Any]]:
        url = f"{URL}/{collection['id']}/items{query}"
        answer = await self.client.get(url, headers=headers or self.teacher)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def copy(
        self, collection: dict[str, Any], headers: dict[str, str], **body: Any
    ) -> httpx2.Response:
        return await self.client.post(
            f"{URL}/{collection['id']}/copies", headers=headers, json=body
        )

    async def below(
        self, collection: dict[str, Any], rest: str, headers: dict[str, str]
    ) -> httpx2.Response:
        return await self.client.get(f"{URL}/{collection['id']}/{rest}", headers=headers)


@pytest.fixture
def shelf(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Shelf:
    return Shelf(client, owner, token, object_store(settings))


def reference(resource: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"resource_id": resource["id"], **others}


async def test_nobody_collects_anonymously_or_reads_what_is_not_theirs(shelf: Shelf) -> None:
    made = await shelf.collect()
    url = f"{URL}/{made['id']}"
    assert (await shelf.client.post(URL, json={"title": "一"})).status_code == 401
    assert (await shelf.client.get(url)).status_code == 401
    student = shelf.token(str(uuid7()), "catalog.read catalog.write", (f"student@{SCHOOL}",))
    assert (await shelf.client.post(URL, headers=student, json={"title": "一"})).status_code == 403
    for headers in (shelf.colleague(), shelf.administrator(OTHER_SCHOOL), student):
        for rest in ("", "/items", "/lineage", "/differences"):
            assert (await shelf.client.get(url + rest, headers=headers)).status_code == 404
        tag = {**headers, "if-match": '"v1"'}
        assert (await shelf.client.patch(url, headers=tag, json={})).status_code == 404
        assert (await shelf.client.delete(url, headers=tag)).status_code == 404
        put = await shelf.client.put(f"{url}/items", headers=tag, json={"items": []})
        assert put.status_code == 404
    above = shelf.administrator(CITY)
    assert (await shelf.client.get(url, headers=above)).status_code == 200
    refused = await shelf.client.delete(url, headers={**above, "if-match": '"v1"'})
    assert refused.status_code == 403


async def test_a_collection_keeps_the_order_the_pins_and_the_notes_it_is_given(
    shelf: Shelf,
) -> None:
    made = await shelf.collect(description="第一单元")
    assert made["code"].startswith("Z-")
    assert (made["state"], made["item_count"], made["derived_from"]) == ("DRAFT", 0, None)
    draft, pinned = await shelf.create({"title": "草稿"}), await shelf.finished()
    assert (await shelf.freeze(pinned)).status_code == 201
    await shelf.patch(await shelf.read(pinned), {"metadata": {"title": "草稿里的新题"}})
    after = await shelf.arranged(made, reference(pinned, version=1, note="先看"), reference(draft))
    assert (after["item_count"], after["version"]) == (2, 2)
    first, second = await shelf.items(made)
    assert first["note"] == "先看"
    assert (first["version"], first["resource"]["version"]) == (1, 1)
    assert first["resource"]["title"] == "分数的初步认识"
    assert (second["version"], second["resource"]["title"]) == (None, "草稿")
    turned = await shelf.arranged(after, reference(draft), reference(pinned, version=1))
    assert [each["position"] for each in await shelf.items(turned)] == [0, 1]
    assert (await shelf.items(turned))[0]["resource_id"] == draft["id"]


async def test_the_same_arrangement_again_changes_nothing(shelf: Shelf) -> None:
    made, resource = await shelf.collect(), await shelf.create()
    after = await shelf.arranged(made, reference(resource))
    assert (await shelf.arranged(after, reference(resource)))["version"] == after["version"]


async def test_every_bad_reference_is_told_at_once_and_none_is_kept(shelf: Shelf) -> None:
    made, mine = await shelf.collect(), await shelf.finished()
    assert (await shelf.freeze(mine)).status_code == 201
    stranger = Desk(shelf.client, shelf.owner, shelf.token, shelf.objects)
    hidden = await stranger.create({"title": "机密"}, organisation=None)
    answer = await shelf.arrange(
        made,
        reference(mine, version=9),
        {"resource_id": str(uuid7())},
        reference(hidden),
        reference(mine),
    )
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"].endswith("catalog/items-refused")
    assert [each["pointer"] for each in told["errors"]] == [
        "#/items/0/version",
        "#/items/1/resource_id",
        "#/items/2/resource_id",
        "#/items/3/resource_id",
    ]
    assert "机密" not in answer.text
    assert await shelf.items(made) == []


async def test_what_a_reader_may_not_see_shows_as_unavailable_without_its_title(
    shelf: Shelf,
) -> None:
    made = await shelf.collect()
    own = await shelf.create({"title": "机密草稿"}, organisation=None)
    live = await shelf.finished()
    assert (await shelf.freeze(live)).status_code == 201
    await shelf.publish(live)
    await shelf.arranged(made, reference(own), reference(live))
    administrator = shelf.administrator(SCHOOL)
    hidden, seen = await shelf.items(made, administrator)
    assert (hidden["available"], hidden["resource"]) == (False, None)
    assert (seen["available"], seen["resource"]["title"]) == (True, "分数的初步认识")
    text = (await shelf.below(made, "items", administrator)).text
    assert "机密" not in text
    assert own["code"] not in text


async def test_a_reference_outlives_its_resource_and_may_still_be_moved(shelf: Shelf) -> None:
    made, doomed, stays = await shelf.collect(), await shelf.create(), await shelf.create()
    after = await shelf.arranged(made, reference(doomed), reference(stays))
    gone = await shelf.client.delete(
        f"/catalog/v1/resources/{doomed['id']}", headers={**shelf.teacher, "if-match": '"v1"'}
    )
    assert gone.status_code == 204
    await shelf.arranged(after, reference(stays), reference(doomed))
    assert [each["available"] for each in await shelf.items(made)] == [True, False]


async def test_a_change_needs_the_version_that_was_read(shelf: Shelf) -> None:
    made = await shelf.collect()
    url = f"{URL}/{made['id']}"
    missing = await shelf.client.patch(url, headers=shelf.teacher, json={"title": "新"})
    assert missing.status_code == 428
    tag = {**shelf.teacher, "if-match": '"v1"'}
    changed = await shelf.client.patch(url, headers=tag, json={"title": "新"})
    assert (changed.json()["title"], changed.headers["etag"]) == ("新", '"v2"')
    assert (await shelf.client.patch(url, headers=tag, json={"title": "二"})).status_code == 412
    assert (await shelf.arrange(made)).status_code == 412
    untitled = await shelf.client.patch(url, headers=tag, json={"title": None})
    assert untitled.status_code == 422


async def test_of_two_arrangements_at_once_one_is_kept(shelf: Shelf) -> None:
    made = await shelf.collect()
    one, two = await shelf.create(), await shelf.create()
    answers = await asyncio.gather(
        shelf.arrange(made, reference(one)), shelf.arrange(made, reference(two))
    )
    assert sorted(each.status_code for each in answers) == [200, 412]
    assert len(await shelf.items(made)) == 1


async def test_a_repeated_request_creates_one_collection(shelf: Shelf) -> None:
    headers = {**shelf.teacher, "idempotency-key": str(uuid7())}
    first, second = [
        await shelf.client.post(URL, headers=headers, json={"title": "一"}) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert await shelf.owner.fetchval("SELECT count(*) FROM collections") == 1


async def test_a_copy_remembers_its_line_and_what_differs_from_its_origin(shelf: Shelf) -> None:
    made, one, two = await shelf.collect(), await shelf.create(), await shelf.create()
    made = await shelf.arranged(made, reference(one), reference(two, note="备用"))
    above = shelf.token(str(uuid7()), "catalog.read catalog.write", (f"administrator@{CITY}",))
    assert (await shelf.copy(made, shelf.colleague())).status_code == 404
    copy = (await shelf.copy(made, above, title="市级单元")).json()
    assert copy["derived_from"] == {"collection_id": made["id"], "version": made["version"]}
    assert [each["note"] for each in await shelf.items(copy, above)] == [None, "备用"]
    again = (await shelf.copy(copy, above)).json()
    await shelf.arranged(made, reference(two), reference(one))
    line = (await shelf.below(again, "lineage", above)).json()["items"]
    assert [(each["code"], each["version"]) for each in line] == [
        (copy["code"], 1),
        (made["code"], 2),
    ]
    assert line[1]["present_version"] == 3
    told = (await shelf.below(copy, "differences", above)).json()
    assert told["fields"] == [{"field": "title", "before": "分数单元", "after": "市级单元"}]
    assert told["reordered"] is True
    assert (told["added"], told["removed"]) == ([], [])
    assert told["changed"][0]["before"]["note"] is None
    assert (await shelf.below(made, "differences", shelf.teacher)).status_code == 404


async def test_the_line_hides_what_the_reader_may_not_see_or_is_gone(shelf: Shelf) -> None:
    made = await shelf.collect("机密合集")
    copy = (await shelf.copy(made, shelf.teacher)).json()
    await shelf.owner.execute(
        "UPDATE collections SET owner = 'another', organisation_path = NULL WHERE id = $1",
        UUID(made["id"]),
    )
    hidden = await shelf.below(copy, "lineage", shelf.teacher)
    assert [each["available"] for each in hidden.json()["items"]] == [False]
    assert "机密" not in hidden.text
    assert (await shelf.below(copy, "differences", shelf.teacher)).status_code == 404
    await shelf.owner.execute("DELETE FROM collections WHERE id = $1", UUID(made["id"]))
    gone = (await shelf.below(copy, "lineage", shelf.teacher)).json()["items"]
    assert [each["collection_id"] for each in gone] == [made["id"]]


async def test_a_deleted_collection_leaves_its_resources(shelf: Shelf) -> None:
    made, resource = await shelf.collect(), await shelf.create()
    after = await shelf.arranged(made, reference(resource))
    tag = {**shelf.teacher, "if-match": f'"v{after["version"]}"'}
    url = f"{URL}/{made['id']}"
    assert (await shelf.client.delete(url, headers=tag)).status_code == 204
    assert (await shelf.client.get(url, headers=shelf.teacher)).status_code == 404
    assert (await shelf.read(resource))["id"] == resource["id"]


async def test_lists_go_page_by_page_and_show_administrators_their_schools(shelf: Shelf) -> None:
    made = [(await shelf.collect(str(number)))["id"] for number in range(3)]
    page = (await shelf.client.get(f"{URL}?limit=2", headers=shelf.teacher)).json()
    assert [each["id"] for each in page["items"]] == [made[2], made[1]]
    rest = f"{URL}?limit=2&cursor={page['next']}"
    last = (await shelf.client.get(rest, headers=shelf.teacher)).json()
    assert ([each["id"] for each in last["items"]], last["next"]) == ([made[0]], None)
    by_school = f"{URL}?organisation={SCHOOL}"
    seen = await shelf.client.get(by_school, headers=shelf.administrator(SCHOOL))
    assert len(seen.json()["items"]) == 3
    for headers in (shelf.colleague(), shelf.administrator(OTHER_SCHOOL)):
        assert (await shelf.client.get(by_school, headers=headers)).status_code == 403
    assert (await shelf.client.get(URL, headers=shelf.colleague())).json()["items"] == []


async def test_a_page_of_items_takes_two_statements_however_many_there_are(
    shelf: Shelf, statements: list[str]
) -> None:
    made = await shelf.collect()
    few = await shelf.arranged(made, reference(await shelf.create()))
    statements.clear()
    await shelf.items(made)
    assert len(statements) == 2
    many = [reference(await shelf.create()) for _ in range(12)]
    await shelf.arranged(few, *many)
    statements.clear()
    assert len(await shelf.items(made)) == 12
    assert len(statements) == 2
    page = (await shelf.below(made, "items?limit=5", shelf.teacher)).json()
    rest = await shelf.items(made, query=f"?limit=10&cursor={page['next']}")
    assert [each["position"] for each in rest] == list(range(5, 12))


async def test_its_code_is_found_by_those_who_may_read_it(shelf: Shelf, token: Token) -> None:
    made = await shelf.collect()
    url = "/catalog/v1/codes"
    assert (await shelf.client.get(f"{url}/{made['code']}")).status_code == 404
    stranger = token("stranger", "catalog.read", (f"teacher@{OTHER_SCHOOL}",))
    assert (await shelf.client.get(f"{url}/{made['code']}", headers=stranger)).status_code == 404
    for typed in (made["code"], made["code"].lower().replace("-", " ")):
        answer = await shelf.client.get(f"{url}/{typed}", headers=shelf.teacher)
        assert answer.json() == {
            "code": made["code"],
            "kind": "collection",
            "collection_id": made["id"],
            "location": f"{URL}/{made['id']}",
        }
