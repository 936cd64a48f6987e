"""Forms: read strictly, and only when they come from a page of ours in the same session."""

import base64
import hmac
from urllib.parse import parse_qs

from starlette.requests import Request

from shared.errors import DomainError

FIELD = "csrf"
MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 100
LONGEST_FIELD = 4096


class FormRefused(DomainError):
    """The form did not come from our page in this session, or is none."""


class Form:
    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """Its first value without white space around it, or empty."""
        return self._fields.get(name, [""])[0].strip()

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(self._fields.get(name, ()))

    def lines(self, name: str) -> tuple[str, ...]:
        """What stands on each line of a text area."""
        return tuple(each.strip() for each in self.one(name).splitlines() if each.strip())


class Forms:
    """A form carries a token that only a page of this very session knows: an HMAC over its
    cookie."""

    def __init__(self, public_origin: str, key: bytes) -> None:
        self.origin = public_origin
        self._key = key

    def token(self, session: str) -> str:
        mac = hmac.digest(self._key, session.encode(), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    async def read(self, request: Request, session: str) -> Form:
        """Raises `FormRefused`."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            raise FormRefused(f"Send the form as {MEDIA_TYPE}.", zh=f"请以 {MEDIA_TYPE} 提交。")
        if not self._from_here(request):
            raise FormRefused("The form came from another site.", zh="表单来自其他网站。")
        try:
            fields = parse_qs(
                (await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
        except ValueError as error:
            raise FormRefused("The form could not be read.", zh="无法读取表单。") from error
        if any(len(value) > LONGEST_FIELD for values in fields.values() for value in values):
            raise FormRefused("A field is too long.", zh="有字段过长。")
        form = Form(fields)
        if not hmac.compare_digest(self.token(session).encode(), form.one(FIELD).encode()):
            raise FormRefused(
                "Go back, load the page again, and send the form anew.",
                zh="请返回并重新打开页面，然后再次提交。",
            )
        return form

    def _from_here(self, request: Request) -> bool:
        """By Origin; our own referrer policy makes that `null`, so then by Fetch Metadata."""
        origin = request.headers.get("origin", "null")
        if origin != "null":
            return origin == self.origin
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
