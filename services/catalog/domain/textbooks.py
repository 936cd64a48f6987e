"""Textbooks (教材) and their chapters (章节).

A textbook is known by its id: several may share 学段, 学科, 版本, 年级 and 册次 (old and new
editions, 六三 and 五四学制). What its publisher's directory said of it is kept word for word beside
the codes that the dictionaries have for it; a text that they do not know has no code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.catalog.domain.vocabularies import CODE, Fault, Flaw, State, code_advice, name_flaws
from services.catalog.domain.vocabularies_trees import ways_round
from shared.context import worded
from shared.errors import DomainError


class Facet(StrEnum):
    """What a textbook is found by, in the order in which it is chosen. Each is a dictionary."""

    STAGE = "stage"
    SUBJECT = "subject"
    EDITION = "edition"
    GRADE = "grade"
    VOLUME = "volume"


MAX_BYTES = 1 << 50


class TextbookRefused(DomainError):
    """What is said of a textbook has defects; ``errors`` lists them."""


class ChaptersRefused(DomainError):
    """The chapters are no tree with codes of their own; ``errors`` lists every defect."""


@dataclass(frozen=True, slots=True)
class Textbook:
    """``texts`` are word for word what stands for each facet; ``codes`` hold those that the
    dictionaries know. ``size`` is in bytes. ``source`` says where it was learnt of."""

    id: UUID
    title: str
    texts: Mapping[Facet, str]
    codes: Mapping[Facet, str]
    publisher: str = ""
    size: int | None = None
    source: str = ""
    state: State = State.ACTIVE
    version: int = 1
    positions: tuple[int, ...] = field(default=(), compare=False)
    sort_key: str = field(default="", compare=False)

    @property
    def said(self) -> tuple[str, ...]:
        """All that a directory says of it: two rows that say the same are of the same book."""
        size = "" if self.size is None else str(self.size)
        return (self.title, *(self.texts.get(each, "") for each in Facet), self.publisher, size)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One node of a textbook's tree. ``code`` is its own within the textbook."""

    code: str
    title: str
    parent: str | None = None
    position: int = 0
    state: State = State.ACTIVE


def chapter_flaws(chapters: Iterable[Chapter]) -> list[Flaw]:
    """Every flaw of a textbook's chapters, all of them given."""
    known = {chapter.code: chapter for chapter in chapters}
    cyclic = ways_round({code: each.parent for code, each in known.items()})
    flaws = []
    for code, chapter in known.items():
        if not CODE.fullmatch(code):
            flaws.append(Flaw(code, "code", Fault.MALFORMED, code_advice()))
        flaws += name_flaws(code, "title", chapter.title, needed=True)
        if chapter.parent is None:
            continue
        above = known.get(chapter.parent)
        wrong: tuple[Fault, str] | None = None
        if above is None:
            wrong = (
                Fault.UNKNOWN,
                worded(
                    f"There is no chapter {chapter.parent}.", f"没有上级章节 {chapter.parent}。"
                ),
            )
        elif above.state is State.RETIRED and chapter.state is State.ACTIVE:
            wrong = (
                Fault.RETIRED,
                worded(f"{above.code} is retired.", f"上级章节 {above.code} 已停用。"),
            )
        elif code in cyclic:
            wrong = (
                Fault.CYCLE,
                worded(
                    f"A chapter stands below itself: {cyclic[code]}.",
                    f"上下级形成循环：{cyclic[code]}。",
                ),
            )
        if wrong:
            flaws.append(Flaw(code, "parent", *wrong))
    return flaws
