from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.metadata import Line
from services.catalog.domain.term_lists import ListedTerm, TermList
from shared.instants import Instant

Category = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[0-9A-Za-z_-]+$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TermGiven(_Request):
    term: Line = Field(max_length=100)
    category: Category


class AddTermList(_Request):
    """A version of a term list (词表); it never changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "effective_from": "2027-01-01T00:00:00+08:00",
                    "terms": [{"term": "全国第一", "category": "superlative"}],
                }
            ]
        }
    )

    effective_from: Instant | None = Field(None, description="None: from now.")
    effective_until: Instant | None = Field(
        None, description="Exclusive; none: until a later version is in effect."
    )
    terms: list[TermGiven] = Field(max_length=50_000)

    def listed(self) -> list[ListedTerm]:
        return [ListedTerm(each.term, each.category) for each in self.terms]


class TermListView(BaseModel):
    """In effect from, and, exclusive, until; ``effective_until`` null: until a later version is."""

    name: str
    version: int
    effective_from: Instant
    effective_until: Instant | None
    terms: int = Field(description="How many.")

    @classmethod
    def of(cls, made: TermList) -> Self:
        return cls(
            name=made.name,
            version=made.version,
            effective_from=made.effective_from,
            effective_until=made.effective_until,
            terms=len(made.terms),
        )


class TermListContent(TermListView):
    """A version with what it lists."""

    listed: list[TermGiven]

    @classmethod
    def of(cls, made: TermList) -> Self:
        listed = [{"term": each.term, "category": each.category} for each in made.terms]
        return cls.model_validate({**TermListView.of(made).model_dump(), "listed": listed})
