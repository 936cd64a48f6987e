"""What a client may do over SCIM to the accounts that it made, and to nobody else's."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Kind, OfficialCodes, Organisation
from services.identity.parts import people, scim
from services.identity.settings import Settings
from shared.principal import Principal
from shared.service import Runtime, application
from tests.service.house import Token

URL = "/identity/scim/v2"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class NoRevocations:
    async def revoke(self, *_what: object) -> None:
        """Nobody holds a token here."""


def build_scim(settings: Settings) -> FastAPI:
    """The SCIM part alone, with what it rests on."""
    runtime = Runtime("identity", settings, {})
    persons = people.build(runtime, settings, revocations=NoRevocations())
    part = scim.build(
        runtime,
        settings,
        stores=persons.stores,
        personal=persons.personal,
        revocations=NoRevocations(),
    )
    return application(
        runtime, title="identity", description="", parts=[part, persons], table=persons.table
    )


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_scim


class Directory:
    """A client of one organisation."""

    def __init__(self, client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, URL + path, json=body, headers={**self.headers, **told}
        )

    async def add(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        body = {"schemas": [USER], "userName": user_name, **attributes}
        answer = await self.send("POST", "/Users", body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"] == "application/scim+json"
        made: dict[str, Any] = answer.json()
        return made

    async def patch(self, id_: str, *operations: dict[str, Any], **headers: str) -> httpx2.Response:
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.send("PATCH", f"/Users/{id_}", body, **headers)


@pytest.fixture
def directory_at(
    client: httpx2.AsyncClient, token: Token
) -> Callable[[Organisation, str], Directory]:
    def directory(place: Organisation, name: str = "directory") -> Directory:
        grants = (f"integrator@{place.path}",)
        return Directory(client, token(name, "scim", grants, client_id=name))

    return directory


@pytest.fixture
def directory(
    province: Organisation, directory_at: Callable[[Organisation], Directory]
) -> Directory:
    return directory_at(province)


async def test_nobody_provisions_anonymously_and_is_told_so_in_scim(
    client: httpx2.AsyncClient,
) -> None:
    for method, path in (
        ("GET", "/Users"),
        ("POST", "/Users"),
        ("GET", "/Users/x"),
        ("PUT", "/Users/x"),
        ("PATCH", "/Users/x"),
        ("DELETE", "/Users/x"),
        ("POST", "/Users/.search"),
        ("GET", "/Schemas"),
    ):
        answer = await client.request(method, URL + path)
        assert answer.status_code == 401
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_another_scope_or_a_person_s_role_is_not_enough(
    client: httpx2.AsyncClient, token: Token, province: Organisation
) -> None:
    for scopes, grant in (
        ("identity.manage", f"integrator@{province.path}"),
        ("scim", f"administrator@{province.path}"),
    ):
        answer = await client.get(f"{URL}/Users", headers=token("someone", scopes, (grant,)))
        assert answer.status_code == 403
        assert answer.json()["status"] == "403"


async def test_a_client_sees_and_changes_its_own_accounts_alone(
    province: Organisation, directory: Directory, directory_at: Callable[..., Directory]
) -> None:
    made = await directory.add("li.ming")
    other = directory_at(province, "other")
    assert (await other.send("GET", f"/Users/{made['id']}")).status_code == 404
    assert (await other.send("DELETE", f"/Users/{made['id']}")).status_code == 404
    removal = {"op": "replace", "path": "displayName", "value": "x"}
    assert (await other.patch(made["id"], removal)).status_code == 404
    assert (await other.send("GET", "/Users")).json()["totalResults"] == 0
    taken = await other.send("POST", "/Users", {"schemas": [USER], "userName": "li.ming"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")


async def test_an_account_moved_beyond_the_client_s_organisation_is_beyond_it(
    organisations: Organisations,
    province: Organisation,
    directory_at: Callable[[Organisation], Directory],
    owner: asyncpg.Connection,
) -> None:
    caller = Principal("x", "x", frozenset(), {"grants": [f"administrator@{province.path}"]})
    first, second = [
        await organisations.create(caller, province.code, Kind.SCHOOL, name, OfficialCodes())
        for name in ("一中", "二中")
    ]
    school = directory_at(first)
    made = await school.add("li.ming")
    await owner.execute("UPDATE memberships SET organisation_id = $1", second.id)
    assert (await school.send("GET", f"/Users/{made['id']}")).status_code == 404


async def holding(
    owner: asyncpg.Connection, made: dict[str, Any], role: str, at: Organisation
) -> None:
    await owner.execute(
        "INSERT INTO role_grants (id, person_id, role, organisation_id, valid_from, granted_by,"
        " created_at) VALUES (gen_random_uuid(), $1, $3, $2, '2026-01-01', 'x', now())",
        UUID(made["id"]),
        at.id,
        role,
    )


async def test_no_client_changes_or_closes_the_account_of_an_office(
    directory: Directory, province: Organisation, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming")
    await holding(owner, made, "auditor", province)
    off = {"op": "replace", "path": "active", "value": False}
    renamed = {"op": "replace", "path": "userName", "value": "somebody.else"}
    answers = [
        await directory.patch(made["id"], off),
        await directory.patch(made["id"], renamed),
        await directory.send("DELETE", f"/Users/{made['id']}"),
    ]
    assert [each.status_code for each in answers] == [403] * 3
    assert await owner.fetchval("SELECT state FROM people") == "ACTIVE"
    assert not await owner.fetchval("SELECT valid_until FROM role_grants")


async def test_a_new_account_is_active_belongs_and_is_told(
    directory: Directory, province: Organisation, owner: asyncpg.Connection
) -> None:
    made = await directory.add(
        "Li.Ming",
        externalId="E-7",
        name={"familyName": "李", "givenName": "明"},
        emails=[{"value": "li.ming@school.example", "type": "work", "primary": True}],
        nickName="not kept",
    )
    assert made["userName"] == "li.ming"
    assert made["name"] == {"formatted": "李明", "familyName": "李", "givenName": "明"}
    assert made["emails"] == [{"value": "li.ming@school.example"}]
    assert await owner.fetchval("SELECT state FROM people") == "ACTIVE"
    kinds = await owner.fetch("SELECT kind, organisation_id FROM memberships")
    assert [tuple(each) for each in kinds] == [("other", province.id)]
    told = await owner.fetch("SELECT type FROM outbox WHERE aggregate = $1", made["id"])
    assert {each["type"] for each in told} == {
        "identity.membership.started.v1",
        "identity.person.activated.v1",
    }


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ('userName eq "LI.MING"', ["li.ming"]),
        ('emails eq "wang@school.example"', ["wang"]),
        ('emails.value eq "wang@school.example" and active eq true', ["wang"]),
        ('externalId eq "E-7"', ["li.ming"]),
        ("active eq false", []),
        ('userName eq "nobody at all"', []),
        ('id eq "x"', []),
    ],
)
async def test_whole_values_are_found(directory: Directory, filter_: str, found: list[str]) -> None:
    await directory.add("li.ming", externalId="E-7")
    await directory.add("wang", emails=[{"value": "wang@school.example"}])
    answer = await directory.client.get(
        f"{URL}/Users", params={"filter": filter_}, headers=directory.headers
    )
    assert answer.status_code == 200, answer.text
    assert [each["userName"] for each in answer.json().get("Resources", [])] == found


@pytest.mark.parametrize(
    "filter_",
    ['userName co "li"', 'displayName eq "x"', 'userName eq "a" or userName eq "b"', "(((", ""],
)
async def test_other_filters_are_refused(directory: Directory, filter_: str) -> None:
    answer = await directory.client.get(
        f"{URL}/Users", params={"filter": filter_}, headers=directory.headers
    )
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


async def test_lists_are_paged_from_one(directory: Directory) -> None:
    names = [(await directory.add(f"user.{number}"))["userName"] for number in range(5)]
    page = (await directory.send("GET", "/Users?startIndex=4&count=3")).json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 4, 2)
    assert [each["userName"] for each in page["Resources"]] == names[3:]
    assert (await directory.send("GET", "/Users?count=0")).json()["totalResults"] == 5


async def test_deactivating_suspends_and_activating_resumes(
    directory: Directory, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming", active=True)
    for active, state in ((False, "SUSPENDED"), (True, "ACTIVE")):
        operation = {"op": "replace", "path": "active", "value": active}
        assert (await directory.patch(made["id"], operation)).status_code == 204
        assert await owner.fetchval("SELECT state FROM people") == state
        read = (await directory.send("GET", f"/Users/{made['id']}")).json()
        assert read["active"] is active


async def test_what_a_client_does_to_an_account_is_audited_at_its_organisation(
    directory: Directory, owner: asyncpg.Connection, province: Organisation
) -> None:
    made = await directory.add("li.ming")
    operation = {"op": "replace", "path": "active", "value": False}
    assert (await directory.patch(made["id"], operation)).status_code == 204
    places = await owner.fetch("SELECT organisation FROM audit WHERE action LIKE 'person.%'")
    assert {each["organisation"] for each in places} == {province.path}


@pytest.mark.parametrize(("told", "kind"), [("Student", "student"), ("Employee", "other")])
async def test_a_student_is_a_pupil_and_a_minor_until_a_birth_date_is_known(
    directory: Directory,
    client: httpx2.AsyncClient,
    province: Organisation,
    token: Token,
    told: str,
    kind: str,
) -> None:
    made = await directory.add("li.ming", userType=told)
    assert made["userType"] == told
    manager = token("manager", "identity.read", (f"administrator@{province.path}",))
    read = await client.get(f"/identity/v1/people/{made['id']}", headers=manager)
    assert read.json()["minor"] is (kind == "student")
    assert [each["kind"] for each in read.json()["memberships"]] == [kind]


async def test_who_is_told_to_be_a_student_later_becomes_a_pupil(
    directory: Directory, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming")
    for _ in range(2):
        operation = {"op": "replace", "path": "userType", "value": "student"}
        assert (await directory.patch(made["id"], operation)).status_code == 204
    kinds = await owner.fetch("SELECT kind FROM memberships ORDER BY id")
    assert [each["kind"] for each in kinds] == ["other", "student"]


async def test_a_stale_etag_is_refused_and_a_fresh_one_is_not(directory: Directory) -> None:
    made = await directory.add("li.ming")
    stale = made["meta"]["version"]
    operation = {"op": "add", "path": "displayName", "value": "小明"}
    assert (await directory.patch(made["id"], operation, if_match=stale)).status_code == 204
    renamed = {"op": "replace", "path": "displayName", "value": "大明"}
    assert (await directory.patch(made["id"], renamed, if_match=stale)).status_code == 412
    fresh = (await directory.send("GET", f"/Users/{made['id']}")).headers["etag"]
    assert (await directory.patch(made["id"], renamed, if_match=fresh)).status_code == 204
    unchanged = await directory.send("GET", f"/Users/{made['id']}", if_none_match=fresh)
    assert unchanged.status_code == 200


async def test_who_teaches_is_not_made_a_pupil_of_unknown_age(
    directory: Directory, province: Organisation, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming")
    await holding(owner, made, "teacher", province)
    operation = {"op": "replace", "path": "userType", "value": "student"}
    answer = await directory.patch(made["id"], operation)
    assert (answer.status_code, answer.json()["status"]) == (409, "409")


async def test_a_removed_account_has_left_and_its_user_name_is_free(
    directory: Directory, province: Organisation, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming")
    await holding(owner, made, "teacher", province)
    assert (await directory.send("DELETE", f"/Users/{made['id']}")).status_code == 204
    assert (await directory.send("GET", f"/Users/{made['id']}")).status_code == 404
    assert await owner.fetchval("SELECT state FROM people") == "LEFT"
    assert await owner.fetchval("SELECT valid_until FROM role_grants") is not None
    again = await directory.add("li.ming")
    assert again["id"] != made["id"]


@pytest.mark.parametrize("user_name", ["13800138000", "a", "two words"])
async def test_a_user_name_that_would_mislead_sign_in_is_refused(
    directory: Directory, user_name: str
) -> None:
    body = {"schemas": [USER], "userName": user_name}
    answer = await directory.send("POST", "/Users", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


async def test_every_reading_of_a_minor_is_noted_for_the_guardian(
    client: httpx2.AsyncClient,
    directory: Directory,
    province: Organisation,
    token: Token,
    owner: asyncpg.Connection,
) -> None:
    made = await directory.add("pupil01")
    await directory.add("teacher01")
    manager = token("manager", "identity.read identity.manage", (f"administrator@{province.path}",))
    person = f"/identity/v1/people/{made['id']}"
    version = (await client.get(person, headers=manager)).headers["etag"]
    answer = await client.patch(
        person, headers={**manager, "if-match": version}, json={"birth_date": "2018-06-01"}
    )
    assert answer.status_code == 200, answer.text
    replaced = {"schemas": [USER], "userName": "pupil01", "displayName": "小明"}
    for method, path, body in (
        ("GET", f"/Users/{made['id']}", None),
        ("GET", "/Users", None),
        ("GET", '/Users?filter=userName eq "pupil01"', None),
        ("PUT", f"/Users/{made['id']}", replaced),
    ):
        await owner.execute("DELETE FROM audit")
        answer = await directory.send(method, path, body)
        assert answer.status_code == 200, answer.text
        noted = await owner.fetch("SELECT target FROM audit WHERE action = 'person.read'")
        assert {each["target"] for each in noted} == {made["id"]}, (method, path)
