"""Values that a client sends over SCIM pass the rules that every other way in has."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.application.scim import Provisioning
from services.identity.domain.organisations import Organisation
from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.test_scim import PATCH, URL, USER, Directory, build_scim

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
FAR = 99999999999999999999


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_scim


@pytest.fixture
def directory(client: httpx2.AsyncClient, token: Token, province: Organisation) -> Directory:
    grants = (f"integrator@{province.path}",)
    return Directory(client, token("directory", "scim", grants, client_id="directory"))


def refused(answer: httpx2.Response) -> str:
    """What a SCIM error says of a value."""
    assert answer.status_code == 400, answer.text
    told: dict[str, Any] = answer.json()
    assert (told["schemas"], told["scimType"]) == ([ERROR], "invalidValue")
    return str(told["detail"])


UNFIT: list[dict[str, Any]] = [
    {"name": {"formatted": "a\x00b"}},
    {"name": {"formatted": "好\x01名"}},
    {"name": {"formatted": "离\u202e一"}},
    {"name": {"formatted": "名" * 101}},
    {"name": {"familyName": "a\x00"}},
    {"name": {"familyName": "李" * 60, "givenName": "明" * 60}},
    {"displayName": "x" * 101},
    {"userType": "\x00"},
    {"externalId": "\x00"},
    {"externalId": "x" * 257},
    {"userName": ""},
    {"userName": "  "},
]


@pytest.mark.parametrize("unfit", UNFIT, ids=range(len(UNFIT)))
async def test_a_value_that_cannot_be_shown_is_refused_however_it_comes(
    directory: Directory, owner: asyncpg.Connection, unfit: dict[str, Any]
) -> None:
    made = await directory.add("li.ming")
    path = f"/Users/{made['id']}"
    operations = [{"op": "replace", "path": key, "value": told} for key, told in unfit.items()]
    refused(await directory.send("POST", "/Users", {"schemas": [USER], "userName": "o", **unfit}))
    refused(await directory.send("PUT", path, {"schemas": [USER], "userName": "li.ming", **unfit}))
    refused(await directory.send("PATCH", path, {"schemas": [PATCH], "Operations": operations}))
    assert await owner.fetchval("SELECT count(*) FROM people") == 1


async def test_names_are_kept_on_one_line(directory: Directory) -> None:
    made = await directory.add("li.ming", name={"formatted": "李\n明"}, displayName="")
    assert made["name"]["formatted"] == "李 明"
    assert "displayName" not in made


async def test_an_account_that_lost_its_user_name_can_still_be_closed(
    directory: Directory, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming", externalId="E-7", name={"formatted": "李明"})
    await owner.execute("DELETE FROM identifiers")
    await owner.execute("UPDATE scim_accounts SET external_id = $1", "x" * 300)
    off = {"op": "replace", "path": "active", "value": False}
    assert (await directory.patch(made["id"], off)).status_code == 204
    assert await owner.fetchval("SELECT state FROM people") == "SUSPENDED"


@pytest.mark.parametrize("start", [FAR, 2**63, 2**31, 7])
async def test_an_index_past_the_end_is_an_empty_page(directory: Directory, start: int) -> None:
    await directory.add("li.ming")
    for answer in (
        await directory.send("GET", f"/Users?startIndex={start}&count={FAR}"),
        await directory.send(
            "POST", "/Users/.search", {"schemas": [SEARCH], "startIndex": start, "count": start}
        ),
    ):
        assert answer.status_code == 200, answer.text
        assert (answer.json()["totalResults"], answer.json().get("Resources", [])) == (1, [])


@pytest.mark.parametrize("value", ["\\u0000", "\\ud800", "x" * 300])
@pytest.mark.parametrize("attribute", ["id", "externalId", "userName"])
async def test_what_no_account_could_have_is_nobody_s(
    directory: Directory, attribute: str, value: str
) -> None:
    await directory.add("li.ming")
    answer = await directory.client.get(
        f"{URL}/Users", params={"filter": f'{attribute} eq "{value}"'}, headers=directory.headers
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["totalResults"] == 0


@pytest.mark.parametrize(
    "filter_",
    ["externalId eq null", "userName eq null", "active eq null", "active eq 1", 'active eq "x"'],
)
async def test_a_filter_by_what_the_attribute_never_is_is_refused(
    directory: Directory, filter_: str
) -> None:
    await directory.add("li.ming")
    answer = await directory.client.get(
        f"{URL}/Users", params={"filter": filter_}, headers=directory.headers
    )
    assert (answer.status_code, answer.json()["schemas"]) == (400, [ERROR])


async def suspended(
    client: httpx2.AsyncClient, token: Token, province: Organisation, id_: str
) -> None:
    manager = token("manager", "identity.read identity.manage", (f"administrator@{province.path}",))
    person = f"/identity/v1/people/{id_}"
    version = (await client.get(person, headers=manager)).headers["etag"]
    answer = await client.post(f"{person}/suspend", headers={**manager, "if-match": version})
    assert answer.status_code == 200, answer.text


async def test_whom_an_administrator_suspended_no_client_resumes(
    client: httpx2.AsyncClient,
    directory: Directory,
    province: Organisation,
    token: Token,
    owner: asyncpg.Connection,
) -> None:
    made = await directory.add("li.ming")
    for active in (False, True):
        operation = {"op": "replace", "path": "active", "value": active}
        assert (await directory.patch(made["id"], operation)).status_code == 204
    await suspended(client, token, province, made["id"])
    path, whole = f"/Users/{made['id']}", {"schemas": [USER], "userName": "li.ming"}
    quiet = await directory.send("PUT", path, {**whole, "displayName": "小明"})
    assert (quiet.status_code, quiet.json()["active"]) == (200, False)
    for answer in (
        await directory.send("PUT", path, {**whole, "active": True}),
        await directory.patch(made["id"], {"op": "replace", "path": "active", "value": True}),
        await directory.patch(made["id"], {"op": "remove", "path": "active"}),
        await directory.send("DELETE", path),
    ):
        assert (answer.status_code, answer.json()["schemas"]) == (403, [ERROR])
        assert "administrator" in answer.json()["detail"] or "管理员" in answer.json()["detail"]
    assert await owner.fetchval("SELECT state FROM people") == "SUSPENDED"


@pytest.mark.parametrize("created", [True, False], ids=["created", "patched"])
async def test_a_client_s_suspension_can_be_made_an_administrator_s(
    client: httpx2.AsyncClient,
    directory: Directory,
    province: Organisation,
    token: Token,
    owner: asyncpg.Connection,
    *,
    created: bool,
) -> None:
    made = await directory.add("li.ming", active=not created)
    if not created:
        off = {"op": "replace", "path": "active", "value": False}
        assert (await directory.patch(made["id"], off)).status_code == 204
    await suspended(client, token, province, made["id"])
    on = {"op": "replace", "path": "active", "value": True}
    assert (await directory.patch(made["id"], on)).status_code == 403
    assert await owner.fetchval("SELECT state FROM people") == "SUSPENDED"


async def test_what_is_not_said_of_activity_leaves_it(
    directory: Directory, owner: asyncpg.Connection
) -> None:
    made = await directory.add("li.ming", active=False)
    path, whole = f"/Users/{made['id']}", {"schemas": [USER], "userName": "li.ming"}
    assert (await directory.send("PUT", path, whole)).json()["active"] is False
    assert (await directory.send("PUT", path, {**whole, "active": True})).status_code == 200
    state = await owner.fetchval("SELECT state FROM people WHERE id = $1", UUID(made["id"]))
    assert state == "ACTIVE"


WRONG: list[Any] = [
    "x",
    [{}],
    [{"op": "wrong", "path": "active"}],
    [{"op": "add", "path": 7}],
    [{"op": "replace", "path": "active", "value": "perhaps"}],
    [{"op": "replace", "value": {"active": "perhaps"}}],
    [{"op": "replace", "path": "userName", "value": {"a": 1}}],
    [{"op": "remove", "path": "userName"}],
    [{"op": "replace", "path": "name", "value": "x"}],
    [{"op": "replace", "path": "name.formatted", "value": [1]}],
    [{"op": "replace", "path": "emails", "value": [{"value": "no address"}]}],
    [{"op": "add", "path": "emails", "value": {"value": 7}}],
    [{"op": "add", "path": 'emails[value eq "x"].value', "value": "no address"}],
    [{"op": "replace", "value": 7}],
]


async def test_errors_say_what_is_wrong_and_nothing_of_the_library_behind(
    directory: Directory,
) -> None:
    made = await directory.add("li.ming", emails=[{"value": "li@school.example"}])
    for operations in WRONG:
        body = {"schemas": [PATCH], "Operations": operations}
        answer = await directory.send("PATCH", f"/Users/{made['id']}", body)
        assert answer.status_code == 400, (operations, answer.text)
        assert "pydantic" not in answer.text, (operations, answer.text)
        assert "validation error" not in answer.text, (operations, answer.text)


async def test_what_nobody_foresaw_is_told_as_a_scim_error_and_without_detail(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Provisioning, "users", fail)
    answer = await directory.send("GET", "/Users")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/scim+json")
    told = answer.json()
    assert (told["schemas"], told["status"]) == ([ERROR], "500")
    assert "secret" not in answer.text
