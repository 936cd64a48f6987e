"""The portal alone, over an identity that is made here and asked through the real adapter."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.adapters.portal_identity import CLIENT_ID
from gateway.app import HEARS
from gateway.parts import checkpoint, portal
from gateway.settings import Settings
from shared.clock import utc_now
from shared.ids import uuid7
from shared.service import Runtime, application
from shared.testing.clock import FrozenClock
from tests.service.house import Token

ORIGIN = "http://gateway.test"
SECRET = "known-to-both"
DESK = "/docs/applications"
SCOPES = "openid profile identity.read identity.manage integrate"
INTEGRATOR = ("integrator@P1.N1",)
COMPANY = {"id": "01a20000-0000-7000-8000-00000000000a", "name": "智学公司"}
AT = "2026-11-22T00:00:00Z"

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class FakeIdentity:
    """Knows codes, refresh tokens and applications by who may have them."""

    token: Token
    away: bool = False
    over: bool = False
    refreshed: int = 0
    codes: dict[str, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)
    people: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None

    def let_in(self, subject: str, grants: tuple[str, ...], challenge: str) -> str:
        """The code that a person comes back with."""
        code = str(uuid7())
        self.codes[code] = subject, challenge, grants
        return code

    def add(self, subject: str, **more: Any) -> str:
        """An application that `subject` answers for."""
        client_id = str(uuid7())
        self.owners[client_id] = subject
        self.applications[client_id] = {
            "id": client_id,
            "organisation_id": COMPANY["id"],
            "name": "目录镜像",
            "purpose": "同步",
            "state": "APPROVED",
            "quota_class": "trial",
            "auth_method": "client_secret_basic",
            "scopes": ["catalog.read", "integrate", "openid"],
            "grant_types": ["client_credentials"],
            "redirect_uris": [],
            "networks": [],
            "created_at": AT,
            **more,
        }
        return client_id

    def changes(self) -> list[tuple[str, str]]:
        """What it was asked to do."""
        return [each for each in self.asked if each[0] != "GET"]

    def app(self) -> Starlette:
        one = "/identity/v1/clients/{client_id}"
        routes = [
            ("/identity/token", "POST", self._token),
            ("/identity/userinfo", "GET", self._userinfo),
            ("/identity/v1/organisations/{code}", "GET", self._organisation),
            ("/identity/v1/clients", "GET", self._list),
            ("/identity/v1/clients", "POST", self._register),
            (one, "GET", self._read),
            (f"{one}/api-keys", "GET", self._keys),
            (f"{one}/api-keys", "POST", self._issue),
            (f"{one}/api-keys/{{key}}", "DELETE", self._revoke),
            (f"{one}/secrets", "GET", self._secrets),
            (f"{one}/secrets", "POST", self._add_secret),
            (f"{one}/secrets/{{secret}}", "DELETE", self._end_secret),
        ]
        return Starlette(routes=[Route(path, do, methods=[verb]) for path, verb, do in routes])

    async def _token(self, request: Request) -> Response:
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert pair == f"{CLIENT_ID}:{SECRET}"
        form = {name: each[0] for name, each in parse_qs((await request.body()).decode()).items()}
        if form["grant_type"] == "refresh_token":
            self.refreshed += 1
            known = None if self.over else self.people.get(form["refresh_token"].split("/")[0])
        else:
            subject, challenge, grants = self.codes.pop(form["code"], ("", "", ()))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            assert form["redirect_uri"].endswith("/docs/callback")
            known = (subject, grants) if challenge == made else None
        if self.away:
            return Response(status_code=503)
        if known is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._given(*known))

    def _given(self, subject: str, grants: tuple[str, ...]) -> dict[str, Any]:
        self.people[subject] = subject, grants
        access = self.token(subject, SCOPES, grants, client_id=CLIENT_ID)["authorization"]
        return {
            "access_token": access.removeprefix("Bearer "),
            "refresh_token": f"{subject}/{self.refreshed}",
            "id_token": f"id-of-{subject}",
            "expires_in": 600,
        }

    async def _userinfo(self, request: Request) -> Response:
        return JSONResponse({"sub": self._who(request), "name": "张老师"})

    async def _organisation(self, request: Request) -> Response:
        return JSONResponse(COMPANY)

    async def _list(self, request: Request) -> Response:
        self._note(request)
        if self.away:
            return Response(status_code=503)
        if not self.people[self._who(request)][1]:
            return _problem(403, "forbidden")
        own = [
            each
            for id_, each in self.applications.items()
            if self.owners[id_] == self._who(request)
        ]
        return JSONResponse({"items": own, "next": None})

    async def _register(self, request: Request) -> Response:
        self._note(request)
        if self.refusal is not None:
            return JSONResponse(self.refusal, 422)
        key = request.headers["idempotency-key"]
        if key not in self.by_key:
            body = {**(await request.json()), "state": "REQUESTED"}
            self.by_key[key] = self.add(self._who(request), **body)
        return JSONResponse(self.applications[self.by_key[key]], 201)

    async def _read(self, request: Request) -> Response:
        return self._own(request) or JSONResponse(self.applications[_client(request)])

    async def _keys(self, request: Request) -> Response:
        return self._own(request) or JSONResponse({"items": [*self.keys.values()], "next": None})

    async def _issue(self, request: Request) -> Response:
        if refused := self._own(request):
            return refused
        if self.refusal is not None:
            return JSONResponse(self.refusal, 422)
        body = await request.json()
        key = {"id": "7K3M9QXB", "created_at": AT, "last_used_at": None, "revoked_at": None, **body}
        self.keys[key["id"]] = key
        return JSONResponse({**key, "key": "sy_7K3M9QXBsecret"}, 201)

    async def _revoke(self, request: Request) -> Response:
        if refused := self._own(request):
            return refused
        self.keys[request.path_params["key"]]["revoked_at"] = AT
        return Response(status_code=204)

    async def _secrets(self, request: Request) -> Response:
        return self._own(request) or JSONResponse([*self.secrets.values()])

    async def _add_secret(self, request: Request) -> Response:
        if refused := self._own(request):
            return refused
        body = await request.json()
        hours, replaced = body["old_ends_in_hours"], body["replaces"]
        if replaced is not None and [replaced] != list(self.secrets)[-1:]:
            return _problem(409, "identity/secret-replaced")
        for each in self.secrets.values():
            each["expires_at"] = AT if hours is not None else None
        made = {"id": str(uuid7()), "created_at": AT, "expires_at": None}
        self.secrets[made["id"] or ""] = made
        return JSONResponse({"id": made["id"], "secret": f"secret-after-{hours}"}, 201)

    async def _end_secret(self, request: Request) -> Response:
        if refused := self._own(request):
            return refused
        del self.secrets[request.path_params["secret"]]
        return Response(status_code=204)

    def _own(self, request: Request) -> Response | None:
        self._note(request)
        if self.owners.get(_client(request)) == self._who(request):
            return None
        return _problem(404, "not-found")

    def _note(self, request: Request) -> None:
        self.asked.append((request.method, request.url.path))

    def _who(self, request: Request) -> str:
        payload = request.headers["authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return str(claims["sub"])


def _client(request: Request) -> str:
    return str(request.path_params["client_id"])


def _problem(status: int, slug: str) -> Response:
    told = {"type": f"urn:shuyuan:problem:{slug}", "title": slug, "status": status}
    return JSONResponse(told, status)


def portal_alone(settings: Settings, identity: FakeIdentity, origin: str = ORIGIN) -> FastAPI:
    """With a clock that tests move."""
    told = settings.model_copy(
        update={"public_origin": origin, "identity_secret": type(settings.master_keys)(SECRET)}
    )
    runtime = Runtime("gateway", told, HEARS, FrozenClock(utc_now()))
    quotas = checkpoint.quotas(runtime, told)
    transport = httpx2.ASGITransport(identity.app())
    part = portal.build(runtime, told, quotas, transport)
    return application(runtime, title="", description="", parts=[part], table=part.table)


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, app: FastAPI, identity: FakeIdentity, origin: str = ORIGIN) -> None:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self.browser = httpx2.AsyncClient(transport=transport, base_url=origin)
        self.subject = str(uuid7())
        self._identity = identity

    async def leave(self, return_to: str = DESK) -> dict[str, str]:
        """Go to sign in; returns what identity is asked."""
        left = await self.browser.get("/docs/sign-in", params={"return_to": return_to})
        assert left.status_code == 303
        query = parse_qs(urlsplit(left.headers["location"]).query)
        return {name: each[0] for name, each in query.items()}

    async def sign_in(
        self, grants: tuple[str, ...] = INTEGRATOR, return_to: str = DESK
    ) -> httpx2.Response:
        """Returns the answer with which the portal lets them in."""
        asked = await self.leave(return_to)
        code = self._identity.let_in(self.subject, grants, asked["code_challenge"])
        back = {"code": code, "state": asked["state"]}
        return await self.browser.get("/docs/callback", params=back)

    async def csrf(self, path: str = DESK) -> str:
        found = _CSRF.search((await self.browser.get(path)).text)
        assert found is not None
        return unescape(found[1])

    async def send(
        self, path: str, form: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A form, as its page would send it; a new one unless it is told ``once``."""
        data = {"csrf": await self.csrf(), "once": str(uuid4()), **form}
        return await self.browser.post(path, data=data, headers=headers)
