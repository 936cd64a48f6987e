import unicodedata
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.identity.application.consents import Purposes
from services.identity.application.guardians import Link, Reading
from services.identity.application.me import Mine
from services.identity.domain.guardians import (
    GATED_SCOPES,
    Consent,
    Guardianship,
    GuardianshipState,
    Purpose,
    Relation,
)
from services.identity.domain.people import CODE_PREFIX, Person, masked_name
from services.identity.schemas.grants import RoleGrantView
from services.identity.schemas.organisations import Line, short_code
from services.identity.schemas.people import (
    IdentifierInput,
    IdentifierView,
    Instant,
    PersonView,
    Request,
)


def _code(text: str) -> str:
    return short_code(text, CODE_PREFIX)


def _gated(scope: str) -> str:
    if scope not in GATED_SCOPES:
        scopes = " ".join(sorted(GATED_SCOPES))
        raise ValueError(f"Consent opens these scopes: {scopes}", f"可同意的权限范围：{scopes}")
    return scope


def _readable(text: str) -> str:
    if any(unicodedata.category(each) == "Cc" and each not in "\n\t" for each in text):
        raise ValueError("Leave control characters out.", "请去掉控制字符。")
    return text.strip()


PersonCode = Annotated[str, Field(max_length=64, examples=["A-7K3M-9QXB-5"]), AfterValidator(_code)]
ConsentText = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_readable)]
PurposeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,63}$", examples=["homework"])]


class ClaimGuardianship(Request):
    """The code of the child's account with one of the child's numbers shows that the school, or
    the child, told you."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "child_code": "A-7K3M-9QXB-5",
                    "identifier": {"kind": "username", "value": "xiaoyu.li"},
                    "relation": "mother",
                }
            ]
        }
    )

    child_code: PersonCode
    identifier: IdentifierInput
    relation: Relation


class CreateGuardianship(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "guardian_id": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e",
                    "child_id": "019aa1c5-90f3-7b68-a2d7-64c19e5083fb",
                    "relation": "mother",
                }
            ]
        }
    )

    guardian_id: UUID
    child_id: UUID
    relation: Relation
    restricted: bool = Field(False, description="By court order: may neither consent nor read.")


class ChangeGuardianship(Request):
    """What is absent or null stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"relation": "grandparent"}]})

    relation: Relation | None = None
    restricted: bool | None = Field(None, description="May neither consent nor read.")

    @property
    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class GuardianshipView(BaseModel):
    id: UUID
    guardian_id: UUID
    child_id: UUID
    relation: Relation
    state: GuardianshipState
    restricted: bool
    verified_at: datetime | None
    version: int

    @classmethod
    def of(cls, guardianship: Guardianship) -> Self:
        return cls(**_guardianship(guardianship))


class NamedGuardianshipView(GuardianshipView):
    """Codes and names stand where you may know them."""

    guardian_code: str | None
    guardian_name: str | None
    child_code: str | None
    child_name: str | None

    @classmethod
    def describing(cls, link: Link) -> Self:
        return cls(
            **_guardianship(link.guardianship),
            guardian_code=link.guardian.code if link.guardian else None,
            guardian_name=_name(link.guardian),
            child_code=link.child.code if link.child else None,
            child_name=_name(link.child),
        )


class GiveConsent(Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"purpose": "learning-space", "version": 1}]}
    )

    purpose: PurposeName
    version: int = Field(ge=1, description="Of the text that the guardian has read.")


class ConsentView(BaseModel):
    id: UUID
    child_id: UUID
    guardian_id: UUID
    purpose: str
    purpose_version: int
    given_at: datetime
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, consent: Consent) -> Self:
        return cls(
            id=consent.id,
            child_id=consent.child_id,
            guardian_id=consent.guardian_id,
            purpose=consent.purpose,
            purpose_version=consent.purpose_version,
            given_at=consent.given_at,
            withdrawn_at=consent.withdrawn_at,
        )


class PublishPurpose(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "purpose": "homework",
                    "title_zh": "线上作业",
                    "title_en": "Homework online",
                    "text_zh": "任课教师能看到孩子交作业的时间和成绩。",
                    "text_en": "Your child's teachers see the homework and its marks.",
                    "scopes": ["profile"],
                }
            ]
        }
    )

    purpose: PurposeName
    title_zh: Line
    title_en: Line
    text_zh: ConsentText
    text_en: ConsentText
    scopes: list[Annotated[str, AfterValidator(_gated)]] = Field(
        description="What a minor's token may carry under it.", max_length=len(GATED_SCOPES)
    )
    effective_at: Instant | None = Field(None, description="Now, unless given.")
    overtakes_planned: bool = Field(
        False,
        description="Whether versions planned for that instant or later shall never take effect.",
    )

    @property
    def wanted(self) -> Purpose:
        fields = self.model_dump(exclude={"scopes", "effective_at", "overtakes_planned"})
        return Purpose(
            **fields,
            version=0,
            scopes=frozenset(self.scopes),
            effective_at=self.effective_at or datetime.min.replace(tzinfo=UTC),
        )


class PurposeView(BaseModel):
    """One version of a purpose."""

    purpose: str
    version: int
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    scopes: list[str]
    effective_at: datetime

    @classmethod
    def of(cls, purpose: Purpose) -> Self:
        return cls(**_purpose(purpose))


class ListedPurposeView(PurposeView):
    current: bool = Field(description="Whether it is the version that consent is asked for.")

    @classmethod
    def all_of(cls, purposes: Purposes) -> list[Self]:
        current = purposes.current.values()
        return [cls(**_purpose(each), current=each in current) for each in purposes.versions]


class ReadingView(BaseModel):
    """Somebody's reading of a person's data. A reader who is no person is a client."""

    at: datetime
    fields: list[str] = Field(description="Which part of the data was read.")
    organisation: str | None = Field(description="Path of the person's organisation.")
    reader_code: str | None
    reader_masked_name: str | None
    client: str | None

    @classmethod
    def of(cls, reading: Reading) -> Self:
        profile = reading.reader.profile if reading.reader else None
        return cls(
            at=reading.entry.at,
            fields=list(reading.entry.fields),
            organisation=reading.entry.organisation,
            reader_code=reading.reader.code if reading.reader else None,
            reader_masked_name=masked_name(profile.name) if profile else None,
            client=reading.entry.client,
        )


class ChildView(BaseModel):
    person_id: UUID
    code: str
    name: str
    birth_date: date | None

    @classmethod
    def of(cls, child: Person) -> Self:
        profile = child.profile
        return cls(
            person_id=child.id,
            code=child.code,
            name=profile.name if profile else "",
            birth_date=profile.birth_date if profile else None,
        )


class MeView(PersonView):
    identifiers: list[IdentifierView]
    grants: list[RoleGrantView] = Field(description="Those in force, and those to come.")
    children: list[ChildView] = Field(description="Whose data you may read as their guardian.")

    @classmethod
    def mine(cls, mine: Mine) -> Self:
        return cls(
            **PersonView.describing(mine.detail).model_dump(),
            identifiers=[IdentifierView.of(each) for each in mine.identifiers],
            grants=[RoleGrantView.of(each) for each in mine.grants],
            children=[ChildView.of(each) for each in mine.children],
        )


def _purpose(purpose: Purpose) -> dict[str, Any]:
    return {**asdict(purpose), "scopes": sorted(purpose.scopes)}


def _guardianship(guardianship: Guardianship) -> dict[str, Any]:
    return {
        "id": guardianship.id,
        "guardian_id": guardianship.guardian_id,
        "child_id": guardianship.child_id,
        "relation": guardianship.relation,
        "state": guardianship.state,
        "restricted": guardianship.restricted,
        "verified_at": guardianship.verified_at,
        "version": guardianship.version,
    }


def _name(person: Person | None) -> str | None:
    return person.profile.name if person and person.profile else None
