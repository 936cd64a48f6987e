"""What an import of textbooks, or of their chapters, would do."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from services.catalog.domain.textbooks import (
    MAX_BYTES,
    Chapter,
    Facet,
    Textbook,
    chapter_flaws,
)
from services.catalog.domain.vocabularies import (
    MAX_TEXT,
    Fault,
    Flaw,
    Lexicon,
    State,
    Term,
    text_defect,
)
from services.catalog.domain.vocabularies_plans import (
    Defect,
    Plan,
    malformed,
    read_code,
    read_position,
    read_state,
    settle,
    without_repeats,
)
from services.catalog.domain.vocabularies_tables import Row
from shared.context import worded

TEXTBOOK_COLUMNS = (
    "id",
    "title",
    *(facet.value for facet in Facet),
    "publisher",
    "bytes",
    "source",
    "state",
)
CHAPTER_COLUMNS = ("textbook", "code", "parent", "title", "position", "state")

Lexicons = Mapping[Facet, Lexicon]

_GRADE = re.compile("[一二三四五六七八九]年级")
_VOLUME = re.compile("[上下]册|全一册")
_LEADING = re.compile(r"[^\w（(《“]")


def plan_textbooks(
    rows: Sequence[Row],
    known: Sequence[Textbook],
    lexicons: Lexicons,
    new_id: Callable[[], UUID],
) -> Plan[Textbook]:
    """What `rows` make of the textbooks that are `known`.

    A row with an id is of that textbook, or of a new one with that id. A row without is of a
    textbook of which the same is said, or else of a new one; no book is taken for another because
    some of what is said agrees.
    """
    plan = Plan[Textbook](len(rows))
    by_id = {book.id: book for book in known}
    by_what_is_said: dict[tuple[str, ...], list[Textbook]] = {}
    for book in known:
        by_what_is_said.setdefault(book.said, []).append(book)
    claimed: set[UUID] = set()
    nameless: list[tuple[Row, Textbook]] = []
    for row, defects in without_repeats(rows, "id"):
        id_, wrong = _read_id(row, "id")
        old = by_id.get(id_) if id_ else None
        book, own = _read(row, old, lexicons)
        if old is None and id_ is None:
            same = (each for each in by_what_is_said.get(book.said, []) if each.id not in claimed)
            old = next(same, None)
            if old is not None:
                book, own = _read(row, old, lexicons)
        plan.defects += [*defects, *wrong, *own]
        if any(not defect.odd for defect in [*defects, *wrong, *own]):
            continue
        if old is None:
            plan.added.append(replace(book, id=id_ or new_id()))
            if id_ is None:
                nameless.append((row, book))
            continue
        claimed.add(old.id)
        book = replace(book, id=old.id, version=old.version)
        if book == old:
            plan.unchanged += 1
        else:
            plan.changed.append(replace(book, version=old.version + 1))
    plan.defects += _much_alike(nameless, [book for book in known if book.id not in claimed])
    plan.defects.sort(key=lambda defect: defect.line)
    return plan


def _much_alike(
    added: Iterable[tuple[Row, Textbook]], others: Iterable[Textbook]
) -> Iterator[Defect]:
    """Rows without an id that make a new textbook, although one that is there, and that no row is
    of, differs in a single column: it may have been corrected since."""
    like: dict[tuple[str, tuple[str, ...]], UUID] = {}
    for book in others:
        for column, rest in _but_one(book):
            like.setdefault((column, rest), book.id)
    for row, book in added:
        for column, rest in _but_one(book):
            if (id_ := like.get((column, rest))) is not None:
                detail = worded(
                    f"A textbook differs in this alone: if it is the same, give its id {id_}.",
                    f"与已有教材仅此一项不同；如为同一教材，请在 id 列填写 {id_}。",
                )
                value = row.cells.get(column, "")
                yield Defect(row.line, column, value, Fault.REPEATED, detail, odd=True)
                break


def _but_one(book: Textbook) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each column that tells textbooks apart, with what is said in the others."""
    for place, column in enumerate(("title", *Facet, "publisher", "bytes")):
        yield column, book.said[:place] + book.said[place + 1 :]


def meant(
    texts: Mapping[Facet, str], old: Textbook | None, lexicons: Lexicons
) -> dict[Facet, Sequence[Term]]:
    """The terms that each of the `texts` may mean.

    A text that stands as it stood in `old` means the term that it was resolved to, whatever that
    has been renamed to since; any other means those of which it is the code, name or alias.
    """
    found: dict[Facet, Sequence[Term]] = {}
    for facet, text in texts.items():
        stands = old is not None and old.texts.get(facet, "") == text
        code = old.codes.get(facet, "") if old is not None and stands else ""
        kept = lexicons[facet].terms.get(code)
        found[facet] = [kept] if kept else lexicons[facet].matches(text)
    return found


def resolved(found: Mapping[Facet, Sequence[Term]]) -> dict[Facet, str]:
    """The codes where one term alone is meant."""
    return {facet: terms[0].code for facet, terms in found.items() if len(terms) == 1}


def _read(row: Row, old: Textbook | None, lexicons: Lexicons) -> tuple[Textbook, list[Defect]]:
    def cell(column: str, kept: str) -> str:
        return row.cells.get(column, kept)

    defects: list[Defect] = []
    title = cell("title", old.title if old else "")
    publisher = cell("publisher", old.publisher if old else "")
    source = cell("source", old.source if old else "")
    texts = {each: cell(each, old.texts.get(each, "") if old else "") for each in Facet}
    if not title.strip():
        defects.append(malformed(row, "title", worded("Give the title.", "请填写书名。")))
    said = {"title": title, "publisher": publisher, "source": source}
    said |= {facet.value: text for facet, text in texts.items()}
    for column, text in said.items():
        if advice := text_defect(text, limit=MAX_TEXT * 2 if column == "title" else MAX_TEXT):
            defects.append(malformed(row, column, advice))
    size, wrong = _read_size(row, old)
    state, no_state = read_state(row, old.state if old else State.ACTIVE)
    defects += wrong + no_state
    terms = meant(texts, old, lexicons)
    book = Textbook(
        id=old.id if old else UUID(int=0),
        title=title,
        texts=texts,
        codes=resolved(terms),
        publisher=publisher,
        size=size,
        source=source,
        state=state,
        version=old.version if old else 1,
    )
    return book, defects + [replace(each, odd=True) for each in _oddities(row, book, terms)]


def _read_id(row: Row, column: str) -> tuple[UUID | None, list[Defect]]:
    text = row.text(column)
    try:
        return (UUID(text) if text else None), []
    except ValueError:
        return None, [malformed(row, column, worded("This is no UUID.", "不是有效的 UUID。"))]


def _read_size(row: Row, old: Textbook | None) -> tuple[int | None, list[Defect]]:
    if "bytes" not in row.cells and old:
        return old.size, []
    text = row.text("bytes")
    if not text:
        return None, []
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) <= MAX_BYTES):
        advice = worded("A size is a whole number of bytes.", "大小应为整数字节数。")
        return None, [malformed(row, "bytes", advice)]
    return int(text), []


def _oddities(row: Row, book: Textbook, terms: Mapping[Facet, Sequence[Term]]) -> list[Defect]:
    """What a person should look at. Nothing is done about it."""
    odd = []
    for facet, text in book.texts.items():
        found = terms[facet]
        if not text.strip():
            odd.append(malformed(row, facet, worded(f"No {facet} is given.", f"{facet} 为空。")))
        elif not found:
            detail = worded(
                f"The dictionary {facet} has no such code, name or alias.",
                f"字典 {facet} 中没有这个代码、名称或别名。",
            )
            odd.append(Defect(row.line, facet, text, Fault.UNKNOWN, detail))
        elif len(found) > 1:
            codes = ", ".join(sorted(term.code for term in found))
            detail = worded(
                f"It may be any of {codes}: write the code meant.",
                f"含义不唯一（{codes}），请写明代码。",
            )
            odd.append(Defect(row.line, facet, text, Fault.AMBIGUOUS, detail))
        elif found[0].state is State.RETIRED:
            detail = worded(
                f"The term {found[0].code} is retired.", f"词条 {found[0].code} 已停用。"
            )
            odd.append(Defect(row.line, facet, text, Fault.RETIRED, detail))
    if not book.publisher.strip():
        odd.append(malformed(row, "publisher", worded("No publisher is given.", "出版社为空。")))
    if book.size is None and not row.text("bytes"):
        odd.append(malformed(row, "bytes", worded("No size is given.", "大小为空。")))
    if _LEADING.match(book.title):
        detail = worded("The title begins with a mark.", "书名以符号开头。")
        odd.append(Defect(row.line, "title", book.title, Fault.MALFORMED, detail))
    for facet, named in ((Facet.GRADE, _GRADE), (Facet.VOLUME, _VOLUME)):
        told = named.findall(book.title)
        if told and named.fullmatch(book.texts[facet]) and told[-1] != book.texts[facet]:
            detail = worded(f"The title says {told[-1]}.", f"与书名中的“{told[-1]}”不一致。")
            odd.append(Defect(row.line, facet, book.texts[facet], Fault.INCONSISTENT, detail))
    return odd


@dataclass(frozen=True, slots=True)
class PlacedChapter:
    """A chapter with the textbook that it is of."""

    textbook: UUID
    chapter: Chapter


def plan_chapters(
    rows: Sequence[Row], known: Mapping[UUID, Mapping[str, Chapter]]
) -> Plan[PlacedChapter]:
    """What `rows` make of the chapters of the `known` textbooks, each with its chapters by code."""
    plan = Plan[PlacedChapter](len(rows))
    read: dict[UUID, dict[str, tuple[Row, Chapter]]] = {}
    for row, defects in without_repeats(rows, "textbook", "code"):
        textbook, wrong = _read_id(row, "textbook")
        defects = [*defects, *wrong]
        chapters = known.get(textbook) if textbook else None
        if chapters is None and not wrong:
            fault = Fault.UNKNOWN if textbook else Fault.MISSING
            detail = worded(
                "Give the id of a textbook that is there.", "没有该教材，请填写已有教材的 id。"
            )
            defects.append(Defect(row.line, "textbook", row.text("textbook"), fault, detail))
        old = chapters.get(row.text("code")) if chapters else None
        chapter, own = _read_chapter(row, old)
        plan.defects += defects + own
        if textbook is not None and not defects and not own:
            read.setdefault(textbook, {})[chapter.code] = (row, chapter)
    for textbook, good in read.items():
        before = known[textbook]
        settle(plan, before, good, partial(_flaws_of, before), partial(PlacedChapter, textbook))
    plan.defects.sort(key=lambda defect: (defect.line, defect.column))
    return plan


def _flaws_of(before: Mapping[str, Chapter], good: Mapping[str, Chapter]) -> list[Flaw]:
    after = {**before, **good}
    flaws = []
    for flaw in chapter_flaws(after.values()):
        above = after[flaw.code].parent
        if flaw.code in good:
            flaws.append(flaw)
        elif above is not None and above in good:
            advice = worded(f"Retire {flaw.code} below it first.", f"请先停用其下级 {flaw.code}。")
            flaws.append(Flaw(above, "state", Fault.INCONSISTENT, advice))
    return flaws


def _read_chapter(row: Row, old: Chapter | None) -> tuple[Chapter, list[Defect]]:
    base = old or Chapter(row.text("code"), "", position=row.line - 1)
    position, wrong = read_position(row, base.position)
    state, no_state = read_state(row, base.state)
    chapter = replace(
        base,
        title=row.text("title") if "title" in row.cells else base.title,
        parent=row.text("parent") or None if "parent" in row.cells else base.parent,
        position=position,
        state=state,
    )
    return chapter, read_code(row) + wrong + no_state
