"""Rules on metadata: what table 2 asks for, terms, textbook, relations."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from services.catalog.domain.checks import Defect, Examined, Pinned
from services.catalog.domain.metadata import (
    AUTHOR,
    ELEMENTS,
    OPPOSITES,
    Obligation,
    terms_used,
)
from services.catalog.domain.vocabularies import State, folded

_SHORT = 10
_OF_A_TEXTBOOK = ("stage", "subject", "edition", "grades", "volume")


def mandatory_elements(examined: Examined) -> Iterable[Defect]:
    for element in ELEMENTS:
        if element.obligation is Obligation.MANDATORY and not examined.metadata.get(element.name):
            values = {
                "name": element.name,
                "name_zh": element.name_zh,
                "number": element.number,
            }
            yield Defect("missing", f"#/metadata/{element.name}", values)


def an_author(examined: Examined) -> Iterable[Defect]:
    contributors = examined.metadata.get("contributors", ())
    if contributors and all(each["role"] != AUTHOR for each in contributors):
        yield Defect("no-author", "#/metadata/contributors")


def found_easily(examined: Examined) -> Iterable[Defect]:
    metadata = examined.metadata
    if not metadata.get("stage") and not metadata.get("grades"):
        yield Defect("no-stage", "#/metadata/stage")
    if 0 < len(metadata.get("description", "")) < _SHORT:
        yield Defect("short-description", "#/metadata/description")
    if not metadata.get("relations"):
        yield Defect("no-relations", "#/metadata/relations")


def known_terms(examined: Examined) -> Iterable[Defect]:
    for pointer, dictionary, code in terms_used(examined.metadata):
        state = examined.terms.get((dictionary, code))
        if state is not State.ACTIVE:
            wrong = "unknown-term" if state is None else "retired-term"
            yield Defect(wrong, f"#/metadata{pointer}", {"dictionary": dictionary, "code": code})


def grades_of_the_stage(examined: Examined) -> Iterable[Defect]:
    of_stage, grades = examined.grades_of_stage, examined.metadata.get("grades", ())
    known = [code for code in grades if ("grade", code) in examined.terms]
    beyond = [code for code in known if of_stage is not None and code not in of_stage]
    values = {"stage": examined.metadata.get("stage")}
    if beyond and beyond == known:
        yield Defect("stage-mismatch", "#/metadata/grades", {**values, "grades": ", ".join(known)})
        return
    for code in beyond:
        pointer = f"#/metadata/grades/{grades.index(code)}"
        yield Defect("grade-beyond-stage", pointer, {**values, "grade": code})


def textbook_fits(examined: Examined) -> Iterable[Defect]:
    metadata, book = examined.metadata, examined.textbook
    if "textbook_id" not in metadata:
        return
    if book is None:
        yield Defect("unknown-textbook", "#/metadata/textbook_id")
        return
    if book.retired:
        yield Defect("retired-textbook", "#/metadata/textbook_id")
    for element in _OF_A_TEXTBOOK:
        said, expected = metadata.get(element), book.codes.get(element)
        if said and expected and expected not in ([said] if isinstance(said, str) else said):
            values = {"element": element, "expected": expected}
            yield Defect("textbook-mismatch", f"#/metadata/{element}", values)


def chapters_of_the_textbook(examined: Examined) -> Iterable[Defect]:
    chapters = examined.metadata.get("chapters", ())
    if chapters and "textbook_id" not in examined.metadata:
        yield Defect("chapters-without-textbook", "#/metadata/chapters")
    elif examined.textbook is not None:
        for index, code in enumerate(chapters):
            if examined.chapters.get(code) is not State.ACTIVE:
                yield Defect("unknown-chapter", f"#/metadata/chapters/{index}", {"code": code})


def points_of_the_subject(examined: Examined) -> Iterable[Defect]:
    points = examined.metadata.get("knowledge_points", ())
    if points and "subject" not in examined.metadata:
        yield Defect("points-without-subject", "#/metadata/knowledge_points")
        return
    for index, code in enumerate(points):
        if examined.points.get(code) is not State.ACTIVE:
            yield Defect("unknown-point", f"#/metadata/knowledge_points/{index}", {"code": code})


def relations_lead_somewhere(examined: Examined) -> Iterable[Defect]:
    for index, target in relations(examined):
        related = examined.related.get(target)
        if related is None or not related.found:
            yield Defect("unknown-related", f"#/metadata/relations/{index}")


def said_once(examined: Examined) -> Iterable[Defect]:
    for element, value in examined.metadata.items():
        seen: dict[object, int] = {}
        for index, each in enumerate(value if isinstance(value, list) else ()):
            same = seen.setdefault(_compared(each), index)
            if same != index:
                values = {"number": index + 1, "same": same + 1}
                yield Defect("repeated", f"#/metadata/{element}/{index}", values)


def _compared(value: Any) -> object:
    """Of an entry of a list: what makes it the same as another."""
    if not isinstance(value, Mapping):
        return folded(str(value)).casefold()
    return tuple(value.get(name) for name in _TELLING)


_TELLING = (
    *("relationship", "resource_id", "version", "identifier"),
    *("name", "role", "organisation", "person_id"),
)
"""What a relation and a contributor are told apart by."""


def relations_agree(examined: Examined) -> Iterable[Defect]:
    seen: dict[tuple[str, str], int] = {}
    for index, each in enumerate(examined.metadata.get("relations", ())):
        pointer = f"#/metadata/relations/{index}"
        target, relationship = each.get("resource_id") or each["identifier"], each["relationship"]
        if target in examined.names:
            yield Defect("related-to-itself", pointer)
        opposed = seen.get((target, OPPOSITES.get(relationship, "")))
        if opposed is not None:
            yield Defect(
                "relations-contradict", pointer, {"number": index + 1, "other": opposed + 1}
            )
        seen.setdefault((target, relationship), index)


def relations(examined: Examined) -> Iterable[tuple[int, Pinned]]:
    """Of each relation to a resource here: its place, and the resource and version."""
    for index, each in enumerate(examined.metadata.get("relations", ())):
        if "resource_id" in each:
            yield index, (UUID(each["resource_id"]), each.get("version"))
