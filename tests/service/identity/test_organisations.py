from collections.abc import Callable
from uuid import UUID

import asyncpg
import httpx2
import orjson
import pytest
from fastapi import FastAPI

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.domain.organisations import Organisation
from services.identity.parts import organisations as part
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.conftest import only
from tests.service.identity.organisations import SCOPES, URL, Tree, belong
from tests.unit.identity.organisations import GOOD_CREDIT_CODE, GOOD_SCHOOL_CODE


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(part.build)


@pytest.fixture
async def tree(client: httpx2.AsyncClient, token: Token, province: Organisation) -> Tree:
    admin = token("admin", SCOPES, (f"administrator@{province.path}",))
    return Tree(client, admin, province)


ROUTES = [
    ("GET", URL),
    ("POST", URL),
    ("GET", f"{URL}/{{id}}"),
    ("PATCH", f"{URL}/{{id}}"),
    ("POST", f"{URL}/{{id}}/move"),
    ("POST", f"{URL}/{{id}}/close"),
    ("GET", f"{URL}/{{id}}/history"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_the_anonymous_are_refused(tree: Tree, method: str, path: str) -> None:
    answer = await tree.client.request(
        method, path.format(id=tree.province.id), json={}, headers={"if-match": '"v1"'}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", URL, {"parent": "{id}", "kind": "city", "name": "宝鸡市"}),
        ("PATCH", f"{URL}/{{id}}", {"name": "秦"}),
        ("POST", f"{URL}/{{id}}/move", {"parent": "{id}"}),
        ("POST", f"{URL}/{{id}}/close", {}),
        ("GET", f"{URL}/{{id}}/history", None),
    ],
)
async def test_administrators_of_another_organisation_are_refused(
    tree: Tree, token: Token, method: str, path: str, body: dict[str, str] | None
) -> None:
    elsewhere = await tree.city("西安市")
    id_ = str(tree.province.id)
    answer = await tree.client.request(
        method,
        path.format(id=id_),
        json=body and {name: text.format(id=id_) for name, text in body.items()},
        headers={
            **token("other", SCOPES, (f"administrator@{elsewhere['path']}",)),
            "if-match": '"v1"',
        },
    )
    assert answer.status_code == 403, answer.text
    assert (await tree.read(id_))["version"] == 1


async def test_any_signed_in_person_reads_organisations(tree: Tree, token: Token) -> None:
    reader = token("reader", "identity.read")
    answer = await tree.client.get(f"{URL}/{tree.province.code}", headers=reader)
    assert answer.status_code == 200
    assert answer.json()["actions"] == []
    without_scope = await tree.client.get(URL, headers=token("reader", "openid"))
    assert without_scope.status_code == 403


async def test_a_created_organisation_is_answered_with_its_address_and_version(
    tree: Tree,
) -> None:
    body = {
        "parent": str(tree.province.id),
        "kind": "city",
        "name": " 西安市 ",
        "division_code": "６１０１００",
    }
    answer = await tree.client.post(URL, headers=tree.admin, json=body)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"v1"'
    made = answer.json()
    assert (made["name"], made["division_code"]) == ("西安市", "610100")
    read = await tree.client.get(answer.headers["location"], headers=tree.admin)
    assert read.json() == made | {
        "ancestors": [
            {
                "id": str(tree.province.id),
                "code": tree.province.code,
                "kind": "province",
                "name": "陕西省",
                "parent_id": None,
                "path": tree.province.path,
                "state": "OPEN",
            }
        ],
        "actions": ["add_below", "change", "move", "close"],
    }


async def test_a_repeated_creation_makes_one_organisation(tree: Tree) -> None:
    headers = {**tree.admin, "idempotency-key": "one-city"}
    body = {"parent": tree.province.code, "kind": "city", "name": "西安市"}
    first = await tree.client.post(URL, headers=headers, json=body)
    again = await tree.client.post(URL, headers=headers, json=body)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert await tree.names("kind=city") == ["西安市"]


async def test_every_defect_of_a_code_is_told_with_its_pointer(tree: Tree) -> None:
    body = {
        "parent": tree.province.code,
        "kind": "school",
        "name": "一中",
        "division_code": "610100",
        "school_code": "123",
    }
    answer = await tree.client.post(URL, headers=tree.admin, json=body)
    assert answer.status_code == 422
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert pointers == ["#/division_code", "#/school_code"]


@pytest.mark.parametrize("name", ["", "  ", "一\x00中", "一\u202e中", "中" * 101])
async def test_a_name_is_one_line_of_visible_characters(tree: Tree, name: str) -> None:
    body = {"parent": tree.province.code, "kind": "city", "name": name}
    answer = await tree.client.post(URL, headers=tree.admin, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/name"


@pytest.mark.parametrize(
    "codes", [{"school_code": GOOD_SCHOOL_CODE}, {"credit_code": GOOD_CREDIT_CODE}]
)
async def test_an_official_code_belongs_to_one_organisation(
    tree: Tree, codes: dict[str, str]
) -> None:
    await tree.add(tree.province.code, "school", "一中", **codes)
    second = await tree.school("二中")
    answer = await tree.client.patch(
        f"{URL}/{second['id']}", headers={**tree.admin, "if-match": '"v1"'}, json=codes
    )
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("identity/official-code-taken")


async def test_a_change_leaves_out_what_it_does_not_name(tree: Tree) -> None:
    school = await tree.add(
        tree.province.code,
        "school",
        "一中",
        school_code=GOOD_SCHOOL_CODE,
        credit_code=GOOD_CREDIT_CODE,
    )
    headers = {**tree.admin, "if-match": '"v1"'}
    answer = await tree.client.patch(
        f"{URL}/{school['code']}", headers=headers, json={"school_code": None}
    )
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"v2"'
    assert answer.json() == school | {"school_code": None, "version": 2}


async def test_a_change_needs_the_version_that_was_read(tree: Tree) -> None:
    city = await tree.city()
    url, body = f"{URL}/{city['id']}", {"name": "长安市"}
    assert (await tree.client.patch(url, headers=tree.admin, json=body)).status_code == 428
    for action in ("move", "close"):
        answer = await tree.client.post(
            f"{url}/{action}", headers=tree.admin, json={"parent": None} if action == "move" else {}
        )
        assert answer.status_code == 428
    stale = {**tree.admin, "if-match": '"v7"'}
    assert (await tree.client.patch(url, headers=stale, json=body)).status_code == 412


async def test_everything_below_moves_along_in_one_statement(
    tree: Tree, statements: list[str]
) -> None:
    here, there = await tree.city("西安市"), await tree.city("宝鸡市")
    school = await tree.school("一中", here["id"])
    grade = await tree.add(school["code"], "grade", "一年级")
    class_ = await tree.add(grade["code"], "class", "一年级(1)班")
    statements.clear()
    answer = await tree.post(school["id"], "move", 1, parent=there["code"])
    assert answer.status_code == 200, answer.text
    assert sum("UPDATE organisations" in each for each in statements) == 1
    moved = await tree.read(class_["id"])
    assert moved["path"].startswith(f"{there['path']}.")
    assert [each["id"] for each in moved["ancestors"]] == [
        str(tree.province.id),
        there["id"],
        school["id"],
        grade["id"],
    ]
    assert moved["version"] == 1
    assert await tree.names(f"within={there['id']}") == ["一年级", "一年级(1)班", "一中"]


async def test_an_institution_moves_to_the_root_and_back(tree: Tree) -> None:
    studio = await tree.add(tree.province.code, "studio", "名师工作室")
    assert (await tree.post(studio["id"], "move", 1, parent=None)).json()["parent_id"] is None
    assert await tree.names("parent=root") == ["名师工作室", "陕西省"]
    back = await tree.post(studio["id"], "move", 2, parent=tree.province.code)
    assert back.json()["path"] == studio["path"]


async def test_a_city_does_not_move_into_a_school(tree: Tree) -> None:
    city = await tree.city("宝鸡市")
    school = await tree.school("一中")
    answer = await tree.post(city["id"], "move", 1, parent=school["id"])
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("identity/organisation-kind-not-allowed-there")


async def test_an_organisation_closes_when_nobody_belongs_to_it(
    tree: Tree, owner: asyncpg.Connection
) -> None:
    school = await tree.school()
    grade = await tree.add(school["id"], "grade", "一年级")
    await belong(owner, grade["id"])
    refused = await tree.post(school["id"], "close", 1, below=True)
    assert refused.status_code == 409
    assert (refused.json()["open_below"], refused.json()["members"]) == (1, 1)
    assert "below: true" not in refused.json()["detail"]
    assert "below: true" in (await tree.post(school["id"], "close", 1)).json()["detail"]
    await owner.execute("UPDATE memberships SET valid_until = '2026-01-01'")
    closed = await tree.post(school["id"], "close", 1, below=True)
    assert closed.json()["state"] == "CLOSED"
    assert (await tree.read(grade["id"]))["state"] == "CLOSED"
    assert await tree.names("kind=grade") == []
    assert await tree.names("kind=grade&state=CLOSED") == ["一年级"]
    assert (await tree.post(school["id"], "close", 2)).status_code == 409


async def test_every_change_is_in_the_history_the_audit_trail_and_the_outbox(
    tree: Tree, owner: asyncpg.Connection
) -> None:
    here, there = await tree.city("西安市"), await tree.city("宝鸡市")
    school = await tree.school("一中", here["id"])
    await owner.execute("TRUNCATE outbox, audit")
    headers = {**tree.admin, "if-match": '"v1"'}
    await tree.client.patch(f"{URL}/{school['id']}", headers=headers, json={"name": "二中"})
    await tree.post(school["id"], "move", 2, parent=there["id"])
    await tree.post(school["id"], "close", 3)

    moved_path = f"{there['path']}.{school['path'].rpartition('.')[2]}"
    answer = await tree.client.get(f"{URL}/{school['id']}/history", headers=tree.admin)
    changes = [
        (row["version"], row["actor"], row["change"], row["before"], row["after"])
        for row in answer.json()["items"]
    ]
    assert changes[:3] == [
        (4, "admin", "closed", {"state": "OPEN"}, {"state": "CLOSED"}),
        (3, "admin", "moved", {"path": school["path"]}, {"path": moved_path}),
        (2, "admin", "changed", {"name": "一中"}, {"name": "二中"}),
    ]
    assert changes[3][:4] == (1, "admin", "created", None)

    audited = await owner.fetch("SELECT action, target, organisation FROM audit ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ("organisation.changed", school["id"], school["path"]),
        ("organisation.moved", school["id"], moved_path),
        ("organisation.closed", school["id"], moved_path),
    ]
    fact = {"organisation_id": school["id"], "code": school["code"], "kind": "school"}
    told = await owner.fetch("SELECT type, envelope FROM outbox ORDER BY id")
    assert [(row["type"], orjson.loads(row["envelope"])["data"]) for row in told] == [
        (
            "identity.organisation.renamed.v1",
            fact | {"name": "二中", "path": school["path"], "version": 2},
        ),
        (
            "identity.organisation.moved.v1",
            fact | {"name": "二中", "path": moved_path, "version": 3, "old_path": school["path"]},
        ),
        (
            "identity.organisation.closed.v1",
            fact | {"name": "二中", "path": moved_path, "version": 4},
        ),
    ]


async def test_lists_are_in_the_order_of_pinyin(tree: Tree) -> None:
    for name in ("西安市", "宝鸡市", "咸阳市", "安康市"):
        await tree.city(name)
    assert await tree.names("kind=city") == ["安康市", "宝鸡市", "西安市", "咸阳市"]
    assert await tree.names(f"parent={tree.province.code}&limit=2") == ["安康市", "宝鸡市"]


@pytest.mark.parametrize("q", ["安", "xi an", "xian", "XIAN", "610100"])
async def test_an_organisation_is_found_by_name_pinyin_or_code(tree: Tree, q: str) -> None:
    await tree.add(tree.province.code, "city", "西安市", division_code="610100")
    await tree.city("宝鸡市")
    assert await tree.names(f"q={q}") == ["西安市"]


async def test_a_wildcard_in_a_search_is_a_character(tree: Tree) -> None:
    await tree.city("西安市")
    assert await tree.names("q=%25") == []
    assert await tree.names("q=_") == []


async def test_a_cursor_fits_its_own_list_only(tree: Tree) -> None:
    await tree.city()
    first = await tree.client.get(f"{URL}?limit=1", headers=tree.admin)
    cursor = first.json()["next"]
    answer = await tree.client.get(f"{URL}?limit=1&kind=city&cursor={cursor}", headers=tree.admin)
    assert answer.status_code == 400


@pytest.mark.parametrize("parameter", ["parent", "within"])
async def test_a_list_below_nothing_is_not_found(tree: Tree, parameter: str) -> None:
    answer = await tree.client.get(f"{URL}?{parameter}={uuid7()}", headers=tree.admin)
    assert answer.status_code == 404


async def test_a_slip_in_a_code_is_told(tree: Tree) -> None:
    code = tree.province.code
    slipped = code[:-1] + ("0" if code[-1] != "0" else "1")
    answer = await tree.client.get(f"{URL}/{slipped}", headers=tree.admin)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"] == "短编码有误，请与原件核对。"


async def test_the_rest_of_the_service_finds_organisations(tree: Tree, app: FastAPI) -> None:
    school = await tree.school()
    id_ = UUID(school["id"])
    async with app.state.runtime.new_uow() as uow:
        repository = OrganisationRepository(uow.connection)
        assert await repository.path_of(id_) == school["path"]
        assert await repository.path_of(uuid7()) is None
        label = school["path"].rpartition(".")[2]
        for found in (
            await repository.by_id(id_),
            await repository.by_code(school["code"]),
            await repository.by_label(label),
            await repository.find(school["id"]),
        ):
            assert found is not None
            assert found.id == id_
        assert id_ in await repository.ids_below(tree.province.path)
        assert len(await repository.ids_below(tree.province.path)) == 3


async def test_twenty_thousand_organisations_are_read_in_pages_of_constant_cost(
    tree: Tree, owner: asyncpg.Connection, statements: list[str]
) -> None:
    await owner.execute(TWENTY_THOUSAND, tree.province.id, tree.province.path)
    names: list[str] = []
    costs: set[int] = set()
    cursor = ""
    while cursor is not None:
        statements.clear()
        query = f"within={tree.province.id}&limit=200{cursor and '&cursor=' + cursor}"
        answer = await tree.client.get(f"{URL}?{query}", headers=tree.admin)
        costs.add(len(statements))
        names += [each["name"] for each in answer.json()["items"]]
        cursor = answer.json()["next"]
    assert costs == {2}
    assert len(set(names)) == 20_000
    assert names == sorted(names)


TWENTY_THOUSAND = """
WITH county AS (
    INSERT INTO organisations
        (id, code, kind, name, sort_key, parent_id, path, state, version, created_at)
    SELECT gen_random_uuid(), format('X-%s', n), 'county', format('%s县', n), format('%s xian', n),
        $1, text2ltree(format('%s.X%s', $2::text, n)), 'OPEN', 1, now()
    FROM generate_series(10001, 10100) n
    RETURNING id, path
)
INSERT INTO organisations
    (id, code, kind, name, sort_key, parent_id, path, state, version, created_at)
SELECT gen_random_uuid(), format('S-%s', n), 'school', format('%s小学', n),
    format('%s xiao xue', n), county.id, county.path || format('S%s', n), 'OPEN', 1, now()
FROM (SELECT id, path, row_number() OVER () AS place FROM county) county,
    LATERAL generate_series(20000 + county.place * 199, 20198 + county.place * 199) n
"""
