"""Dictionaries over HTTP: for anybody to read, for the province's administrators to change."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.service.catalog.vocabularies import PROVINCE, admin, build, starter_set
from tests.service.house import Token

__all__ = ["admin", "build", "starter_set"]

URL = "/catalog/v1/dictionaries"
TERM = {"code": "suke", "name_zh": "苏科版", "aliases": ["江苏科技版"], "position": 300}
WRITES: list[tuple[str, str, Any]] = [
    ("POST", f"{URL}/edition/terms", TERM),
    ("PATCH", f"{URL}/edition/terms/renjiao", {"name_zh": "人民教育版"}),
    ("GET", f"{URL}/edition/history", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_the_anonymous_change_nothing(
    client: httpx2.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await client.request(method, path, json=body, headers={"if-match": '"v1"'})
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize(
    "grant", [f"administrator@{PROVINCE}.C2", "administrator@C2", f"teacher@{PROVINCE}"]
)
async def test_only_administrators_of_the_province_change_dictionaries(
    client: httpx2.AsyncClient, token: Token, method: str, path: str, body: Any, grant: str
) -> None:
    headers = {**token("other", "catalog.read catalog.write", (grant,)), "if-match": '"v1"'}
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 403
    assert (await client.get(f"{URL}/edition")).json()["version"] == 1


async def test_anybody_lists_the_dictionaries_in_one_statement(
    client: httpx2.AsyncClient, statements: list[str]
) -> None:
    statements.clear()
    first = (await client.get(URL, params={"limit": 10})).json()
    assert len(statements) == 1
    rest = (await client.get(URL, params={"limit": 10, "cursor": first["next"]})).json()
    codes = [each["code"] for each in first["items"] + rest["items"]]
    assert codes == sorted(codes)
    assert len(codes) == 13
    assert rest["next"] is None
    assert {"review_criterion": 7}.items() <= {
        each["code"]: each["terms"] for each in first["items"] + rest["items"]
    }.items()


async def test_a_dictionary_is_read_with_its_terms_and_kept_until_it_changes(
    client: httpx2.AsyncClient, statements: list[str]
) -> None:
    answer = await client.get(f"{URL}/review_criterion")
    assert answer.headers["etag"] == '"v1"'
    names = [term["name_zh"] for term in answer.json()["terms"]]
    assert names == ["政治性", "导向性", "科学性", "适用性", "规范性", "时效性", "公益性"]
    statements.clear()
    again = await client.get(f"{URL}/review_criterion", headers={"if-none-match": '"v1"'})
    assert (again.status_code, again.content) == (304, b"")
    assert len(statements) == 1


async def test_an_unknown_dictionary_or_version_is_not_found(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"{URL}/nothing")).status_code == 404
    assert (await client.get(f"{URL}/stage", params={"version": 9})).status_code == 404


async def test_a_new_term_makes_a_new_version_and_the_old_one_can_be_asked(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    headers = {**admin, "if-match": '"v1"'}
    answer = await client.post(f"{URL}/edition/terms", json=TERM, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"v2"'
    assert answer.json()["since"] == 2
    now = (await client.get(f"{URL}/edition")).json()
    then = (await client.get(f"{URL}/edition", params={"version": 1})).json()
    assert now["version"] == 2
    assert {term["code"] for term in now["terms"]} - {t["code"] for t in then["terms"]} == {"suke"}


async def test_a_retired_term_still_resolves_and_an_earlier_version_has_it_active(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    path = f"{URL}/edition/terms/renjiao"
    body = {"state": "RETIRED"}
    answer = await client.patch(path, json=body, headers={**admin, "if-match": '"v1"'})
    assert answer.json()["state"] == "RETIRED"
    for version, state in ((1, "ACTIVE"), (2, "RETIRED")):
        found = (await client.get(f"{URL}/edition", params={"version": version})).json()
        assert next(t["state"] for t in found["terms"] if t["code"] == "renjiao") == state


async def test_every_defect_of_a_term_is_told(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    body = {"code": "x", "parent": "renjiao", "name_zh": "书\u202e名", "aliases": ["甲|乙"]}
    answer = await client.post(
        f"{URL}/edition/terms", json=body, headers={**admin, "if-match": '"v1"'}
    )
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("catalog/terms-refused")
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert pointers == ["#/name_zh", "#/aliases", "#/parent"]


async def test_a_term_cannot_stand_below_itself(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.patch(
        f"{URL}/stage/terms/primary",
        json={"parent": "primary-54"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert answer.status_code == 422
    assert "primary → primary-54 → primary" in answer.json()["errors"][0]["detail"]


async def test_a_term_with_active_terms_below_it_is_not_retired(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.patch(
        f"{URL}/stage/terms/primary",
        json={"state": "RETIRED"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert answer.json()["errors"][0]["pointer"] == "#/state"


async def test_a_change_asks_for_the_version_that_was_read(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    path, body = f"{URL}/edition/terms/renjiao", {"name_en": "PEP"}
    assert (await client.patch(path, json=body, headers=admin)).status_code == 428
    stale = await client.patch(path, json=body, headers={**admin, "if-match": '"v7"'})
    assert stale.status_code == 412


async def test_a_taken_code_is_a_conflict(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.post(
        f"{URL}/edition/terms",
        json={**TERM, "code": "renjiao"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert answer.status_code == 409


async def test_a_name_of_an_active_term_is_a_conflict(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    path = f"{URL}/edition/terms"
    headers = {**admin, "if-match": '"v1"'}
    added = await client.post(path, json={**TERM, "name_zh": "人教版"}, headers=headers)
    changed = await client.patch(f"{path}/beishida", json={"name_zh": "人教版"}, headers=headers)
    for answer in (added, changed):
        assert answer.status_code == 409
        assert answer.json()["pointer"] == "#/name_zh"
        assert "renjiao" in answer.json()["detail"]
    retired = await client.patch(f"{path}/renjiao", json={"state": "RETIRED"}, headers=headers)
    after = {**admin, "if-match": retired.headers["etag"]}
    answer = await client.post(path, json={**TERM, "name_zh": "人教版"}, headers=after)
    assert answer.status_code == 201


async def test_a_repeated_addition_makes_one_term(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    headers = {**admin, "if-match": '"v1"', "idempotency-key": "one-term"}
    first = await client.post(f"{URL}/edition/terms", json=TERM, headers=headers)
    again = await client.post(f"{URL}/edition/terms", json=TERM, headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (await client.get(f"{URL}/edition")).json()["version"] == 2


async def test_a_change_that_changes_nothing_makes_no_version(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.patch(
        f"{URL}/edition/terms/renjiao",
        json={"name_zh": "人教版"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert answer.headers["etag"] == '"v1"'


async def test_of_two_changes_at_once_one_is_told_that_it_came_late(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answers = await asyncio.gather(
        *(
            client.patch(
                f"{URL}/edition/terms/renjiao",
                json={"name_en": name},
                headers={**admin, "if-match": '"v1"'},
            )
            for name in ("PEP", "People's")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_the_history_tells_who_changed_which_codes_and_is_audited(
    client: httpx2.AsyncClient, admin: dict[str, str], owner: asyncpg.Connection
) -> None:
    await client.post(f"{URL}/edition/terms", json=TERM, headers={**admin, "if-match": '"v1"'})
    page = (await client.get(f"{URL}/edition/history?limit=1", headers=admin)).json()
    assert [(each["version"], each["actor"], each["added"]) for each in page["items"]] == [
        (2, "admin", ["suke"])
    ]
    rest = await client.get(
        f"{URL}/edition/history", params={"limit": 1, "cursor": page["next"]}, headers=admin
    )
    assert [each["actor"] for each in rest.json()["items"]] == ["system"]
    entry = await owner.fetchrow("SELECT actor, action, target FROM audit")
    assert tuple(entry) == ("admin", "dictionary.changed", "edition")
