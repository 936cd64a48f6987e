"""Pages of somebody who is signed in to the portal: their applications, keys, secrets, usage."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.application.portal import PortalSessions, Visitor
from gateway.application.portal_desk import Desk, Registry
from gateway.domain.portal import OF_PEOPLE, SCOPES, Kind, Organisation, RequestRefused, Wanted
from gateway.portal import Form, FormRefused, PageRoutes, Pages
from gateway.routes.portal import DESK
from gateway.routes.portal_fields import chosen, client_id_of, identifier, once, sent, sent_before
from shared.clock import Clock
from shared.context import worded
from shared.errors import Forbidden, NotFound

ONE = f"{DESK}/{{client_id}}"
LIVES_DAYS = (30, 90, 180, 365)
OVERLAP_HOURS = (0, 24, 168)

_KEY_ID = re.compile(r"[0-9A-Z]{8}")
_EMPTY = Form({})


class ApplicationPages:
    def __init__(
        self,
        pages: Pages,
        sessions: PortalSessions,
        registry: Registry,
        desk: Desk,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._registry = registry
        self._desk = desk
        self._clock = clock

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages, self._sessions)
        routes.signed_in(DESK, self._list)
        routes.signed_in(f"{DESK}/new", self._new)
        routes.post(DESK, self._register)
        routes.signed_in(ONE, self._show)
        for made in ("api-keys", "secrets"):  # a page that shows what was made, loaded again
            routes.signed_in(f"{ONE}/{made}", self._back)
        routes.post(f"{ONE}/api-keys", self._issue_key)
        routes.post(f"{ONE}/api-keys/revoke", self._revoke_key)
        routes.post(f"{ONE}/secrets", self._add_secret)
        routes.post(f"{ONE}/secrets/revoke", self._end_secret)
        return routes.router

    async def _list(self, request: Request, visitor: Visitor) -> Response:
        cursor = request.query_params.get("cursor")
        try:
            listed, following = await self._registry.applications(visitor.access_token, cursor)
        except Forbidden:  # no role of theirs answers for any
            listed, following = (), None
        may_register = bool(await self._desk.organisations(visitor))
        return self._desk_page(
            request,
            visitor,
            "applications.html",
            applications=listed,
            following=following,
            may_register=may_register,
        )

    async def _new(self, request: Request, visitor: Visitor) -> Response:
        organisations = await self._desk.organisations(visitor)
        if not organisations:
            raise Forbidden(
                "Ask an administrator of your organisation for the role integrator.",
                zh="请联系本机构管理员开通“集成开发者”角色。",
            )
        return self._form(request, visitor, organisations, _EMPTY)

    async def _register(self, request: Request, visitor: Visitor, form: Form) -> Response:
        wanted = _wanted(form)
        try:
            if wanted.kind is Kind.SERVER and not wanted.scopes:
                raise _without_scopes()
            client_id = await self._registry.register(visitor.access_token, wanted)
        except RequestRefused as refused:
            organisations = await self._desk.organisations(visitor)
            return self._form(request, visitor, organisations, form, 422, errors=_errors(refused))
        return self._pages.redirect(f"{DESK}/{client_id}")

    async def _show(self, request: Request, visitor: Visitor) -> Response:
        return await self._application(request, visitor)

    async def _back(self, request: Request, _visitor: Visitor) -> Response:
        return self._pages.redirect(f"{DESK}/{client_id_of(request)}")

    async def _issue_key(self, request: Request, visitor: Visitor, form: Form) -> Response:
        until = self._clock() + timedelta(days=chosen(form, "days", LIVES_DAYS), minutes=-1)
        issue = partial(
            self._registry.issue_key,
            visitor.access_token,
            client_id_of(request),
            form.one("name"),
            form.all("scopes"),
            until,
        )
        try:
            key = await self._sessions.once(visitor, sent(request, form), issue)
        except RequestRefused as refused:
            return await self._application(
                request, visitor, 422, form=form, errors=_errors(refused)
            )
        if key is None:
            return await self._application(request, visitor, 409, notice=sent_before())
        return await self._application(request, visitor, new_key=key)

    async def _revoke_key(self, request: Request, visitor: Visitor, form: Form) -> Response:
        if not _KEY_ID.fullmatch(key_id := form.one("key")):
            raise NotFound
        client_id = client_id_of(request)
        await self._registry.revoke_key(visitor.access_token, client_id, key_id)
        return self._pages.redirect(f"{DESK}/{client_id}")

    async def _add_secret(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Beside the one that the form names, which ends when the form says."""
        replaced, hours = None, None
        if form.one("replaces"):
            replaced, hours = identifier(form.one("replaces")), chosen(form, "hours", OVERLAP_HOURS)
        token, client_id = visitor.access_token, client_id_of(request)
        add = partial(self._registry.add_secret, token, client_id, replaced, hours)
        try:
            secret = await self._sessions.once(visitor, sent(request, form), add)
        except RequestRefused as refused:
            return await self._application(request, visitor, 409, notice=refused.members["title"])
        if secret is None:
            return await self._application(request, visitor, 409, notice=sent_before())
        return await self._application(request, visitor, new_secret=secret)

    async def _end_secret(self, request: Request, visitor: Visitor, form: Form) -> Response:
        client_id, secret_id = client_id_of(request), identifier(form.one("secret"))
        await self._registry.end_secret(visitor.access_token, client_id, secret_id)
        return self._pages.redirect(f"{DESK}/{client_id}")

    async def _application(
        self,
        request: Request,
        visitor: Visitor,
        status: int = 200,
        *,
        new_key: str = "",
        new_secret: str = "",
        notice: str = "",
        form: Form = _EMPTY,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> Response:
        overview = await self._desk.overview(visitor, client_id_of(request))
        return self._desk_page(
            request,
            visitor,
            "application.html",
            status,
            application=overview.application,
            overview=overview,
            words=SCOPES,
            now=self._clock(),
            lives=LIVES_DAYS,
            overlaps=OVERLAP_HOURS,
            new_key=new_key,
            new_secret=new_secret,
            notice=notice,
            form=form,
            errors=errors,
            once=str(uuid4()),
        )

    def _form(
        self,
        request: Request,
        visitor: Visitor,
        organisations: Sequence[Organisation],
        form: Form,
        status: int = 200,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> Response:
        return self._desk_page(
            request,
            visitor,
            "register.html",
            status,
            errors=errors,
            form=form,
            once=form.one("once") or str(uuid4()),
            organisations=organisations,
            scopes=SCOPES,
            of_people=OF_PEOPLE,
        )

    def _desk_page(
        self, request: Request, visitor: Visitor, template: str, status: int = 200, **context: Any
    ) -> Response:
        return self._pages.render(
            request,
            template,
            status,
            session=visitor.secret,
            here="applications",
            account=visitor.name,
            **context,
        )


def _without_scopes() -> RequestRefused:
    """It calls as itself: nothing would ever be open to it."""
    told = worded("Choose at least one.", "请至少选择一项。")
    return RequestRefused(errors=[{"pointer": "#/scopes", "detail": told}])


def _errors(refused: RequestRefused) -> Sequence[Mapping[str, str]]:
    found: Sequence[Mapping[str, str]] = refused.members["errors"] or [{"detail": refused.detail}]
    return found


def _wanted(form: Form) -> Wanted:
    """Raises `FormRefused`."""
    kinds = {each.name: each for each in Kind}
    if (kind := kinds.get(form.one("kind"))) is None:
        raise FormRefused("Choose what kind of application it is.", zh="请选择应用类型。")
    if not set(form.all("scopes")) <= SCOPES.keys():
        raise FormRefused("Choose among the offered scopes.", zh="请选择表单中提供的权限范围。")
    return Wanted(
        organisation_id=form.one("organisation_id"),
        name=form.one("name"),
        purpose=form.one("purpose"),
        kind=kind,
        scopes=form.all("scopes"),
        redirect_uris=form.lines("redirect_uris"),
        networks=form.lines("networks"),
        once=once(form),
    )
