import unicodedata
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.identity.application.organisations_ports import (
    ROOT,
    Change,
    Detail,
    Listed,
    Remembered,
)
from services.identity.domain.names import LONGEST, one_line
from services.identity.domain.organisations import (
    CODE_PREFIX,
    Action,
    Kind,
    OfficialCodes,
    Organisation,
    State,
)
from shared.codes import InvalidCode, parse_code

_SLIPS = {
    "length": "短编码应有 10 位字母和数字。",
    "symbol": "短编码中有不会出现的字符。",
    "prefix": "这不是此类对象的短编码。",
    "check": "短编码有误，请与原件核对。",
}


def short_code(text: str, prefix: str) -> str:
    """`parse_code`, with what is wrong in both languages. Raises `ValueError`."""
    try:
        return parse_code(text, prefix)
    except InvalidCode as slip:
        raise ValueError(str(slip), _SLIPS[slip.reason]) from None


def _reference(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        prefix = unicodedata.normalize("NFKC", text).strip()[:1].upper()
        if prefix not in CODE_PREFIX.values():
            raise ValueError(
                "This is neither an id nor the short code of an organisation.",
                "这既不是机构标识，也不是机构短编码。",
            ) from None
        return short_code(text, prefix)


def _parent(text: str) -> str:
    return text if text == ROOT else _reference(text)


Reference = Annotated[
    str,
    Field(
        description="Id or short code of an organisation.",
        max_length=64,
        examples=["P-0101-7K3M-X"],
    ),
    AfterValidator(_reference),
]
ParentReference = Annotated[str, Field(max_length=64), AfterValidator(_parent)]
Line = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(one_line)]
OfficialCode = Annotated[str, Field(min_length=1, max_length=32)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreateOrganisation(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parent": "X-0126-F4TN-K",
                    "kind": "school",
                    "name": "向阳小学",
                    "school_code": "2161000017",
                }
            ]
        }
    )

    parent: Reference | None = Field(
        None, description="Where it stands; an institution may stand at the root: null."
    )
    kind: Kind
    name: Line
    division_code: OfficialCode | None = Field(
        None, description="行政区划代码 of a city or county, GB/T 2260.", examples=["610100"]
    )
    school_code: OfficialCode | None = Field(None, description="学校(机构)标识码 of a school.")
    credit_code: OfficialCode | None = Field(
        None, description="统一社会信用代码 of a school or an institution, GB 32100."
    )

    @property
    def codes(self) -> OfficialCodes:
        return OfficialCodes(self.division_code, self.school_code, self.credit_code)


class ChangeOrganisation(_Request):
    """What is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "向阳小学（北校区）"}]})

    name: Line | None = Field(None, description="Null leaves it as it is.")
    division_code: OfficialCode | None = Field(None, description="Null removes it.")
    school_code: OfficialCode | None = Field(None, description="Null removes it.")
    credit_code: OfficialCode | None = Field(None, description="Null removes it.")

    @property
    def codes(self) -> dict[str, str | None]:
        return self.model_dump(exclude_unset=True, exclude={"name"})


class MoveOrganisation(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"parent": "G-0126-F4TN-T"}]})

    parent: Reference | None = Field(
        description="Where it stands from now on; an institution may stand at the root: null."
    )


class CloseOrganisation(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"below": True}]})

    below: bool = Field(False, description="Whether to close all below it as well.")


class OrganisationView(BaseModel):
    """``path`` leads from the root down, one label an organisation: its code without hyphens."""

    id: UUID
    code: str
    kind: Kind
    name: str
    parent_id: UUID | None
    path: str
    division_code: str | None
    school_code: str | None
    credit_code: str | None
    state: State
    version: int
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, organisation: Organisation) -> Self:
        return cls(**_fields(organisation))


class OrganisationSummary(BaseModel):
    id: UUID
    code: str
    kind: Kind
    name: str
    parent_id: UUID | None
    path: str
    state: State

    @classmethod
    def of(cls, listed: Listed) -> Self:
        return cls(
            id=listed.id,
            code=listed.code,
            kind=listed.kind,
            name=listed.name,
            parent_id=listed.parent_id,
            path=listed.path,
            state=listed.state,
        )


class OrganisationDetail(OrganisationView):
    ancestors: list[OrganisationSummary] = Field(description="Those above it, the root first.")
    actions: list[Action] = Field(description="What the caller may do to it now.")

    @classmethod
    def describing(cls, detail: Detail) -> Self:
        return cls(
            **_fields(detail.organisation),
            ancestors=[OrganisationSummary.of(each) for each in detail.ancestors],
            actions=list(detail.actions),
        )


class OrganisationChange(BaseModel):
    """One change. ``before`` and ``after`` hold what differs; of a creation, everything."""

    version: int
    at: datetime
    actor: str = Field(description="Id of the person or client who made it.")
    change: Change
    before: dict[str, str | None] | None
    after: dict[str, str | None]

    @classmethod
    def of(cls, remembered: Remembered) -> Self:
        return cls(
            version=remembered.version,
            at=remembered.at,
            actor=remembered.actor,
            change=remembered.change,
            before=dict(remembered.before) if remembered.before is not None else None,
            after=dict(remembered.after),
        )


def _fields(organisation: Organisation) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "code": organisation.code,
        "kind": organisation.kind,
        "name": organisation.name,
        "parent_id": organisation.parent_id,
        "path": organisation.path,
        "division_code": organisation.codes.division_code,
        "school_code": organisation.codes.school_code,
        "credit_code": organisation.codes.credit_code,
        "state": organisation.state,
        "version": organisation.version,
        "created_at": organisation.created_at,
        "closed_at": organisation.closed_at,
    }
