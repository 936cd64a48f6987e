from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from services.catalog.domain.search import Facet
from services.catalog.schemas.resources import ResourceSummary
from shared.pages import Page


class Highlights(BaseModel):
    """HTML: the text is escaped, what answers the query stands in `<mark>`."""

    title: str
    description: str | None = Field(None, description="An excerpt, where something is marked.")
    text: str | None = Field(None, description="The same, of what the files say.")


class SearchHit(ResourceSummary):
    highlights: Highlights


class FacetCount(BaseModel):
    """How many hits have the code ``value``; a region is the path of its organisation."""

    value: str
    count: int


class SearchPage(Page[SearchHit]):
    estimated_total: int = Field(
        description="Of the index, which may be two seconds behind what is shown."
    )
    facets: Mapping[Facet, list[FacetCount]] = Field(
        description="Of those asked for, the commonest codes among all hits."
    )
    did_you_mean: str | None = Field(
        description="The query as it was probably meant, where that is what was searched for too."
    )


class SuggestionView(BaseModel):
    text: str
    kind: Literal["term", "title"]


class Suggestions(BaseModel):
    items: list[SuggestionView]


class RelatedResources(BaseModel):
    items: list[ResourceSummary]
