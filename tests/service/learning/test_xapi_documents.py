"""State and profiles: kept, merged, guarded by entity tags, apart by organisation."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.service.learning.conftest import OTHER_SCHOOL, Register
from tests.service.learning.statements import AGENT, LESSON

WHO = json.dumps(AGENT)
PLACES: dict[str, dict[str, str]] = {
    "/activities/state": {"activityId": LESSON, "agent": WHO, "stateId": "bookmark"},
    "/activities/profile": {"activityId": LESSON, "profileId": "words"},
    "/agents/profile": {"agent": WHO, "profileId": "wishes"},
}
V1 = "http://learning.test/learning/xapi/1.0.3"
V1_HEADERS = {"x-experience-api-version": "1.0.3"}
NEW = {"if-none-match": "*"}


@pytest.fixture(params=PLACES)
def path(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


async def put(client: httpx2.AsyncClient, path: str, body: Any, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.put(path, params=PLACES[path], json=body, headers=named)


async def get(client: httpx2.AsyncClient, path: str) -> httpx2.Response:
    return await client.get(path, params=PLACES[path])


async def test_a_document_comes_back_byte_for_byte(client: httpx2.AsyncClient, path: str) -> None:
    headers = {"content-type": "image/png", **NEW}
    answer = await client.put(path, params=PLACES[path], content=b"\x89PNG\0", headers=headers)
    assert answer.status_code == 204
    found = await get(client, path)
    assert (found.content, found.headers["content-type"]) == (b"\x89PNG\0", "image/png")
    assert found.headers["last-modified"]
    again = await client.get(
        path, params=PLACES[path], headers={"if-none-match": found.headers["etag"]}
    )
    assert again.status_code == 304


async def test_a_tag_guards_every_change(client: httpx2.AsyncClient, path: str) -> None:
    assert (await put(client, path, {"a": 1}, if_none_match="*")).status_code == 204
    tag = (await get(client, path)).headers["etag"]
    assert len(tag) == 42
    assert (await put(client, path, {"a": 2})).status_code == 409
    assert (await put(client, path, {"a": 2}, if_none_match="*")).status_code == 412
    assert (await put(client, path, {"a": 2}, if_match='"no"')).status_code == 412
    stale = {"if-match": '"no"'}
    for method in ("POST", "DELETE"):
        answer = await client.request(
            method, path, params=PLACES[path], json={"a": 2}, headers=stale
        )
        assert answer.status_code == 412
    assert (await get(client, path)).json() == {"a": 1}
    assert (await put(client, path, {"a": 2}, if_match=tag)).status_code == 204
    assert (await put(client, path, {"a": 3}, if_match=tag)).status_code == 412
    assert (await get(client, path)).json() == {"a": 2}


async def test_of_two_writers_with_one_tag_one_wins(client: httpx2.AsyncClient, path: str) -> None:
    await put(client, path, {"n": 0}, if_none_match="*")
    tag = (await get(client, path)).headers["etag"]
    answers = await asyncio.gather(
        *(put(client, path, {"n": n}, if_match=tag) for n in range(1, 6))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 412, 412, 412, 412]


async def test_the_first_version_lets_state_be_overwritten_and_asks_profiles_for_a_word(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.put(V1 + path, params=PLACES[path], json={"a": 1}, headers=V1_HEADERS)
    assert answer.status_code == (204 if path.endswith("state") else 400)


async def test_post_puts_members_over_those_that_are_there(
    client: httpx2.AsyncClient, path: str
) -> None:
    for body in ({"a": 1, "b": {"c": 1}}, {"b": 2}):
        answer = await client.post(path, params=PLACES[path], json=body)
        assert answer.status_code == 204
    assert (await get(client, path)).json() == {"a": 1, "b": 2}
    for bad in (b"[1]", b"{"):
        answer = await client.post(
            path, params=PLACES[path], content=bad, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
    answer = await client.post(
        path, params=PLACES[path], content=b"x", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 400


async def test_names_are_listed_and_documents_taken_away(
    client: httpx2.AsyncClient, path: str
) -> None:
    place = {name: text for name, text in PLACES[path].items() if not name.endswith("Id")} | (
        {"activityId": LESSON} if "activityId" in PLACES[path] else {}
    )
    [key] = PLACES[path].keys() - place.keys()
    for name in ("b", "a"):
        await client.put(path, params={**place, key: name}, json={}, headers=NEW)
    assert (await client.get(path, params=place)).json() == ["a", "b"]
    later = {**place, "since": "2100-01-01T00:00:00Z"}
    assert (await client.get(path, params=later)).json() == []
    assert (await client.delete(path, params={**place, key: "a"})).status_code == 204
    assert (await client.get(path, params={**place, key: "a"})).status_code == 404
    cleared = await client.delete(path, params=place)
    assert cleared.status_code == (204 if key == "stateId" else 400)


async def test_what_is_kept_of_people_is_the_applications_own_and_of_activities_the_schools(
    client: httpx2.AsyncClient, register: Register, path: str
) -> None:
    await put(client, path, {"a": 1}, if_none_match="*")
    neighbour, stranger = await register("neighbour"), await register("stranger", OTHER_SCHOOL)
    found = await client.get(path, params=PLACES[path], headers=neighbour)
    assert found.status_code == (200 if path == "/activities/profile" else 404)
    found = await client.get(path, params=PLACES[path], headers=stranger)
    assert found.status_code == 404


async def test_states_of_two_attempts_are_two(client: httpx2.AsyncClient) -> None:
    path, attempt = "/activities/state", "0193a000-0000-7000-8000-000000000002"
    await put(client, path, {"a": 1}, if_none_match="*")
    params = {**PLACES[path], "registration": attempt}
    assert (await client.get(path, params=params)).status_code == 404
    assert (await client.put(path, params=params, json={"a": 2})).status_code == 204
    assert (await get(client, path)).json() == {"a": 1}


@pytest.mark.parametrize(
    "change", [{"agent": "x"}, {"activityId": "x"}, {"colour": "red"}, {"registration": "1"}]
)
async def test_a_malformed_place_is_refused(
    client: httpx2.AsyncClient, change: dict[str, str]
) -> None:
    params = {**PLACES["/activities/state"], **change}
    for method in ("GET", "PUT", "POST", "DELETE"):
        answer = await client.request(method, "/activities/state", params=params, json={})
        assert answer.status_code == 400
