from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from iscc_lib import MT
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.copyright.domain.duplicates import (
    Compared,
    Match,
    Passage,
    Tier,
    Units,
    content,
    text_code,
    unit,
    units,
)
from services.copyright.schemas.words import Hash
from shared.winnowing import MOST_CHARACTERS, winnow

MOST_FILES = 100
_SHOWN = 400
"""Characters of a passage."""


def _unit(main: MT) -> Any:
    def check(text: str) -> str:
        if main is MT.CONTENT:
            content(text)
        else:
            unit(text, main)
        return text

    return AfterValidator(check)


class IsccUnits(BaseModel):
    """ISCC units (ISO 24138:2024) of 256 bits."""

    model_config = ConfigDict(extra="forbid")

    instance: Annotated[str, _unit(MT.INSTANCE)] | None = Field(None, max_length=100)
    data: Annotated[str, _unit(MT.DATA)] | None = Field(None, max_length=100)
    content: Annotated[str, _unit(MT.CONTENT)] | None = Field(
        None, max_length=100, description="Of text, image, audio or video."
    )


class ComparedFile(BaseModel):
    """A file by what is known of it. ``text`` is read once and not kept."""

    model_config = ConfigDict(extra="forbid")

    sha256: Hash
    sm3: Hash | None = None
    iscc: IsccUnits = IsccUnits()
    text: str | None = Field(None, max_length=MOST_CHARACTERS)

    def compared(self) -> Compared:
        """With the Text-Code of the text, unless a Content-Code is given."""
        told: Units = units(self.iscc.model_dump())
        sha256, sm3 = bytes.fromhex(self.sha256), bytes.fromhex(self.sm3) if self.sm3 else None
        if not self.text:
            return Compared(sha256, told, sm3=sm3)
        own = told.content or text_code(self.text)
        found = Units(told.instance, told.data, own)
        return Compared(sha256, found, winnow(self.text), sm3=sm3)


class CompareFiles(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "files": [
                        {
                            "sha256": "9f86d081884c7d659a2feaa0c55ad015"
                            "a3bf4f1b2b0b822cd15d6c15b0f00a08",
                            "text": "分数表示把一个整体平均分成若干份后取其中的一份或几份。",
                        }
                    ]
                }
            ]
        },
    )

    files: list[ComparedFile] = Field(min_length=1, max_length=MOST_FILES)
    apart_from: UUID | None = Field(None, description="A resource whose own files do not count.")


class PassageView(BaseModel):
    """What both texts say: offsets in characters of each, accurate to some twenty; ``text`` is
    yours."""

    begin: int
    end: int
    other_begin: int
    other_end: int
    text: str

    @classmethod
    def of(cls, passage: Passage, text: str) -> Self:
        told = {name: getattr(passage, name) for name in Passage.__slots__}
        return cls(**told, text=text[passage.begin : passage.end][:_SHOWN])


class MatchView(BaseModel):
    """A registered work that is like it, in its file at ``path``. ``tier``: `exact`, equal SHA-256
    or SM3; `same_code`, equal Instance- or Data-Code; `near` and `review`, Content-Codes of a
    ``distance`` to 48 and to 88 of 256 bits; `containment`, ``share`` of the shorter text is in the
    longer. Being the first to register is evidence, not title."""

    registration_id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    path: str
    tier: Tier
    distance: int | None
    share: float | None = Field(description="Estimated, 0 to 1.")

    @classmethod
    def told(cls, match: Match) -> dict[str, Any]:
        return {
            "registration_id": match.work.id,
            "code": match.work.code,
            "resource_id": match.work.resource_id,
            "resource_version": match.work.resource_version,
            "path": match.path,
            "tier": match.tier,
            "distance": match.distance,
            "share": None if match.share is None else round(match.share, 3),
        }


class FoundMatch(MatchView):
    passages: list[PassageView]


class ComparedFileView(BaseModel):
    """``text_code_reliable`` is false of a text under 120 letters, some sixty words, whose
    Content-Code is not compared; null where there is no text. ``possible_match`` is for somebody to
    look at, and no reason to refuse."""

    sha256: str
    text_code_reliable: bool | None
    possible_match: bool
    matches: list[FoundMatch]

    @classmethod
    def of(cls, asked: ComparedFile, compared: Compared, matches: Sequence[Match]) -> Self:
        return cls(
            sha256=asked.sha256,
            text_code_reliable=compared.has_reliable_text_code,
            possible_match=bool(matches),
            matches=[
                FoundMatch(
                    **MatchView.told(each),
                    passages=[PassageView.of(shared, asked.text or "") for shared in each.passages],
                )
                for each in matches
            ],
        )


class ComparedFiles(BaseModel):
    """In the order in which they were asked about."""

    files: list[ComparedFileView]


class PossibleMatchView(MatchView):
    found_at: datetime

    @classmethod
    def of(cls, match: Match, found_at: datetime) -> Self:
        return cls(**cls.told(match), found_at=found_at)
