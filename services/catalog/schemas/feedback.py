from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.domain.feedback import MOST_STARS, Counts, Favourite, Own


class Rate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stars": 5}]})

    stars: int = Field(ge=1, le=MOST_STARS, strict=True)


class RatingsView(BaseModel):
    ratings: int = Field(description="How many people rated it.")
    average: float | None = Field(
        description=f"Of 1 to {MOST_STARS} stars, to two places; null while nobody rated."
    )

    @classmethod
    def of(cls, counts: Counts) -> Self:
        return cls(ratings=counts.ratings, average=counts.average)


class FeedbackView(RatingsView):
    """What readers make of a resource. Whoever reads counts once a day."""

    views: int
    downloads: int
    favourites: int
    is_favourite: bool | None = Field(description="Of the caller's; null for nobody in particular.")
    stars: int | None = Field(description="What the caller gave.")

    @classmethod
    def told(cls, counts: Counts, own: Own | None) -> Self:
        return cls(
            ratings=counts.ratings,
            average=counts.average,
            views=counts.views,
            downloads=counts.downloads,
            favourites=counts.favourites,
            is_favourite=own and own.is_favourite,
            stars=own and own.stars,
        )


class FavouriteView(BaseModel):
    resource_id: UUID
    code: str
    title: str | None
    available: bool = Field(description="Whether everybody may read it now.")
    at: datetime

    @classmethod
    def of(cls, favourite: Favourite) -> Self:
        return cls(
            resource_id=favourite.resource_id,
            code=favourite.code,
            title=favourite.title,
            available=favourite.title is not None,
            at=favourite.at,
        )
