"""The texts that people write into requests."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

_REFUSED = r"\u007F-\u009F\u2028-\u202E\u206A-\u206F"
_ON_A_LINE = r"\u0000-\u001F" + _REFUSED
_IN_PROSE = r"\u0000-\u0008\u000B\u000C\u000E-\u001F" + _REFUSED
_UNSEEN = r"\s\u200B-\u200F\u2060-\u2069\uFEFF"
"""Marks of direction and joiners: Uyghur, Persian and Emoji need some, editors add others."""


def without(refused: str) -> AfterValidator:
    """None of these characters, which are controls, separators of lines or overrides of the
    direction of writing."""
    found_in = re.compile(f"[{refused}]")

    def check(text: str) -> str:
        if found := found_in.search(text):
            code = f"U+{ord(found[0]):04X}"
            raise ValueError(
                f"Leave out the control character {code} at place {found.start() + 1}.",
                f"请去掉第 {found.start() + 1} 个字符，它是控制字符 {code}。",
            )
        return text

    return AfterValidator(check)


def _seen(text: str) -> str:
    if not re.search(f"[^{_UNSEEN}]", text):
        raise ValueError("Write something that can be seen.", "请填写可见的文字。")
    return text


def _pattern(refused: str, unseen: str = "") -> Callable[[dict[str, object]], None]:
    """What the checks ask, told in the contract."""
    seen = f"[^{unseen}{refused}][^{refused}]*" if unseen else ""
    pattern = f"^[^{refused}]*{seen}$"

    def told(schema: dict[str, object]) -> None:
        schema["pattern"] = pattern

    return told


def _words(longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


Line = Annotated[
    str,
    _words(200),
    without(_ON_A_LINE),
    AfterValidator(_seen),
    Field(json_schema_extra=_pattern(_ON_A_LINE, _UNSEEN)),
]
Prose = Annotated[
    str,
    _words(4000),
    without(_IN_PROSE),
    AfterValidator(_seen),
    Field(json_schema_extra=_pattern(_IN_PROSE, _UNSEEN)),
]
MaybeProse = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=4000),
    without(_IN_PROSE),
    Field(json_schema_extra=_pattern(_IN_PROSE)),
]
"""Likewise, or nothing."""
Word = Annotated[
    str,
    StringConstraints(max_length=200),
    without(_ON_A_LINE),
    Field(json_schema_extra=_pattern(_ON_A_LINE)),
]
"""On a line, spaces and all, or nothing."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
OrganisationName = Annotated[
    str,
    Field(
        max_length=300,
        pattern=r"^[0-9A-Za-z.-]+$",
        description="An organisation: its short code, or its path as a grant names it.",
        examples=["K-0101-7K3M-E"],
    ),
]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
