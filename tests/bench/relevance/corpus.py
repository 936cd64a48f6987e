"""What is searched: every textbook of the directory, and lessons made for those that exist."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

from services.catalog.domain.search import Document, Facet

HERE = Path(__file__).parent
DIRECTORY = Path(
    os.environ.get("SHUYUAN_TEST_TEXTBOOKS")
    or HERE.parents[2].parent / "shared" / "data" / "textbooks.csv"
)
_TERMS = HERE.parents[2] / "services" / "catalog" / "starter" / "terms.csv"
_NAMESPACE = UUID("2d0a3f7e-4c52-4b0c-9d0a-6f1f0f8f5c11")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

TEXTBOOK = "数字教材"
LESSON_TYPES: Mapping[str, str] = {
    "课件": "{topic}课件",
    "教学设计": "《{topic}》教学设计",
    "微课": "{topic} 微课视频",
    "习题": "{topic} 同步练习",
    "学习任务单": "{topic}学习任务单",
}
_MOST_EDITIONS = 6
_DICTIONARIES = ("stage", "grade", "subject", "edition", "volume", "resource_type")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a resource is, and what a query asks for; empty: nothing in particular."""

    stage: str = ""
    subject: str = ""
    grade: str = ""
    volume: str = ""
    edition: str = ""
    type: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    subject: str
    grade: str
    volume: str
    topic: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    attributes: Attributes
    document: Document


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def topics() -> Sequence[Topic]:
    return [
        Topic(
            row["subject"],
            row["grade"],
            row["volume"],
            row["topic"],
            tuple(row["keywords"].split("|")),
        )
        for row in rows(HERE / "topics.csv")
    ]


def names() -> Mapping[str, tuple[str, ...]]:
    """By the Chinese name of a term, all that the vocabularies call it."""
    return {
        row["name_zh"]: tuple(
            each for each in (row["name_zh"], row["name_en"], *row["aliases"].split("|")) if each
        )
        for row in rows(_TERMS)
        if row["dictionary"] in _DICTIONARIES
    }


def corpus() -> Iterator[Resource]:
    """The same in every run."""
    known = names()
    books = [_book(row) for row in rows(DIRECTORY)]
    titles = [row["title"] for row in rows(DIRECTORY)]
    for book, title in zip(books, titles, strict=True):
        yield Resource(book, _document(book, title, (), known))
    for topic in topics():
        fitting = [
            book for book in books if book.subject == topic.subject and book.grade == topic.grade
        ] or [Attributes("", topic.subject, topic.grade, topic.volume, "")]
        editions = {book.edition: book for book in fitting}
        for edition in sorted(editions)[:_MOST_EDITIONS]:
            for kind, pattern in LESSON_TYPES.items():
                lesson = Attributes(
                    editions[edition].stage,
                    topic.subject,
                    topic.grade,
                    topic.volume,
                    edition,
                    kind,
                    topic.topic,
                )
                title = pattern.format(topic=topic.topic)
                yield Resource(lesson, _document(lesson, title, topic.keywords, known))


def _book(row: Mapping[str, str]) -> Attributes:
    return Attributes(
        row["stage"], row["subject"], row["grade"], row["volume"], row["edition"], TEXTBOOK
    )


def _document(
    attributes: Attributes,
    title: str,
    keywords: tuple[str, ...],
    known: Mapping[str, tuple[str, ...]],
) -> Document:
    told = [
        getattr(attributes, field.name) for field in fields(Attributes) if field.name != "topic"
    ]
    facets = {
        Facet.STAGE: attributes.stage,
        Facet.SUBJECT: attributes.subject,
        Facet.GRADE: attributes.grade,
        Facet.EDITION: attributes.edition,
        Facet.TYPE: attributes.type,
    }
    return Document(
        id=uuid5(_NAMESPACE, "|".join((title, *told))),
        version=1,
        title=title,
        names=tuple(name for each in told if each for name in known.get(each, (each,))),
        keywords=keywords,
        description="",
        text="",
        facets={facet: (value,) for facet, value in facets.items() if value},
        published_at=_EPOCH,
    )
