"""What the forms and addresses of the portal's desk tell."""

import re
from collections.abc import Sequence
from uuid import UUID

from starlette.requests import Request

from gateway.portal import Form, FormRefused
from shared.context import worded
from shared.errors import NotFound

_ONCE = re.compile(r"[0-9a-f-]{36}")


def client_id_of(request: Request) -> str:
    """Raises `NotFound` for what is no id, which a converter would tell as no page."""
    return identifier(request.path_params["client_id"])


def identifier(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFound from None


def chosen(form: Form, field: str, offered: Sequence[int]) -> int:
    """Raises `FormRefused` for what the form did not offer."""
    for each in offered:
        if form.one(field) == str(each):
            return each
    raise FormRefused(f"Choose one of the offered {field}.", zh="请选择表单中提供的选项。")


def sent(request: Request, form: Form) -> str:
    """Tells this form from every other, those of its own page among them."""
    return f"{request.url.path} {once(form)}"


def once(form: Form) -> str:
    """The form's own. Raises `FormRefused`."""
    if not _ONCE.fullmatch(form.one("once")):
        raise FormRefused("Load the page again.", zh="请重新打开页面。")
    return form.one("once")


def sent_before() -> str:
    """What came of it is kept nowhere, and a browser shows the answer to the last of two clicks."""
    return worded(
        "This form has been sent before, and what it made was shown then. If you did not keep it,"
        " revoke it and make another.",
        "该表单已提交过，密钥已在当时显示；如未保存，请撤销后重新生成。",
    )
