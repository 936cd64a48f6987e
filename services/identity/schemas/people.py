from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PastDate,
    PrivateAttr,
    field_validator,
    model_validator,
)

from services.identity.application.duplicates import Candidate, Probe, Reason
from services.identity.application.memberships import NewMembership, Transfer
from services.identity.application.people import Invited, NewPerson, PersonDetail
from services.identity.domain.identifiers import (
    Identifier,
    IdentifierKey,
    IdentifierKind,
    identify,
)
from services.identity.domain.people import (
    Action,
    Membership,
    Offer,
    Person,
    Profile,
    Refusal,
    State,
    masked_name,
)
from services.identity.schemas.organisations import Line
from shared.access import Role
from shared.context import worded

_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
Day = Annotated[
    date, Field(ge=_FIRST_DAY, le=_LAST_DAY, description="A day in China.", examples=["2026-09-01"])
]
BirthDate = Annotated[PastDate, Field(ge=_FIRST_DAY, examples=["2014-06-01"])]
Instant = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, tzinfo=UTC)),
]
Sex = Annotated[
    Literal["0", "1", "2", "9"],
    Field(description="GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated."),
]
Locale = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$", examples=["zh-CN"])
]
ZoneInfo = Annotated[
    str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$", examples=["Asia/Shanghai"])
]
MembershipKind = Literal["student", "staff", "other"]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class IdentifierInput(Request):
    kind: IdentifierKind
    value: str = Field(max_length=256)
    verified: bool = Field(False, description="Whether you made sure that it is theirs.")

    _key: IdentifierKey = PrivateAttr()

    @model_validator(mode="after")
    def _identified(self) -> Self:
        self._key = identify(self.kind, self.value)
        return self

    @property
    def key(self) -> IdentifierKey:
        return self._key


class PutIdentifier(Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": "XY-2026-017", "verified": True}]}
    )

    value: str = Field(max_length=256)
    verified: bool = Field(False, description="Whether you made sure that it is theirs.")


class StartMembership(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organisation_id": "019aa1c4-7b52-7d3e-8f10-5c2b9e4d6a71",
                    "kind": "student",
                    "valid_from": "2026-09-01",
                }
            ]
        }
    )

    organisation_id: UUID
    kind: MembershipKind
    valid_from: Day | None = Field(None, description="Today, unless given.")
    valid_until: Day | None = Field(None, description="The first day on which it holds no longer.")

    @property
    def wanted(self) -> NewMembership:
        return NewMembership(self.organisation_id, self.kind, self.valid_from, self.valid_until)


class ChangeMembership(Request):
    """What is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"valid_until": "2032-07-01"}]})

    valid_from: Day | None = Field(None, description="Null leaves it as it is.")
    valid_until: Day | None = Field(None, description="Null leaves the end open.")

    @property
    def dates(self) -> dict[str, date | None]:
        return self.model_dump(exclude_unset=True)


class TransferPerson(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "membership_id": "019aa1c6-02de-7a41-b6c3-0f8e7d915b24",
                    "organisation_id": "019aa1c4-7b52-7d3e-8f10-5c2b9e4d6a71",
                }
            ]
        }
    )

    membership_id: UUID = Field(description="The one that moves, with those below it.")
    organisation_id: UUID = Field(description="Where it moves to.")
    on: Day | None = Field(None, description="The first day there; today, unless given.")

    @property
    def wanted(self) -> Transfer:
        return Transfer(self.membership_id, self.organisation_id, self.on)


class InvitePerson(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "李小雨",
                    "family_name": "李",
                    "given_name": "小雨",
                    "birth_date": "2017-05-01",
                    "sex": "2",
                    "identifiers": [{"kind": "username", "value": "li.xiaoyu"}],
                    "membership": {
                        "organisation_id": "019aa1c4-7b52-7d3e-8f10-5c2b9e4d6a71",
                        "kind": "student",
                    },
                    "roles": ["student"],
                }
            ]
        }
    )

    name: Line
    family_name: Line | None = None
    given_name: Line | None = None
    nickname: Line | None = None
    birth_date: BirthDate | None = Field(
        None, description="Taken from the ID number where there is one."
    )
    sex: Sex = "0"
    locale: Locale = "zh-CN"
    zoneinfo: ZoneInfo = "Asia/Shanghai"
    address: Line | None = None
    identifiers: list[IdentifierInput] = Field([], max_length=len(IdentifierKind))
    membership: StartMembership
    roles: list[Literal["student", "teacher", "guardian"]] = Field(
        [], description="Held at the organisation of the membership.", max_length=3
    )

    @field_validator("identifiers")
    @classmethod
    def _one_of_each(cls, value: list[IdentifierInput]) -> list[IdentifierInput]:
        if len({each.kind for each in value}) < len(value):
            raise ValueError("Give one identifier of each kind.", "每种标识只能填写一个。")
        return value

    @property
    def person(self) -> NewPerson:
        fields = self.model_dump(include=set(Profile.__dataclass_fields__))
        return NewPerson(
            Profile(**fields),
            [(each.key, each.verified) for each in self.identifiers],
            self.membership.wanted,
            [Role(each) for each in dict.fromkeys(self.roles)],
        )


class ChangePerson(Request):
    """What is absent stays as it is; people change nickname, locale, zone and address of their
    own account, administrators everything."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"nickname": "小雨", "birth_date": "2017-05-11"}]}
    )

    name: Line | None = Field(None, description="Null leaves it as it is.")
    family_name: Line | None = None
    given_name: Line | None = None
    nickname: Line | None = None
    birth_date: BirthDate | None = None
    sex: Sex | None = Field(None, description="Null leaves it as it is.")
    locale: Locale | None = Field(None, description="Null leaves it as it is.")
    zoneinfo: ZoneInfo | None = Field(None, description="Null leaves it as it is.")
    address: Line | None = None

    @property
    def changes(self) -> dict[str, Any]:
        kept = {"name", "sex", "locale", "zoneinfo"}
        given = self.model_dump(exclude_unset=True)
        return {k: v for k, v in given.items() if v is not None or k not in kept}


class FindDuplicates(Request):
    """What is known of somebody; a name or a number at least."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "李小雨", "birth_date": "2017-05-01"}]}
    )

    name: Line | None = None
    birth_date: BirthDate | None = None
    id_number: str | None = Field(None, max_length=64)
    student_number: str | None = Field(None, max_length=64)
    phone: str | None = Field(None, max_length=64)

    _keys: list[IdentifierKey] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _identified(self) -> Self:
        numbers = self.model_dump(include={"id_number", "student_number", "phone"})
        self._keys = [identify(IdentifierKind(k), v) for k, v in numbers.items() if v is not None]
        if not self._keys and self.name is None:
            raise ValueError(
                "Give a name, an ID number, a 学籍号 or a phone number.",
                "请填写姓名、身份证号、学籍号或手机号。",
            )
        return self

    @property
    def probe(self) -> Probe:
        return Probe(self.name, self.birth_date, self._keys)


class MembershipView(BaseModel):
    id: UUID
    organisation_id: UUID
    organisation_name: str
    path: str
    kind: MembershipKind
    valid_from: date
    valid_until: date | None
    version: int

    @classmethod
    def of(cls, membership: Membership) -> Self:
        return cls(
            id=membership.id,
            organisation_id=membership.organisation_id,
            organisation_name=membership.organisation_name,
            path=membership.path,
            kind=membership.kind,
            valid_from=membership.valid_from,
            valid_until=membership.valid_until,
            version=membership.version,
        )

    @classmethod
    def all_of(cls, memberships: Iterable[Membership]) -> list[Self]:
        return [cls.of(each) for each in memberships]


class AccountView(BaseModel):
    """An account without what is personal about it."""

    id: UUID
    code: str
    state: State
    version: int
    created_at: datetime
    updated_at: datetime
    memberships: list[MembershipView]

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(**_account(person))


class OfferView(BaseModel):
    action: Action
    allowed: bool
    reason: Refusal | None = Field(description="Why not, in a word that never changes.")
    explanation: str | None

    @classmethod
    def of(cls, offer: Offer) -> Self:
        return cls(
            action=offer.action,
            allowed=offer.refusal is None,
            reason=offer.refusal,
            explanation=offer.explanation and worded(*offer.explanation),
        )


class PersonView(AccountView):
    """An erased account has no name."""

    name: str | None
    family_name: str | None
    given_name: str | None
    nickname: str | None
    birth_date: date | None
    sex: Sex | None
    locale: str | None
    zoneinfo: str | None
    address: str | None
    minor: bool = Field(description="Whether consent of guardians gates what tokens carry.")
    actions: list[OfferView] = Field(description="What you may do now, and why not the rest.")

    @classmethod
    def describing(cls, detail: PersonDetail) -> Self:
        return cls(**_person(detail))


class InvitedPersonView(PersonView):
    invitation: str | None = Field(
        description="What activates the account: for the person's eyes alone."
    )
    warnings: list[str] = Field(description="What deserves a second look.")

    @classmethod
    def invited(cls, invited: Invited) -> Self:
        return cls(
            **_person(invited.detail),
            invitation=invited.invitation,
            warnings=list(invited.doubts),
        )


class PersonSummary(BaseModel):
    id: UUID
    code: str
    name: str
    state: State
    memberships: list[MembershipView] = Field(description="Those at and below the organisation.")

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            id=person.id,
            code=person.code,
            name=person.profile.name if person.profile else "",
            state=person.state,
            memberships=MembershipView.all_of(person.memberships),
        )


class IdentifierView(BaseModel):
    kind: IdentifierKind
    masked: str
    verified: bool

    @classmethod
    def of(cls, identifier: Identifier) -> Self:
        return cls(
            kind=identifier.key.kind,
            masked=identifier.key.masked,
            verified=identifier.verified_at is not None,
        )


class StoredIdentifierView(IdentifierView):
    warnings: list[str] = Field(description="What deserves a second look.")

    @classmethod
    def stored(cls, identifier: Identifier, doubts: Iterable[str]) -> Self:
        fields = IdentifierView.of(identifier).model_dump()
        return cls(**fields, warnings=list(doubts))


class DuplicateView(BaseModel):
    """Who is beyond your reach has neither id nor code here."""

    person_id: UUID | None
    code: str | None
    masked_name: str
    reasons: list[Reason] = Field(description="The surest first.")

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        person = candidate.person
        return cls(
            person_id=person.id if candidate.reached else None,
            code=person.code if candidate.reached else None,
            masked_name=masked_name(person.profile.name) if person.profile else "",
            reasons=list(candidate.reasons),
        )


def _account(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "code": person.code,
        "state": person.state,
        "version": person.version,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "memberships": MembershipView.all_of(person.memberships),
    }


def _person(detail: PersonDetail) -> dict[str, Any]:
    profile = detail.person.profile
    return {
        **_account(detail.person),
        **{name: getattr(profile, name, None) for name in Profile.__dataclass_fields__},
        "minor": detail.minor,
        "actions": [OfferView.of(each) for each in detail.offers],
    }
