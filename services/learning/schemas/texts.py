"""The texts that people write into requests."""

from typing import Annotated

from pydantic import Field, StringConstraints

_HIDDEN = r"\u007F-\u009F\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF"
_ON_A_LINE = r"\u0000-\u001F" + _HIDDEN
_IN_PROSE = r"\u0000-\u0008\u000B\u000C\u000E-\u001F" + _HIDDEN


def _visible(longest: int, hidden: str) -> StringConstraints:
    """So many characters, none that is `hidden`, one at least that is to be seen."""
    return StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=longest,
        pattern=f"^[^{hidden}]*[^\\s{hidden}][^{hidden}]*$",
    )


Line = Annotated[str, _visible(200, _ON_A_LINE)]
Prose = Annotated[str, _visible(4000, _IN_PROSE)]
MaybeProse = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=4000, pattern=f"^[^{_IN_PROSE}]*$"),
]
"""Likewise, or nothing."""
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
