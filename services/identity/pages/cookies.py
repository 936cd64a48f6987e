from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

YEAR_SECONDS = 365 * 24 * 3600


class Cookie(StrEnum):
    """What a browser keeps for us."""

    SESSION = "session"
    VISIT = "visit"  # before any session, so that forms are bound to a browser
    SIGN_IN = "sign-in"  # a sign-in under way
    DEVICE = "device"  # somebody has signed in here
    LANGUAGE = "language"


class Cookies:
    """Sets and reads cookies: not for scripts, not sent along by other sites' forms; over https
    only, and only for this host, where the platform has https (RFC 6265bis §4.1.3.2)."""

    def __init__(self, public_origin: str) -> None:
        self._secure = public_origin.startswith("https:")

    def name(self, cookie: Cookie) -> str:
        if self._secure:
            tail = "" if cookie is Cookie.SESSION else f"-{cookie}"
            return f"__Host-shuyuan{tail}"
        return f"shuyuan_{cookie.replace('-', '_')}"

    def read(self, request: Request, cookie: Cookie) -> str | None:
        return request.cookies.get(self.name(cookie)) or None

    def keep(
        self, response: Response, cookie: Cookie, value: str, seconds: int | None = None
    ) -> None:
        """For so many seconds, or until the browser is closed."""
        response.set_cookie(
            self.name(cookie),
            value,
            max_age=seconds,
            path=self._path,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def drop(self, response: Response, cookie: Cookie) -> None:
        response.delete_cookie(
            self.name(cookie), path=self._path, secure=self._secure, httponly=True, samesite="lax"
        )

    @property
    def _path(self) -> str:
        return "/" if self._secure else "/identity"
