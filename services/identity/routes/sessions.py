"""Where somebody is signed in: a page, and the same for programs."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.reach import person_of
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.sign_in import HOME
from services.identity.pages import Form, PageRoutes, Pages
from services.identity.problems.authentication import PROBLEMS
from services.identity.routes.visitors import Visitors
from services.identity.schemas.authentication import SessionView
from shared.access import Rule, guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.pages import Page
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

SESSIONS = f"{HOME}/sessions"
OTHERS = "others"
READ_OWN = Rule("identity.read")
END_OWN = Rule("identity.manage")
MINE = (Unauthenticated, Forbidden, NotFound, Unavailable)


class SessionPages:
    def __init__(self, pages: Pages, visitors: Visitors, sessions: Sessions) -> None:
        self._pages = pages
        self._visitors = visitors
        self._sessions = sessions

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        routes.get(SESSIONS, self._visitors.own(self.show))
        routes.post(SESSIONS, self._visitors.own(self.end))
        return routes.router

    async def show(self, request: Request, session: Session) -> Response:
        return self._pages.render(
            request,
            "sessions.html",
            here="sessions",
            sessions=await self._sessions.list(session.person_id),
            present=session.id,
        )

    async def end(self, _request: Request, session: Session, form: Form) -> Response:
        chosen = form.get("session", "")
        if chosen == OTHERS:
            await self._sessions.end_others(session)
        else:
            try:
                await self._sessions.end(session.person_id, UUID(chosen))
            except ValueError:
                raise NotFound from None
        return self._pages.redirect(SESSIONS)


def sessions_router(sessions: Sessions) -> APIRouter:
    router = APIRouter(prefix="/identity/v1/sessions", tags=["sessions"])

    @router.get("", summary="我的登录", responses=problems(*MINE), **guarded(READ_OWN))
    async def list_sessions(caller: Caller) -> Page[SessionView]:
        """Where you are signed in, the last used first. All of them stand on the one page."""
        found = await sessions.list(person_of(caller))
        return Page(items=[SessionView.of(each) for each in found], next=None)

    @router.delete(
        "/{session_id}",
        status_code=204,
        summary="退出一处登录",
        responses=problems(*MINE),
        **guarded(END_OWN),
    )
    async def end_session_of_mine(session_id: UUID, caller: Caller) -> None:
        """Sign out there, and end whatever applications were given there, ``offline_access``
        included; the tokens are void at once."""
        await sessions.end(person_of(caller), session_id)

    return router
