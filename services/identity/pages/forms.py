"""Forms: read strictly, and only when they come from a page of ours in the same browser."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from services.identity.pages.cookies import Cookie, Cookies
from shared.errors import DomainError

FIELD = "csrf"
MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 50
LONGEST_FIELD = 16_384

Form = Mapping[str, str]


class FormRefused(DomainError):
    """The form did not come from our page in this browser, or is none."""


class Forms:
    """A form carries a token that only the browser it was shown to can send: an HMAC over a cookie
    that it has from its first visit, and over that of its session where it has one."""

    def __init__(self, cookies: Cookies, public_origin: str, key: bytes) -> None:
        self._cookies = cookies
        self.origin = public_origin
        self._key = key

    def token(self, visit: str, session: str = "") -> str:
        mac = hmac.digest(self._key, f"{visit}\0{session}".encode(), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    async def read(self, request: Request, *, before_session: bool) -> Form:
        """The fields of a form of ours. Raises `FormRefused`.

        ``before_session`` forms are bound to the visit alone: somebody who signed in in another tab
        meanwhile can still send them.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            raise FormRefused(f"Send the form as {MEDIA_TYPE}.", zh=f"请以 {MEDIA_TYPE} 提交表单。")
        if not self._from_here(request):
            raise FormRefused("The form came from another site.", zh="表单来自其他网站。")
        try:
            pairs = parse_qsl(
                (await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
        except ValueError as error:
            raise FormRefused("The form could not be read.", zh="无法读取表单。") from error
        form = dict(pairs)
        if len(form) < len(pairs):
            raise FormRefused("The form has a field twice.", zh="表单中有重复的字段。")
        if any(len(value) > LONGEST_FIELD for value in form.values()):
            raise FormRefused("A field is too long.", zh="有字段过长。")
        visit = self._cookies.read(request, Cookie.VISIT)
        session = "" if before_session else self._cookies.read(request, Cookie.SESSION) or ""
        expected = self.token(visit or "", session)
        if visit is None or not hmac.compare_digest(expected, form.pop(FIELD, "")):
            raise FormRefused(
                "Go back, load the page again, and allow cookies.",
                zh="请返回并重新打开页面，同时允许使用 Cookie。",
            )
        return form

    def _from_here(self, request: Request) -> bool:
        """By Origin; our own referrer policy makes that `null`, so then by Fetch Metadata."""
        origin = request.headers.get("origin", "null")
        if origin != "null":
            return origin == self.origin
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
