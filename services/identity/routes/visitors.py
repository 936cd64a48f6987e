"""Who comes to the pages: from where, on what device, signed in or not; and where they go next."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.sessions import Session, Sessions
from services.identity.application.sign_in import Outcome, SignedIn, Visitor
from services.identity.domain.sign_in import SignInExpired, Step, device_named
from services.identity.pages import Cookie, Form, Pages
from services.identity.pages.cookies import YEAR_SECONDS
from shared.addresses import client_address
from shared.clock import Clock
from shared.context import current

RECENT = timedelta(minutes=10)
LOGIN = "/identity/login"
PAGE_OF_STEP = {
    Step.SECOND_FACTOR: f"{LOGIN}/second-factor",
    Step.ENROL: f"{LOGIN}/enrol",
    Step.NEW_PASSWORD: f"{LOGIN}/password",
}

Page = Callable[..., Awaitable[Response]]


class Visitors:
    """``proxies`` before the service append the address they see to X-Forwarded-For."""

    def __init__(self, sessions: Sessions, pages: Pages, proxies: int, clock: Clock) -> None:
        self._sessions = sessions
        self._pages = pages
        self._cookies = pages.cookies
        self._proxies = proxies
        self._clock = clock

    async def session(self, request: Request) -> Session | None:
        """The live session of the browser; from here on its person is the one who acts."""
        session = await self._sessions.current(self._cookies.read(request, Cookie.SESSION))
        if session is not None:
            current().actor = str(session.person_id)
        return session

    async def visitor(self, request: Request) -> Visitor:
        """Somebody about to sign in, who is nobody yet."""
        return Visitor(
            address=self._address(request),
            browser=self._pages.visit(request),
            device=device_named(request.headers.get("user-agent", "")),
            device_cookie=self._cookies.read(request, Cookie.DEVICE),
            session=await self._sessions.current(self._cookies.read(request, Cookie.SESSION)),
        )

    def own(self, page: Page) -> Page:
        """`page` for whoever is signed in; the others sign in first. It is given the session."""

        async def shown(request: Request, *form: Form) -> Response:
            session = await self.session(request)
            if session is None:
                return self._sign_in(request.url.path)
            return await page(request, session, *form)

        return shown

    def recently(self, page: Page, back: str) -> Page:
        """`page` for whoever has proved just now who they are, as changing the account asks for;
        the others do it first, and come `back`."""

        async def shown(request: Request, *form: Form) -> Response:
            session = await self.session(request)
            if session is None or self._clock() - session.authenticated_at >= RECENT:
                return self._sign_in(back)
            return await page(request, session, *form)

        return shown

    def under_way(self, page: Page) -> Page:
        """`page` of a sign-in under way; when that is over, the way back to its beginning."""

        async def shown(request: Request, *form: Form) -> Response:
            try:
                return await page(request, *form)
            except SignInExpired:
                return self._pages.redirect(f"{LOGIN}?notice=expired")

        return shown

    def go_on(self, outcome: Outcome) -> Response:
        """To the next step of signing in, or to where it was to lead."""
        if isinstance(outcome, SignedIn):
            response = self._pages.redirect(outcome.return_to)
            self._cookies.keep(response, Cookie.SESSION, outcome.session_cookie)
            self._cookies.drop(response, Cookie.SIGN_IN)
            if outcome.device_cookie is not None:
                self._cookies.keep(response, Cookie.DEVICE, outcome.device_cookie, YEAR_SECONDS)
            return response
        response = self._pages.redirect(PAGE_OF_STEP[outcome.step])
        if outcome.cookie is not None:
            self._cookies.keep(response, Cookie.SIGN_IN, outcome.cookie)
        return response

    def _sign_in(self, return_to: str) -> Response:
        return self._pages.redirect(f"{LOGIN}?return_to={quote(return_to)}")

    def _address(self, request: Request) -> str:
        """The address that the outermost proxy of ours saw; what came before it is hearsay."""
        peer = request.client.host if request.client else "unknown"
        return client_address(request.headers.get("x-forwarded-for", ""), peer, self._proxies)
