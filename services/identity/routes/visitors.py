"""Who comes to the pages: from where, on what device, signed in or not."""

from datetime import timedelta

from starlette.requests import Request

from services.identity.application.sessions import Session, Sessions
from services.identity.application.sign_in import SignedIn, Visitor
from services.identity.domain.sign_in import device_named
from services.identity.pages import Cookie, Cookies
from services.identity.pages.cookies import YEAR_SECONDS
from shared.clock import Clock
from shared.context import current
from starlette.responses import Response

RECENT = timedelta(minutes=10)


class Visitors:
    """``proxies`` before the service append the address they see to X-Forwarded-For."""

    def __init__(self, sessions: Sessions, cookies: Cookies, proxies: int, clock: Clock) -> None:
        self._sessions = sessions
        self._cookies = cookies
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
            address=self.address(request),
            device=device_named(request.headers.get("user-agent", "")),
            device_cookie=self._cookies.read(request, Cookie.DEVICE),
            session=await self._sessions.current(self._cookies.read(request, Cookie.SESSION)),
        )

    def recent(self, session: Session) -> bool:
        """Whether the person proved who they are just now, as changing the account asks for."""
        return self._clock() - session.authenticated_at < RECENT

    def keep(self, response: Response, signed_in: SignedIn) -> Response:
        """Give the browser what it needs from now on."""
        self._cookies.keep(response, Cookie.SESSION, signed_in.session_cookie)
        self._cookies.drop(response, Cookie.SIGN_IN)
        if signed_in.device_cookie is not None:
            self._cookies.keep(response, Cookie.DEVICE, signed_in.device_cookie, YEAR_SECONDS)
        return response

    def address(self, request: Request) -> str:
        """The address that the outermost proxy of ours saw; what came before it is hearsay."""
        told = [each.strip() for each in request.headers.get("x-forwarded-for", "").split(",")]
        if self._proxies and len(told) >= self._proxies and told[-self._proxies]:
            return told[-self._proxies]
        return request.client.host if request.client else "unknown"
