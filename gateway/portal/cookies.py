from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response


class Cookie(StrEnum):
    SESSION = "docs"
    SIGN_IN = "docs-sign-in"  # one that is under way
    LANGUAGE = "docs-language"


class Cookies:
    """Not for scripts, not sent along by other sites' forms; over https only, and only for this
    host, where the platform has https (RFC 6265bis §4.1.3.2)."""

    def __init__(self, public_origin: str) -> None:
        self._secure = public_origin.startswith("https:")
        self._path = "/" if self._secure else "/docs"

    def name(self, cookie: Cookie) -> str:
        if self._secure:
            return f"__Host-shuyuan-{cookie}"
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
