"""The small types of this service's bodies."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from services.copyright.domain.licences import TEMPLATES

_HIDDEN = r"\u007F-\u009F\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF"
"""Controls, and marks that hide or turn writing: what is certified is what is seen."""

_NOT_IN_LINE = rf"\u0000-\u001F{_HIDDEN}"
_NOT_IN_TEXT = rf"\u0000-\u0008\u000B\u000C\u000E-\u001F{_HIDDEN}"

LINE = rf"^[^{_NOT_IN_LINE}]*$"
WORDS = rf"^[^{_NOT_IN_LINE}]*[^\s{_NOT_IN_LINE}][^{_NOT_IN_LINE}]*$"
"""A line that is not blank."""
TEXT = rf"^[^{_NOT_IN_TEXT}]*[^\s{_NOT_IN_TEXT}][^{_NOT_IN_TEXT}]*$"
"""Lines that are not all blank."""

_HASH = "^[0-9a-f]{64}$"
_ANY_HASH = "^[0-9A-Fa-f]{64}$"
_TEMPLATE = f"^({'|'.join(sorted(TEMPLATES)).replace('.', '[.]')})$"
_ORGANISATION = r"^[0-9A-Z]{1,16}(\.[0-9A-Z]{1,16}){0,15}$"


def told_as(pattern: str, en: str, zh: str) -> BeforeValidator:
    """Beside `pattern` in a field: what somebody is told whose text does not match it."""
    wanted = re.compile(pattern)

    def check(value: Any) -> Any:
        if isinstance(value, str) and not wanted.search(value):
            raise ValueError(en, zh)
        return value

    return BeforeValidator(check)


def _visible(hidden: str, *, blank: bool) -> BeforeValidator:
    """Beside the patterns above: which character it is, or that there is none to be seen."""
    found = re.compile(f"[{hidden}]")

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if each := found.search(value):
            number = f"U+{ord(each[0]):04X}"
            raise ValueError(
                f"Leave out the character {number}, which is not seen.",
                f"请去掉不可见字符 {number}。",
            )
        if not blank and not value.strip():
            raise ValueError("Write something: it is empty.", "不能为空。")
        return value

    return BeforeValidator(check)


SEEN_LINE = _visible(_NOT_IN_LINE, blank=True)
SEEN_WORDS = _visible(_NOT_IN_LINE, blank=False)
SEEN_TEXT = _visible(_NOT_IN_TEXT, blank=False)

Hash = Annotated[
    str,
    Field(pattern=_HASH, description="Lower-case hex."),
    told_as(_HASH, "A hash is 64 hex digits, in lower case.", "应为 64 位小写十六进制数。"),
]
AnyHash = Annotated[
    str,
    Field(pattern=_ANY_HASH, description="Hex."),
    told_as(_ANY_HASH, "A hash is 64 hex digits.", "应为 64 位十六进制数。"),
    AfterValidator(str.lower),
]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=WORDS), SEEN_WORDS]
Place = Annotated[str, Field(max_length=100, pattern=LINE, description="Place."), SEEN_LINE]
TemplateCode = Annotated[
    str,
    Field(pattern=_TEMPLATE),
    told_as(
        _TEMPLATE,
        f"It is one of {', '.join(sorted(TEMPLATES))}.",
        f"应为其中之一：{'、'.join(sorted(TEMPLATES))}。",
    ),
]
Organisation = Annotated[
    str,
    Field(
        pattern=_ORGANISATION,
        description="Its path of codes without hyphens, from the province down.",
        examples=["P01017K3MX.X0126F4TNK.S0126F4TNR"],
    ),
    told_as(
        _ORGANISATION,
        "It is the codes of organisations without hyphens, from the province down, joined by dots.",
        "应为自省级起各级机构的代码（不含连字符），以点号连接。",
    ),
]
Head = Annotated[
    Hash | None,
    Field(description="Hash of the event that you took for the last one; another there is 409."),
]
