"""The small types of this service's bodies."""

from typing import Annotated

from pydantic import AfterValidator, Field

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

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Lower-case hex.")]
AnyHash = Annotated[
    str, Field(pattern="^[0-9A-Fa-f]{64}$", description="Hex."), AfterValidator(str.lower)
]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=WORDS)]
Place = Annotated[str, Field(max_length=100, pattern=LINE, description="Place.")]
TemplateCode = Annotated[
    str, Field(pattern=f"^({'|'.join(sorted(TEMPLATES)).replace('.', '[.]')})$")
]
Organisation = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Z]{1,16}(\.[0-9A-Z]{1,16}){0,15}$",
        description="Its path of codes without hyphens, from the province down.",
        examples=["P01017K3MX.X0126F4TNK.S0126F4TNR"],
    ),
]
Head = Annotated[
    Hash | None,
    Field(description="Hash of the event that you took for the last one; another there is 409."),
]
