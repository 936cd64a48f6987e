from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from services.copyright.application.offers import Offered
from services.copyright.domain.licences import Terms
from services.copyright.domain.odrl import Verdict
from services.copyright.schemas.words import Hash, Head, Organisation, TemplateCode, told_as
from shared.access import Role
from shared.chinese_codes import InvalidOfficialCode, parse_division_code
from shared.context import worded
from shared.instants import Instant

_LAST_YEAR = 2999
_DIVISION = "^[0-9]{6}$"
_NO_DIVISION = (
    "A division of GB/T 2260 has six digits, those of its province first, such as 610000.",
    "行政区划代码（GB/T 2260）为六位数字，以省级代码开头，如 610000。",
)


def _division(code: str) -> str:
    try:
        return parse_division_code(code)
    except InvalidOfficialCode as slip:
        raise ValueError(*_NO_DIVISION) from slip


Area = Annotated[
    str,
    Field(pattern=_DIVISION, description="Division of GB/T 2260. 行政区划。", examples=["610000"]),
    told_as(_DIVISION, *_NO_DIVISION),
    AfterValidator(_division),
]
ActionName = Literal[
    "reproduce",
    "distribute",
    "display",
    "play",
    "present",
    "extract",
    "aggregate",
    "derive",
    "translate",
    "cc:CommercialUse",
]


class TermsGiven(BaseModel):
    """What an offer for teaching adds to its template. Public licences take no terms."""

    model_config = ConfigDict(extra="forbid")

    organisation: Organisation | None = Field(
        None, description="Within which it may be used; else that of the registration. 适用机构。"
    )
    roles: list[Role] = Field([], max_length=len(Role), description="Whose, there. 适用角色。")
    area: Area | None = None
    until: Instant | None = Field(None, description="When it expires. 到期时间。")
    times: int | None = Field(
        None, ge=1, le=1_000_000, description="So often each action may be exercised. 次数上限。"
    )

    @field_validator("until")
    @classmethod
    def _has_an_end(cls, until: datetime | None) -> datetime | None:
        if until is not None and until.year > _LAST_YEAR:
            raise ValueError(
                "Leave it away for a licence without end.", "长期有效请勿填写到期时间。"
            )
        return until

    @property
    def terms(self) -> Terms:
        return Terms(**self.model_dump())


class LicenceAct(BaseModel):
    """``offer`` names a template; ``agree`` and ``revoke`` the hash of the offer's event."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"action": "offer", "template": "cc-by-4.0"},
                {
                    "action": "agree",
                    "offer": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
                },
            ]
        },
    )

    action: Literal["offer", "agree", "revoke"]
    template: TemplateCode | None = None
    terms: TermsGiven | None = None
    offer: Hash | None = None
    used_in: UUID | None = Field(
        None,
        description="Of who agrees: the resource that reuses the work, which then hears when"
        " the licence ends. 再利用作品的资源。",
    )
    head: Head = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action == "offer" and self.template is None:
            raise ValueError("An offer names a template.", "发出许可须指明模板。")
        if self.action != "offer" and self.offer is None:
            raise ValueError("Name the offer.", "请指明所涉的许可要约。")
        return self


class LicenceTemplate(BaseModel):
    """``teaching``: within an organisation, for education, on terms, and revocable."""

    code: str
    name_zh: str
    name_en: str
    legal_text: str
    permitted: list[str]
    prohibited: list[str]
    duties: list[str]
    teaching: bool


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PolicyConstraint(_Closed):
    leftOperand: Literal["purpose", "recipient", "spatial", "dateTime", "count"]  # noqa: N815 - ODRL's names
    operator: Literal["eq", "isPartOf", "isAnyOf", "lt", "lteq"]
    rightOperand: str | int | list[str] | dict[str, str]  # noqa: N815 - ODRL's names


class PolicyDuty(_Closed):
    action: Literal["cc:Attribution", "cc:Notice", "cc:ShareAlike"]


class PolicyProhibition(_Closed):
    target: str
    action: ActionName


class PolicyPermission(PolicyProhibition):
    constraint: list[PolicyConstraint] = []
    duty: list[PolicyDuty] = []


class PolicyDocument(_Closed):
    """An ODRL 2.2 policy (JSON-LD) of the closed profile: no other actions, constraints or duties
    than these."""

    context: list[str | dict[str, str]] = Field(alias="@context")
    kind: Literal["Offer"] = Field(alias="@type")
    uid: str
    profile: Literal["https://shuyuan.edu.cn/ns/odrl/education/v1"]
    assigner: str = Field(description="The holder, as the registration's events say who that is.")
    permission: list[PolicyPermission] = Field(min_length=1)
    prohibition: list[PolicyProhibition]
    template: TemplateCode = Field(alias="edu:template")
    legal_text: str = Field(alias="edu:legalText")
    revocable: bool = Field(alias="edu:revocable")


class OfferView(BaseModel):
    """A licence that was offered; ``open``: whom its terms name may still agree to it: it was
    neither withdrawn nor replaced, has not expired, and the work is not in dispute."""

    offer: Hash
    template: str
    open: bool
    revoked: bool
    until: datetime | None
    agreed: int = Field(description="How many people agreed to it.")
    policy: PolicyDocument

    @classmethod
    def of(cls, offered: Offered) -> Self:
        return cls(
            offer=offered.event,
            template=offered.policy.template,
            open=offered.open,
            revoked=offered.revoked,
            until=offered.policy.until,
            agreed=offered.agreed,
            policy=PolicyDocument.model_validate_json(offered.document),
        )


class ReasonView(BaseModel):
    """``code`` is a word that stays; ``detail`` a sentence in your language."""

    code: str = Field(examples=["prohibited"])
    detail: str


class PermissionView(BaseModel):
    """Whether a use is permitted, and why. ``offer`` is the licence that permits it, where one is
    needed; ``duties`` what whoever makes the use owes."""

    permitted: bool
    offer: Hash | None
    reasons: list[ReasonView]
    duties: list[str]

    @classmethod
    def of(cls, verdict: Verdict, offer: str | None) -> Self:
        reasons: list[Any] = [
            ReasonView(code=each.code, detail=worded(each.en, each.zh)) for each in verdict.reasons
        ]
        return cls(
            permitted=verdict.permitted,
            offer=offer,
            reasons=reasons,
            duties=list(verdict.duties),
        )
