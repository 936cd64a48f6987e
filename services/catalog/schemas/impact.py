from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.catalog.domain.impact import SHOWN, Impact


class CollectionUseView(BaseModel):
    """``version`` is the one it is pinned to; null follows the live one."""

    id: UUID
    code: str
    title: str
    organisation: str | None
    version: int | None


class CourseUseView(BaseModel):
    id: str = Field(description="Of the learning service.")
    organisation: str | None


class ImpactView(BaseModel):
    """Whom it touches when the resource is taken down. Totals are of everybody's."""

    collections: int
    courses: int
    favourites: int
    named_collections: list[CollectionUseView] = Field(
        description=f"Those that the caller may read, the newest first, {SHOWN} at most."
    )
    named_courses: list[CourseUseView] = Field(
        description=f"Those at the caller's organisations, {SHOWN} at most."
    )

    @classmethod
    def of(cls, impact: Impact) -> Self:
        return cls(
            collections=impact.collections,
            courses=impact.courses,
            favourites=impact.favourites,
            named_collections=[
                CollectionUseView(
                    id=each.id,
                    code=each.code,
                    title=each.title,
                    organisation=each.organisation_path,
                    version=each.number,
                )
                for each in impact.named_collections
            ],
            named_courses=[
                CourseUseView(id=each.id, organisation=each.organisation_path)
                for each in impact.named_courses
            ],
        )
