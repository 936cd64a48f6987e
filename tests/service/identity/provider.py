"""The provider part with the real sessions and pages, and people who are what a test says."""

import base64
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import UUID

import asyncpg
import httpx2
import orjson
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet

from services.identity.adapters.session_opening import SessionStatement
from services.identity.adapters.sessions import SessionReads, SessionRows
from services.identity.application.revocations import Revocations
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.authorization import s256
from services.identity.domain.passwords import PROFILES
from services.identity.domain.people import State
from services.identity.domain.tokens import fingerprint, new_secret
from services.identity.pages import Cookie, Cookies, Pages
from services.identity.pages.forms import Forms
from services.identity.parts.provider import Provider, build, build_revocations
from services.identity.problems.authentication import PROBLEMS as AUTHENTICATION_PROBLEMS
from services.identity.problems.organisations import PROBLEMS as ORGANISATION_PROBLEMS
from services.identity.problems.provider import PROBLEMS
from services.identity.settings import Settings
from shared.encryption import KeyRing
from shared.ids import uuid7
from shared.service import Runtime, application
from tests.service.identity.fakes import FakePeople, Somebody

ORIGIN = "http://127.0.0.1:8080"
ISSUER = f"{ORIGIN}/identity"
REDIRECT = "https://app.example/callback"
SIGNED_OUT = "https://app.example/signed-out"
VERIFIER = "the-verifier-of-a-test-has-at-least-43-characters"
EVERY_GRANT = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
)
OIDC_SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_ACTION = re.compile(r'<form method="post" action="([^"]+)">')
_RINGS: list[tuple[Any, ...]] = []
"""The first test's signing keys, encrypted: the others do without making RSA keys."""


@dataclass(frozen=True)
class RegisteredClient:
    id: str
    secret: str | None
    redirect_uri: str = REDIRECT

    @property
    def basic(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}


@dataclass
class Browser:
    """A person's browser: it keeps cookies and follows nothing by itself."""

    house: "House"
    http: httpx2.AsyncClient
    session: Session | None = None

    async def sign_in(self, person_id: UUID, amr: tuple[str, ...] = ("pwd",)) -> Session:
        """As the login pages do it, without them."""
        async with self.house.runtime.new_uow() as uow:
            session, cookie = await self.house.sessions.start(uow, person_id, amr, "Firefox, Linux")
            await uow.commit()
        name = Cookies(ORIGIN).name(Cookie.SESSION)
        self.http.cookies.set(name, cookie, "127.0.0.1", "/identity")
        self.session = session
        return session

    async def get(self, path: str, **parameters: str) -> httpx2.Response:
        return await self.http.get(path, params=parameters)

    async def authorize(self, client: RegisteredClient, **changes: str | None) -> httpx2.Response:
        """A request of the code flow; a change to None leaves the parameter out."""
        asked: dict[str, str | None] = {
            "client_id": client.id,
            "redirect_uri": client.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return await self.http.get("/identity/authorize", params=given)

    async def code(self, client: RegisteredClient, **changes: str | None) -> str:
        answer = await self.authorize(client, **changes)
        return query(answer)["code"]

    async def submit(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Send the form on a page."""
        [action] = _ACTION.findall(page.text)
        hidden = {name: _unescaped(value) for name, value in _HIDDEN.findall(page.text)}
        return await self.http.post(
            action,
            content=urlencode({**hidden, **fields}),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    async def continue_after_login(self, answer: httpx2.Response) -> httpx2.Response:
        """Go on where a redirect to the login page says to return to."""
        return await self.http.get(query(answer)["return_to"])


@dataclass
class House:
    settings: Settings
    app: FastAPI
    runtime: Runtime
    part: Provider
    people: FakePeople
    sessions: Sessions
    pages: Pages
    revocations: Revocations
    owner: asyncpg.Connection
    http: httpx2.AsyncClient
    organisation_id: UUID
    path: str = "PHOUSE"

    def replica(self) -> Provider:
        """The part of another process on the same database."""
        return build(
            self.runtime,
            self.settings,
            people=self.people,
            sessions=self.sessions,
            pages=self.pages,
            revocations=self.revocations,
            profile=PROFILES["djbh3"],
        )

    def browser(self) -> Browser:
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        return Browser(self, httpx2.AsyncClient(transport=transport, base_url=ORIGIN))

    async def person(
        self,
        grants: tuple[str, ...] = (),
        consented: frozenset[str] | None = None,
        **claims: Any,
    ) -> UUID:
        person_id = uuid7()
        await self.owner.execute(
            "INSERT INTO people (id, code, state, version, created_at, updated_at)"
            " VALUES ($1, $2, 'ACTIVE', 1, now(), now())",
            person_id,
            str(person_id),
        )
        known = {
            "name": "王小明",
            "preferred_username": "wang",
            "email": "wang@school.example",
            "email_verified": True,
            "phone_number": "+8613800000000",
            "phone_number_verified": False,
            "address": {"formatted": "西安市"},
            "updated_at": 1,
            **claims,
        }
        self.people.known[person_id] = Somebody(known, grants, State.ACTIVE, consented)
        return person_id

    async def client(
        self,
        *,
        auth_method: str = "client_secret_basic",
        grant_types: tuple[str, ...] = EVERY_GRANT,
        scopes: tuple[str, ...] = (*OIDC_SCOPES, "catalog.read"),
        trusted: bool = True,
        pkce_required: bool = False,
        redirect_uris: tuple[str, ...] = (REDIRECT,),
        application_type: str = "web",
        jwks: dict[str, Any] | None = None,
        state: str = "APPROVED",
    ) -> RegisteredClient:
        client_id = uuid7()
        secret = None if auth_method in ("none", "private_key_jwt") else new_secret()
        await self.owner.execute(
            "INSERT INTO clients (id, organisation_id, name, purpose, application_type,"
            " auth_method, redirect_uris, post_logout_redirect_uris, jwks, scopes, grant_types,"
            " pkce_required, trusted, quota_class, state, requested_by, version, created_at,"
            " updated_at) VALUES ($1, $2, '听书', '朗读课文', $3, $4, $5, $6, $7, $8, $9, $10, $11,"
            " 'standard', $12, 'somebody', 1, now(), now())",
            client_id,
            self.organisation_id,
            application_type,
            auth_method,
            list(redirect_uris),
            [SIGNED_OUT],
            orjson.dumps(jwks).decode() if jwks else None,
            list(scopes),
            list(grant_types),
            pkce_required,
            trusted,
            state,
        )
        if secret is not None:
            await self.owner.execute(
                "INSERT INTO client_secrets (id, client_id, hash, created_at)"
                " VALUES ($1, $2, $3, now())",
                uuid7(),
                client_id,
                fingerprint(secret),
            )
        return RegisteredClient(str(client_id), secret, redirect_uris[0])

    async def post(
        self, path: str, client: RegisteredClient | None = None, **fields: str
    ) -> httpx2.Response:
        """A form to a protocol endpoint, with Basic for `client`."""
        return await self.http.post(
            f"/identity{path}",
            content=urlencode(fields),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **(client.basic if client else {}),
            },
        )

    async def redeem(self, client: RegisteredClient, code: str, **changes: str) -> httpx2.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": VERIFIER,
            **changes,
        }
        return await self.post("/token", client, **{k: v for k, v in fields.items() if v})

    async def refresh(self, client: RegisteredClient, token: str, **more: str) -> httpx2.Response:
        return await self.post(
            "/token", client, grant_type="refresh_token", refresh_token=token, **more
        )

    async def tokens(
        self,
        client: RegisteredClient,
        person_id: UUID,
        amr: tuple[str, ...] = ("pwd",),
        **changes: str | None,
    ) -> dict[str, Any]:
        """The answer of the token endpoint after a whole code flow."""
        browser = self.browser()
        await browser.sign_in(person_id, amr)
        answer = await self.redeem(client, await browser.code(client, **changes))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def userinfo(self, access_token: str) -> httpx2.Response:
        return await self.http.get(
            "/identity/userinfo", headers={"authorization": f"Bearer {access_token}"}
        )

    async def jwks(self) -> KeySet:
        return KeySet.import_key_set((await self.http.get("/identity/jwks.json")).json())

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours, after its signature has been verified."""
        return jwt.decode(token, await self.jwks(), algorithms=["ES256", "RS256"]).claims

    def bearer(
        self, subject: str, scopes: str = "", grants: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """The Authorization header of somebody with these scopes and grants."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "shuyuan",
            "sub": subject,
            "client_id": "tests",
            "jti": str(uuid7()),
            "iat": now,
            "exp": now + 600,
            "scope": scopes,
            "grants": list(grants),
        }
        return {"authorization": f"Bearer {self.part.keys.sign_access(claims)}"}

    async def organisation(self, label: str, below: str = "PHOUSE") -> UUID:
        """A school below the province."""
        organisation_id = uuid7()
        await self.owner.execute(
            "INSERT INTO organisations (id, code, kind, name, sort_key, parent_id, path, state,"
            " version, created_at) VALUES ($1, $2, 'school', $2, $2, $3, text2ltree($4), 'OPEN',"
            " 1, now())",
            organisation_id,
            label,
            self.organisation_id,
            f"{below}.{label}",
        )
        return organisation_id

    async def suspend(self, person_id: UUID) -> None:
        """As the people part does it: the account is disabled, its tokens are void."""
        self.people.known[person_id].state = State.SUSPENDED
        await self.revoke("person", str(person_id))

    async def revoke(self, kind: str, value: str) -> None:
        async with self.runtime.new_uow() as uow:
            await self.revocations.revoke(uow, kind, value)
            await uow.commit()


@asynccontextmanager
async def running_house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    """A province with a provider whose background tasks do not run."""
    organisation_id = uuid7()
    await owner.execute(
        "INSERT INTO organisations (id, code, kind, name, sort_key, path, state, version,"
        " created_at) VALUES ($1, 'P-HOUSE', 'province', '陕西省', 'shanxi', 'PHOUSE', 'OPEN', 1,"
        " now())",
        organisation_id,
    )
    if _RINGS:
        await owner.copy_records_to_table("signing_keys", records=_RINGS)
    runtime = Runtime("identity", settings, {})
    revocations = build_revocations(runtime)
    cookies = Cookies(settings.public_origin)
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    people = FakePeople()
    sessions = Sessions(
        runtime.new_uow,
        SessionRows,
        SessionStatement(runtime),
        SessionReads(runtime.reader),
        revocations,
        runtime.clock,
        idle=timedelta(hours=1),
        life=timedelta(hours=12),
        cookie_name=cookies.name(Cookie.SESSION),
    )
    forms = Forms(cookies, settings.public_origin, keys.derive("forms"))
    table = {**ORGANISATION_PROBLEMS, **AUTHENTICATION_PROBLEMS, **PROBLEMS}
    pages = Pages(cookies, forms, table, {"zh": "书院", "en": "Shuyuan"})
    part = build(
        runtime,
        settings,
        people=people,
        sessions=sessions,
        pages=pages,
        revocations=revocations,
        profile=PROFILES["djbh3"],
    )
    await part.keys.tend()
    _RINGS[:] = _RINGS or [tuple(row) for row in await owner.fetch("SELECT * FROM signing_keys")]
    app = application(runtime, title="", description="", parts=[part], table=table)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield House(
            settings,
            app,
            runtime,
            part,
            people,
            sessions,
            pages,
            revocations,
            owner,
            http,
            organisation_id,
        )
    await runtime.close()
    runtime.reader.close()


def query(answer: httpx2.Response) -> dict[str, str]:
    """The query of the address that a redirect leads to."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def leads_to(answer: httpx2.Response) -> str:
    """Where a redirect leads, without the query."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    address: str = answer.headers["location"]
    return address.partition("?")[0]


def returned_request(answer: httpx2.Response) -> dict[str, list[str]]:
    """The authorization request to which the login page will lead back."""
    return parse_qs(urlsplit(query(answer)["return_to"]).query)


def unnamed_modules(test_module: str, modules: str) -> set[str]:
    """The certification modules, without their prefix, that no docstring of a test names."""
    tests = vars(sys.modules[test_module]).items()
    told = " ".join(test.__doc__ or "" for name, test in tests if name.startswith("test_"))
    named = {word.strip(",.").removeprefix("oidcc-") for word in told.split()}
    return set(modules.split()) - named


def _unescaped(value: str) -> str:
    for escaped, plain in (("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        value = value.replace(escaped, plain)
    return value.replace("&amp;", "&")
