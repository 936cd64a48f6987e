"""What is searched, what is asked, and what is found, whatever engine does it.

A question is a list of units (a word, or what stands for one), each with alternatives that are as
good, or nearly: a hit has one of the alternatives of every unit, or of ``required`` of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.catalog.domain.changes import Place
from shared.errors import Unavailable

FURTHEST = 1_000
"""So many hits a client may page through: who looks further has asked the wrong question."""


class Facet(StrEnum):
    STAGE = "stage"
    SUBJECT = "subject"
    GRADE = "grade"
    EDITION = "edition"
    TYPE = "type"
    LICENCE = "licence"
    REGION = "region"


class Sort(StrEnum):
    RELEVANCE = "relevance"
    NEWEST = "newest"


class Field(StrEnum):
    """What an alternative is looked up in: single words anywhere; the characters of title and
    terms in their order; their syllables in their order; the first letters of those."""

    WORDS = "words"
    CHARACTERS = "characters"
    SYLLABLES = "syllables"
    INITIALS = "initials"


class SearchUnavailable(Unavailable):
    """The index is being built, or its engine is out of reach."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """``terms`` follow one another; of several words, all stand somewhere. The last may be the
    beginning of one where ``prefix`` says so. ``weight`` is 1 for what was typed."""

    field: Field
    terms: tuple[str, ...]
    weight: float = 1.0
    prefix: bool = False


Unit = tuple[Alternative, ...]
Chosen = Mapping[Facet, tuple[str, ...]]
"""Codes of facets; those of one facet are alternatives."""


@dataclass(frozen=True, slots=True)
class Query:
    """No units ask for everything. ``preferred`` hits come somewhat earlier; resources with the ids
    that are ``excluded`` are no hits, and are not counted. With a ``limit`` of 0, hits are only
    counted."""

    units: tuple[Unit, ...] = ()
    required: int = 0
    filters: Chosen = field(default_factory=dict)
    preferred: Chosen = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    facets: tuple[Facet, ...] = ()
    sort: Sort = Sort.RELEVANCE
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Document:
    """One published version. ``names`` are those of its terms, ``text`` is extracted from its
    files."""

    id: UUID
    version: int
    title: str
    names: tuple[str, ...]
    keywords: tuple[str, ...]
    description: str
    text: str
    facets: Chosen
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Hit:
    """The version that was indexed; ``id`` is the resource's, in its usual text form, ``text`` what
    the index keeps of the extracted text."""

    id: str
    version: int
    title: str
    description: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """``total`` is the engine's count, before anything is taken out that may no longer be shown;
    ``counts`` tell, for each facet asked for, how many hits have which code. The index held every
    change up to ``place``, or more."""

    total: int
    hits: Sequence[Hit]
    counts: Mapping[Facet, Mapping[str, int]]
    place: Place


def regions_of(path: str | None) -> tuple[str, ...]:
    """The paths of the province, city and county in `path`, the widest first."""
    if path is None:
        return ()
    labels = path.split(".")
    return tuple(
        ".".join(labels[: end + 1])
        for end, label in enumerate(labels)
        if label[0] in _ADMINISTRATIVE
    )


_ADMINISTRATIVE = frozenset("PCX")
