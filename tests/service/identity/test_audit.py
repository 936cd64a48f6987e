import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from fastapi import FastAPI

from services.identity.adapters.audit import AuditReader
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.application.audit import BATCH, Audit, AuditQuery
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Kind, OfficialCodes, Organisation
from services.identity.parts import organisations as part
from services.identity.settings import Settings
from shared.audit import Sealer, verify
from shared.codes import new_code
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.conftest import only
from tests.unit.identity.organisations import caller

URL = "/identity/v1/audit"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(part.build)


@dataclass
class Trail:
    """Two cities with a school each; every entry in the trail tells of one of these."""

    client: httpx2.AsyncClient
    token: Token
    organisations: Organisations
    province: Organisation
    here: Organisation
    there: Organisation
    school: Organisation

    def auditor(self, organisation: Organisation) -> dict[str, str]:
        return self.token("auditor", "identity.audit", (f"auditor@{organisation.path}",))

    async def read(self, organisation: Organisation, query: str = "") -> list[dict[str, Any]]:
        """What the auditor of that organisation reads."""
        headers = self.auditor(organisation)
        answer = await self.client.get(f"{URL}?{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def targets(self, organisation: Organisation, query: str = "") -> list[str]:
        return [each["target"] for each in await self.read(organisation, query)]


@pytest.fixture
async def trail(
    client: httpx2.AsyncClient,
    token: Token,
    organisations: Organisations,
    province: Organisation,
) -> Trail:
    admin = caller(f"administrator@{province.path}")

    async def add(parent: Organisation, kind: Kind, name: str) -> Organisation:
        return await organisations.create(admin, parent.code, kind, name, OfficialCodes())

    here = await add(province, Kind.CITY, "西安市")
    there = await add(province, Kind.CITY, "宝鸡市")
    school = await add(here, Kind.SCHOOL, "一中")
    return Trail(client, token, organisations, province, here, there, school)


@pytest.mark.parametrize("path", [URL, f"{URL}/export"])
async def test_the_anonymous_are_refused(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("path", [URL, f"{URL}/export"])
async def test_nobody_but_an_auditor_reads_the_trail(trail: Trail, path: str) -> None:
    everything = "identity.read identity.manage identity.audit"
    for grants in ((), (f"administrator@{trail.province.path}",)):
        headers = trail.token("admin", everything, grants)
        assert (await trail.client.get(path, headers=headers)).status_code == 403
    without_scope = trail.token("auditor", "identity.read", (f"auditor@{trail.province.path}",))
    assert (await trail.client.get(path, headers=without_scope)).status_code == 403


async def test_an_auditor_reads_their_own_part_of_the_tree(trail: Trail) -> None:
    ids = [str(each.id) for each in (trail.school, trail.there, trail.here, trail.province)]
    assert await trail.targets(trail.province) == ids
    assert await trail.targets(trail.here) == [ids[0], ids[2]]
    assert await trail.targets(trail.there) == [ids[1]]
    assert await trail.targets(trail.province, f"organisation={trail.here.code}") == [
        ids[0],
        ids[2],
    ]
    elsewhere = await trail.client.get(
        f"{URL}?organisation={trail.here.code}", headers=trail.auditor(trail.there)
    )
    assert elsewhere.status_code == 403


async def test_what_was_done_stays_with_its_place_and_with_the_organisation(trail: Trail) -> None:
    admin = caller(f"administrator@{trail.province.path}")
    moved = await trail.organisations.move(admin, trail.school.code, 1, trail.there.code)
    done = [each["action"] for each in await trail.read(moved)]
    assert done == ["organisation.moved", "organisation.created"]
    assert str(trail.school.id) in await trail.targets(trail.here)
    assert (await trail.read(trail.there))[0]["action"] == "organisation.moved"
    assert len(await trail.read(trail.there)) == 2
    city = await trail.organisations.move(admin, moved.code, 2, trail.here.code)
    assert len(await trail.read(city)) == 3


async def test_entries_of_no_organisation_are_read_at_the_province(
    trail: Trail, app: FastAPI
) -> None:
    async with app.state.runtime.new_uow() as uow:
        uow.audit.record("keys.rotated", "keys")
        await uow.commit()
    assert "keys" in await trail.targets(trail.province)
    assert "keys" not in await trail.targets(trail.here)


async def test_institutions_at_the_root_are_audited_at_the_province(trail: Trail) -> None:
    admin = caller(f"administrator@{trail.province.path}")
    company = await trail.organisations.create(
        admin, None, Kind.COMPANY, "某出版社", OfficialCodes()
    )
    assert str(company.id) in await trail.targets(trail.province)
    assert await trail.targets(trail.province, f"organisation={company.code}") == [str(company.id)]
    assert str(company.id) not in await trail.targets(trail.here)


async def test_an_action_that_nothing_records_is_refused_with_those_that_are(
    trail: Trail,
) -> None:
    auditor = trail.token("auditor", "identity.audit", (f"auditor@{trail.province.path}",))
    for path in ("", "/export"):
        answer = await trail.client.get(f"{URL}{path}?action=organisation.eaten", headers=auditor)
        assert answer.status_code == 422
        assert "organisation.moved" in answer.json()["errors"][0]["detail"]


async def test_entries_are_found_by_person_action_and_time(trail: Trail) -> None:
    chen = str(uuid7())
    admin = trail.token(chen, "identity.manage", (f"administrator@{trail.province.path}",))
    await trail.client.patch(
        f"/identity/v1/organisations/{trail.here.id}",
        headers={**admin, "if-match": '"v1"'},
        json={"name": "长安市"},
    )
    (entry,) = await trail.read(trail.province, f"person={chen}")
    assert entry["action"] == "organisation.changed"
    assert entry["actor"] == chen
    assert entry["client"] == "tests"
    assert len(entry["before_digest"]) == len(entry["after_digest"]) == 64
    assert entry in await trail.read(trail.province, f"person={trail.here.id}")
    assert await trail.read(trail.province, "action=organisation.changed") == [entry]
    now = datetime.now(UTC)
    for since, count in ((now - timedelta(hours=1), 5), (now + timedelta(hours=1), 0)):
        assert len(await trail.read(trail.province, f"from={_in_query(since)}")) == count
        assert len(await trail.read(trail.province, f"to={_in_query(since)}")) == 5 - count


def _in_query(at: datetime) -> str:
    return at.isoformat().replace("+", "%2B")


async def test_the_trail_is_read_in_pages(trail: Trail) -> None:
    headers = trail.auditor(trail.province)
    first = (await trail.client.get(f"{URL}?limit=3", headers=headers)).json()
    query = f"limit=3&cursor={first['next']}"
    second = (await trail.client.get(f"{URL}?{query}", headers=headers)).json()
    assert second["next"] is None
    ids = [each["id"] for each in first["items"] + second["items"]]
    assert len(ids) == 4
    assert ids == sorted(ids, reverse=True)
    other = await trail.client.get(f"{URL}?{query}&person={uuid7()}", headers=headers)
    assert other.status_code == 400


async def test_an_export_holds_one_entry_a_line_and_is_audited(trail: Trail) -> None:
    headers = trail.auditor(trail.here)
    answer = await trail.client.get(f"{URL}/export", headers=headers)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [orjson.loads(line) for line in answer.text.splitlines()]
    assert [each["target"] for each in lines] == [str(trail.here.id), str(trail.school.id)]
    newest = (await trail.read(trail.here))[0]
    assert (newest["action"], newest["actor"]) == ("audit.exported", "auditor")


async def test_an_export_takes_constant_memory(
    trail: Trail, app: FastAPI, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO audit (at, actor, action, target, organisation, request_id, facts)"
        " SELECT now(), 'somebody', 'thing.done', n::text, $1, 'r', '{}'"
        " FROM generate_series(1, $2::int) n",
        trail.here.path,
        20 * BATCH,
    )
    runtime = app.state.runtime
    audit = Audit(runtime.new_uow, AuditReader, OrganisationRepository, runtime.clock)
    batches = await audit.export(caller(f"auditor@{trail.here.path}"), AuditQuery())
    peaks: list[int] = []
    count = 0
    tracemalloc.start()
    async for batch in batches:
        count += len(batch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert count == 20 * BATCH + 2
    assert max(peaks[10:]) < 1.2 * max(peaks[:3])


@pytest.mark.parametrize("table", ["audit", "audit_chain"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"]
)
async def test_the_service_itself_cannot_change_or_remove_an_entry(
    trail: Trail, settings: Settings, table: str, statement: str
) -> None:
    column = "actor" if table == "audit" else "digest"
    service = await asyncpg.connect(
        settings.database_url, password=settings.database_password.get_secret_value()
    )
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement.format(table, column, column))
    finally:
        await service.close()


async def test_a_changed_entry_breaks_the_chain(
    trail: Trail, app: FastAPI, owner: asyncpg.Connection
) -> None:
    engine = app.state.runtime.engine
    assert await Sealer(engine).seal() == 4
    assert (await verify(engine)).broken is None
    await owner.execute("UPDATE audit SET actor = 'nobody' WHERE target = $1", str(trail.here.id))
    broken = (await verify(engine)).broken
    assert broken is not None
    assert "altered" in broken.reason


async def test_a_person_is_found_where_somebody_acted_for_them(
    trail: Trail, owner: asyncpg.Connection
) -> None:
    child = str(uuid7())
    await owner.execute(
        "INSERT INTO audit (at, actor, on_behalf_of, action, target, organisation, request_id,"
        " facts) VALUES (now(), 'a-client', $2, 'person.read', 'something', $1, 'r', '{}')",
        trail.school.path,
        child,
    )
    assert await trail.targets(trail.province, f"person={child}") == ["something"]


@pytest.mark.parametrize("reference", ["x", "teacher01", "A-VHQX-NXMD-0"])
async def test_a_person_is_named_by_id_or_code(trail: Trail, reference: str) -> None:
    headers = trail.auditor(trail.province)
    answer = await trail.client.get(f"{URL}?person={reference}", headers=headers)
    assert answer.status_code == 422


Held = tuple[str, tuple[str, str | None]]
_HOLD = {
    "memberships": "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from,"
    " valid_until, version, created_at) VALUES ($1, $2, $3, 'staff', {}, {}, 1, now())",
    "role_grants": "INSERT INTO role_grants (id, person_id, organisation_id, role, valid_from,"
    " valid_until, granted_by, created_at)"
    " VALUES ($1, $2, $3, 'reviewer', {}, {}, 'somebody', now())",
}


def _literal(day: str | None) -> str:
    return f"'{day}'" if day else "NULL"


@pytest.fixture
async def teacher(trail: Trail, owner: asyncpg.Connection) -> asyncpg.Record:
    """Somebody of the school, who was at another one before."""
    code = new_code("A")
    row: asyncpg.Record = await owner.fetchrow(
        "INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " VALUES ($1, $2, 'ACTIVE', 1, now(), now()) RETURNING id, code",
        uuid7(),
        code,
    )
    for place, until in ((trail.there, "2026-01-01"), (trail.school, None)):
        await owner.execute(
            "INSERT INTO memberships (id, person_id, organisation_id, kind, valid_from,"
            " valid_until, version, created_at)"
            " VALUES ($1, $2, $3, 'staff', '2025-01-01', $4, 1, now())",
            uuid7(),
            row["id"],
            place.id,
            date.fromisoformat(until) if until else None,
        )
    return row


async def test_what_a_person_does_without_a_place_is_read_where_they_belong(
    trail: Trail, app: FastAPI, teacher: asyncpg.Record
) -> None:
    async with app.state.runtime.new_uow() as uow:
        uow.audit.record("password.changed", str(teacher["id"]))
        uow.audit.record("session.revoked", "a-session", person=teacher["id"])
        await uow.commit()
    both = ["a-session", str(teacher["id"])]
    assert (await trail.targets(trail.school))[:2] == both
    assert await trail.targets(trail.province, f"person={teacher['id']}") == both
    assert await trail.targets(trail.school, f"person={teacher['code'].lower()}") == both
    assert "a-session" not in await trail.targets(trail.there)
    assert (await trail.read(trail.here))[0]["organisation"] == trail.school.path


WAS, IS, TO_COME = ("2025-01-01", "2026-01-01"), ("2026-01-01", None), ("2099-01-01", None)
CANCELLED = ("2099-01-01", "2099-01-01")


@pytest.mark.parametrize(
    ("home", "elsewhere"),
    [
        (("memberships", IS), ("memberships", TO_COME)),
        (("memberships", IS), ("memberships", WAS)),
        (("memberships", IS), ("memberships", ("2026-02-01", None))),
        (("memberships", IS), ("role_grants", ("2025-01-01", None))),
        (("role_grants", IS), ("memberships", WAS)),
        (("role_grants", IS), ("memberships", TO_COME)),
        (("role_grants", IS), ("role_grants", TO_COME)),
        (("role_grants", IS), ("role_grants", WAS)),
        (("memberships", TO_COME), ("memberships", WAS)),
        (("memberships", WAS), ("memberships", CANCELLED)),
        (("memberships", WAS), ("role_grants", WAS)),
        (("role_grants", WAS), ("role_grants", CANCELLED)),
    ],
)
@pytest.mark.parametrize("home_first", [True, False])
async def test_somebody_belongs_where_they_are_now_before_where_they_were_or_will_be(
    trail: Trail,
    app: FastAPI,
    owner: asyncpg.Connection,
    home: Held,
    elsewhere: Held,
    home_first: bool,
) -> None:
    person = await owner.fetchval(
        "INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " VALUES ($1, $2, 'ACTIVE', 1, now(), now()) RETURNING id",
        *(uuid7(), new_code("A")),
    )
    held = [(home, trail.school), (elsewhere, trail.there)]
    for (table, dates), place in held if home_first else reversed(held):
        await owner.execute(_HOLD[table].format(*map(_literal, dates)), uuid7(), person, place.id)
    async with app.state.runtime.new_uow() as uow:
        uow.audit.record("password.changed", str(person))
        await uow.commit()
    assert (await trail.read(trail.school))[0]["target"] == str(person)


async def test_nobody_has_an_unknown_code(trail: Trail) -> None:
    headers = trail.auditor(trail.province)
    answer = await trail.client.get(f"{URL}?person={new_code('A')}", headers=headers)
    assert answer.status_code == 404
