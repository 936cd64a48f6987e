"""A small province for the tests of people, roles, guardians and consent."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from services.identity.adapters.authentication import AuthenticationReads
from services.identity.application.accounts import NOBODY
from services.identity.domain.organisations import CODE_PREFIX, Kind, label_of
from services.identity.parts.people import PeoplePart, build
from services.identity.settings import Settings
from shared.codes import new_code
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.service import Runtime, application
from shared.testing.clock import FrozenClock
from tests.service.house import Token

V1 = "/identity/v1"
SCOPES = "identity.read identity.manage"


@dataclass
class Seams:
    """What the part asks of others, remembered: (kind, value) revoked, who was disabled, erased."""

    revoked: list[tuple[str, str]] = field(default_factory=list)
    disabled: list[UUID] = field(default_factory=list)
    forgotten: list[UUID] = field(default_factory=list)

    async def revoke(self, _uow: UnitOfWork, kind: str, *values: str) -> None:
        self.revoked += [(kind, value) for value in values]

    async def disable(self, _uow: UnitOfWork, person_id: UUID) -> None:
        self.disabled.append(person_id)

    async def forget(self, _uow: UnitOfWork, person_id: UUID) -> None:
        self.forgotten.append(person_id)

    async def invite(self, _uow: UnitOfWork, person_id: UUID) -> str:
        return f"invitation-of-{person_id}"


def build_people(settings: Settings) -> FastAPI:
    """The people part alone, at a standstill clock."""
    seams = Seams()
    runtime = Runtime("identity", settings, {}, FrozenClock())
    part = build(
        runtime,
        settings,
        revocations=seams,
        issue_invitation=seams.invite,
        on_disable=[seams.disable],
        on_erase=[seams.forget],
    )
    app = application(runtime, title="", description="", parts=[part], table=part.table)
    app.state.part, app.state.seams, app.state.clock = part, seams, runtime.clock
    return app


@dataclass(frozen=True)
class Place:
    id: UUID
    code: str
    path: str

    @property
    def ref(self) -> str:
        return str(self.id)


@dataclass
class World:
    """Two schools in one county, a class in the first, a studio outside the tree."""

    app: FastAPI
    client: httpx2.AsyncClient
    owner: asyncpg.Connection
    token: Token
    province: Place
    county: Place
    school: Place
    room: Place
    other_school: Place
    studio: Place

    @property
    def part(self) -> PeoplePart:
        part: PeoplePart = self.app.state.part
        return part

    @property
    def seams(self) -> Seams:
        seams: Seams = self.app.state.seams
        return seams

    @property
    def clock(self) -> FrozenClock:
        clock: FrozenClock = self.app.state.clock
        return clock

    async def known_by(self, login: str) -> UUID | None:
        """Whoever would sign in with that name, as the sign-in looks them up."""
        reads = AuthenticationReads(self.app.state.runtime.reader, self.part.personal)
        person_id = (await reads.credentials_by_login(login)).person_id
        return None if person_id == NOBODY else person_id

    def as_role(self, role: str, at: Place, subject: str | None = None) -> dict[str, str]:
        """Headers of somebody who holds a role somewhere."""
        return self.token(subject or str(uuid7()), SCOPES, (f"{role}@{at.path}",))

    def admin(self, at: Place) -> dict[str, str]:
        return self.as_role("administrator", at)

    def security(self, at: Place) -> dict[str, str]:
        return self.as_role("security_administrator", at)

    def person(self, person: dict[str, Any]) -> dict[str, str]:
        """Headers of a person without any role."""
        return self.token(person["id"], SCOPES)

    async def invite(self, at: Place, name: str = "张伟", **fields: Any) -> dict[str, Any]:
        """Invite somebody as the administrator of the organisation."""
        kind = fields.pop("kind", "student")
        body = {"name": name, "membership": {"organisation_id": at.ref, "kind": kind}, **fields}
        answer = await self.client.post(f"{V1}/people", headers=self.admin(at), json=body)
        assert answer.status_code == 201, answer.text
        invited: dict[str, Any] = answer.json()
        return invited

    async def active(self, at: Place, name: str = "张伟", **fields: Any) -> dict[str, Any]:
        """Somebody who has taken up the invitation, as an administrator of the province reads."""
        invited = await self.invite(at, name, **fields)
        async with self.app.state.runtime.new_uow() as uow:
            await self.part.lifecycle.activate(uow, UUID(invited["id"]))
            await uow.commit()
        return await self.read(invited["id"])

    async def read(self, person_id: str) -> dict[str, Any]:
        answer = await self.client.get(
            f"{V1}/people/{person_id}", headers=self.admin(self.province)
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def act(
        self, person: dict[str, Any], action: str, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Take an action at the version that the person had when read."""
        return await self.client.post(
            f"{V1}/people/{person['id']}/{action}",
            headers={
                **(headers or self.admin(self.province)),
                "if-match": f'"v{person["version"]}"',
            },
        )

    async def grant(
        self, person: dict[str, Any], role: str, at: Place, **fields: Any
    ) -> httpx2.Response:
        """Give a role as the security administrator of the province."""
        return await self.client.post(
            f"{V1}/role-grants",
            headers=self.security(self.province),
            json={"person_id": person["id"], "role": role, "organisation_id": at.ref, **fields},
        )

    async def events(self) -> list[str]:
        rows = await self.owner.fetch("SELECT type FROM outbox ORDER BY id")
        return [row["type"].removeprefix("identity.").removesuffix(".v1") for row in rows]

    async def audited(self, action: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.owner.fetch(
            "SELECT * FROM audit WHERE action = $1 ORDER BY id", action
        )
        return rows


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Status and slug of a refusal."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:shuyuan:problem:identity/")


async def add_place(
    owner: asyncpg.Connection, kind: Kind, name: str, parent: Place | None
) -> Place:
    code = new_code(CODE_PREFIX[kind])
    path = f"{parent.path}.{label_of(code)}" if parent else label_of(code)
    place = Place(uuid7(), code, path)
    await owner.execute(
        "INSERT INTO organisations (id, code, kind, name, sort_key, parent_id, path, state,"
        " version, created_at) VALUES ($1, $2, $3, $4, $4, $5, text2ltree($6), 'OPEN', 1, now())",
        place.id,
        code,
        kind,
        name,
        parent.id if parent else None,
        path,
    )
    return place


async def make_world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> World:
    province = await add_place(owner, Kind.PROVINCE, "陕西省", None)
    county = await add_place(owner, Kind.COUNTY, "雁塔区", province)
    school = await add_place(owner, Kind.SCHOOL, "第一小学", county)
    grade = await add_place(owner, Kind.GRADE, "三年级", school)
    room = await add_place(owner, Kind.CLASS, "三年级一班", grade)
    other_school = await add_place(owner, Kind.SCHOOL, "第二小学", county)
    studio = await add_place(owner, Kind.STUDIO, "名师工作室", None)
    return World(app, client, owner, token, province, county, school, room, other_school, studio)


async def crowd(owner: asyncpg.Connection, place: Place, number: int) -> None:
    """Fill an organisation with suspended accounts that nobody opens."""
    await owner.execute(
        "WITH crowd AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $1) n),"
        " people AS (INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " SELECT id, 'crowd-' || n, 'SUSPENDED', 1, now(), now() FROM crowd),"
        " identifiers AS (INSERT INTO identifiers"
        " (id, person_id, kind, value, search_hash, masked, created_at)"
        " SELECT gen_random_uuid(), id, 'username', '', sha256(n::text::bytea), '', now()"
        " FROM crowd)"
        " INSERT INTO memberships"
        " (id, person_id, organisation_id, kind, valid_from, version, created_at)"
        " SELECT gen_random_uuid(), id, $2, 'student', '2026-01-01', 1, now() FROM crowd",
        number,
        place.id,
    )
    await owner.execute("ANALYZE")
