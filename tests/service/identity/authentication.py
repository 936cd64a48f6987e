"""Authentication with the real people part, people who can sign in, and a browser to do it with."""

import base64
import html
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from services.identity.adapters.authentication import PasswordRows
from services.identity.application.hashing import PasswordHashing
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.people import Person, Profile, State
from services.identity.parts import authentication, people
from services.identity.problems.authentication import PROBLEMS
from services.identity.settings import Settings
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.service import Runtime, application
from shared.testing.clock import FrozenClock

ORIGIN = "http://localhost:8080"
PASSWORD = "a heron stands in the river"
CHEAP = {"argon2_memory_kib": 8_192, "argon2_iterations": 1}
"""Hashing that costs little, for tests that are about something else."""

LOGIN = "/identity/login"
ACCOUNT = "/identity/account"


@dataclass
class Seams:
    """What the part asks of others, remembered: (kind, value) revoked."""

    revoked: list[tuple[str, str]] = field(default_factory=list)

    async def revoke(self, _uow: UnitOfWork, kind: str, *values: str) -> None:
        self.revoked += [(kind, value) for value in values]


def build_authentication(settings: Settings, origin: str = ORIGIN) -> FastAPI:
    """People and authentication at a standstill clock, at an origin that has a name."""
    seams, settings = Seams(), settings.model_copy(update={"public_origin": origin, **CHEAP})
    runtime = Runtime("identity", settings, {}, FrozenClock())
    invitations = authentication.build_invitations(runtime, settings)
    erasers: list[Any] = []
    known = people.build(
        runtime,
        settings,
        revocations=seams,
        issue_invitation=invitations.issue_invitation,
        on_erase=erasers,
    )
    table = {**known.table, **PROBLEMS}
    part = authentication.build(
        runtime,
        settings,
        directory=known.directory,
        people=known.stores,
        activate=known.lifecycle.activate,
        revocations=seams,
        invitations=invitations,
        pages=authentication.build_pages(settings, table),
    )
    erasers.append(part.erase)
    app = application(
        runtime,
        title="",
        description="",
        parts=[known, part],
        table=table,
    )
    app.state.part, app.state.people, app.state.seams = part, known, seams
    app.state.clock, app.state.invitations = runtime.clock, invitations
    return app


def fields_of(page: str, action: str) -> dict[str, str]:
    """The fields of the form with that action, as a browser would send them untouched."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.S)
    assert form is not None, f"no form leads to {action}"
    inputs = re.findall(r"<input[^>]*>", form[1])
    told = [dict(re.findall(r'(name|value)="([^"]*)"', each)) for each in inputs]
    return {html.unescape(each["name"]): html.unescape(each.get("value", "")) for each in told}


class Browser:
    """Keeps cookies, follows no redirection, and fills in the form that it was last shown."""

    def __init__(self, app: FastAPI, address: str = "192.0.2.1", **headers: str) -> None:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        headers = {"x-forwarded-for": address, "accept-language": "en", **headers}
        self.http = httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        self.shown = ""

    async def open(self, path: str) -> httpx2.Response:
        answer = await self.http.get(path)
        self.shown = answer.text
        return answer

    async def submit(self, action: str, **fields: str) -> httpx2.Response:
        answer = await self.http.post(action, data={**fields_of(self.shown, action), **fields})
        if answer.status_code != 303:
            self.shown = answer.text
        return answer

    async def sign_in(
        self, username: str, password: str = PASSWORD, return_to: str | None = None
    ) -> httpx2.Response:
        await self.open(f"{LOGIN}?{urlencode({'return_to': return_to or ACCOUNT})}")
        return await self.submit(LOGIN, username=username, password=password)

    async def is_signed_in(self) -> bool:
        return (await self.http.get(ACCOUNT)).status_code == 200

    def cookie(self, name: str) -> str | None:
        return self.http.cookies.get(f"shuyuan_{name}")


@dataclass
class House:
    """The application, and what a test puts into it."""

    app: FastAPI
    owner: asyncpg.Connection
    clock: FrozenClock
    seams: Seams

    @property
    def people(self) -> people.PeoplePart:
        part: people.PeoplePart = self.app.state.people
        return part

    def browser(self, address: str = "192.0.2.1", **headers: str) -> Browser:
        return Browser(self.app, address, **headers)

    async def person(
        self,
        username: str,
        password: str | None = PASSWORD,
        state: State = State.ACTIVE,
        *,
        stands_alone: bool = True,
    ) -> UUID:
        """Somebody with a username and, unless None, a password."""
        now, known = self.clock(), self.people
        async with self.app.state.runtime.new_uow() as uow:
            stores = known.stores(uow.connection)
            person = await stores.people.add(
                Person(uuid7(), "", state, Profile(name="张伟"), 1, now, now)
            )
            key = IdentifierKey(IdentifierKind.USERNAME, username)
            await stores.people.put_identifier(person.id, key, now, now)
            if password is not None:
                await PasswordRows(uow.connection).put(
                    person.id, await hashed(password), stands_alone=stands_alone, now=now, history=0
                )
            await uow.commit()
        return person.id

    async def signed_in(self, username: str = "zhangwei") -> tuple[Browser, UUID]:
        """A browser that somebody has just signed in on."""
        person_id = await self.person(username)
        browser = self.browser()
        assert (await browser.sign_in(username)).status_code == 303
        return browser, person_id

    async def allowed_offline(self, person_id: UUID) -> UUID:
        """What an application was given in a session that is over: its authorization."""
        authorization: UUID = await self.owner.fetchval(
            "INSERT INTO authorizations (id, client_id, person_id, session_id, scopes, claims,"
            " auth_time, acr, amr, created_at, expires_at, ends_at)"
            " VALUES ($1, $2, $3, $4, '{openid,offline_access}', '{}', now(), '', '{pwd}', now(),"
            " now() + interval '30 days', now() + interval '90 days') RETURNING id",
            *(uuid7(), uuid7(), person_id, uuid7()),
        )
        return authorization

    async def has_ended(self, authorization: UUID) -> bool:
        """Whether its refresh tokens are good no longer, and its access tokens are void."""
        found = "SELECT revoked_at FROM authorizations WHERE id = $1"
        ended = await self.owner.fetchval(found, authorization) is not None
        return ended and ("family", str(authorization)) in self.seams.revoked

    async def audited(self, action: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.owner.fetch(
            "SELECT * FROM audit WHERE action = $1 ORDER BY id", action
        )
        return rows


_HASHES: dict[str, str] = {}


async def hashed(password: str) -> str:
    """The hash of a password; each is computed once a run."""
    if password not in _HASHES:
        hashing = PasswordHashing(workers=1, queue=0, memory_kib=8_192, iterations=1)
        with hashing.seat() as seat:
            _HASHES[password] = await seat.hash(password)
    return _HASHES[password]


def house_of(app: FastAPI, owner: asyncpg.Connection) -> House:
    return House(app, owner, app.state.clock, app.state.seams)


def secret_from(page: str) -> bytes:
    """The secret that an enrolment page shows, as an authenticator keeps it."""
    shown = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert shown is not None
    return base64.b32decode(shown[1].replace(" ", ""))
